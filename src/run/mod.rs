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
mod layout;
mod lock;
mod merge;
mod observer;
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
mod summarise;
mod truth;

use std::fs;
use std::path::Path;
use std::time::Instant;

pub use compute::{Engine, RowOutcome};
pub use config::{
    Artifacts, CONFIG_SCHEMA, ConfigError, Connectivity, RunConfig, ScoreMode, SeedStrategy,
};
pub use decoy_export::{DecoyExport, DecoyExportReport, DecoyFormat, export_decoys};
pub use error::RunError;
pub use layout::RunDir;
pub use observer::{Event, Observer, Silent};
pub use plan::{PLAN_SCHEMA, Plan, RowScores, ShardPlan, make_plan};
pub use reduce::RunReport;
pub use request::{LibraryInput, Reports, Resume, RunRequest};
pub use rerun::{Cause, RerunError, RerunReport, RerunRequest, RerunVerdict, rerun};
pub use rescore::{RescoreRequest, rescore};
pub use scoring::ScoreSource;
pub use shard::{SHARD_SCHEMA, ShardRecord, ShardState, compute_shard, inspect_shard};
pub use truth::{PlannedTruth, TruthInput};

pub use crate::pack::ZipOutput;
use crate::spectra::{CpuBackend, SpectraBackend};
use lock::RunLock;
use provenance::Started;
use reduce::Reduction;

/// Runs a request to its evidence pack: plan, all shards, reduction.
///
/// Memory is bounded by the batch size, not by the library. The pack depends
/// on the library, the scores and the configuration only.
///
/// # Errors
/// [`RunError`]; whatever was finished before stays in the run directory, and
/// [`Resume::Continue`] goes on from it.
pub fn run(request: &RunRequest, observer: &dyn Observer) -> Result<RunReport, RunError> {
    request.config.validate()?;
    let threads = request.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| RunError::Threads { threads, why: e.to_string() })?;
    pool.install(|| run_in_pool(request, observer))
}

fn run_in_pool(request: &RunRequest, observer: &dyn Observer) -> Result<RunReport, RunError> {
    let started = Started::now();
    let dir = RunDir::new(&request.out);
    let _lock = RunLock::take(&dir)?;
    let (plan, scores) = prepare(request, &dir, observer)?;
    let finished = match request.resume {
        // A pack outside the run directory outlives the run that is replaced.
        Resume::Overwrite => None,
        Resume::Fresh | Resume::Continue => reduce::finished(&dir, &plan, request)?,
    };
    let report = match finished {
        Some(report) => report,
        None => compute_and_reduce(request, &dir, &plan, scores, started, observer)?,
    };
    // The pack holds all that they do.
    for folder in [dir.library(), dir.shards(), dir.inputs()] {
        remove_if_there(&folder)?;
    }
    Ok(report)
}

fn compute_and_reduce(
    request: &RunRequest,
    dir: &RunDir,
    plan: &Plan,
    scores: Option<ScoreSource>,
    started: Started,
    observer: &dyn Observer,
) -> Result<RunReport, RunError> {
    let backend = CpuBackend::new();
    let clock = Instant::now();
    compute_missing(dir, plan, scores, &backend, observer)?;
    let computing = clock.elapsed();
    let reduction = Reduction { dir, plan, request, started, computing, backend: &backend };
    reduce::reduce(&reduction, observer)
}

/// The plan to run: the directory's own, or a new one with the scores that
/// were checked before it was written.
fn prepare(
    request: &RunRequest,
    dir: &RunDir,
    observer: &dyn Observer,
) -> Result<(Plan, Option<ScoreSource>), RunError> {
    if request.resume == Resume::Overwrite {
        clear(dir)?;
    }
    let Some(existing) = Plan::load(dir)? else {
        refuse_foreign(dir, request.resume)?;
        let mut plan = make_plan(request, dir, observer)?;
        let scores = ScoreSource::load(dir, &plan)?;
        plan.score_key = scores.score_key().map(str::to_owned);
        plan.save(dir)?;
        return Ok((plan, Some(scores)));
    };
    same_run(request, dir, &existing)?;
    let existing = with_truth(request, dir, existing)?;
    if request.resume == Resume::Fresh && !reduce::pack_path(dir, request).exists() {
        return Err(RunError::Unfinished { path: dir.root().to_path_buf() });
    }
    Ok((existing, None))
}

/// Removes what a run of this program left; nothing else.
fn clear(dir: &RunDir) -> Result<(), RunError> {
    for folder in [dir.library(), dir.inputs(), dir.shards(), dir.pack()] {
        remove_if_there(&folder)?;
    }
    match fs::remove_file(dir.plan()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(RunError::io("remove", &dir.plan(), e))
        }
        _ => Ok(()),
    }
}

/// A directory without a plan may be new, empty, or what a run left that was
/// stopped while it planned.
fn refuse_foreign(dir: &RunDir, resume: Resume) -> Result<(), RunError> {
    let root = dir.root();
    let entries = fs::read_dir(root).map_err(|e| RunError::io("read", root, e))?;
    for entry in entries {
        let name = entry.map_err(|e| RunError::io("read", root, e))?.file_name();
        let known = ["library", "inputs", "lock"].iter().any(|k| name == *k)
            || name.to_string_lossy().contains("plan.json");
        if !known {
            return Err(RunError::NotARun { path: root.to_path_buf() });
        }
    }
    if resume != Resume::Fresh {
        tracing::info!("nothing to resume in {}: starting anew", root.display());
    }
    for leftover in [dir.library(), dir.inputs()] {
        remove_if_there(&leftover)?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<(), RunError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(RunError::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Whether a plan is of this request: the same configuration, library and
/// scores.
fn same_run(request: &RunRequest, dir: &RunDir, plan: &Plan) -> Result<(), RunError> {
    let other = |what| Err(RunError::OtherRun { path: dir.root().to_path_buf(), what });
    if plan.config != request.config {
        return other("configuration");
    }
    if plan.tool_version != crate::version::VERSION {
        return other("version of this program");
    }
    let scores = request.scores.as_deref().map(plan::digest_scores).transpose()?;
    if plan.scores != scores {
        return other("scores file");
    }
    let library = match &request.library {
        LibraryInput::Demo => plan::demo_digest()?,
        LibraryInput::File(path) if path == Path::new("-") => return Ok(()),
        LibraryInput::File(path) => plan::digest_input(path)?,
    };
    if plan.library != library {
        return other("library");
    }
    Ok(())
}

/// The plan with the outcomes of this request: an unfinished run may go on with
/// others, because shards do not depend on them.
fn with_truth(request: &RunRequest, dir: &RunDir, plan: Plan) -> Result<Plan, RunError> {
    let asked = request.truth.as_ref().map(PlannedTruth::digest).transpose()?;
    if plan.truth == asked {
        return Ok(plan);
    }
    if request.resume != Resume::Continue || !dir.library().exists() {
        let what = "truth or budget";
        return Err(RunError::OtherRun { path: dir.root().to_path_buf(), what });
    }
    let truth = request.truth.as_ref().map(|truth| PlannedTruth::take(truth, dir)).transpose()?;
    let plan = Plan { truth, ..plan };
    plan.save(dir)?;
    Ok(plan)
}

/// Computes the shards that are not there, or not whole.
fn compute_missing(
    dir: &RunDir,
    plan: &Plan,
    scores: Option<ScoreSource>,
    backend: &dyn SpectraBackend,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let plan_digest = plan.digest();
    let mut missing = Vec::new();
    for shard in &plan.shards {
        match inspect_shard(dir, &plan_digest, shard) {
            ShardState::Done(_) => {}
            ShardState::Missing => missing.push(shard),
            ShardState::Unusable(why) => {
                tracing::warn!(shard = shard.index, "computing the shard anew: {why}");
                missing.push(shard);
            }
        }
    }
    let left: u64 = missing.iter().map(|shard| shard.rows).sum();
    observer.event(Event::Computing { rows: plan.rows, done: plan.rows - left });
    let scores = scores.map_or_else(|| ScoreSource::load(dir, plan), Ok)?;
    let engine = Engine::new(&plan.config, backend, &scores);
    for shard in missing {
        compute_shard(dir, &plan_digest, shard, plan, &engine, observer)?;
    }
    Ok(())
}
