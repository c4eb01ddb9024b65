//! What an audit concludes: units and clusters, intervals that hold for
//! duplicates and close analogues, controls, outcomes, power, verdict.
//!
//! Rows come in as [`EvidenceRow`], in any partition, into an
//! [`EvidenceTable`]; `EvidenceTable::conclude(&Given)` gives the document
//! [`hetero2_contract::evidence::Evidence`]. Works on plain numbers and keys; knows nothing of
//! chemistry, files or runs.

mod given;
mod row;
mod table;

pub use given::{Given, OutcomesGiven};
pub use row::{
    ControlAudit, EvidenceRow, Key, Outcome, PairCounts, RowChance, Scaffold, Training, Unaudited,
};
pub use table::{EvidenceTable, MAX_UNITS};
