//! What each connection sets for itself, so that our statements mean the same whatever a server's
//! globals say. The one list of it: `wxauth doctor` compares the connection with it.

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

/// One variable of the session.
pub struct Setting {
    name: &'static str,
    /// As SQL sets it.
    value: &'static str,
    /// As the server shows it.
    shown: &'static str,
    servers: Servers,
}

/// Which servers know a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Servers {
    All,
    MariaDb,
}

const fn all(name: &'static str, value: &'static str, shown: &'static str) -> Setting {
    Setting { name, value, shown, servers: Servers::All }
}

const fn mariadb(name: &'static str, value: &'static str, shown: &'static str) -> Setting {
    Setting { name, value, shown, servers: Servers::MariaDb }
}

/// The most that a limit can be: `DEFAULT` would mean the global.
const MOST: &str = "18446744073709551615";

/// In one statement. Of the SQL modes, only those that refuse what would be stored otherwise than it
/// is given.
const SETTINGS: &[Setting] = &[
    // Messages are read by their texts.
    all("lc_messages", "'en_US'", "en_US"),
    // What was answered is committed, and a commit begins and ends nothing else.
    all("autocommit", "1", "ON"),
    all("completion_type", "0", "NO_CHAIN"),
    all(
        "sql_mode",
        "'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
        "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
    ),
    // No statement is refused, or cut short, for how much it reads.
    all("sql_safe_updates", "0", "OFF"),
    all("sql_select_limit", MOST, MOST),
    all("max_join_size", MOST, MOST),
    all("sql_big_selects", "1", "ON"),
    mariadb("max_statement_time", "0", "0.000000"),
    // No key is stored twice, and none is found by what was inserted before.
    all("unique_checks", "1", "ON"),
    all("sql_auto_is_null", "0", "OFF"),
    // How long the database keeps a connection on which it hears nothing, with the locks of its
    // transaction. One that was cut off without a word would otherwise keep users from logging in
    // for hours. Longer than the pool keeps an idle connection; and for one in the middle of a
    // transaction, where the database has such a limit: ours pause for no longer than the network.
    all("wait_timeout", "120", "120"),
    mariadb("idle_transaction_timeout", "3", "3"),
];

/// diesel has set these.
const BY_DIESEL: &[Setting] = &[
    all("time_zone", "'+00:00'", "+00:00"),
    all("character_set_client", "utf8mb4", "utf8mb4"),
    all("character_set_connection", "utf8mb4", "utf8mb4"),
    all("character_set_results", "utf8mb4", "utf8mb4"),
];

/// Under each name that servers have for it; set by a statement that all know. An erasure locks ranges,
/// which weaker levels do not.
const TRANSACTION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE";
const TRANSACTION_SHOWN: &[(&str, &str)] = &[
    ("tx_isolation", "REPEATABLE-READ"),
    ("transaction_isolation", "REPEATABLE-READ"),
    ("tx_read_only", "OFF"),
    ("transaction_read_only", "OFF"),
];

/// How long a statement waits for a lock that somebody else keeps, be it of a row, of a table or of
/// the whole server. The defaults are up to a year.
#[derive(Debug, Clone, Copy)]
pub enum LockWaits {
    /// A request's. Locks of our own are held for milliseconds.
    Short,
    /// A migration's, which needs a table for itself. While it waits, everybody else waits behind
    /// it, so that it had better give up and be run again.
    Long,
}

impl LockWaits {
    fn seconds(self) -> u32 {
        match self {
            Self::Short => 1,
            Self::Long => 20,
        }
    }
}

/// Sets all of it.
pub fn set_up(connection: &mut MysqlConnection, locks: LockWaits) -> QueryResult<()> {
    let seconds = locks.seconds();
    let mut statement = format!("{TRANSACTION}; SET SESSION lock_wait_timeout = {seconds}, ");
    statement.push_str(&format!("innodb_lock_wait_timeout = {seconds}"));
    for Setting { name, value, servers, .. } in SETTINGS {
        match servers {
            Servers::All => statement.push_str(&format!(", {name} = {value}")),
            // Only MariaDB reads what stands in such a comment.
            Servers::MariaDb => statement.push_str(&format!(" /*M!100300 , {name} = {value} */")),
        }
    }
    connection.batch_execute(&statement)
}

#[derive(QueryableByName)]
struct Variable {
    #[diesel(sql_type = Text, column_name = Variable_name)]
    name: String,
    #[diesel(sql_type = Text, column_name = Value)]
    value: String,
}

/// What of it did not come about: `autocommit is OFF, not ON`.
pub fn deviations(connection: &mut MysqlConnection) -> QueryResult<Vec<String>> {
    let variables: Vec<Variable> = diesel::sql_query("SHOW SESSION VARIABLES").load(connection)?;
    let settings = SETTINGS.iter().chain(BY_DIESEL).map(|setting| (setting.name, setting.shown));
    let deviation = |(name, shown): (&str, &str)| {
        // What a server does not have cannot be set otherwise.
        let variable = variables.iter().find(|variable| variable.name == name)?;
        let value = &variable.value;
        (!value.eq_ignore_ascii_case(shown)).then(|| format!("{name} is {value}, not {shown}"))
    };
    Ok(settings.chain(TRANSACTION_SHOWN.iter().copied()).filter_map(deviation).collect())
}
