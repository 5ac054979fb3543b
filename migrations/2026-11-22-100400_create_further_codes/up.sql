-- Codes that brought a key within minutes of the code in its row in sessions. WeChat often keeps a key over several logins, and each of their codes may be posted again.
CREATE TABLE further_codes (
    code_hash BINARY(32) NOT NULL,
    openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    key_fingerprint CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    brought_at DATETIME(3) NOT NULL,
    PRIMARY KEY (code_hash),
    KEY further_codes_openid (openid),
    KEY further_codes_brought_at (brought_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;
