//! A transaction at the price of two ways to the database: `COMMIT` is prepared like every other
//! statement.
//!
//! diesel's own would take six, as it sends `BEGIN` and `COMMIT` as batches, and switches what a server
//! lets through before and after each. MySQL prepares no `BEGIN`; but `COMMIT AND CHAIN` begins a
//! transaction also where none ends.

use diesel::connection::SimpleConnection as _;
use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

#[derive(QueryId)]
struct Begin;

#[derive(QueryId)]
struct Commit;

impl QueryFragment<Mysql> for Begin {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("COMMIT AND CHAIN");
        Ok(())
    }
}

impl QueryFragment<Mysql> for Commit {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("COMMIT");
        Ok(())
    }
}

impl RunQueryDsl<MysqlConnection> for Begin {}
impl RunQueryDsl<MysqlConnection> for Commit {}

/// Runs `work` in a transaction of its own, which is rolled back if anything in it fails.
pub(super) fn transaction<T>(
    connection: &mut MysqlConnection,
    work: impl FnOnce(&mut MysqlConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    Begin.execute(connection)?;
    let done = work(connection).and_then(|done| Commit.execute(connection).map(|_| done));
    if done.is_err() {
        // Else the next transaction over this connection would commit what there is of it. Where this
        // fails, the connection does, and the server rolls back.
        let _ = connection.batch_execute("ROLLBACK");
    }
    done
}
