//! What can end the reading of a library.

use std::io;
use std::path::PathBuf;

/// Why a library or a shard of it cannot be read or written. Trouble with a
/// single row is no error but a [`RowProblem`](super::RowProblem).
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The file cannot be opened.
    #[error("cannot open library {path} ({cure})", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// What to do about it.
        cure: &'static str,
    },
    /// The path is a directory.
    #[error("library {path} is a directory; name a file in it, or use `-` for standard input", path = path.display())]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A folder or a pattern stands for no file.
    #[error(
        "the {what} {input} has no file that is read (.smi, .csv, .tsv, .sdf, .parquet, also .gz, .zst, .bz2, .xz)"
    )]
    NoFiles {
        /// As it was given.
        input: String,
        /// `folder` or `pattern`.
        what: &'static str,
    },
    /// A pattern that cannot be understood.
    #[error(
        "{pattern} is no pattern: {reason}; `*`, `?`, `[a-z]` and `**` between slashes are known, and `[[]` stands for `[`"
    )]
    BadPattern {
        /// As it was given.
        pattern: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An address that this build does not read.
    #[error("library {address} is an address that is not read: {cure}")]
    Address {
        /// As it was given, without user, password and query.
        address: String,
        /// What to do about it.
        cure: &'static str,
    },
    /// What is at an address cannot be read.
    #[error("cannot read library {address}: {what} ({cure})")]
    Remote {
        /// As it was given, without user, password and query.
        address: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        cure: &'static str,
    },
    /// More files than a library may have.
    #[error("the library has more than {limit} files; join some of them")]
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// There is nothing in the input.
    #[error("library {name} is empty: it needs a header line or at least one molecule")]
    Empty {
        /// The input.
        name: String,
    },
    /// The bytes are no text.
    #[error(
        "library {name} is no text and of no known format: byte {byte} is zero (is it a program, an image or an archive?)"
    )]
    NotText {
        /// The input.
        name: String,
        /// The first such byte, from 1.
        byte: u64,
    },
    /// No column has a known name, and several hold molecules.
    #[error(
        "library {name}, line {line}: columns {columns} hold different molecules, and none has a known name"
    )]
    SeveralColumns {
        /// The input.
        name: String,
        /// Line of the header, from 1.
        line: u64,
        /// Their names.
        columns: String,
    },
    /// Not one row holds a molecule.
    #[error(
        "library {name}: none of its {rows} rows holds a molecule; of the first, on line {line}, {found}"
    )]
    NoMolecule {
        /// The input.
        name: String,
        /// Its rows.
        rows: u64,
        /// Line of the first row, from 1.
        line: u64,
        /// What was taken for its SMILES and its id, or why it cannot be read; shortened.
        found: String,
    },
    /// The compression is not supported.
    #[error(
        "library {name} is {what}, which is not read; unpack it first, or use gzip, zstd, bzip2 or xz"
    )]
    UnsupportedCompression {
        /// The input.
        name: String,
        /// What it seems to be.
        what: &'static str,
    },
    /// No such format.
    #[error("unknown library format `{name}`; one of csv, tsv, smiles, sdf, parquet")]
    UnknownFormat {
        /// The name that was given.
        name: String,
    },
    /// Parquet has to be read from a plain file.
    #[error(
        "library {name} is Parquet {how}, but Parquet is read from its end; save it as a plain .parquet file and name that"
    )]
    ParquetNotSeekable {
        /// The input.
        name: String,
        /// Why it cannot be read.
        how: &'static str,
    },
    /// The header lacks a column.
    #[error(
        "library {name}, line {line}: no {role} column {wanted}; columns found: {found}; name the column with --{role}-column (the first line must hold the column names)"
    )]
    MissingColumn {
        /// The input.
        name: String,
        /// Line of the header, from 1.
        line: u64,
        /// What the column would hold.
        role: super::ColumnRole,
        /// The names that were looked for.
        wanted: String,
        /// The names that are there.
        found: String,
    },
    /// A Parquet column has a type that cannot be read.
    #[error("library {name}: column `{column}` has type {found}; it must hold {wanted}")]
    ColumnType {
        /// The input.
        name: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What can be read.
        wanted: &'static str,
    },
    /// An id may be another than the one that was meant.
    #[error(
        "library {name}, row {row}, column `{column}`: {value} may not be the id that was meant, since its type cannot tell it from its neighbours; store ids as text or integers"
    )]
    InexactId {
        /// The input.
        name: String,
        /// Its row, from 1.
        row: u64,
        /// The column.
        column: String,
        /// The number, in its shortest digits.
        value: String,
    },
    /// The header line is longer than a line may be.
    #[error("library {name}, line {line}: no usable header: {problem}")]
    BadHeader {
        /// The input.
        name: String,
        /// Its line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Reading failed.
    #[error("cannot read library {name} after {rows} rows (byte {byte}): {source}")]
    Read {
        /// The input.
        name: String,
        /// Rows that were read before.
        rows: u64,
        /// Input bytes that were read before.
        byte: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The compressed data is truncated or corrupt.
    #[error(
        "library {name} is damaged {compression} data: {reason}, after {rows} rows (near byte {byte}); fetch or compress it again"
    )]
    Damaged {
        /// The input.
        name: String,
        /// The compression.
        compression: super::Compression,
        /// What the decoder says.
        reason: String,
        /// Rows that were read before.
        rows: u64,
        /// Input bytes that were read before.
        byte: u64,
    },
    /// A Parquet file is corrupt or uses an unsupported feature.
    #[error("cannot read Parquet library {name} after {rows} rows: {reason}")]
    Parquet {
        /// The input.
        name: String,
        /// Rows that were read before.
        rows: u64,
        /// What the reader says.
        reason: String,
    },
    /// The thread that reads the library could not be started, or died.
    #[error("the reading thread of library {name} failed: {reason}")]
    Thread {
        /// The input.
        name: String,
        /// Why.
        reason: String,
    },
    /// Records do not fit a packed batch.
    #[error("cannot pack records: {reason}")]
    Pack {
        /// What does not fit.
        reason: String,
    },
    /// A shard file cannot be created or published.
    #[error(transparent)]
    File(#[from] hetero2_common::files::FileError),
    /// A shard file cannot be written or read.
    #[error("cannot {action} shard {path}: {source}", path = path.display())]
    ShardIo {
        /// `create`, `write`, `open`, `read` or `publish`.
        action: &'static str,
        /// The shard's file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A shard file is not what it should be.
    #[error("shard {path} is damaged: {reason}; make the shard again", path = path.display())]
    ShardDamaged {
        /// The shard's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
