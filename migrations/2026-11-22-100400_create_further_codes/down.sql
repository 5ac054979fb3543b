DROP TABLE further_codes;
