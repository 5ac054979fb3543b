//! What an import did: for people, and as JSON.

use std::fmt;
use std::path::PathBuf;

use serde_json::json;

use crate::store::ImportedBatch;

/// Rows that were read were imported, there already, or rejected.
#[derive(Default)]
pub struct Summary {
    /// Nothing was changed; the counts are what would be.
    pub is_check: bool,
    /// Whether the file was read to its end.
    pub is_complete: bool,
    pub read: u64,
    pub rejected: u64,
    pub rejects: Option<PathBuf>,
    stored: ImportedBatch,
}

impl Summary {
    pub fn new(is_check: bool) -> Self {
        Self { is_check, ..Self::default() }
    }

    pub fn add(&mut self, batch: ImportedBatch) {
        self.stored.imported_rows += batch.imported_rows;
        self.stored.users += batch.users;
        self.stored.phones += batch.phones;
        self.stored.keys += batch.keys;
        self.stored.expired_keys += batch.expired_keys;
    }

    /// How far it is.
    pub fn line(&self) -> String {
        let (read, rejected) = (self.read, self.rejected);
        let (imported, already_there) = (self.stored.imported_rows, self.already_there());
        let would_be = if self.is_check { "would be " } else { "" };
        format!(
            "{read} rows read: {imported} {would_be}imported, {already_there} already there, \
             {rejected} rejected"
        )
    }

    pub fn json(&self) -> String {
        json!({
            "complete": self.is_complete,
            "check": self.is_check,
            "read": self.read,
            "imported": self.stored.imported_rows,
            "already_there": self.already_there(),
            "rejected": self.rejected,
            "rejects": self.rejects.as_ref().map(|path| path.display().to_string()),
            "users": self.stored.users,
            "phones": self.stored.phones,
            "keys": self.stored.keys,
            "expired_keys": self.stored.expired_keys,
        })
        .to_string()
    }

    fn already_there(&self) -> u64 {
        self.read - self.rejected - self.stored.imported_rows
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportedBatch { users, phones, keys, expired_keys, .. } = self.stored;
        writeln!(f, "{}", self.line())?;
        write!(
            f,
            "new: {users} users, {phones} phones of users who had none, {keys} keys; \
             passed over: {expired_keys} keys that are expired"
        )?;
        match &self.rejects {
            Some(path) => write!(f, "\nrejected rows, each with its reason: {}", path.display()),
            None => Ok(()),
        }
    }
}
