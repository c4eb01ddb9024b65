//! Configuration, plan, shards, reduction and resumption: the only place that
//! knows a run directory, and the one that puts the other modules together.

mod aggregate;
mod audited;
mod chance;
mod chemistry;
mod compute;
mod config;
mod decoy_export;
mod densities;
mod error;
mod gallery;
mod lanes;
mod layout;
mod lock;
mod merge;
mod observer;
mod packing;
mod partition;
mod parts;
mod plan;
mod provenance;
mod publish;
mod ranking;
mod reduce;
mod request;
mod rerun;
mod rescore;
mod scoring;
mod shard;
mod shard_log;
mod stages;
mod summarise;
mod truth;
mod wave;

pub use compute::{Engine, RowOutcome};
pub use config::{
    Artifacts, CONFIG_SCHEMA, ConfigError, Connectivity, RunConfig, ScoreMode, SeedStrategy,
};
pub use decoy_export::{DecoyExport, DecoyExportReport, DecoyFormat, export_decoys};
pub use error::RunError;
pub use layout::RunDir;
pub use observer::{Event, Observer, Silent};
pub use partition::MAX_SHARDS;
pub use plan::{PLAN_SCHEMA, PackedFile, Plan, RowScores, ShardPlan};
pub use reduce::RunReport;
pub use request::{LibraryInput, PackOutput, Reports, Resume, RunRequest};
pub use rerun::{Cause, RerunError, RerunReport, RerunRequest, RerunVerdict, rerun};
pub use rescore::{RescoreRequest, rescore};
pub use scoring::ScoreSource;
pub use shard::{Attempt, SHARD_SCHEMA, ShardRecord, ShardState, glance_at_shard, inspect_shard};
#[cfg(feature = "mpi")]
pub use shard::{place_shard, stage_shard};
pub use shard_log::shard_log_layer;
pub use stages::{ShardWorker, finished_pack, open_plan, plan, reduce, run};
pub use truth::{PlannedTruth, TruthInput};

pub use hetero2_evidence::pack::ZipOutput;
