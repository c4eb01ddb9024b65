//! Known outcomes from whatever table people have: `customer_truth.v1`, a column
//! `active`, or a column `value` with the rule that makes a value a hit.

use std::io::{self, BufRead, BufReader, Read};

use super::scores::limits::{Format, LimitedReader};
use super::truth::{Truth, TruthError};
use hetero2_contract::TruthLabel;

/// Separators that a header is tried with, in this order.
const SEPARATORS: [u8; 4] = [b'\t', b',', b';', b'|'];
/// Longest header.
const MAX_HEADER: u64 = 1 << 20;

/// Which measured values are hits: an operator and a threshold, as in `>=8.5`.
#[derive(
    Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct ActiveIf {
    operator: Operator,
    /// In the unit of the table's values.
    threshold: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Operator {
    const ALL: [(Self, &'static str); 4] =
        [(Self::AtLeast, ">="), (Self::AtMost, "<="), (Self::Above, ">"), (Self::Below, "<")];
}

/// Text that is no [`ActiveIf`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no rule for hits; write an operator and a number, as in >=8.5 or <100")]
pub struct NotARule {
    /// As given.
    pub found: String,
}

impl ActiveIf {
    /// Whether a value is a hit.
    ///
    /// ```
    /// use hetero2_audit::ActiveIf;
    /// let rule: ActiveIf = ">=8.5".parse()?;
    /// assert!(rule.holds(8.5) && !rule.holds(8.4));
    /// # Ok::<(), hetero2_audit::NotARule>(())
    /// ```
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.operator {
            Operator::AtLeast => value >= self.threshold,
            Operator::Above => value > self.threshold,
            Operator::AtMost => value <= self.threshold,
            Operator::Below => value < self.threshold,
        }
    }
}

impl std::str::FromStr for ActiveIf {
    type Err = NotARule;

    fn from_str(text: &str) -> Result<Self, NotARule> {
        let error = || NotARule { found: text.to_owned() };
        let trimmed = text.trim();
        let (operator, rest) = Operator::ALL
            .into_iter()
            .find_map(|(operator, sign)| Some((operator, trimmed.strip_prefix(sign)?)))
            .ok_or_else(error)?;
        let threshold: f64 = rest.trim().parse().map_err(|_| error())?;
        if threshold.is_finite() { Ok(Self { operator, threshold }) } else { Err(error()) }
    }
}

impl std::fmt::Display for ActiveIf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = Operator::ALL.iter().find(|(known, _)| *known == self.operator);
        write!(f, "{}{}", sign.map_or("", |(_, sign)| sign), self.threshold)
    }
}

impl From<ActiveIf> for String {
    fn from(rule: ActiveIf) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for ActiveIf {
    type Error = NotARule;

    fn try_from(text: String) -> Result<Self, NotARule> {
        text.parse()
    }
}

/// How a table says what became of a molecule.
enum Column<'a> {
    /// `active`: 1 or 0, true or false, PASS or FAIL.
    Active(usize),
    /// `value`, by a rule.
    Value(usize, &'a ActiveIf),
}

impl Truth {
    /// Reads known outcomes: a `customer_truth.v1` table, or `molecule_id` with
    /// `active` (1/0, true/false, PASS/FAIL), or `molecule_id` with `value` and a
    /// rule for hits. A rule goes before `active`.
    ///
    /// Names of columns may be of any case; separators are comma, tab, semicolon
    /// or bar. Rows with an empty label or value are left out; other columns are
    /// ignored.
    ///
    /// # Errors
    /// [`TruthError`], naming the line where one is at fault.
    pub fn from_table(reader: impl Read, rule: Option<&ActiveIf>) -> Result<Self, TruthError> {
        let mut lines = BufReader::new(LimitedReader::new(reader, Format::Csv)?);
        let mut header = Vec::new();
        lines.by_ref().take(MAX_HEADER).read_until(b'\n', &mut header)?;
        let (separator, names) = columns(&header);
        let whole = io::Cursor::new(header).chain(lines);
        let place = |name: &str| names.iter().position(|known| known == name);
        if place("expensive_label").is_some() {
            return match rule {
                None => Self::from_separated(whole, separator),
                Some(_) => Err(TruthError::RuleWithoutValues),
            };
        }
        let id =
            place("molecule_id").ok_or(TruthError::NoOutcomeColumn { column: "molecule_id" })?;
        let outcome = match (rule, place("value"), place("active")) {
            (Some(rule), Some(at), _) => Column::Value(at, rule),
            (Some(_), None, _) => return Err(TruthError::RuleWithoutValues),
            (None, _, Some(at)) => Column::Active(at),
            (None, Some(_), None) => return Err(TruthError::ValuesWithoutRule),
            (None, None, None) => return Err(TruthError::NoOutcomeColumn { column: "active" }),
        };
        let mut csv =
            csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(whole);
        let mut truth = Self::default();
        let mut record = csv::StringRecord::new();
        while csv.read_record(&mut record)? {
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |at: usize| record.get(at).unwrap_or("").trim();
            let bad = |column, value: &str, problem| TruthError::Cell {
                line,
                column,
                value: value.chars().take(80).collect(),
                problem,
            };
            let label = match outcome {
                Column::Active(at) if cell(at).is_empty() => continue,
                Column::Value(at, _) if cell(at).is_empty() => continue,
                Column::Active(at) => label(cell(at)).ok_or_else(|| {
                    bad(
                        "active",
                        cell(at),
                        "is no label; write 1 or 0, true or false, PASS or FAIL",
                    )
                })?,
                Column::Value(at, rule) => match cell(at).parse::<f64>() {
                    Ok(value) if value.is_finite() => hit(rule.holds(value)),
                    _ => return Err(bad("value", cell(at), "is no finite number")),
                },
            };
            if cell(id).is_empty() {
                return Err(bad("molecule_id", "", "names no molecule"));
            }
            truth.insert(line, cell(id), label)?;
        }
        if truth.is_empty() { Err(TruthError::NoRows) } else { Ok(truth) }
    }
}

/// Separator and column names, lower case, of a header: the separator that cuts
/// it into most.
fn columns(header: &[u8]) -> (u8, Vec<String>) {
    let text = String::from_utf8_lossy(header);
    let cut = |separator: u8| -> Vec<String> {
        let cells = text.trim_end().split(char::from(separator));
        cells.map(|name| name.trim().trim_matches('"').to_ascii_lowercase()).collect()
    };
    let best = SEPARATORS.into_iter().rev().max_by_key(|separator| cut(*separator).len());
    let separator = best.unwrap_or(b',');
    (separator, cut(separator))
}

fn label(text: &str) -> Option<TruthLabel> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["1", "true", "pass", "1.0"]) {
        Some(TruthLabel::Pass)
    } else if is(&["0", "false", "fail", "0.0"]) {
        Some(TruthLabel::Fail)
    } else {
        None
    }
}

fn hit(holds: bool) -> TruthLabel {
    if holds { TruthLabel::Pass } else { TruthLabel::Fail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &str, rule: Option<&str>) -> Result<Truth, TruthError> {
        let rule: Option<ActiveIf> = rule.map(|rule| rule.parse().unwrap());
        Truth::from_table(table.as_bytes(), rule.as_ref())
    }

    #[test]
    fn tables_of_labels_are_read_whatever_their_case_and_separator() {
        for table in [
            "molecule_id,active\na,1\nb,0\nc,\n",
            "Molecule_ID\tActive\tnote\na\ttrue\tx\nb\tFALSE\ty\n",
            "\u{feff}\"active\";\"molecule_id\"\nPASS;a\nfail;b\n",
        ] {
            let truth = read(table, None).unwrap();
            assert_eq!(truth.len(), 2, "{table}");
            assert_eq!(truth.get("a"), Some(TruthLabel::Pass), "{table}");
            assert_eq!(truth.get("b"), Some(TruthLabel::Fail), "{table}");
            assert_eq!(truth.get("c"), None);
        }
    }

    #[test]
    fn values_become_labels_by_a_rule() {
        let table = "molecule_id,value\na,8.5\nb,8.49\nc,9\n";
        let hits = |rule: &str| {
            let truth = read(table, Some(rule)).unwrap();
            ["a", "b", "c"].map(|id| truth.get(id) == Some(TruthLabel::Pass))
        };
        assert_eq!(hits(">=8.5"), [true, false, true]);
        assert_eq!(hits("> 8.5"), [false, false, true]);
        assert_eq!(hits("<9"), [true, true, false]);
        assert_eq!(hits("<=8.49"), [false, true, false]);
        for rule in ["8.5", ">=", "=>8", ">=inf", "between 1 and 2"] {
            assert!(rule.parse::<ActiveIf>().is_err(), "{rule}");
        }
        assert_eq!(">= 8.50".parse::<ActiveIf>().unwrap().to_string(), ">=8.5");
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let said = |table: &str, rule: Option<&str>| read(table, rule).unwrap_err().to_string();
        assert!(said("molecule_id,value\na,1\n", None).contains("a rule"));
        assert!(said("molecule_id,active\na,1\n", Some(">1")).contains("value"));
        assert!(said("id,active\na,1\n", None).contains("molecule_id"));
        assert!(said("molecule_id,active\na,maybe\n", None).contains("line 2"));
        assert!(said("molecule_id,active\na,1\na,0\n", None).contains("line 3"));
        assert!(said("molecule_id,value\na,high\n", Some(">1")).contains("high"));
        assert!(said("molecule_id,active\n", None).contains("no rows"));
    }
}
