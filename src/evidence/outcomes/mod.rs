//! What a finished pack is worth to its user: cost and lift against known
//! outcomes, and acceptance. Reads packs and tables;
//! knows nothing of the command line, and computes no chemistry.

mod acceptance;
mod cost_lift;
mod error;
mod summary;

pub use acceptance::{PackAcceptance, accept_pack};
pub use cost_lift::{CostLiftOutcome, CostLiftRequest, cost_lift};
pub use error::OutcomesError;
pub use summary::{NamedDigest, SummaryInput};
