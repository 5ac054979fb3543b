-- A code that is in sessions too; of a key that is gone; as long as it may be.
INSERT INTO further_codes (code_hash, openid, key_fingerprint, brought_at) VALUES
    (UNHEX(REPEAT('00', 32)), 'a', '0000000000000001', '2026-11-22 00:00:59.999'),
    (UNHEX(REPEAT('5C', 32)), 'nobody', 'dddddddddddddddd', '2019-01-01 00:00:00.000'),
    (UNHEX(REPEAT('FF', 32)), REPEAT('o', 64), 'ffffffffffffffff', '9999-12-31 23:59:59.999');
