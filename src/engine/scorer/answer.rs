//! What does a line of a scorer say of its molecule?

use std::fmt;

/// Characters of an answer that are kept.
pub(super) const SHOWN: usize = 120;

/// Why a molecule has no score.
#[derive(Debug, Clone, PartialEq)]
pub enum Unscored {
    /// It answered what is no finite number.
    NotANumber(String),
    /// It gave no line for the molecule alone, or several.
    WrongLines(usize),
    /// It ended while it scored the molecule.
    Crashed(String),
    /// It took longer than it may, in seconds.
    TimedOut(f64),
    /// Its answer was longer than a line may be.
    LongLine,
}

impl Unscored {
    /// What is counted as one.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotANumber(_) => "not_a_number",
            Self::WrongLines(0) => "missing_line",
            Self::WrongLines(_) => "too_many_lines",
            Self::Crashed(_) => "crash",
            Self::TimedOut(_) => "timeout",
            Self::LongLine => "long_line",
        }
    }
}

impl fmt::Display for Unscored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber(text) if text.is_empty() => f.write_str("it answered an empty text"),
            Self::NotANumber(text) => write!(f, "it answered {text:?}, which is no finite number"),
            Self::WrongLines(0) => f.write_str("it answered no line"),
            Self::WrongLines(lines) => {
                write!(f, "it answered {lines} lines or more to one molecule")
            }
            Self::Crashed(how) => write!(f, "it ended ({how})"),
            Self::TimedOut(seconds) => write!(f, "it gave no answer for {seconds} s"),
            Self::LongLine => {
                write!(f, "it answered a line of more than {} bytes", super::process::MAX_LINE)
            }
        }
    }
}

/// The score that a line gives.
pub(super) fn score(line: &[u8]) -> Result<f64, Unscored> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim().trim_matches('"');
    match text.parse::<f64>() {
        // Of two zeros one: they are equal, and text must be, too.
        Ok(score) if score.is_finite() => Ok(score + 0.0),
        _ => Err(Unscored::NotANumber(text.chars().take(SHOWN).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_finite_number_or_none() {
        assert_eq!(score(b" -1.5e-3\r"), Ok(-0.0015));
        assert_eq!(score(b"\"7\""), Ok(7.0));
        assert!(score(b"-0").unwrap().is_sign_positive());
        for text in [&b""[..], b"nan", b"inf", b"1e999", b"None", b"1,2", b"0x10", b"\xff"] {
            assert!(matches!(score(text), Err(Unscored::NotANumber(_))), "{text:?}");
        }
    }
}
