//! The plan of a run: what it says, and how it is made of a request.

mod check;
mod document;
mod ingest;
mod inputs;
mod library_files;
mod packed;
mod partition;
mod parts;
mod planner;
mod same_run;
mod truth;

pub use document::{
    LibraryFile, PLAN_SCHEMA, PackedFile, Plan, PlannedScorer, PlannedTruth, RowScores, ShardPlan,
    open_plan,
};
pub use partition::MAX_SHARDS;
pub(crate) use partition::estimated_cost;
pub use parts::{MAX_PARTS, PlanPart};

pub(crate) use document::InputFile;
pub(crate) use ingest::cut_again;
pub(crate) use inputs::{
    copy_scores, create_dir, input_file, open_library, planned_scorer, shipped_digest,
    take_training,
};
pub(crate) use library_files::digest_library;
pub(crate) use packed::open_packed;
pub(crate) use parts::files_of;
pub(crate) use planner::{RowsFrom, make_plan};
pub(crate) use same_run::plan_of_same_run;
pub(crate) use truth::unusable;
