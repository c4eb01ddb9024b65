//! What one input row became.

use serde::{Deserialize, Serialize};

/// One input row.
///
/// Every row of the input makes exactly one record. Ids are labels: they may
/// repeat, and hold any text, so nothing may use them as file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Index of the row, from 0, consecutive.
    pub row: u64,
    /// The id without surrounding blanks, `mol_<row>` where the input has
    /// none. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub id: String,
    /// The SMILES as it stands in the input, without surrounding blanks and
    /// without what follows a blank (CXSMILES extension or a name). May be
    /// empty, may be not UTF-8: the molecule reader decides.
    pub smiles: Vec<u8>,
    /// The row's own scores file, where the input has a column for it.
    pub scores_input: Option<String>,
    /// Why the row could not be read, `smiles` being empty then; or what else it says
    /// ([`RowProblem::ends_row`]).
    pub problem: Option<RowProblem>,
    /// Line on which the row begins, from 1 (Parquet: row number from 1).
    pub line: u64,
}

impl Record {
    /// Makes this the row of this number; it gives rows without an id theirs.
    pub(super) fn number(&mut self, row: u64) {
        self.row = row;
        if self.id.is_empty() {
            self.id = format!("mol_{row}");
        }
    }

    /// Bytes of text that the record holds.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.id.len() + self.smiles.len() + self.scores_input.as_ref().map_or(0, String::len)
    }
}

/// Why an input row could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RowProblem {
    /// The row ends before its last column.
    #[error("short row: {found} of {expected} columns")]
    ShortRow {
        /// Columns in the row.
        found: u32,
        /// Columns in the header.
        expected: u32,
    },
    /// The row has more columns than the header (an unquoted comma, often).
    #[error("long row: {found} columns, the header has {expected}")]
    LongRow {
        /// Columns in the row.
        found: u32,
        /// Columns in the header.
        expected: u32,
    },
    /// The row is longer than the limit; its rest was skipped.
    #[error("row longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
    /// Text follows a closing quote, or a quote is never closed.
    #[error("bad quoting")]
    BadQuoting,
    /// An SDF record without a readable molfile, and why.
    #[error("unreadable molfile: {0}")]
    UnreadableMolfile(String),
    /// An SDF record of a query, not of a molecule.
    #[error("unreadable molfile: {0}")]
    Query(String),
    /// An SDF record with a bond that is not supported.
    #[error("unreadable molfile: {0}")]
    UnsupportedBond(String),
    /// An SDF record with stereochemistry that is not supported.
    #[error("unreadable molfile: {0}")]
    UnsupportedStereo(String),
    /// An SDF record with a SMILES among its data items, whose text is not that of the molfile. The
    /// molfile counts; [`differing_item`](super::differing_item) says whether the two contradict.
    #[error("the record has a SMILES item: {0}")]
    SmilesItem(String),
    /// An SDF record that the end of the file cuts off.
    #[error("record cut off by the end of the file")]
    CutOff,
}

impl RowProblem {
    /// Whether the row could not be read. Otherwise it was, and this is a remark.
    #[must_use]
    pub fn ends_row(&self) -> bool {
        !matches!(self, Self::SmilesItem(_))
    }
}
