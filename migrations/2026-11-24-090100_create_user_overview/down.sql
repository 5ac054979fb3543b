DROP VIEW user_overview;
