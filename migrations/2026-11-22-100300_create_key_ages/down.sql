DROP TABLE key_ages;
