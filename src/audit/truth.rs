//! `customer_truth.v1`: which molecules were hits, from a table or a rule.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read};

use hetero2_contract::TruthLabel;
use hetero2_contract::spreadsheet::guarded;
use sha2::{Digest, Sha256};

use super::scores::limits::{Format, LimitedReader};

/// Identifier of the truth format.
pub const TRUTH_SCHEMA: &str = "customer_truth.v1";
/// `truth_source` of [`proxy_label`].
pub const PROXY_SOURCE: &str = "proxy_rule_v1";

const COLUMNS: [&str; 4] = ["molecule_id", "expensive_label", "truth_source", "truth_version"];

/// Why a truth table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// Columns are missing.
    #[error("the truth table has no column {}; {TRUTH_SCHEMA} needs {}", .0.join(", "), COLUMNS.join(", "))]
    MissingColumns(Vec<&'static str>),
    /// There is a header at most.
    #[error("the truth table has no rows")]
    NoRows,
    /// A cell cannot be used.
    #[error("truth table, line {line}, column {column}: {value:?} {problem}")]
    Cell {
        /// Line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// The offending value, shortened.
        value: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A molecule has two rows.
    #[error("truth table, line {line}: {id:?} has a row before; keep one")]
    DuplicateId {
        /// Line of the second row, from 1.
        line: u64,
        /// The molecule.
        id: String,
    },
    /// A column that is needed is missing.
    #[error(
        "the truth table has no column {column}; it needs molecule_id and active, molecule_id and value, or the columns of {TRUTH_SCHEMA}"
    )]
    NoOutcomeColumn {
        /// What is missing.
        column: &'static str,
    },
    /// There are values, and nothing says which are hits.
    #[error(
        "the truth table has values and no column active: a rule must say which values are hits, as in >=8.5"
    )]
    ValuesWithoutRule,
    /// There is a rule for values, and no values.
    #[error("a rule for values is given, and the truth table has no column value")]
    RuleWithoutValues,
    /// The table cannot be read.
    #[error("the truth table cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The bytes cannot be read.
    #[error("the truth table cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Known outcomes by molecule id. Memory: about 40 bytes a molecule and its id.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    labels: HashMap<Box<str>, TruthLabel>,
}

impl Truth {
    /// Reads a `customer_truth.v1` table. Extra columns are ignored; labels may
    /// be of either case, and cells may be padded.
    ///
    /// # Errors
    /// [`TruthError`], naming the line where one is at fault.
    pub fn from_csv(reader: impl Read) -> Result<Self, TruthError> {
        Self::from_separated(LimitedReader::new(reader, Format::Csv)?, b',')
    }

    /// Reads a `customer_truth.v1` table with this separator.
    pub(super) fn from_separated(reader: impl Read, separator: u8) -> Result<Self, TruthError> {
        let mut csv =
            csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(reader);
        let names = csv.headers()?.clone();
        let place = |name: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(name));
        let places = COLUMNS.map(|name| (name, place(name)));
        let missing: Vec<&'static str> =
            places.iter().filter(|(_, at)| at.is_none()).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            return Err(TruthError::MissingColumns(missing));
        }
        let mut truth = Self::default();
        let mut record = csv::StringRecord::new();
        while csv.read_record(&mut record)? {
            let line = record.position().map_or(0, csv::Position::line);
            let cells = places.map(|(_, at)| at.and_then(|at| record.get(at)).unwrap_or("").trim());
            let (id, label) = check_row(line, cells)?;
            truth.insert(line, id, label)?;
        }
        if truth.is_empty() { Err(TruthError::NoRows) } else { Ok(truth) }
    }

    /// Takes in the outcome of a molecule, which must be its first.
    pub(super) fn insert(
        &mut self,
        line: u64,
        id: &str,
        label: TruthLabel,
    ) -> Result<(), TruthError> {
        match self.labels.entry(Box::from(id)) {
            Entry::Vacant(entry) => {
                entry.insert(label);
                Ok(())
            }
            Entry::Occupied(_) => Err(TruthError::DuplicateId { line, id: id.to_owned() }),
        }
    }

    /// The outcome of a molecule, if known.
    #[must_use]
    pub fn get(&self, molecule_id: &str) -> Option<TruthLabel> {
        let guarded = || self.labels.get(guarded(molecule_id).as_ref());
        self.labels.get(molecule_id).or_else(guarded).copied()
    }

    /// Molecules with a known outcome.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

fn check_row(line: u64, cells: [&str; 4]) -> Result<(&str, TruthLabel), TruthError> {
    let bad = |column: usize, problem| {
        let value = cells[column].chars().take(80).collect();
        Err(TruthError::Cell { line, column: COLUMNS[column], value, problem })
    };
    let [id, label, source, version] = cells;
    if id.is_empty() {
        return bad(0, "names no molecule");
    }
    let Ok(label) = label.to_ascii_uppercase().parse() else {
        return bad(1, "is not a label; write PASS or FAIL");
    };
    if source.is_empty() {
        return bad(2, "names no source");
    }
    if version != TRUTH_SCHEMA {
        return bad(3, "is not the version customer_truth.v1");
    }
    Ok((id, label))
}

/// Proxy truth: 5 in 100 molecules pass, by the SHA-256 of the SMILES text. It
/// knows of nothing else, so no audit can leak into it.
///
/// ```
/// use hetero2_audit::{TruthLabel, proxy_label};
/// assert_eq!(proxy_label("CC(=O)OC1=CC=CC=C1C(=O)O"), TruthLabel::Pass);
/// ```
#[must_use]
pub fn proxy_label(smiles: &str) -> TruthLabel {
    let digest = Sha256::digest(smiles.as_bytes());
    let head = digest[..4].iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
    if head % 100 < 5 { TruthLabel::Pass } else { TruthLabel::Fail }
}

/// Writes proxy truth for (molecule id, SMILES) rows as `customer_truth.v1`.
///
/// # Errors
/// Whatever `out` fails with.
pub fn write_proxy_truth<'a>(
    rows: impl IntoIterator<Item = (&'a str, &'a str)>,
    out: impl io::Write,
) -> io::Result<()> {
    let mut writer = ProxyTruthWriter::new(out)?;
    for (id, smiles) in rows {
        writer.write(id, smiles)?;
    }
    writer.finish().map(drop)
}

/// [`write_proxy_truth`] row by row.
pub struct ProxyTruthWriter<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> ProxyTruthWriter<W> {
    /// Begins the table with its header.
    ///
    /// # Errors
    /// Whatever `out` fails with.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new().from_writer(out);
        let [id, label, source, version] = COLUMNS;
        writer.write_record([id, "canonical_smiles", label, source, version])?;
        Ok(Self(writer))
    }

    /// Appends one molecule; returns its label.
    ///
    /// # Errors
    /// Whatever the output fails with.
    pub fn write(&mut self, id: &str, smiles: &str) -> io::Result<TruthLabel> {
        let label = proxy_label(smiles);
        let id = guarded(id);
        self.0.write_record([id.as_ref(), smiles, label.as_str(), PROXY_SOURCE, TRUTH_SCHEMA])?;
        Ok(label)
    }

    /// Ends the table and gives back the output.
    ///
    /// # Errors
    /// Whatever the output fails with.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}
