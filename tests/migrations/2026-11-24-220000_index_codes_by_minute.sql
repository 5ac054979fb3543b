-- A minute of today, the last there is, and the one that a server from before leaves.
INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, code_brought_at, code_minute, first_seen_at, issued_at, expires_at) VALUES
    ('A', '0000000000000003', 'AAAAAAAAAAAAAAAAAAAAAA==', UNHEX(REPEAT('11', 32)), '2026-11-24 22:00:00.000', 29926920, '2026-11-24 22:00:00.000', '2026-11-24 22:00:00.000', '2026-11-26 22:00:00.000'),
    ('A', '0000000000000004', 'AQAAAAAAAAAAAAAAAAAAAA==', UNHEX(REPEAT('12', 32)), '2026-11-24 22:00:00.000', 4294967295, '2026-11-24 22:00:00.000', '2026-11-24 22:00:00.000', '2026-11-26 22:00:00.000');
INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, code_brought_at, first_seen_at, issued_at, expires_at) VALUES
    ('A', '0000000000000005', 'AgAAAAAAAAAAAAAAAAAAAA==', UNHEX(REPEAT('11', 32)), '2026-11-24 22:00:00.000', '2026-11-24 22:00:00.000', '2026-11-24 22:00:00.000', '2026-11-26 22:00:00.000');
