//! One shard of a run: its rows computed, its directory written and looked at.

mod attempt;
mod audit_top;
mod audited;
mod checkpoints;
mod chemistry;
mod compute;
mod concurrent_shards;
mod fingerprint;
mod large;
mod log;
mod record;
mod scored;
mod scoring;
mod tables;
mod wave;
mod worker;

#[cfg(feature = "mpi")]
pub use attempt::{place_shard, stage_shard};
pub use checkpoints::checkpoints_unverified;
pub use compute::{Engine, RowOutcome};
pub use log::shard_log_layer;
pub use record::{
    Attempt, SHARD_SCHEMA, ShardRecord, ShardState, inspect_shard, shard_record_unverified,
};
pub use scoring::ScoreSource;
pub use worker::ShardWorker;

pub(crate) use attempt::wave_rows;
pub(crate) use audit_top::{last_of_plan, last_of_rows};
pub(crate) use audited::audit_row;
pub(crate) use record::{DECOYS, MOLECULES, SPECTRA, is_shard_file};
pub(crate) use scored::{CommandScores, Molecules, SCORES, try_scorer};
pub(crate) use scoring::{COMPRESSED, RowScoring, load_table};
pub(crate) use tables::Tables;
pub(crate) use wave::compute_wave;
pub(crate) use worker::compute_missing;
