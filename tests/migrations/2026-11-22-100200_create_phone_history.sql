-- Of a user, twice the same; of nobody; as long as it may be.
INSERT INTO phone_history (openid, phone_number, pure_phone_number, country_code, phone_watermark, replaced_at) VALUES
    ('same-phone-1', '13500000001', '13500000001', '86', '2026-11-21 00:00:00.000', '2026-11-22 00:00:00.000'),
    ('same-phone-1', '13500000001', '13500000001', '86', '2026-11-21 00:00:00.000', '2026-11-22 00:00:00.000'),
    ('nobody', '', '', '', '2019-01-01 00:00:00.000', '2019-01-01 00:00:00.000');
INSERT INTO phone_history (id, openid, phone_number, pure_phone_number, country_code, phone_watermark, replaced_at) VALUES
    (9223372036854775807, REPEAT('o', 64), REPEAT('1', 32), REPEAT('1', 32), REPEAT('8', 8), '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999');
