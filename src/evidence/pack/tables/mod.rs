//! Typed rows in Parquet files: schemas, streaming writers and readers. Knows
//! columns and bytes, not what they mean or how rows are computed.
//!
//! A file's bytes depend on its rows alone, not on how they were cut into calls
//! of [`TableWriter::write`]: rows gather in fixed blocks before they are
//! encoded. Memory is bounded by one row group.

mod column;
mod control;
mod decoy;
mod fingerprint;
mod groups;
mod input;
mod memory;
mod molecule;
mod read;
mod spectrum;
mod write;

pub use groups::TableGroups;
pub use input::FileSlice;
pub use memory::record_batch;
pub use read::{BatchReader, TableReader};
pub use write::TableWriter;

use super::error::PackError;
use super::rows::{DecoyRow, FingerprintRow, MoleculeRow, SpectrumRow};
use column::{Cells, Column};
use hetero2_contract::controls::ControlRow;

/// Rows encoded and decoded at a time.
pub const BATCH_ROWS: usize = 8_192;

/// A row type that has a table.
///
/// Sealed: the tables of a pack are [`MoleculeRow`], [`DecoyRow`],
/// [`SpectrumRow`] and [`ControlRow`]; a [`FingerprintRow`] has a table of its own.
pub trait TableRow: sealed::Row {
    /// Version of the table's layout, written into every file.
    const SCHEMA_VERSION: &'static str;
    /// Rows of a row group.
    const ROW_GROUP: usize;
}

mod sealed {
    use super::{Cells, Column, PackError};

    pub trait Row: Sized + Send + Sync + 'static {
        /// The columns in their order.
        fn columns() -> Vec<Column<Self>>;
        /// Bytes of variable length that the row holds.
        fn weight(&self) -> usize;
        /// Rows of one batch.
        fn decode(cells: &Cells<'_>) -> Result<Vec<Self>, PackError>;
    }
}

impl TableRow for MoleculeRow {
    const SCHEMA_VERSION: &'static str = "hetero2_molecules.v1";
    const ROW_GROUP: usize = 65_536;
}

impl TableRow for DecoyRow {
    const SCHEMA_VERSION: &'static str = "hetero2_decoys.v1";
    const ROW_GROUP: usize = 65_536;
}

impl TableRow for SpectrumRow {
    const SCHEMA_VERSION: &'static str = "hetero2_spectra.v1";
    // Rows are heavy: four lists of as many numbers as atoms.
    const ROW_GROUP: usize = 16_384;
}

impl TableRow for ControlRow {
    const SCHEMA_VERSION: &'static str = "hetero2_controls.v1";
    const ROW_GROUP: usize = 65_536;
}

impl TableRow for FingerprintRow {
    const SCHEMA_VERSION: &'static str = "hetero_spectral_fp.v1";
    const ROW_GROUP: usize = 16_384;
}

/// Bytes of memory that a row holds, about.
pub fn bytes_of<R: TableRow>(row: &R) -> usize {
    size_of::<R>() + row.weight()
}

/// Name of every table's first column: the row of the input.
const ROW: &str = "row";

/// Key of the schema version in a file's metadata.
pub const SCHEMA_KEY: &str = "hetero2.schema_version";
