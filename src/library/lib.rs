//! Reading libraries of any supported format into records, and packing
//! records into Arrow batches.
//!
//! A library is a stream: [`Source`] opens a path or standard input, finds out
//! its compression and format, and yields one [`Record`] per input row, in
//! order, in memory that depends on the row length and not on the number of
//! rows. A row that cannot be read is a record with a [`RowProblem`], never the
//! end of the run. The module knows nothing of molecules (SMILES are bytes to
//! it), of operators, or of run directories.
//!
//! | format | a row | comments | id |
//! |---|---|---|---|
//! | CSV, TSV | a record after the header; quoted fields may hold line breaks | `#` lines before the header only, because an id may begin with `#` | column `id` or an alias |
//! | SMILES | `SMILES<blank or tab>name`, or columns named by a header line | lines beginning with `#` | the name |
//! | SDF | a molfile up to `$$$$` (V2000, V3000) | none | the title line, or a data item |
//! | Parquet | a row | none | column `id` or an alias |
//!
//! Rows are numbered from 0; blank and comment lines make no row.
//!
//! ```
//! use hetero2_library::{ReadOptions, Source};
//!
//! let text = b"id,smiles\nethanol,CCO\n,CCN\n";
//! let options = ReadOptions { format: Some("csv".parse()?), ..ReadOptions::default() };
//! let mut source = Source::from_reader(&text[..], "two.csv", options)?;
//! let ids: Vec<String> = source.by_ref().map(|r| r.map(|r| r.id)).collect::<Result<_, _>>()?;
//! assert_eq!(ids, ["ethanol", "mol_1"]);
//! assert_eq!(source.digest()?.bytes, 27);
//! # Ok::<(), hetero2_library::LibraryError>(())
//! ```

mod address;
mod batch;
mod columnar;
mod columns;
mod delimited;
mod error;
mod find;
mod guess;
mod input;
mod library;
mod lines;
mod options;
mod record;
#[cfg(feature = "remote")]
mod remote;
#[cfg(not(feature = "remote"))]
#[path = "remote_none.rs"]
mod remote;
mod sdf;
mod shard;
mod shard_check;
mod smiles_file;
mod smiles_item;
mod source;
mod utf16;

pub use address::{Origin, is_address, name_of, shown};
pub use batch::{pack_records, record_schema, unpack_records};
pub use columns::ColumnRole;
pub use error::LibraryError;
pub use find::find_files;
pub use input::{Compression, InputDigest, digest_path, open_bytes, text_of};
pub use library::{FileRead, Library, Numbering, RecordBatches};
pub use options::{Format, ReadOptions};
pub use record::{Record, RowProblem};
pub use shard::{ShardReader, ShardWriter};
pub use smiles_item::differing_item;
pub use source::{Source, demo, labelled_demo};

/// Rows of a block: sums are taken block by block, and a shard is a whole
/// number of blocks (but for the last one of a library). A row belongs to
/// block `row / BLOCK_ROWS`.
pub const BLOCK_ROWS: usize = 4_096;
