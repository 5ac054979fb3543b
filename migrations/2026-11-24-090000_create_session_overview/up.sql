-- One row a stored key, for admins' own scripts: neither the key nor a code is in it. Merged into the query that reads it, so that its indexes are used. It runs with the rights of the account that creates it, so that another one needs no right to the tables.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW session_overview AS
SELECT
    sessions.openid AS openid,
    users.id AS user_id,
    sessions.key_fingerprint AS key_fingerprint,
    sessions.first_seen_at AS first_seen_at,
    sessions.issued_at AS issued_at,
    sessions.expires_at AS expires_at,
    sessions.expires_at > UTC_TIMESTAMP(3) AS active,
    GREATEST(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), sessions.expires_at), 0) AS seconds_left,
    TIMESTAMPDIFF(SECOND, sessions.first_seen_at, UTC_TIMESTAMP(3)) AS age_seconds,
    TIMESTAMPDIFF(SECOND, sessions.issued_at, UTC_TIMESTAMP(3)) AS issued_age_seconds
FROM sessions
LEFT JOIN users ON users.openid = sessions.openid;
