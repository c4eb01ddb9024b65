//! What a finished pack is worth to its user: cost and lift against known
//! outcomes, and acceptance. Reads packs and tables;
//! knows nothing of the command line, and computes no chemistry.

mod acceptance;
mod compare;
mod cost_lift;
mod error;
mod reaudit;
mod summary;

pub use acceptance::{PackAcceptance, accept_pack};
pub use compare::{Comparable, ComparedPack, Comparison, compare_packs};
pub use cost_lift::{CostLiftOutcome, CostLiftRequest, cost_lift};
pub use error::OutcomesError;
pub use summary::{NamedDigest, SummaryInput};
