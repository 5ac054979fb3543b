//! Words of MySQL that diesel does not have. They are types rather than pieces of raw SQL, as
//! statements with raw SQL are not kept prepared.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::mysql::Mysql;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Date, Datetime};

/// An expression without arguments, allowed wherever a column is.
macro_rules! expression {
    ($(#[$doc:meta])* $name:ident, $sql_type:ty, $sql:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, QueryId)]
        pub(super) struct $name;

        impl Expression for $name {
            type SqlType = $sql_type;
        }

        impl<Table> AppearsOnTable<Table> for $name {}
        impl<Table> SelectableExpression<Table> for $name {}

        impl<GroupBy> ValidGrouping<GroupBy> for $name {
            type IsAggregate = is_aggregate::Never;
        }

        impl QueryFragment<Mysql> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }
    };
}

expression!(
    /// The database's clock, in milliseconds.
    UtcNow,
    Datetime,
    "UTC_TIMESTAMP(3)"
);
expression!(
    /// The day of the same clock.
    UtcToday,
    Date,
    "UTC_DATE()"
);
