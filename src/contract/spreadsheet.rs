//! Text in CSV cells that a spreadsheet would take for a formula: how it is
//! written so that it stays text, and read back as it was. Knows no tables.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run writes text that begins with a character of formulas into CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormulaText {
    /// With an apostrophe before it, see [`guarded`].
    #[default]
    Guarded,
    /// As it is, for programs that compare the text.
    AsIs,
}

impl FormulaText {
    /// Whether this is how runs write unless asked otherwise.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The text as it stands in a CSV cell: an apostrophe comes before `=`, `+`,
/// `-`, `@`, a tab or a carriage return at its start, and before apostrophes
/// that stand before one of these. All other text is as it is.
///
/// ```
/// use hetero2_contract::spreadsheet::{guarded, unguarded};
/// assert_eq!([guarded("=A1"), guarded("'=A1"), guarded("'a"), guarded("a=b")],
///            ["'=A1", "''=A1", "'a", "a=b"]);
/// assert_eq!(unguarded("'=A1"), "=A1");
/// ```
#[must_use]
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that [`guarded`] made this cell of. A cell of a formula that is not
/// guarded is as it is.
#[must_use]
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text) => text,
        _ => cell,
    }
}

/// The text without any apostrophe before a formula: the same for a text and
/// for its cell, however that was written.
///
/// ```
/// use hetero2_contract::spreadsheet::{guarded, stripped};
/// assert_eq!([stripped("'=A1"), stripped(&guarded("'=A1")), stripped("'a")], ["=A1", "=A1", "'a"]);
/// ```
#[must_use]
pub fn stripped(text: &str) -> &str {
    if is_formula(text) { text.trim_start_matches('\'') } else { text }
}

/// Whether a spreadsheet would calculate with it, apostrophes left aside.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_it_was() {
        for text in
            ["", "a", "'", "''", "'a", "=1", "'=1", "''=1", "+", "-5", "@x", "\t", "a=", "'-"]
        {
            assert_eq!(unguarded(&guarded(text)), text);
            assert!(!guarded(text).starts_with(['=', '+', '-', '@', '\t', '\r']), "{text:?}");
        }
    }
}
