//! Runs on clusters: submits the shards of a planned run to a scheduler,
//! tells how far they are, cancels them, and submits again what is missing.
//!
//! Knows run directories and schedulers, and nothing of what a shard computes.
//! Whether a shard is done is read from the run directory alone; what a
//! scheduler says only explains why one is not.

mod ends;
mod error;
mod quantity;
mod rounds;
mod settings;
mod status;
mod submission;
mod submit;

pub use ends::Ends;
pub use error::ClusterError;
pub use quantity::{QuantityError, parse_memory, parse_walltime};
pub use settings::{
    LoadedSettings, Origin, Settings, SettingsFile, ShardScorer, SubmitSettings, Trust, Zip,
};
pub use status::{Cost, Failed, Progress, RunStatus, Stage, status};
pub use submission::{Round, SUBMISSION_SCHEMA, Submission};
pub use submit::{Submitted, cancel, prepare, resubmit, resume, revive, submit};

pub use hetero2_scheduler::Kind;
