-- The least and the most of each number.
INSERT INTO key_ages (day, writer, outcome, place, age_below, issued_age_below, decryptions) VALUES
    ('2019-01-01', 0, 'opened', 0, 0, 0, 0),
    ('2026-11-22', 7, 'failed', 16, 3600, 60, 12),
    ('9999-12-31', 18446744073709551615, 'failed', 255, 4294967295, 4294967295, 18446744073709551615);
