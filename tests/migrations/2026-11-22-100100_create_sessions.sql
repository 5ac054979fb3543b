-- Several keys of a user, of two logins by one code; of nobody; as long as it may be, with bytes that
-- no character set has; over and not over.
INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, code_brought_at, first_seen_at, issued_at, expires_at) VALUES
    ('a', '0000000000000001', 'AAAAAAAAAAAAAAAAAAAAAA==', UNHEX(REPEAT('00', 32)), '2026-11-22 00:00:59.999', '2026-11-22 00:00:00.000', '2026-11-22 00:00:59.999', '2026-11-24 00:00:00.000'),
    ('a', '0000000000000002', 'AQAAAAAAAAAAAAAAAAAAAA==', UNHEX(REPEAT('00', 32)), '2026-11-22 00:01:00.000', '2026-11-22 00:01:00.000', '2026-11-22 00:01:00.000', '9999-12-31 23:59:59.999'),
    ('nobody', '0000000000000001', 'AAAAAAAAAAAAAAAAAAAAAA==', UNHEX(REPEAT('27', 32)), '2019-01-01 00:00:00.000', '2019-01-01 00:00:00.000', '2019-01-01 00:00:00.000', '2019-01-02 00:00:00.000'),
    (REPEAT('o', 64), 'ffffffffffffffff', REPEAT('k', 255), UNHEX(REPEAT('FF', 32)), '9999-12-31 23:59:59.999', '1969-12-31 23:59:59.999', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999');
