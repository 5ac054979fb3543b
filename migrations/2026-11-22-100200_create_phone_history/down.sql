DROP TABLE phone_history;
