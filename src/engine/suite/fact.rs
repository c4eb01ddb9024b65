//! Published facts: what is expected, what was found.

use std::fmt::{self, Display};

use serde::Serialize;

/// Whether a fact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FactOutcome {
    /// It does.
    Pass,
    /// It does not.
    Fail,
}

impl Display for FactOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
        })
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What is stated.
    pub name: String,
    /// As published.
    pub expected: String,
    /// As found.
    pub found: String,
    /// Whether the two agree.
    pub outcome: FactOutcome,
}

/// Facts as they are checked.
#[derive(Debug, Default)]
pub(super) struct Facts(pub Vec<Fact>);

impl Facts {
    /// A count or a word, which must be equal.
    pub fn equal<T: Display + PartialEq>(
        &mut self,
        name: impl Into<String>,
        expected: T,
        found: T,
    ) {
        let outcome = if expected == found { FactOutcome::Pass } else { FactOutcome::Fail };
        let (expected, found) = (expected.to_string(), found.to_string());
        self.0.push(Fact { name: name.into(), expected, found, outcome });
    }

    /// A condition in words, and whether what was found meets it.
    pub fn holds(&mut self, name: String, expected: String, found: String, holds: bool) {
        let outcome = if holds { FactOutcome::Pass } else { FactOutcome::Fail };
        self.0.push(Fact { name, expected, found, outcome });
    }

    /// Whether every fact so far holds.
    pub fn all_hold(&self) -> bool {
        self.0.iter().all(|fact| fact.outcome == FactOutcome::Pass)
    }

    /// A number, which must be equal to the six decimals that are published.
    pub fn number(&mut self, name: impl Into<String>, expected: f64, found: Option<f64>) {
        let found = found.map_or_else(|| "none".into(), published);
        self.equal(name, published(expected), found);
    }
}

/// A number to at most six decimals; there is no negative zero.
fn published(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_they_are_published() {
        let mut facts = Facts::default();
        facts.number("two thirds", 2.0 / 3.0, Some(0.666_666_7));
        facts.number("zero", 0.0, Some(-1e-9));
        facts.number("half", 0.5, Some(0.500_001));
        facts.number("hundred", 100.0, Some(100.0));
        facts.number("nothing", 0.5, None);
        let found: Vec<_> = facts.0.iter().map(|f| (f.found.as_str(), f.outcome)).collect();
        let (pass, fail) = (FactOutcome::Pass, FactOutcome::Fail);
        let expected =
            [("0.666667", pass), ("0", pass), ("0.500001", fail), ("100", pass), ("none", fail)];
        assert_eq!(found, expected);
    }
}
