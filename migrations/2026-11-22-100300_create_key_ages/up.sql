-- How old keys were when they opened data, or failed to: counts by day, place in the ring and age.
CREATE TABLE key_ages (
    day DATE NOT NULL COMMENT 'UTC',
    writer BIGINT UNSIGNED NOT NULL COMMENT 'one start of one process: only it writes its rows',
    outcome VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'opened, or failed',
    place TINYINT UNSIGNED NOT NULL COMMENT 'in the ring, 1 is the newest; where it failed, how many keys were tried',
    age_below INT UNSIGNED NOT NULL COMMENT 'seconds since the key was first seen are below this and at least the bucket before; where it failed, the newest key''s',
    issued_age_below INT UNSIGNED NOT NULL COMMENT 'the same since it was last issued',
    decryptions BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (day, writer, outcome, place, age_below, issued_age_below)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;
