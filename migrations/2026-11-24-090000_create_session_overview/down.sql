DROP VIEW session_overview;
