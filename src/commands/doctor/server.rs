//! What the way to the database, its limits and its place in a cluster mean: no I/O.

use super::finding::Finding;
use super::names::{ENCRYPTION, LIMITS, WRITER};
use crate::store::{Encryption, GaleraNode, GroupMember, ServerFacts};

/// Statements that one connection of a busy server keeps prepared.
const STATEMENTS_A_CONNECTION: u64 = 80;
const FOLLOW_THE_PRIMARY: &str = "point DATABASE_URL at what follows the primary";

pub fn encryption(encryption: &Encryption) -> Finding {
    let Encryption { cipher, is_local, is_chain_checked, is_name_checked } = encryption;
    let checked = match (is_chain_checked, is_name_checked) {
        (true, true) => "the certificate's authority and name are checked",
        (true, false) => "the certificate's authority is checked, its name is not",
        (false, _) => "the certificate is not checked",
    };
    match cipher {
        Some(cipher) => Finding::ok(ENCRYPTION, format!("encrypted with {cipher}; {checked}")),
        None if *is_local => Finding::ok(ENCRYPTION, "not encrypted, and on this machine"),
        None => Finding::warning(
            ENCRYPTION,
            "not encrypted, so that session keys can be read on the way",
            "turn TLS on at the database, and ask for it with ssl_mode and ssl_ca in DATABASE_URL",
        ),
    }
}

pub fn limits(facts: &ServerFacts, pool_size: u32) -> Finding {
    let pool_size = u64::from(pool_size);
    let statements = pool_size * STATEMENTS_A_CONNECTION;
    let told = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    let by_connections = facts.max_connections.and_then(|most| most.checked_div(pool_size));
    let by_statements = facts.max_prepared_statements.and_then(|most| most.checked_div(statements));
    let found = format!(
        "connections: {} of {} in use; prepared statements: {} of {}; a server of this \
         configuration takes up to {pool_size} and some {statements}, so that {} fit",
        told(facts.connections),
        told(facts.max_connections),
        told(facts.prepared_statements),
        told(facts.max_prepared_statements),
        told(by_connections.into_iter().chain(by_statements).min()),
    );
    if facts.max_connections.is_some_and(|most| most <= pool_size) {
        let advice = "raise max_connections, or lower DATABASE_POOL_SIZE";
        return Finding::failed(LIMITS, found, advice);
    }
    // Of this server, others may use a good part.
    let is_tight = |most: Option<u64>, needed: u64| most.is_some_and(|most| most < needed * 2);
    if is_tight(facts.max_connections, pool_size) {
        let advice = "with a second server this is too little: raise max_connections";
        return Finding::warning(LIMITS, found, advice);
    }
    if is_tight(facts.max_prepared_statements, statements) {
        let advice = "raise max_prepared_stmt_count, or lower DATABASE_POOL_SIZE";
        return Finding::warning(LIMITS, found, advice);
    }
    Finding::ok(LIMITS, found)
}

pub fn writer(facts: &ServerFacts) -> Finding {
    let ServerFacts { is_read_only, galera, is_in_group, group, .. } = facts;
    if let Some(GaleraNode { cluster_size, is_ready, state }) = galera {
        let found = format!("a node of Galera ({state}), {cluster_size} in the cluster");
        return match (is_ready, *cluster_size) {
            (false, _) => Finding::failed(
                WRITER,
                found + ", not ready",
                "look at the node's log, or use another",
            ),
            (true, 1) => Finding::warning(WRITER, found, "start the other nodes"),
            _ => Finding::ok(WRITER, found),
        };
    }
    if let Some(GroupMember { role, state }) = group {
        let found = format!("a member of Group Replication: {role}, {state}");
        return match (role.as_str(), state.as_str()) {
            ("PRIMARY", "ONLINE") => Finding::ok(WRITER, found),
            _ => Finding::failed(WRITER, found, FOLLOW_THE_PRIMARY),
        };
    }
    if *is_in_group {
        let found = "a member of Group Replication; its role is hidden from this account, which \
                     lacks SELECT on performance_schema.replication_group_members";
        return match is_read_only {
            true => Finding::failed(WRITER, format!("{found}; read-only"), FOLLOW_THE_PRIMARY),
            false => Finding::ok(WRITER, format!("{found}; takes writes")),
        };
    }
    match is_read_only {
        true => Finding::warning(
            WRITER,
            "read_only is on, which binds all but privileged accounts",
            "point DATABASE_URL at the primary",
        ),
        false => Finding::ok(WRITER, "the server takes writes, and is no node of a cluster"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::State;

    #[test]
    fn a_way_in_the_clear_warns_unless_it_stays_on_the_machine() {
        let plain = Encryption {
            cipher: None,
            is_local: false,
            is_chain_checked: false,
            is_name_checked: false,
        };
        assert_eq!(encryption(&plain).state, State::Warning);
        assert_eq!(encryption(&Encryption { is_local: true, ..plain.clone() }).state, State::Ok);
        let encrypted = Encryption { cipher: Some("TLS_AES".to_owned()), ..plain };
        assert_eq!(encryption(&encrypted).state, State::Ok);
    }

    #[test]
    fn too_few_connections_fail_and_tight_limits_warn() {
        let with = |max_connections, max_prepared_statements| ServerFacts {
            max_connections: Some(max_connections),
            max_prepared_statements: Some(max_prepared_statements),
            ..ServerFacts::default()
        };
        for (facts, state) in [
            (with(151, 16_382), State::Ok),
            (with(16, 16_382), State::Failed),
            (with(20, 16_382), State::Warning),
            (with(151, 600), State::Warning),
            (ServerFacts::default(), State::Ok),
        ] {
            assert_eq!(limits(&facts, 16).state, state, "{facts:?}");
        }
        for (facts, fit) in [
            (with(151, 16_382), "so that 9 fit"),
            (with(151, 3_000), "so that 2 fit"),
            (ServerFacts::default(), "so that ? fit"),
        ] {
            let found = limits(&facts, 16).found;
            assert!(found.ends_with(fit), "{found}");
        }
    }

    #[test]
    fn only_a_node_that_writes_is_well() {
        let galera = |cluster_size, is_ready| ServerFacts {
            galera: Some(GaleraNode { cluster_size, is_ready, state: "Synced".to_owned() }),
            ..ServerFacts::default()
        };
        let hidden = |is_read_only| ServerFacts {
            is_in_group: true,
            is_read_only,
            ..ServerFacts::default()
        };
        let group = |role: &str, state: &str| ServerFacts {
            group: Some(GroupMember { role: role.to_owned(), state: state.to_owned() }),
            ..ServerFacts::default()
        };
        for (facts, state) in [
            (ServerFacts::default(), State::Ok),
            (ServerFacts { is_read_only: true, ..ServerFacts::default() }, State::Warning),
            (galera(3, true), State::Ok),
            (galera(1, true), State::Warning),
            (galera(1, false), State::Failed),
            (group("PRIMARY", "ONLINE"), State::Ok),
            (group("SECONDARY", "ONLINE"), State::Failed),
            (group("PRIMARY", "ERROR"), State::Failed),
            (hidden(false), State::Ok),
            (hidden(true), State::Failed),
        ] {
            assert_eq!(writer(&facts).state, state, "{facts:?}");
        }
    }
}
