//! The server as a whole: its limits, and its place in a cluster.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::direct::Direct;
use crate::store::error::Result;

/// Numbers of the server's, by their names there.
const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
     ('max_connections', 'max_prepared_stmt_count', 'read_only', 'super_read_only', \
     'group_replication_group_name')";
const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN \
     ('Threads_connected', 'Prepared_stmt_count', \
     'wsrep_cluster_size', 'wsrep_ready', 'wsrep_local_state_comment')";

/// What is known of the server; `None` where it does not say.
#[derive(Debug, Default)]
pub struct ServerFacts {
    pub max_connections: Option<u64>,
    pub connections: Option<u64>,
    pub max_prepared_statements: Option<u64>,
    pub prepared_statements: Option<u64>,
    pub is_read_only: bool,
    pub galera: Option<GaleraNode>,
    pub is_in_group: bool,
    /// `None` also where the account may not read it.
    pub group: Option<GroupMember>,
}

/// A node of a Galera cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaleraNode {
    pub cluster_size: u64,
    pub is_ready: bool,
    /// `Synced`, `Donor/Desynced`, …
    pub state: String,
}

/// A member of MySQL's Group Replication.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct GroupMember {
    /// `PRIMARY` or `SECONDARY`.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// `ONLINE`, …
    #[diesel(sql_type = Text)]
    pub state: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text, column_name = Variable_name)]
    name: String,
    #[diesel(sql_type = Text, column_name = Value)]
    value: String,
}

impl Direct {
    pub fn server_facts(&mut self) -> Result<ServerFacts> {
        let mut rows: Vec<Row> =
            self.run(|connection| diesel::sql_query(VARIABLES).load(connection))?;
        rows.extend(self.run(|connection| diesel::sql_query(STATUS).load::<Row>(connection))?);
        let values = rows.into_iter().map(|row| (row.name.to_lowercase(), row.value)).collect();
        Ok(ServerFacts { group: self.group_member(), ..facts(&values) })
    }

    /// Nothing where there is no such table, or where the account may not read it.
    fn group_member(&mut self) -> Option<GroupMember> {
        let select = "SELECT MEMBER_ROLE AS role, MEMBER_STATE AS state \
                      FROM performance_schema.replication_group_members \
                      WHERE MEMBER_ID = @@server_uuid";
        self.run(|connection| diesel::sql_query(select).get_result(connection).optional())
            .ok()
            .flatten()
    }
}

fn facts(values: &HashMap<String, String>) -> ServerFacts {
    let number = |name: &str| values.get(name).and_then(|value| value.parse().ok());
    let is_on = |name: &str| values.get(name).is_some_and(|value| value == "ON");
    let galera = number("wsrep_cluster_size").filter(|size| *size > 0);
    ServerFacts {
        max_connections: number("max_connections"),
        connections: number("threads_connected"),
        max_prepared_statements: number("max_prepared_stmt_count"),
        prepared_statements: number("prepared_stmt_count"),
        is_read_only: is_on("read_only") || is_on("super_read_only"),
        galera: galera.map(|cluster_size| GaleraNode {
            cluster_size,
            is_ready: is_on("wsrep_ready"),
            state: values.get("wsrep_local_state_comment").cloned().unwrap_or_default(),
        }),
        is_in_group: values
            .get("group_replication_group_name")
            .is_some_and(|name| !name.is_empty()),
        group: None,
    }
}
