//! A finished pack run once more: rebuilt from its manifest, or audited with
//! other scores.

mod rerun;
mod rescore;

pub use rerun::{Cause, MissingRole, RerunError, RerunReport, RerunRequest, RerunVerdict, rerun};
pub use rescore::{RescoreRequest, rescore};
