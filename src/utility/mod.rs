//! What a finished pack is worth to its user: cost and lift against known
//! outcomes, acceptance, and proxy truth. Reads packs, tables and libraries;
//! knows nothing of the command line, and computes no chemistry.

mod acceptance;
mod cost_lift;
mod error;
mod proxy;
mod summary;

pub use acceptance::{PackAcceptance, accept_pack};
pub use cost_lift::{CostLiftOutcome, CostLiftRequest, cost_lift};
pub use error::UtilityError;
pub use proxy::{Counts as ProxyTruthCounts, ProxyTruth, TruthLibrary, proxy_truth};
pub use summary::{NamedDigest, SummaryInput};
