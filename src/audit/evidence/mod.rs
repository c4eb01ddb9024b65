//! What an audit concludes: units and clusters, intervals that hold for
//! duplicates and close analogues, controls, outcomes, power, verdict.
//!
//! Rows come in as [`EvidenceRow`], in any partition, into an
//! [`EvidenceTable`]; `EvidenceTable::conclude(&Given)` gives the document
//! [`hetero2_contract::evidence::Evidence`]. Works on plain numbers and keys; knows nothing of
//! chemistry, files or runs.

mod acceptance;
mod audited;
#[cfg(test)]
mod behaviour;
mod budget;
mod clusters;
mod conclude;
mod discoveries;
mod given;
mod interval;
pub mod models;
mod outcomes;
mod ranked;
mod reaudit;
mod resample;
mod roc;
mod roc_curve;
mod row;
#[cfg(test)]
mod simulations;
mod student;
mod table;
mod top_rows;
mod verdict;

pub use acceptance::{accept_evidence, default_policy, passes_policy};
pub use audited::EQUIVALENCE_MARGIN;
pub use discoveries::{DISCOVERY_LEVEL, DiscoveryTable, SIGNAL_SHARE, decoys_needed};
pub use given::{Given, OutcomesGiven};
pub use reaudit::{
    MAX_REAUDITED_UNITS, Reaudit, ReauditDecoy, ReauditRow, SPECIFICITY_PERMUTATIONS,
};
pub use roc_curve::RocCurve;
pub use row::{
    ControlAudit, EvidenceRow, Key, Outcome, PairCounts, RowChance, Scaffold, Training, Unaudited,
};
pub use table::{EvidenceTable, MAX_UNITS};
pub use top_rows::{LastOfTop, TopRows};
pub use verdict::{
    AuditGrounds, Grounds, MIN_PER_CLASS, MODERATE_AUC, OutcomeGrounds, POWER_REQUIRED, Side,
    decide,
};
