//! `dos_curve.csv` and `ldos_summary.csv`: densities of states.

use std::io::{self, Write};

use hetero2_contract::FormulaText;

use super::Table;
use crate::pack::rows::LocalDosColumns;

/// Density of states at one energy; an operator that was not asked for is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DosPoint {
    /// Energy, dimensionless.
    pub energy: f64,
    /// Density of L.
    pub l: Option<f64>,
    /// Density of H.
    pub h: Option<f64>,
    /// Density of WH.
    pub wh: Option<f64>,
}

const DOS_HEADER: [&str; 4] = ["energy", "dos_L", "dos_H", "dos_WH"];

/// Writes `dos_curve.csv`, in order of energy.
pub struct DosCsv<W>(Table<W>);

impl<W: Write> DosCsv<W> {
    /// Begins the table with its header.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn new(output: W) -> io::Result<Self> {
        Table::new(output, &DOS_HEADER).map(Self)
    }

    /// Appends one point.
    ///
    /// # Errors
    /// What the output returns.
    pub fn write(&mut self, point: &DosPoint) -> io::Result<()> {
        self.0.number(Some(point.energy));
        self.0.number(point.l);
        self.0.number(point.h);
        self.0.number(point.wh);
        self.0.end_row()
    }

    /// What the table was written to.
    pub fn into_inner(self) -> W {
        self.0.into_inner()
    }
}

/// Reads what [`DosCsv`] wrote; `None` where it is anything else.
#[must_use]
pub fn read_dos(bytes: &[u8]) -> Option<Vec<DosPoint>> {
    let mut reader = ::csv::Reader::from_reader(bytes);
    let number = |cell: &str| match cell {
        "" => Some(None),
        cell => cell.parse().ok().filter(|value: &f64| value.is_finite()).map(Some),
    };
    let point = |row: ::csv::StringRecord| {
        let cells: Vec<Option<f64>> = row.iter().map(number).collect::<Option<_>>()?;
        let [energy, l, h, wh] = cells[..] else { return None };
        Some(DosPoint { energy: energy?, l, h, wh })
    };
    let known = reader.headers().ok()? == DOS_HEADER.as_slice();
    reader.records().map(|row| point(row.ok()?)).collect::<Option<_>>().filter(|_| known)
}

/// Local density of states of one molecule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalDosRow<'a> {
    /// The molecule's identifier.
    pub id: &'a str,
    /// Under H.
    pub h: Option<LocalDosColumns>,
    /// Under WH.
    pub wh: Option<LocalDosColumns>,
}

const LOCAL_HEADER: [&str; 11] = [
    "id",
    "H_atom_idx",
    "H_atomic_number",
    "H_ldos_peak_energy",
    "H_ldos_peak_value",
    "H_ldos_entropy",
    "WH_atom_idx",
    "WH_atomic_number",
    "WH_ldos_peak_energy",
    "WH_ldos_peak_value",
    "WH_ldos_entropy",
];

/// Writes `ldos_summary.csv`, a row per molecule.
pub struct LocalDosCsv<W>(Table<W>);

impl<W: Write> LocalDosCsv<W> {
    /// Begins the table with its header.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn new(output: W) -> io::Result<Self> {
        Table::new(output, &LOCAL_HEADER).map(Self)
    }

    /// Appends rows that were written apart.
    ///
    /// # Errors
    /// What the output returns.
    pub fn append(&mut self, part: LocalDosCsv<Vec<u8>>) -> io::Result<()> {
        self.0.append(part.0)
    }

    /// Appends one molecule.
    ///
    /// # Errors
    /// What the output returns.
    pub fn write(&mut self, row: &LocalDosRow<'_>) -> io::Result<()> {
        self.0.text(Some(row.id));
        for atom in [row.h, row.wh] {
            self.0.integer(atom.map(|a| a.atom_index));
            self.0.integer(atom.map(|a| a.atomic_number));
            self.0.number(atom.map(|a| a.peak_energy));
            self.0.number(atom.map(|a| a.peak_value));
            self.0.number(atom.map(|a| a.entropy));
        }
        self.0.end_row()
    }

    /// Writes text that could be a formula in this way.
    #[must_use]
    pub fn with_formulas(mut self, formulas: FormulaText) -> Self {
        self.0.set_formulas(formulas);
        self
    }

    /// What the table was written to.
    pub fn into_inner(self) -> W {
        self.0.into_inner()
    }
}

impl LocalDosCsv<Vec<u8>> {
    /// Begins rows for [`LocalDosCsv::append`].
    pub fn part() -> Self {
        Self(Table::part(LOCAL_HEADER.len()))
    }
}
