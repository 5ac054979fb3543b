-- Nothing but an openid; the same in other case; everything, as long as it may be; before 1970.
INSERT INTO users (openid, created_at, updated_at) VALUES
    ('a', '2019-01-01 00:00:00.000', '2019-01-01 00:00:00.001'),
    ('A', '2019-01-01 00:00:00.000', '2019-01-01 00:00:00.001');
INSERT INTO users (id, openid, unionid, phone_number, pure_phone_number, country_code, phone_watermark, phone_updated_at, created_at, updated_at) VALUES
    (9223372036854775807, REPEAT('o', 64), REPEAT('u', 64), REPEAT('1', 32), REPEAT('1', 32), REPEAT('8', 8), '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999', '2019-01-01 00:00:00.000', '9999-12-31 23:59:59.999'),
    (7000, 'same-phone-1', NULL, '+8613500000000', '13500000000', '86', '2026-11-22 00:00:00.000', '2026-11-22 00:00:00.500', '1969-12-31 23:59:59.999', '2026-11-22 00:00:00.500'),
    (7001, 'same-phone-2', 'u-1', '+8613500000000', '13500000000', '86', '2026-11-22 00:00:00.000', '2026-11-22 00:00:00.500', '2026-11-22 00:00:00.000', '2026-11-22 00:00:00.500');
