//! Names of the database's checks: stable, for scripts.

pub const CONNECTION: &str = "database_connection";
pub const ENCRYPTION: &str = "database_encryption";
pub const VERSION: &str = "database_version";
pub const SESSION: &str = "database_session";
pub const DEFAULTS: &str = "database_defaults";
pub const LIMITS: &str = "database_limits";
pub const WRITER: &str = "database_writer";
pub const PRIVILEGES: &str = "database_privileges";
pub const MIGRATIONS: &str = "database_migrations";
pub const TABLES: &str = "database_tables";
pub const SESSION_KEYS: &str = "session_keys";
pub const CLOCK: &str = "database_clock";

/// In the order in which they are made.
pub const ALL: [&str; 12] = [
    CONNECTION,
    ENCRYPTION,
    VERSION,
    DEFAULTS,
    SESSION,
    LIMITS,
    WRITER,
    PRIVILEGES,
    MIGRATIONS,
    TABLES,
    SESSION_KEYS,
    CLOCK,
];
