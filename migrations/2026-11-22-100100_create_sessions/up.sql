-- One row a session_key that WeChat gave for a user: the key ring. Rows leave only by expiry, revocation or erasure.
CREATE TABLE sessions (
    openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    key_fingerprint CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'first 16 hex digits of SHA-256 of the key''s bytes',
    session_key VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of a code that brought the key; the others of the last minutes are in further_codes',
    code_brought_at DATETIME(3) NOT NULL,
    first_seen_at DATETIME(3) NOT NULL,
    issued_at DATETIME(3) NOT NULL COMMENT 'the latest login that brought the key',
    expires_at DATETIME(3) NOT NULL,
    PRIMARY KEY (openid, key_fingerprint),
    KEY sessions_code_hash (code_hash),
    KEY sessions_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;
