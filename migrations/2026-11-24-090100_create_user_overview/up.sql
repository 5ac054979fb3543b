-- One row a user, for the company's own back end: these columns stay, whatever becomes of the tables. It runs with the rights of the account that creates it.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW user_overview AS
SELECT
    users.openid AS openid,
    users.id AS id,
    users.unionid AS unionid,
    users.phone_number AS phone_number,
    users.pure_phone_number AS pure_phone_number,
    users.country_code AS country_code,
    users.phone_updated_at AS phone_updated_at,
    users.created_at AS created_at,
    users.updated_at AS updated_at
FROM users;
