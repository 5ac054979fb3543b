//! Whether our tables are as migrations make them: what `wxauth doctor` asks about them.

use std::collections::BTreeMap;

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::direct::Direct;
use crate::store::error::Result;

/// Every table of `schema.rs`, with a column of it that an update may name.
pub(super) const TABLES: [(&str, &str); 5] = [
    ("further_codes", "openid"),
    ("key_ages", "decryptions"),
    ("phone_history", "openid"),
    ("sessions", "openid"),
    ("users", "openid"),
];

/// What makes our rows one of a kind, and what our upserts find them by: without it they would
/// multiply in silence.
const UNIQUE: [(&str, &[&str]); 6] = [
    ("further_codes", &["code_hash"]),
    ("key_ages", &["day", "writer", "outcome", "place", "age_below", "issued_age_below"]),
    ("phone_history", &["id"]),
    ("sessions", &["openid", "key_fingerprint"]),
    ("users", &["id"]),
    ("users", &["openid"]),
];

/// Something about a table that wxauth did not make so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    Missing {
        table: String,
    },
    /// Not InnoDB: no transactions.
    Engine {
        table: String,
        engine: String,
    },
    /// Compares letters without case, or in a character set that is not ours.
    Column {
        table: String,
        column: String,
        collation: String,
    },
    /// No primary or unique key of these columns, as where a copy was made of the rows alone.
    NotUnique {
        table: String,
        columns: String,
    },
    /// The default for new columns only, as each of ours names its own.
    Default {
        table: String,
        collation: String,
    },
}

impl Direct {
    /// What is odd about our tables.
    pub fn oddities(&mut self) -> Result<Vec<Oddity>> {
        let tables = self.run(tables)?;
        let columns = self.run(columns)?;
        let unique = self.run(unique_keys)?;
        let mut oddities = Vec::new();
        for (name, _) in TABLES {
            match tables.iter().find(|table| table.name == name) {
                None => oddities.push(Oddity::Missing { table: name.to_owned() }),
                Some(table) => {
                    oddities.extend(table.oddities());
                    oddities.extend(unique.missing(name));
                }
            }
        }
        oddities.extend(columns.into_iter().filter_map(Column::oddity));
        Ok(oddities)
    }
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    engine: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    collation: Option<String>,
}

impl Table {
    fn oddities(&self) -> Vec<Oddity> {
        let engine = self.engine.clone().unwrap_or_else(|| "none".to_owned());
        let collation = self.collation.clone().unwrap_or_else(|| "none".to_owned());
        let mut oddities = Vec::new();
        if !engine.eq_ignore_ascii_case("InnoDB") {
            oddities.push(Oddity::Engine { table: self.name.clone(), engine });
        }
        if !collation.starts_with("utf8mb4") {
            oddities.push(Oddity::Default { table: self.name.clone(), collation });
        }
        oddities
    }
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    collation: String,
}

impl Column {
    /// Only `_bin` tells openids apart that differ in the case of a letter.
    fn oddity(self) -> Option<Oddity> {
        let is_fine = matches!(self.collation.as_str(), "ascii_bin" | "utf8mb4_bin");
        let Self { table, name: column, collation } = self;
        (!is_fine && is_ours(&table)).then_some(Oddity::Column { table, column, collation })
    }
}

#[derive(QueryableByName)]
struct KeyColumn {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    column: String,
}

/// Tables' primary and unique keys with their columns, in their order; a part of a column, or what is
/// computed, has no name.
struct UniqueKeys(BTreeMap<(String, String), Vec<String>>);

impl UniqueKeys {
    /// What is ours to have, of this table.
    fn missing(&self, table: &str) -> impl Iterator<Item = Oddity> {
        let is_there = move |columns: &[&str]| {
            self.0.iter().any(|((of, _), found)| of == table && found == columns)
        };
        let ours = UNIQUE.into_iter().filter(move |(of, _)| *of == table);
        ours.filter(move |(_, columns)| !is_there(columns)).map(|(table, columns)| {
            Oddity::NotUnique { table: table.to_owned(), columns: columns.join(", ") }
        })
    }
}

fn is_ours(table: &str) -> bool {
    TABLES.iter().any(|(name, _)| *name == table)
}

fn tables(connection: &mut MysqlConnection) -> QueryResult<Vec<Table>> {
    diesel::sql_query(
        "SELECT TABLE_NAME AS name, ENGINE AS engine, TABLE_COLLATION AS collation \
         FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'",
    )
    .load(connection)
}

fn columns(connection: &mut MysqlConnection) -> QueryResult<Vec<Column>> {
    diesel::sql_query(
        "SELECT TABLE_NAME AS `table`, COLUMN_NAME AS name, COLLATION_NAME AS collation \
         FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL",
    )
    .load(connection)
}

fn unique_keys(connection: &mut MysqlConnection) -> QueryResult<UniqueKeys> {
    let columns: Vec<KeyColumn> = diesel::sql_query(
        "SELECT TABLE_NAME AS `table`, INDEX_NAME AS `key`, \
         IF(SUB_PART IS NULL, COALESCE(COLUMN_NAME, ''), '') AS `column` \
         FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 \
         ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
    )
    .load(connection)?;
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for KeyColumn { table, key, column } in columns {
        keys.entry((table, key)).or_default().push(column);
    }
    Ok(UniqueKeys(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_schema_is_examined() {
        let schema = include_str!("../../schema.rs");
        let mut lines = schema.lines();
        let mut in_schema = Vec::new();
        while let Some(line) = lines.next() {
            if line == "diesel::table! {" {
                let name = lines.next().and_then(|line| line.trim().split(' ').next());
                in_schema.extend(name);
            }
        }
        let mut examined: Vec<_> = TABLES.iter().map(|(name, _)| *name).collect();
        examined.sort_unstable();
        in_schema.sort_unstable();
        assert_eq!(examined, in_schema);
        let mut unique: Vec<_> = UNIQUE.iter().map(|(name, _)| *name).collect();
        unique.dedup();
        assert_eq!(unique, in_schema);
    }
}
