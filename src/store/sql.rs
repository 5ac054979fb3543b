//! Words of MySQL that diesel does not have.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::mysql::Mysql;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Datetime;

/// `UTC_TIMESTAMP(3)`: the database's clock, in milliseconds. A type of its own rather than a piece
/// of raw SQL, as statements with raw SQL are not kept prepared.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct UtcNow;

impl Expression for UtcNow {
    type SqlType = Datetime;
}

impl<Table> AppearsOnTable<Table> for UtcNow {}
impl<Table> SelectableExpression<Table> for UtcNow {}

impl<GroupBy> ValidGrouping<GroupBy> for UtcNow {
    type IsAggregate = diesel::expression::is_aggregate::Never;
}

impl QueryFragment<Mysql> for UtcNow
where
    Mysql: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("UTC_TIMESTAMP(3)");
        Ok(())
    }
}
