//! The three stages of a run, alone and together: plan, shards, reduction.
//! Each may run in a process of its own, on another machine that sees the run
//! directory.

use std::fs;
use std::path::Path;

use hetero2_common::threads::on_threads;
use hetero2_spectra::{BackendKind, open_backend};

use super::error::RunError;
use super::layout::RunDir;
use super::lock::RunLock;
use super::observer::Observer;
use super::plan::{Plan, make_plan, open_plan, plan_of_same_run};
use super::provenance::Started;
use super::reduce::{self, Reduction, RunReport};
use super::request::{PackOutput, Resume, RunRequest};
use super::shard::{ScoreSource, ShardWorker, compute_missing};

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
    on_threads(request.threads, || run_in_pool(request, observer))?
}

fn run_in_pool(request: &RunRequest, observer: &dyn Observer) -> Result<RunReport, RunError> {
    let started = Started::now();
    let dir = RunDir::new(&request.out);
    let _lock = RunLock::take(&dir)?;
    // A device that was asked for and cannot be used must not cost a plan.
    let asked = &request.backend;
    let backend = (asked.kind == BackendKind::Gpu || asked.adapter.is_some())
        .then(|| open_backend(asked, request.config.precision))
        .transpose()?;
    let (plan, scores) = prepare(request, &dir, observer)?;
    let finished = match request.resume {
        // A pack outside the run directory outlives the run that is replaced.
        Resume::Overwrite => None,
        Resume::Fresh | Resume::Continue => reduce::finished(&dir, &plan, &request.output)?,
    };
    if finished.is_none() {
        let scores = scores.map_or_else(|| ScoreSource::load(&dir, &plan), Ok)?;
        let worker =
            ShardWorker::with_scores(dir.clone(), plan.clone(), scores, request.backend.clone());
        if let Some(backend) = backend {
            worker.backend.get_or_init(|| backend);
        }
        compute_missing(&worker, observer)?;
    }
    conclude(&dir, &plan, &request.output, finished, started, observer)
}

/// Plans a run and computes nothing. A directory that holds this very plan
/// is left as it is.
///
/// # Errors
/// [`RunError::OtherRun`] when the directory holds another plan; any error of
/// reading the library and the scores.
pub fn plan(request: &RunRequest, observer: &dyn Observer) -> Result<Plan, RunError> {
    request.config.validate()?;
    on_threads(request.threads, || {
        let dir = RunDir::new(&request.out);
        let _lock = RunLock::take(&dir)?;
        let request = RunRequest { resume: Resume::Continue, ..request.clone() };
        Ok(prepare(&request, &dir, observer)?.0)
    })?
}

/// The report of the pack of a run directory, where it is finished.
///
/// # Errors
/// [`RunError`] when the pack cannot be read.
pub fn finished_pack(dir: &RunDir, plan: &Plan) -> Result<Option<RunReport>, RunError> {
    reduce::read_finished(&dir.pack(), plan)
}

/// Merges the shards of a run directory into its pack; a pack that is there
/// already is left as it is.
///
/// # Errors
/// [`RunError::Incomplete`] names the shards that are missing or damaged.
pub fn reduce(
    dir: &RunDir,
    output: &PackOutput,
    threads: Option<usize>,
    observer: &dyn Observer,
) -> Result<RunReport, RunError> {
    let started = Started::now();
    let plan = open_plan(dir)?;
    let _lock = RunLock::take(dir)?;
    on_threads(threads, || {
        let finished = reduce::finished(dir, &plan, output)?;
        conclude(dir, &plan, output, finished, started, observer)
    })?
}

fn conclude(
    dir: &RunDir,
    plan: &Plan,
    output: &PackOutput,
    finished: Option<RunReport>,
    started: Started,
    observer: &dyn Observer,
) -> Result<RunReport, RunError> {
    let report = match finished {
        Some(report) => report,
        None => reduce::reduce(&Reduction { dir, plan, output, started }, observer)?,
    };
    // The pack holds all that they do.
    for folder in [dir.library(), dir.shards(), dir.inputs()] {
        remove_if_there(&folder)?;
    }
    Ok(report)
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
    if let Some(plan) = plan_of_same_run(request, dir)? {
        if request.resume == Resume::Fresh && !reduce::pack_path(dir, &request.output).exists() {
            return Err(RunError::Unfinished { path: dir.root().to_path_buf() });
        }
        return Ok((plan, None));
    }
    refuse_foreign(dir, request.resume)?;
    let mut plan = make_plan(request, dir, observer)?;
    let scores = ScoreSource::load(dir, &plan)?;
    plan.score_key = scores.score_key().map(str::to_owned);
    plan.save(dir)?;
    Ok((plan, Some(scores)))
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
        let known = ["library", "inputs", "lock", "logs"].iter().any(|k| name == *k)
            || name.to_string_lossy().contains("plan.json");
        if !known {
            return Err(RunError::NotARun { path: root.to_path_buf() });
        }
    }
    if resume != Resume::Fresh {
        tracing::info!("nothing to resume in {}: starting from nothing", root.display());
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
