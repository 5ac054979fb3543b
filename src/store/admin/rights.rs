//! What the database's account may do: tried out with statements that touch no row, and, where
//! that would be no trial, read from its grants.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::direct::Direct;
use super::tables::TABLES;
use crate::store::error::{Result, StoreError};

/// What `wxauth migrate` needs beyond the server's own privileges.
const MIGRATION_PRIVILEGES: [&str; 6] =
    ["CREATE", "ALTER", "DROP", "INDEX", "CREATE VIEW", "SHOW VIEW"];

/// What an account lacks.
#[derive(Debug, Default)]
pub struct Rights {
    /// `SELECT on users`, of what the server needs.
    pub missing: Vec<String>,
    /// Of what a migration needs beyond that.
    pub missing_to_migrate: Vec<&'static str>,
    /// Nobody may write: a replica, or a database in maintenance.
    pub is_read_only: bool,
}

impl Direct {
    /// Tables that do not exist are passed over.
    pub fn rights(&mut self) -> Result<Rights> {
        let mut rights = Rights::default();
        for (table, column) in TABLES {
            for (privilege, statement) in trials(table, column) {
                match self.run(|connection| diesel::sql_query(&statement).execute(connection)) {
                    Err(error) if error.is_denied() => {
                        rights.missing.push(format!("{privilege} on {table}"));
                    }
                    Err(error) if is_read_only(&error) => rights.is_read_only = true,
                    // Any other error, such as a missing table's, came after the check of rights.
                    _ => {}
                }
            }
        }
        let grants = self.run(|connection| diesel::sql_query(OWN_GRANTS).load(connection))?;
        rights.missing_to_migrate = missing_to_migrate(&grants, &self.database()?);
        Ok(rights)
    }

    fn database(&mut self) -> Result<String> {
        #[derive(QueryableByName)]
        struct Name {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let select = "SELECT DATABASE() AS name";
        self.run(|connection| diesel::sql_query(select).get_result::<Name>(connection))
            .map(|row| row.name)
    }
}

/// A privilege of this account.
#[derive(Debug, QueryableByName)]
struct Grant {
    #[diesel(sql_type = Text)]
    privilege: String,
    /// Which databases it is for, by LIKE.
    #[diesel(sql_type = Text)]
    pattern: String,
}

/// What `SHOW GRANTS` says, which MySQL does not let anybody prepare; privileges by way of a role are
/// in neither. Who may read all accounts' grants sees all of them here, hence the condition.
const OWN_GRANTS: &str = "SELECT own.privilege, own.pattern FROM \
     (SELECT GRANTEE AS grantee, PRIVILEGE_TYPE AS privilege, '%' AS pattern \
     FROM information_schema.USER_PRIVILEGES UNION ALL \
     SELECT GRANTEE, PRIVILEGE_TYPE, TABLE_SCHEMA FROM information_schema.SCHEMA_PRIVILEGES) AS own \
     WHERE own.grantee = CONCAT('''', \
     LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - \
     CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), \
     '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";

/// A privilege is checked before the condition, and no row fulfils that.
fn trials(table: &str, column: &str) -> [(&'static str, String); 4] {
    [
        ("SELECT", format!("SELECT {column} FROM {table} WHERE 1 = 0")),
        ("INSERT", format!("INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE {table} SET {column} = {column} WHERE 1 = 0")),
        ("DELETE", format!("DELETE FROM {table} WHERE 1 = 0")),
    ]
}

fn is_read_only(error: &StoreError) -> bool {
    let text = error.to_string().to_lowercase();
    text.contains("read-only") || text.contains("read only")
}

/// Those privileges that no grant gives for the whole database.
fn missing_to_migrate(grants: &[Grant], database: &str) -> Vec<&'static str> {
    let is_given = |wanted: &str| {
        grants.iter().any(|grant| grant.privilege == wanted && is_like(&grant.pattern, database))
    };
    MIGRATION_PRIVILEGES.into_iter().filter(|wanted| !is_given(wanted)).collect()
}

/// MySQL's LIKE, as grants name databases: `%`, `_`, and a backslash before what is meant as it is.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('%') => {
            let mut tails = text.char_indices().map(|(index, _)| index).chain([text.len()]);
            tails.any(|index| text.get(index..).is_some_and(|tail| is_like(rest.as_str(), tail)))
        }
        Some(first) => {
            let (expected, rest) = match (first, rest.as_str()) {
                ('\\', _) => (rest.next(), rest.as_str()),
                ('_', after) => (None, after),
                (_, after) => (Some(first), after),
            };
            let mut text = text.chars();
            let fits = text.next().is_some_and(|c| expected.is_none_or(|expected| expected == c));
            fits && is_like(rest, text.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grants_for_this_database_let_an_account_migrate() {
        for (pattern, lets) in
            [("%", true), ("my\\_shop", true), ("my_shop", true), ("my%", true), ("other", false)]
        {
            let grants = MIGRATION_PRIVILEGES.map(|privilege| grant(privilege, pattern));
            let missing = missing_to_migrate(&grants, "my_shop");
            assert_eq!(missing.is_empty(), lets, "{pattern}: {missing:?}");
        }
        let grants = [grant("CREATE", "%"), grant("ALTER", "%"), grant("DROP", "x")];
        assert_eq!(missing_to_migrate(&grants, "x"), ["INDEX", "CREATE VIEW", "SHOW VIEW"]);
    }

    fn grant(privilege: &str, pattern: &str) -> Grant {
        Grant { privilege: privilege.to_owned(), pattern: pattern.to_owned() }
    }

    #[test]
    fn databases_are_matched_as_mysql_does() {
        for (pattern, text, fits) in [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("my\\_shop", "my_shop", true),
            ("my\\_shop", "myxshop", false),
            ("my_shop", "myxshop", true),
            ("%", "anything", true),
            ("my%", "yours", false),
            ("%shop", "my_shop", true),
        ] {
            assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
        }
    }
}
