-- A code is looked up within minutes of its login, so the index begins with the minute: new codes gather on few pages of it, where an index of hashes alone changes a page somewhere in a large file with each login. Servers from before this go on working; where WeChat refuses a code, they read the whole table to find it.
ALTER TABLE sessions
    ADD COLUMN code_minute INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of code_brought_at, in minutes since 1970' AFTER code_brought_at,
    DROP KEY sessions_code_hash,
    ADD KEY sessions_code (code_minute, code_hash(8));
