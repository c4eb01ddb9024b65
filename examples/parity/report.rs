//! What was compared, how much of it agrees, and the Markdown that says so.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::causes::cause;

/// What a quantity has to reach.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// At most this many rows differ.
    Differ(usize),
    /// At least this share of rows agrees, per cent.
    Percent(f64),
    /// Compared for information.
    Open,
}

/// One quantity over all rows that both programs have it for.
pub struct Tally {
    quantity: &'static str,
    target: Target,
    /// How far numbers may be apart; `None` for exact comparisons.
    tolerance: Option<f64>,
    compared: usize,
    worst: f64,
    differences: Vec<Difference>,
}

/// One row that differs in one quantity.
struct Difference {
    id: String,
    python: String,
    ours: String,
}

impl Tally {
    pub fn exact(quantity: &'static str, target: Target) -> Self {
        let differences = Vec::new();
        Self { quantity, target, tolerance: None, compared: 0, worst: 0.0, differences }
    }

    pub fn within(quantity: &'static str, tolerance: f64, target: Target) -> Self {
        Self { tolerance: Some(tolerance), ..Self::exact(quantity, target) }
    }

    /// Compares two things that must be the same.
    pub fn same<T: PartialEq + Display>(&mut self, id: &str, python: T, ours: T) {
        let equal = python == ours;
        self.outcome(id, equal, || (python.to_string(), ours.to_string()));
    }

    /// Notes a comparison; `shown` gives what Python has, and we.
    pub fn outcome(&mut self, id: &str, equal: bool, shown: impl FnOnce() -> (String, String)) {
        self.compared += 1;
        if !equal {
            let (python, ours) = shown();
            self.differences.push(Difference { id: id.to_owned(), python, ours });
        }
    }

    /// Compares numbers; two missing ones are equal.
    pub fn close(&mut self, id: &str, python: Option<f64>, ours: Option<f64>) {
        let tolerance = self.tolerance.unwrap_or(0.0);
        let equal = match (python, ours) {
            (Some(a), Some(b)) => {
                let error = (a - b).abs();
                if error <= tolerance {
                    self.worst = self.worst.max(error);
                }
                error <= tolerance
            }
            (a, b) => a.is_none() && b.is_none(),
        };
        let show = |value: Option<f64>| value.map_or("–".to_owned(), |v| v.to_string());
        self.outcome(id, equal, || (show(python), show(ours)));
    }

    /// Compares lists of numbers as one quantity, by their largest error.
    pub fn close_lists(&mut self, id: &str, python: &[f64], ours: &[f64]) {
        if python.len() != ours.len() {
            self.same(id, python.len(), ours.len());
            return;
        }
        let errors = python.iter().zip(ours).map(|(a, b)| ((a - b).abs(), *a, *b));
        let worst = errors.max_by(|x, y| x.0.total_cmp(&y.0));
        self.close(id, worst.map(|w| w.1), worst.map(|w| w.2));
    }

    fn agreed(&self) -> usize {
        self.compared - self.differences.len()
    }

    fn percent(&self) -> f64 {
        100.0 * self.agreed() as f64 / self.compared.max(1) as f64
    }

    /// Whether the target is reached; nothing where there is none.
    fn met(&self) -> Option<bool> {
        match self.target {
            Target::Differ(rows) => Some(self.differences.len() <= rows),
            Target::Percent(share) => Some(self.percent() >= share),
            Target::Open => None,
        }
    }

    fn line(&self) -> String {
        let differ = self.differences.len();
        let target = match self.target {
            Target::Differ(0) => "all".to_owned(),
            Target::Differ(rows) => format!("all but {rows}"),
            Target::Percent(share) => format!("{share} %"),
            Target::Open => "–".to_owned(),
        };
        let met = self.met().map_or("", |met| if met { "yes" } else { "**no**" });
        let (tolerance, worst) = match self.tolerance {
            Some(tolerance) => (format!("{tolerance:e}"), format!("{:.1e}", self.worst)),
            None => ("exact".to_owned(), String::new()),
        };
        let reached = match differ {
            0 => format!("all {}", thousands(self.compared)),
            _ => format!(
                "{} of {} ({:.2} %)",
                thousands(self.agreed()),
                thousands(self.compared),
                self.percent()
            ),
        };
        format!("| {} | {tolerance} | {target} | {reached} | {met} | {worst} |\n", self.quantity)
    }
}

/// A part of the report.
pub struct Section {
    title: &'static str,
    about: &'static str,
    tallies: Vec<Tally>,
}

impl Section {
    pub fn new(title: &'static str, about: &'static str, tallies: Vec<Tally>) -> Self {
        Self { title, about, tallies }
    }
}

const HEAD: &str = "\
# Agreement with the Python implementation

Made by `cargo run --release -p hetero2-examples --bin parity -- GOLDEN_DIR`, where `GOLDEN_DIR` holds results of the
Python implementation (hetero1a 0.2.5 with RDKit 2026.09.1 and numpy 2.4.6): 3,245 molecules of ChEMBL, ZINC
natural products, the NCI database, QED sets and conjugated polymers, and 235 hard texts. A row is compared where both
programs have the quantity; a number agrees within the tolerance, and the largest error is that of the rows that
agree. `tests/api/parity.rs` holds a slice of this comparison that needs no file from outside the repository.

";

pub fn markdown(sections: &[Section]) -> String {
    let mut out = HEAD.to_owned();
    let outcomes = sections.iter().flat_map(|s| &s.tallies).filter_map(Tally::met);
    let (met, missed): (Vec<bool>, Vec<bool>) = outcomes.partition(|met| *met);
    let _ = writeln!(out, "Targets met: {} of {}.\n", met.len(), met.len() + missed.len());
    for section in sections {
        let _ = writeln!(out, "## {}\n\n{}\n", section.title, section.about);
        out.push_str("| quantity | tolerance | target | rows that agree | met | largest error |\n");
        out.push_str("|---|---|---|---|---|---|\n");
        for tally in &section.tallies {
            out.push_str(&tally.line());
        }
        out.push('\n');
    }
    out.push_str("## Rows that differ, and why\n\n");
    for section in sections {
        rows_that_differ(&mut out, section);
    }
    // Measured with RDKit, not with the golden results.
    out.push_str(include_str!("molfiles.md"));
    out
}

/// One table a cause, so that each is told once.
fn rows_that_differ(out: &mut String, section: &Section) {
    let mut by_cause: BTreeMap<&str, Vec<(&str, &Difference)>> = BTreeMap::new();
    for tally in &section.tallies {
        for difference in &tally.differences {
            let why = cause(tally.quantity, &difference.id, &difference.python, &difference.ours);
            by_cause.entry(why).or_default().push((tally.quantity, difference));
        }
    }
    if by_cause.is_empty() {
        return;
    }
    let _ = writeln!(out, "### {}\n", section.title);
    for (why, differences) in by_cause {
        let _ = writeln!(out, "{why}\n\n| row | quantity | Python | here |\n|---|---|---|---|");
        for (quantity, Difference { id, python, ours }) in differences {
            let _ = writeln!(out, "| {id} | {quantity} | {} | {} |", cell(python), cell(ours));
        }
        out.push('\n');
    }
}

/// Text of a table cell: short, and without what Markdown would take for its own.
fn cell(text: &str) -> String {
    const LONGEST: usize = 100;
    if text.is_empty() {
        return "–".to_owned();
    }
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.replace('|', "\\|").replace('`', "'"))
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
