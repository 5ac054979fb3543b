//! An account of the database server, with the rights that the docs give it.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::{Database, docs_sql};

const PASSWORD: &str = "canary-password";

static CREATED: AtomicU32 = AtomicU32::new(0);

/// Accounts are the whole server's, so each has a name of its own; dropped with the handle.
pub struct Account<'a> {
    database: &'a Database,
    pub name: String,
    pub password: &'static str,
}

impl<'a> Account<'a> {
    /// Runs the statements for this account in the docs.
    pub fn create(database: &'a Database, name_in_docs: &str) -> Self {
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        // MySQL 5.6 allows 16 characters.
        let name = format!("t{}_{number}", std::process::id());
        let account = Self { database, name, password: PASSWORD };
        let quoted = format!("'{name_in_docs}'");
        let statements: Vec<String> = docs_sql(&format!("CREATE USER {quoted}"))
            .split(';')
            .filter(|statement| statement.contains(&quoted))
            .map(|statement| {
                statement
                    .replace(&quoted, &format!("'{}'", account.name))
                    .replace(" ON wxauth.", &format!(" ON {}.", database.name()))
                    .replace("IDENTIFIED BY '…'", &format!("IDENTIFIED BY '{PASSWORD}'"))
            })
            .collect();
        assert!(statements.len() >= 2, "{name_in_docs} is created and granted something");
        for statement in statements {
            database.execute(&statement);
        }
        account
    }

    /// The database by way of this account.
    pub fn url(&self) -> String {
        let (address, database) = (self.database.address(), self.database.name());
        format!("mysql://{}:{PASSWORD}@{address}/{database}", self.name)
    }

    /// Runs a statement; an `Err` is the database's message.
    pub fn run(&self, statement: &str) -> Result<(), String> {
        let mut connection =
            MysqlConnection::establish(&self.url()).map_err(|error| error.to_string())?;
        let run = diesel::sql_query(statement).execute(&mut connection);
        run.map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.database.execute(&format!("DROP USER '{}'@'%'", self.name));
    }
}
