//! A database of a test's own, on the private server that `scripts/test` starts, whichever it is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use sha2::{Digest as _, Sha256};

use super::OptionFile;

static CREATED: AtomicU32 = AtomicU32::new(0);

/// For what must come; never reached where the code works.
const LOCK_WAIT_PATIENCE: Duration = Duration::from_secs(20);
/// InnoDB answers anew only if it was not asked in the last 100 ms.
const LOCK_WAIT_PAUSE: Duration = Duration::from_millis(150);

/// A transaction that is under way; rolled back when dropped.
pub struct Open(MysqlConnection);

impl Open {
    pub fn commit(mut self) {
        self.0.batch_execute("COMMIT").expect("the database answers");
    }
}

/// Dropped with the handle.
pub struct Database {
    server_url: String,
    dies_with_server: bool,
    name: String,
    url: String,
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

impl Database {
    pub fn create() -> Self {
        let server_url = std::env::var("WXAUTH_TEST_DATABASE_URL")
            .expect("WXAUTH_TEST_DATABASE_URL is set: run the tests with scripts/test");
        Self::on(server_url, false)
    }

    /// On a server that is removed, and may be gone, when the handle is dropped.
    pub fn that_dies_with(server_url: &str) -> Self {
        Self::on(server_url.to_owned(), true)
    }

    fn on(server_url: String, dies_with_server: bool) -> Self {
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("wxauth_test_{}_{number}", std::process::id());
        let url = format!("{server_url}/{name}");
        let database = Self { server_url, dies_with_server, name, url };
        database.on_server(&format!("CREATE DATABASE {}", database.name));
        database
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `mysql://user:password@host:port/name`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database server's `host:port`.
    pub fn address(&self) -> &str {
        self.server_url.rsplit_once('@').expect("the URL names a user").1
    }

    /// The password in the URL.
    pub fn password(&self) -> &str {
        self.account().1
    }

    fn user(&self) -> &str {
        self.account().0
    }

    fn account(&self) -> (&str, &str) {
        let (account, _) = self.server_url.rsplit_once('@').expect("the URL names a user");
        let account = account.trim_start_matches("mysql://");
        account.split_once(':').expect("the URL holds a password")
    }

    /// The same database for another account.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("mysql://{user}:{password}@{}/{}", self.address(), self.name)
    }

    /// The same database by way of another address.
    pub fn url_through(&self, address: &str) -> String {
        self.url.replace(self.address(), address)
    }

    /// Runs statements that return nothing.
    pub fn execute(&self, statements: &str) {
        let mut connection = MysqlConnection::establish(&self.url).expect("the database answers");
        connection
            .batch_execute(statements)
            .unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// The first column of every row, as text; NULL is `None`.
    pub fn column(&self, expression: &str, rest: &str) -> Vec<Option<String>> {
        let mut connection = MysqlConnection::establish(&self.url).expect("the database answers");
        let query = format!("SELECT CAST({expression} AS CHAR) AS value {rest}");
        let rows: Vec<Value> = diesel::sql_query(&query)
            .load(&mut connection)
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|row| row.value).collect()
    }

    /// The one value of the one row.
    pub fn value(&self, expression: &str, rest: &str) -> Option<String> {
        let mut values = self.column(expression, rest);
        assert_eq!(values.len(), 1, "SELECT {expression} {rest} has one row");
        values.remove(0)
    }

    /// Waits until so many statements, at least, that begin like this run in this database.
    pub async fn wait_for_statements(&self, beginning: &str, count: u64) {
        let running = format!("{} WHERE info LIKE '{beginning}%'", self.connections());
        let deadline = Instant::now() + LOCK_WAIT_PATIENCE;
        while self.count(&running) < count {
            assert!(Instant::now() < deadline, "not {count} times {beginning}");
            actix_rt::task::yield_now().await;
        }
    }

    /// Waits until a connection that was killed is gone.
    pub fn wait_for_its_end(&self, connection: &str) {
        let running = format!("{} WHERE id = {connection}", self.connections());
        let deadline = Instant::now() + LOCK_WAIT_PATIENCE;
        while self.count(&running) != 0 {
            assert!(Instant::now() < deadline, "{connection} goes on");
            std::thread::yield_now();
        }
    }

    pub fn count(&self, rest: &str) -> u64 {
        let count = self.value("COUNT(*)", rest).expect("a count is not NULL");
        count.parse().expect("a count is a number")
    }

    /// Which index each table of a query is read by, in the order of reading.
    pub fn explain(&self, query: &str) -> Vec<(String, Option<String>)> {
        let file = OptionFile::of(self.user(), self.password(), self.address());
        // By the client program, as MySQL prepares no EXPLAIN, and in the form that all know.
        let text = file.run(self.name(), &format!("EXPLAIN FORMAT=TRADITIONAL {query}"));
        let mut rows = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let header = rows.next().expect("EXPLAIN has columns");
        let place = |name: &str| header.iter().position(|column| *column == name).expect(name);
        let (table, key) = (place("table"), place("key"));
        let known = |cell: &str| Some(cell.to_owned()).filter(|cell| cell != "NULL");
        rows.map(|row| (row[table].to_owned(), known(row[key]))).collect()
    }

    /// The connections to this database besides the one that asks: `FROM (…) AS connections`, with
    /// the columns `id`, `command` and `info`.
    pub fn connections(&self) -> String {
        // MySQL's older list is refused as a whole while a statement with bytes in it runs.
        let is_listed = self.count(
            "FROM information_schema.columns WHERE table_schema = 'performance_schema'
             AND table_name = 'processlist'",
        );
        let list = match is_listed {
            0 => "information_schema.processlist",
            _ => "performance_schema.processlist",
        };
        format!(
            "FROM (SELECT id, command, info FROM {list}
             WHERE db = DATABASE() AND id <> CONNECTION_ID()) AS connections"
        )
    }

    /// Runs statements whose transaction stays open.
    pub fn begin(&self, statements: &str) -> Open {
        let mut connection = MysqlConnection::establish(&self.url).expect("the database answers");
        connection
            .batch_execute(&format!("START TRANSACTION; {statements}"))
            .unwrap_or_else(|error| panic!("{statements}: {error}"));
        Open(connection)
    }

    /// Returns when somebody on this database waits for a row that another transaction has locked.
    #[track_caller]
    pub fn wait_for_a_lock_wait(&self) {
        let waiting = format!(
            "{} JOIN information_schema.innodb_trx ON id = trx_mysql_thread_id
             WHERE trx_state = 'LOCK WAIT'",
            self.connections()
        );
        let deadline = Instant::now() + LOCK_WAIT_PATIENCE;
        while self.count(&waiting) == 0 {
            assert!(Instant::now() < deadline, "nobody waits for a lock");
            std::thread::sleep(LOCK_WAIT_PAUSE);
        }
    }

    /// Holds a lock of this name, an SQL expression, until the connection is dropped.
    pub fn lock(&self, name: &str) -> MysqlConnection {
        let mut connection = MysqlConnection::establish(&self.url).expect("the database answers");
        let query = format!("SELECT CAST(GET_LOCK({name}, 0) AS CHAR) AS value");
        let locked: Value =
            diesel::sql_query(query).get_result(&mut connection).expect("the database answers");
        assert_eq!(locked.value.as_deref(), Some("1"), "the lock is free");
        connection
    }

    /// A user with a key, as if they had logged in with it.
    pub fn insert_login(&self, openid: &str, session_key: &str) {
        self.execute(&format!(
            "INSERT INTO users (openid, created_at, updated_at)
             VALUES ('{openid}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3));
             INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash,
                                   code_brought_at, first_seen_at, issued_at, expires_at)
             VALUES ('{openid}', LEFT(SHA2(FROM_BASE64('{session_key}'), 256), 16),
                     '{session_key}', UNHEX(SHA2('', 256)), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3),
                     UTC_TIMESTAMP(3) + INTERVAL 1 DAY)"
        ));
    }

    /// Makes every stored key and code older by this many seconds.
    pub fn age_keys(&self, seconds: u32) {
        self.execute(&format!(
            "UPDATE sessions SET code_brought_at = code_brought_at - INTERVAL {seconds} SECOND,
                                 code_minute = code_minute - {seconds} DIV 60,
                                 first_seen_at = first_seen_at - INTERVAL {seconds} SECOND,
                                 issued_at = issued_at - INTERVAL {seconds} SECOND,
                                 expires_at = expires_at - INTERVAL {seconds} SECOND;
             UPDATE further_codes SET brought_at = brought_at - INTERVAL {seconds} SECOND"
        ));
    }

    fn on_server(&self, statement: &str) {
        let url = format!("{}/mysql", self.server_url);
        let mut connection = MysqlConnection::establish(&url).expect("the test database answers");
        diesel::sql_query(statement)
            .execute(&mut connection)
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// The first 16 hex digits of SHA-256, as the database names keys.
pub fn fingerprint(session_key: &str) -> String {
    let bytes = BASE64.decode(session_key).expect("WeChat's keys are base64");
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The numbers from 1 on, for `FROM`, in a column of the name `number`.
pub fn numbers(count: u32) -> String {
    let rows: Vec<_> = (1..=count).map(|number| format!("SELECT {number} AS number")).collect();
    format!("({}) AS numbers", rows.join(" UNION ALL "))
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.dies_with_server {
            self.on_server(&format!("DROP DATABASE IF EXISTS {}", self.name));
        }
    }
}
