//! The controls of a run and what its audits conclude: computed where a run is
//! reduced and where a pack is audited again, from the same tables.
//!
//! Controls are computed for a sample of bounded size that depends on the
//! molecules alone, and for molecules with a known outcome, so that their cost
//! does not grow with the library.

mod gather;
mod leakage;
mod panel;
mod publish;
mod similar;
mod training;

pub(crate) use gather::{Concluded, EvidencePart, EvidenceRun, Stored};
pub(crate) use publish::{CONTROLS_CSV, CONTROLS_TABLE, COST_LIFT_V2, write as write_controls};
pub(crate) use training::TrainingSet;
