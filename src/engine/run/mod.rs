//! Configuration, plan, shards, reduction and replay: the only place that
//! knows a run directory, and the one that puts the other modules together.
//!
//! Five rooms, each of which may use those before it: `plan`, `shard`,
//! `evidence`, `reduce`, `replay`. The files beside them know no room, but for `stages`,
//! `rows`, `decoy_export` and `fingerprint_export`, which put rooms together.

mod config;
mod decoy_export;
mod decoy_source;
mod error;
mod estimate;
mod evidence;
mod fingerprint_export;
mod layout;
mod lock;
mod observer;
mod ownership;
mod plan;
mod provenance;
mod reduce;
mod replay;
mod request;
mod rows;
mod shard;
mod stages;

pub use config::{
    Artifacts, CONFIG_SCHEMA, ConclusionKind, ConfigError, Connectivity, MAX_AUDIT_TOP,
    MissingOriginal, RunConfig, ScoreMode, SeedStrategy,
};
pub use decoy_export::{DecoyExport, DecoyExportReport, DecoyFormat, LeftOut, export_decoys};
pub use error::RunError;
pub use estimate::{Estimate, estimate};
pub use fingerprint_export::{FingerprintExport, FingerprintReport, export_fingerprints};
pub use layout::RunDir;
pub use observer::{Event, Observer, Silent};
pub use plan::{
    LibraryFile, MAX_PARTS, MAX_SHARDS, PLAN_SCHEMA, PackedFile, Plan, PlanPart, PlannedScorer,
    PlannedTruth, RowScores, ShardPlan, open_plan,
};
pub use reduce::{RunReport, ScoringReport};
pub use replay::{
    Cause, MissingRole, NewScores, RerunError, RerunReport, RerunRequest, RerunVerdict,
    RescoreRequest, rerun, rescore, verify_regenerated,
};
pub use request::{LibraryInput, PackOutput, Reports, Resume, RunRequest, ScorerInput, TruthInput};
pub use rows::{
    MoleculeSpectrum, RowRequest, Sink, UnscoredDecoys, decoy_rows, molecule_rows, spectrum_rows,
};
pub use shard::{
    Attempt, Engine, RowOutcome, SHARD_SCHEMA, ScoreSource, ShardRecord, ShardState, ShardWorker,
    checkpoints_unverified, inspect_shard, shard_log_layer, shard_record_unverified,
};
#[cfg(feature = "mpi")]
pub use shard::{place_shard, stage_shard};
pub use stages::{finished_pack, join_plan, plan, plan_part, reduce, run};

pub use hetero2_evidence::pack::ZipOutput;
pub use hetero2_spectra::BackendKind;
