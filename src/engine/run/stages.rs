//! The three stages of a run, alone and together: plan, shards, reduction.
//! Each may run in a process of its own, on another machine that sees the run
//! directory.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::compute::Engine;
use super::error::RunError;
use super::lanes::{lanes, side_by_side};
use super::layout::RunDir;
use super::lock::RunLock;
use super::observer::{Event, Observer};
use super::partition::shard_count;
use super::plan::{self, Plan, ShardPlan, make_plan};
use super::provenance::Started;
use super::reduce::{self, Reduction, RunReport};
use super::request::{LibraryInput, PackOutput, Resume, RunRequest};
use super::scoring::ScoreSource;
use super::shard::{ShardRecord, ShardState, compute_shard, inspect_shard};
use super::shard_log::ShardLog;
use super::truth::PlannedTruth;
use hetero2_library::BLOCK_ROWS;
use hetero2_spectra::{BackendChoice, BackendKind, SpectraBackend, open_backend};

/// Runs with fewer rows do not look for a GPU unless they are told to.
const FEW_ROWS: u64 = 20_000;

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
    with_threads(request.threads, || run_in_pool(request, observer))
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
    with_threads(request.threads, || {
        let dir = RunDir::new(&request.out);
        let _lock = RunLock::take(&dir)?;
        let request = RunRequest { resume: Resume::Continue, ..request.clone() };
        Ok(prepare(&request, &dir, observer)?.0)
    })
}

/// The plan of a run directory, for a later stage of the run.
///
/// # Errors
/// [`RunError::NoPlan`] when there is none, [`RunError::OtherVersion`] when
/// another version of this program made it: its results could differ.
pub fn open_plan(dir: &RunDir) -> Result<Plan, RunError> {
    let plan = Plan::load(dir)?.ok_or_else(|| RunError::NoPlan { path: dir.root().into() })?;
    if plan.tool_version != hetero2_contract::version::VERSION {
        return Err(RunError::OtherVersion { path: dir.root().into(), found: plan.tool_version });
    }
    Ok(plan)
}

/// The report of the pack of a run directory, where it is finished.
///
/// # Errors
/// [`RunError`] when the pack cannot be read.
pub fn finished_pack(dir: &RunDir, plan: &Plan) -> Result<Option<RunReport>, RunError> {
    super::summarise::read_finished(&dir.pack(), plan)
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
    with_threads(threads, || {
        let finished = reduce::finished(dir, &plan, output)?;
        conclude(dir, &plan, output, finished, started, observer)
    })
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

fn with_threads<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<T, RunError> + Send,
) -> Result<T, RunError> {
    let threads = threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| RunError::Threads { threads, why: e.to_string() })?;
    pool.install(work)
}

/// Computes shards of one plan; scores are loaded once.
pub struct ShardWorker {
    dir: RunDir,
    plan: Plan,
    plan_digest: String,
    scores: ScoreSource,
    choice: BackendChoice,
    /// Opened when the first shard is computed.
    backend: OnceLock<Box<dyn SpectraBackend>>,
    /// Whether each shard has a log of its own; only one can be open.
    logs: bool,
}

impl ShardWorker {
    /// A worker for the plan of a run directory, which logs each shard there
    /// and computes spectra on the device of this choice.
    ///
    /// # Errors
    /// As of [`open_plan`], or when the scores cannot be read.
    pub fn open(dir: &RunDir, choice: &BackendChoice) -> Result<Self, RunError> {
        let plan = open_plan(dir)?;
        let scores = ScoreSource::load(dir, &plan)?;
        Ok(Self { logs: true, ..Self::with_scores(dir.clone(), plan, scores, choice.clone()) })
    }

    fn with_scores(dir: RunDir, plan: Plan, scores: ScoreSource, choice: BackendChoice) -> Self {
        let plan_digest = plan.digest();
        Self { dir, plan, plan_digest, scores, choice, backend: OnceLock::new(), logs: false }
    }

    fn backend(&self) -> Result<&dyn SpectraBackend, RunError> {
        if let Some(backend) = self.backend.get() {
            return Ok(&**backend);
        }
        // Looking for a GPU would take longer than a small run.
        let few = self.choice.kind == BackendKind::Auto
            && self.choice.adapter.is_none()
            && self.plan.rows < FEW_ROWS;
        let small = few.then(BackendChoice::cpu);
        let choice = small.as_ref().unwrap_or(&self.choice);
        let backend = open_backend(choice, self.plan.config.precision)?;
        Ok(&**self.backend.get_or_init(|| backend))
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shards that are missing or not whole.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        let shards = self.plan.shards.iter();
        let missing =
            shards.filter(|shard| match inspect_shard(&self.dir, &self.plan_digest, shard) {
                ShardState::Done(_) => false,
                ShardState::Missing => true,
                ShardState::Unusable(why) => {
                    tracing::warn!(shard = shard.index, "computing the shard anew: {why}");
                    true
                }
            });
        missing.map(|shard| shard.index).collect()
    }

    /// Computes a shard; one that is finished and whole is left as it is.
    ///
    /// # Errors
    /// [`RunError::NoShard`]; or why it cannot be computed.
    /// [`RunError::Cancelled`] leaves a checkpoint.
    pub fn compute(&self, index: u32, observer: &dyn Observer) -> Result<ShardRecord, RunError> {
        self.compute_beside(1, index, observer)
    }

    /// The same where this many shards are computed at once, this one included.
    fn compute_beside(
        &self,
        at_once: usize,
        index: u32,
        observer: &dyn Observer,
    ) -> Result<ShardRecord, RunError> {
        let shard = self.plan.shard(index)?;
        let _log = self.logs.then(|| ShardLog::open(&self.dir, index));
        tracing::info!(shard = index, rows = shard.rows, "computing the shard");
        let computed = self.compute_or_keep(shard, at_once, observer);
        match &computed {
            Ok(record) => {
                let (seconds, device) = (record.attempt.seconds, &record.attempt.device);
                tracing::info!(shard = index, seconds, device, "finished the shard");
            }
            Err(error) => tracing::info!(shard = index, "not finished: {error}"),
        }
        computed
    }

    fn compute_or_keep(
        &self,
        shard: &ShardPlan,
        at_once: usize,
        observer: &dyn Observer,
    ) -> Result<ShardRecord, RunError> {
        if let ShardState::Done(record) = inspect_shard(&self.dir, &self.plan_digest, shard) {
            observer.event(Event::Computed { rows: record.rows });
            return Ok(*record);
        }
        let engine = Engine::new(&self.plan.config, self.backend()?, &self.scores);
        let (dir, digest) = (&self.dir, &self.plan_digest);
        compute_shard(dir, digest, shard, &self.plan, &engine, at_once, observer)
    }

    /// Computes a shard on threads of its own.
    ///
    /// # Errors
    /// As of [`ShardWorker::compute`], or [`RunError::Threads`].
    pub fn compute_on(
        &self,
        threads: Option<usize>,
        index: u32,
        observer: &dyn Observer,
    ) -> Result<ShardRecord, RunError> {
        with_threads(threads, || self.compute(index, observer))
    }
}

fn compute_missing(worker: &ShardWorker, observer: &dyn Observer) -> Result<(), RunError> {
    let missing = worker.missing();
    let rows = |index: &u32| worker.plan.shard(*index).map(|shard| shard.rows);
    let left: u64 = missing.iter().map(rows).sum::<Result<_, _>>()?;
    let rows = worker.plan.rows;
    observer.event(Event::Computing { rows, done: rows - left });
    if missing.is_empty() {
        return Ok(());
    }
    // Opened before the lanes ask for it at the same time. What becomes of
    // spectra on a GPU is counted for one shard at a time.
    let counted = worker.backend()?.counts().is_some();
    let lanes = if counted { 1 } else { lanes(rayon::current_num_threads()).min(missing.len()) };
    let compute =
        |index, observer: &dyn Observer| worker.compute_beside(lanes, index, observer).map(drop);
    side_by_side(&missing, lanes, observer, &compute)
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
    if request.resume == Resume::Fresh && !reduce::pack_path(dir, &request.output).exists() {
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
        let known = ["library", "inputs", "lock", "logs"].iter().any(|k| name == *k)
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
    if plan.tool_version != hetero2_contract::version::VERSION {
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
    let blocks = plan.rows.div_ceil(BLOCK_ROWS as u64) as usize;
    let shards = request.shards.map(|shards| shard_count(blocks, Some(shards)));
    if shards.is_some_and(|shards| shards != plan.shards.len()) {
        return other("number of shards");
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
