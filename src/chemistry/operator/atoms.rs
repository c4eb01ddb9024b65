//! The atom parameters ε and χ by atomic number.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// One element's parameters; both are dimensionless.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomParameters {
    /// Element symbol.
    pub symbol: String,
    /// On-site potential ε.
    pub epsilon: Option<f64>,
    /// Electronegativity χ.
    pub chi: Option<f64>,
}

/// Why a text is not an atom table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AtomTableError {
    /// The first line is not the expected header.
    #[error("atom table, line 1: expected the header `{expected}`, found `{found}`")]
    Header {
        /// The header that the format asks for.
        expected: &'static str,
        /// The line as it stands.
        found: String,
    },
    /// A line that does not have the four columns, or a value that is not a
    /// finite number.
    #[error("atom table, line {line}: {reason}; expected `Z,symbol,epsilon,chi`")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The table of atom parameters, indexed by atomic number.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomTable {
    entries: Vec<Option<AtomParameters>>,
    sha256: [u8; 32],
}

const HEADER: &str = "Z,symbol,epsilon,chi";
const EMBEDDED: &str = include_str!("../data/atoms.csv");

static EMBEDDED_TABLE: LazyLock<AtomTable> = LazyLock::new(|| {
    // Invariant: the embedded text is a constant of the build and a test
    // parses it.
    AtomTable::parse(EMBEDDED).expect("the embedded atom table is well formed")
});

impl AtomTable {
    /// The table that is compiled in, parsed once.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &EMBEDDED_TABLE
    }

    /// Parses `Z,symbol,epsilon,chi` lines under that header; an empty cell is
    /// a parameter that the element does not have.
    ///
    /// # Errors
    /// When the header or a line does not have that form, an atomic number is
    /// outside 1..=118 or stands twice, or a value is not a finite number.
    pub fn parse(text: &str) -> Result<Self, AtomTableError> {
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        if header != HEADER {
            let found = header.chars().take(80).collect();
            return Err(AtomTableError::Header { expected: HEADER, found });
        }
        let mut entries = vec![None; 119];
        for (index, line) in lines.enumerate() {
            let (z, parameters) = parse_line(line)
                .map_err(|reason| AtomTableError::Line { line: index + 2, reason })?;
            if entries[z].replace(parameters).is_some() {
                let reason = "the atomic number stands twice";
                return Err(AtomTableError::Line { line: index + 2, reason });
            }
        }
        Ok(Self { entries, sha256: Sha256::digest(text.as_bytes()).into() })
    }

    /// The parameters of an element, if the table has it.
    #[must_use]
    pub fn get(&self, atomic_number: u8) -> Option<&AtomParameters> {
        self.entries.get(usize::from(atomic_number))?.as_ref()
    }

    /// ε(Z), dimensionless.
    #[must_use]
    pub fn epsilon(&self, atomic_number: u8) -> Option<f64> {
        self.get(atomic_number)?.epsilon
    }

    /// χ(Z), dimensionless.
    #[must_use]
    pub fn chi(&self, atomic_number: u8) -> Option<f64> {
        self.get(atomic_number)?.chi
    }

    /// SHA-256 of the text that was parsed, for the manifest.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

fn parse_line(line: &str) -> Result<(usize, AtomParameters), &'static str> {
    let mut cells = line.split(',');
    let mut cell = || cells.next().ok_or("too few columns");
    let (z, symbol, epsilon, chi) = (cell()?, cell()?, cell()?, cell()?);
    if cells.next().is_some() {
        return Err("too many columns");
    }
    let z = z.parse::<usize>().map_err(|_| "the atomic number is not a number")?;
    if !(1..=118).contains(&z) {
        return Err("the atomic number is not in 1..=118");
    }
    let parameters = AtomParameters {
        symbol: symbol.to_owned(),
        epsilon: parse_value(epsilon)?,
        chi: parse_value(chi)?,
    };
    Ok((z, parameters))
}

fn parse_value(cell: &str) -> Result<Option<f64>, &'static str> {
    if cell.is_empty() {
        return Ok(None);
    }
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => Err("a value is not a finite number"),
    }
}
