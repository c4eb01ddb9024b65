//! Statements as named constants and the values given to them. They must not
//! know what they mean.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, query};

/// A constant text of SQL for both databases, with `$1`, `$2`, … for values.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    name: &'static str,
    text: &'static str,
}

impl Statement {
    /// Names `text`; see the macro `statements`.
    #[must_use]
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text }
    }

    /// The constant's name, which errors give.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The SQL.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.text
    }

    pub(super) fn with(self, values: Values<'_>) -> Query<'static, Any, AnyArguments> {
        let mut query = query(self.text);
        for value in values {
            query = match value {
                Value::Text(text) => query.bind((*text).to_owned()),
                Value::OptionalText(text) => query.bind(text.map(str::to_owned)),
                Value::Number(number) => query.bind(*number),
                Value::OptionalNumber(number) => query.bind(*number),
            };
        }
        query
    }
}

/// What is bound to `$1`, `$2`, ….
pub type Values<'a> = &'a [Value<'a>];

/// One bound value.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// TEXT.
    Text(&'a str),
    /// TEXT or NULL.
    OptionalText(Option<&'a str>),
    /// BIGINT.
    Number(i64),
    /// BIGINT or NULL.
    OptionalNumber(Option<i64>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::OptionalText(text)
    }
}

impl<'a> From<&'a crate::id::Id> for Value<'a> {
    fn from(id: &'a crate::id::Id) -> Self {
        Self::Text(id.as_str())
    }
}

impl<'a> From<Option<&'a crate::id::Id>> for Value<'a> {
    fn from(id: Option<&'a crate::id::Id>) -> Self {
        Self::OptionalText(id.map(crate::id::Id::as_str))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::OptionalNumber(number)
    }
}

impl From<crate::time::Instant> for Value<'_> {
    fn from(instant: crate::time::Instant) -> Self {
        Self::Number(instant.0)
    }
}

/// Makes a module's statements constants, and `ALL` of them, which a test
/// prepares on both databases.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $text:expr;)+) => {
        $(
            $(#[$meta])*
            pub(crate) const $name: $crate::store::Statement =
                $crate::store::Statement::new(stringify!($name), $text);
        )+
        /// Every statement of this module.
        pub(crate) const ALL: &[$crate::store::Statement] = &[$($name),+];
    };
}
pub(crate) use statements;

/// A list of values of several types: `values![org, limit]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::Value::from($value)),*] };
}
pub(crate) use values;
