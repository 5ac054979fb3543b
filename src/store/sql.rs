//! Words of MySQL that diesel does not have. They are types rather than pieces of raw SQL, as
//! statements with raw SQL are not kept prepared.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::mysql::Mysql;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Date, Datetime};

/// `UTC_TIMESTAMP(3)`: the database's clock, in milliseconds.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct UtcNow;

impl Expression for UtcNow {
    type SqlType = Datetime;
}

impl<Table> AppearsOnTable<Table> for UtcNow {}
impl<Table> SelectableExpression<Table> for UtcNow {}

impl<GroupBy> ValidGrouping<GroupBy> for UtcNow {
    type IsAggregate = is_aggregate::Never;
}

impl QueryFragment<Mysql> for UtcNow {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("UTC_TIMESTAMP(3)");
        Ok(())
    }
}

/// `UTC_DATE()`: the day of the same clock.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct UtcToday;

impl Expression for UtcToday {
    type SqlType = Date;
}

impl<Table> AppearsOnTable<Table> for UtcToday {}
impl<Table> SelectableExpression<Table> for UtcToday {}

impl<GroupBy> ValidGrouping<GroupBy> for UtcToday {
    type IsAggregate = is_aggregate::Never;
}

impl QueryFragment<Mysql> for UtcToday {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("UTC_DATE()");
        Ok(())
    }
}
