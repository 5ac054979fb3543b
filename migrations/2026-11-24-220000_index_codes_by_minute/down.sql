ALTER TABLE sessions
    DROP KEY sessions_code,
    DROP COLUMN code_minute,
    ADD KEY sessions_code_hash (code_hash);
