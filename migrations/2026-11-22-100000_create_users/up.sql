-- One row a person who has ever logged in. Times are UTC, set by the database's clock.
CREATE TABLE users (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    unionid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    phone_number VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    pure_phone_number VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    country_code VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL,
    phone_watermark DATETIME(3) NULL COMMENT 'the time that WeChat wrote into the encrypted data',
    phone_updated_at DATETIME(3) NULL COMMENT 'null until a phone is authorised',
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY users_openid (openid),
    KEY users_pure_phone_number (pure_phone_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;
