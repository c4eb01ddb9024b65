//! A finished pack run once more: rebuilt from its manifest, audited with other
//! scores, or written again from its own tables.

mod regenerate;
mod rerun;
mod rescore;
mod score_pack;
mod stored_pack;

pub use regenerate::verify_regenerated;
pub use rerun::{Cause, MissingRole, RerunError, RerunReport, RerunRequest, RerunVerdict, rerun};
pub use rescore::{NewScores, RescoreRequest, rescore};
