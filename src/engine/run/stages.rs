//! The three stages of a run, alone and together: plan, shards, reduction.
//! Each may run in a process of its own, on another machine that sees the run
//! directory.

use hetero2_common::threads::on_threads;
use hetero2_spectra::{BackendKind, open_backend};

use super::config::ScoreMode;
use super::error::RunError;
use super::estimate::estimate_with;
use super::layout::RunDir;
use super::lock::RunLock;
use super::observer::Observer;
use super::ownership::{begin_parts, clear_finished, clear_parts, clear_planning, clear_run};
use super::plan::{
    MAX_SHARDS, Plan, PlanPart, RowsFrom, cut_again, files_of, make_plan, open_plan,
    plan_of_same_run,
};
use super::provenance::Started;
use super::reduce::{self, Finished, Reduction, RunReport};
use super::request::{LibraryInput, PackOutput, Resume, RunRequest};
use super::shard::{ScoreSource, ShardWorker, compute_missing, last_of_plan, try_scorer};
use crate::scorer::Scorer;

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
    check_scorer(request)?;
    on_threads(request.threads, || run_in_pool(request, observer))?
}

/// Refuses what a command cannot be asked for.
fn check_scorer(request: &RunRequest) -> Result<(), RunError> {
    let what = match request {
        RunRequest { scorer: None, .. } => return Ok(()),
        RunRequest { scores: Some(_), .. } => "a file of scores",
        RunRequest { config, .. } if config.score_mode == ScoreMode::Mock => "stand-in scores",
        RunRequest { config, .. } if config.decoys == 0 => "a run without decoys",
        RunRequest { config, .. } if config.audit_top.is_some() => {
            "an audit of the best originals alone, which are not known before all are scored: audit \
             the finished pack once more"
        }
        _ => return Ok(()),
    };
    Err(RunError::NotScorable { what })
}

fn run_in_pool(request: &RunRequest, observer: &dyn Observer) -> Result<RunReport, RunError> {
    let started = Started::now();
    let dir = RunDir::new(&request.out);
    let lock = RunLock::take(&dir)?;
    // A device that was asked for and cannot be used must not cost a plan.
    let asked = &request.backend;
    let backend = (asked.kind == BackendKind::Gpu || asked.adapter.is_some())
        .then(|| open_backend(asked, request.config.precision))
        .transpose()?;
    let scorer = request.scorer.as_ref().map(|scorer| Scorer::new(scorer.command.clone()));
    let tried = scorer.as_ref();
    let (plan, scores) = prepare(request, &dir, &lock, (RowsFrom::Library, tried), observer)?;
    let finished = match request.resume {
        // A pack outside the run directory outlives the run that is replaced.
        Resume::Overwrite => None,
        Resume::Fresh | Resume::Continue => reduce::finished(&dir, &plan, &request.output)?,
    };
    if finished.is_none() {
        let scores = scores.map_or_else(|| ScoreSource::load(&dir, &plan), Ok)?;
        let worker =
            ShardWorker::with_scores(dir.clone(), plan.clone(), scores, request.backend.clone())?;
        let worker = worker.scoring_with(scorer)?;
        if let Some(backend) = backend {
            worker.backend.get_or_init(|| backend);
        }
        compute_missing(&worker, observer)?;
    }
    let reduction = Reduction { dir: &dir, plan: &plan, output: &request.output, started };
    conclude(&reduction, finished, &lock, observer)
}

/// Plans a run and computes nothing. A directory that holds this very plan
/// is left as it is.
///
/// # Errors
/// [`RunError::OtherRun`] when the directory holds another plan; any error of
/// reading the library and the scores.
pub fn plan(request: &RunRequest, observer: &dyn Observer) -> Result<Plan, RunError> {
    request.config.validate()?;
    check_scorer(request)?;
    on_threads(request.threads, || {
        let dir = RunDir::new(&request.out);
        let lock = RunLock::take(&dir)?;
        let request = RunRequest { resume: Resume::Continue, ..request.clone() };
        Ok(prepare(&request, &dir, &lock, (RowsFrom::Library, None), observer)?.0)
    })?
}

/// Packs the files of one part of a library, for [`join_plan`]. Parts are packed
/// in any order and side by side, each by one process; one that is packed already
/// is left as it is.
///
/// # Errors
/// [`RunError::TooManyParts`]; [`RunError::OtherRun`] when the directory holds
/// this part of another run; any error of reading the library.
pub fn plan_part(
    request: &RunRequest,
    part: PlanPart,
    observer: &dyn Observer,
) -> Result<Plan, RunError> {
    request.config.validate()?;
    on_threads(request.threads, || {
        let files = files_of(request.library.files(), part)?;
        let root = RunDir::new(&request.out);
        begin_parts(&root)?;
        let dir = root.part(part.index);
        let lock = RunLock::take(&dir)?;
        // Scores, outcomes and shards are of the whole.
        let request = RunRequest {
            read_options: request.read_options.clone(),
            resume: Resume::Continue,
            ..RunRequest::new(
                LibraryInput::Files(files),
                dir.root().to_owned(),
                request.config.clone(),
            )
        };
        if let Some(plan) = plan_of_same_run(&request, &dir)? {
            let what = "number of parts";
            let other = || RunError::OtherRun { path: dir.root().to_owned(), what };
            return (plan.part == Some(part)).then_some(plan).ok_or_else(other);
        }
        clear_planning(&dir)?;
        let plan = make_plan(&request, &dir, RowsFrom::Part(part), observer)?;
        lock.check()?;
        save(&plan, &dir)?;
        Ok(plan)
    })?
}

/// Joins so many parts of a library to its plan: the one that [`plan`] makes.
/// What the parts packed is removed then.
///
/// # Errors
/// [`RunError::MissingParts`]; [`RunError::OtherRun`] where a part is of another
/// run; any error of [`plan`].
pub fn join_plan(
    request: &RunRequest,
    parts: u32,
    observer: &dyn Observer,
) -> Result<Plan, RunError> {
    request.config.validate()?;
    check_scorer(request)?;
    on_threads(request.threads, || {
        let dir = RunDir::new(&request.out);
        let lock = RunLock::take(&dir)?;
        let request = RunRequest { resume: Resume::Continue, ..request.clone() };
        let (plan, _) = prepare(&request, &dir, &lock, (RowsFrom::Parts(parts), None), observer)?;
        clear_parts(&dir)?;
        Ok(plan)
    })?
}

/// The report of the pack of a run directory, where it is finished. Its tables
/// are not read: quick, for showing progress; [`reduce`] checks them.
///
/// # Errors
/// [`RunError`] when the pack cannot be read.
pub fn finished_pack(dir: &RunDir, plan: &Plan) -> Result<Option<RunReport>, RunError> {
    Ok(match reduce::read_finished(&dir.pack(), plan)? {
        Finished::Whole(found) => Some(*found),
        Finished::Nothing | Finished::Damaged(_) => None,
    })
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
    let lock = RunLock::take(dir)?;
    on_threads(threads, || {
        let finished = reduce::finished(dir, &plan, output)?;
        conclude(&Reduction { dir, plan: &plan, output, started }, finished, &lock, observer)
    })?
}

/// Reduces what is not reduced yet, and removes what the pack makes needless
/// once it is known to be whole.
fn conclude(
    reduction: &Reduction<'_>,
    finished: Option<RunReport>,
    lock: &RunLock,
    observer: &dyn Observer,
) -> Result<RunReport, RunError> {
    let Reduction { dir, plan, output, .. } = reduction;
    let with_scores = match finished {
        Some(_) => None,
        None => reduce::with_command_scores(dir, plan)?,
    };
    if let Some(plan) = &with_scores {
        lock.check()?;
        plan.save(dir)?;
    }
    let plan = with_scores.as_ref().unwrap_or(plan);
    let reduction = Reduction { dir, plan, output, started: reduction.started };
    let report = match finished {
        Some(report) => report,
        None => match reduce::reduce(&reduction, observer) {
            Ok(report) => {
                reduce::check_pack(&report.pack)?;
                report
            }
            Err(RunError::Cancelled) => return Err(RunError::Cancelled),
            // Where locks do not work another process may have finished it.
            Err(error) => reduce::finished(dir, plan, output).ok().flatten().ok_or(error)?,
        },
    };
    lock.check()?;
    clear_finished(dir)?;
    Ok(report)
}

/// The plan to run: the directory's own, or a new one with the scores that
/// were checked before it was written. A scorer that is given is tried then, too.
fn prepare(
    request: &RunRequest,
    dir: &RunDir,
    lock: &RunLock,
    (rows_from, scorer): (RowsFrom, Option<&Scorer>),
    observer: &dyn Observer,
) -> Result<(Plan, Option<ScoreSource>), RunError> {
    if request.resume == Resume::Overwrite {
        clear_run(dir)?;
    }
    if let Some(plan) = plan_of_same_run(request, dir)? {
        if request.resume == Resume::Fresh && !reduce::pack_path(dir, &request.output).exists() {
            return Err(RunError::Unfinished { path: dir.root().to_path_buf() });
        }
        return Ok((plan, None));
    }
    if request.resume == Resume::Continue {
        tracing::info!("nothing to resume in {}: starting from nothing", dir.root().display());
    }
    clear_planning(dir)?;
    let mut plan = make_plan(request, dir, rows_from, observer)?;
    let scores = ScoreSource::load(dir, &plan)?;
    plan.score_key = scores.score_key().map(str::to_owned);
    plan.audit_last = last_of_plan(dir, &plan, &scores, observer)?;
    if let Some(scorer) = scorer {
        try_scorer(dir, &plan, scorer, observer)?;
    }
    if let (None, Some(time)) = (request.shards, request.shard_core_time) {
        let all = estimate_with(dir, &plan, &scores, observer)?.core_time;
        let shards = (all.as_secs_f64() / time.as_secs_f64().max(1e-3)).ceil();
        plan.shards = cut_again(dir, &plan, shards.clamp(1.0, f64::from(MAX_SHARDS)) as u32)?;
    }
    lock.check()?;
    save(&plan, dir)?;
    Ok((plan, Some(scores)))
}

/// Writes a plan where there is none, or this one.
fn save(plan: &Plan, dir: &RunDir) -> Result<(), RunError> {
    if !plan.save_new(dir)? && Plan::load(dir)?.as_ref() != Some(plan) {
        return Err(RunError::InUse { path: dir.root().to_path_buf() });
    }
    Ok(())
}
