//! Names of settings and states that are read from text.

/// A name that is none of the accepted ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; expected one of {expected}")]
pub struct UnknownName {
    /// What was being named.
    pub what: &'static str,
    /// The name as given, shortened.
    pub name: String,
    /// The accepted names.
    pub expected: &'static str,
}
