//! Words of MySQL that diesel does not have. They are types rather than pieces of raw SQL, as
//! statements with raw SQL are not kept prepared.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::mysql::Mysql;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{Bool, Date, Datetime, HasSqlType, Integer, SingleValue, Unsigned};

/// Lengths of lists in SQL; others are filled up to the next by repeating the last value, so that
/// few texts need to be prepared: each stays so on each connection, and a server allows 16,382 of
/// them by default, to all who use it. Close to each other, as a row that is written twice costs time.
const LENGTHS: [usize; 11] = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 512];

/// The list, filled up to one of [`LENGTHS`] by repeating its last value.
pub(super) fn filled_up<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    let length = LENGTHS.into_iter().find(|length| *length >= values.len());
    if let (Some(length), Some(last)) = (length, values.last().cloned()) {
        values.resize(length, last);
    }
    values
}

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

expression!(
    /// A key's row is expired. Said so that no index helps, as the row is found by its key: while
    /// somebody reads an old snapshot, the database would rather go through the index on expiry,
    /// with all that was removed from it.
    KeyIsExpired,
    Bool,
    "sessions.expires_at + INTERVAL 0 SECOND <= UTC_TIMESTAMP(3)"
);

expression!(
    /// Minutes since 1970, as `sessions.code_minute` counts them.
    CurrentMinute,
    Unsigned<Integer>,
    "UNIX_TIMESTAMP() DIV 60"
);

expression!(
    /// The code in a key's row came within the last five minutes, or in the next one: another node
    /// of a cluster may be ahead, and a clock be set back. The index on codes needs each minute to
    /// be named.
    CodeIsRecent,
    Bool,
    "sessions.code_minute IN (UNIX_TIMESTAMP() DIV 60 + 1, UNIX_TIMESTAMP() DIV 60, \
     UNIX_TIMESTAMP() DIV 60 - 1, UNIX_TIMESTAMP() DIV 60 - 2, UNIX_TIMESTAMP() DIV 60 - 3, \
     UNIX_TIMESTAMP() DIV 60 - 4, UNIX_TIMESTAMP() DIV 60 - 5)"
);

/// `column IN (…)`. diesel's own is prepared anew each time, as its text depends on the length.
pub(super) struct OneOf<C, V> {
    column: C,
    values: Vec<V>,
}

impl<C, V: Clone> OneOf<C, V> {
    pub fn new(column: C, values: Vec<V>) -> Self {
        Self { column, values: filled_up(values) }
    }
}

impl<C: Expression, V> Expression for OneOf<C, V> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<Table>, V, Table> AppearsOnTable<Table> for OneOf<C, V> {}

impl<C, V> ValidGrouping<()> for OneOf<C, V> {
    type IsAggregate = is_aggregate::Never;
}

impl<C, V> QueryId for OneOf<C, V> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, V> QueryFragment<Mysql> for OneOf<C, V>
where
    C: Expression<SqlType: SingleValue> + QueryFragment<Mysql>,
    V: ToSql<C::SqlType, Mysql>,
    Mysql: HasSqlType<C::SqlType>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        if self.values.is_empty() {
            out.push_sql("FALSE");
            return Ok(());
        }
        self.column.walk_ast(out.reborrow())?;
        for (index, value) in self.values.iter().enumerate() {
            out.push_sql(if index == 0 { " IN (" } else { ", " });
            out.push_bind_param(value)?;
        }
        out.push_sql(")");
        Ok(())
    }
}
