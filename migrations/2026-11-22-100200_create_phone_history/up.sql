-- One row a phone number that another one replaced.
CREATE TABLE phone_history (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    phone_number VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    pure_phone_number VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    country_code VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    phone_watermark DATETIME(3) NOT NULL COMMENT 'the time that WeChat wrote into the replaced data',
    replaced_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY phone_history_openid (openid)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;
