//! Computes the shards of one plan in this process, one or several at a time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hetero2_common::threads::on_threads;
use hetero2_spectra::{BackendChoice, BackendKind, SpectraBackend, open_backend};

use super::attempt::{AttemptOptions, compute_shard};
use super::checkpoints::CHECKPOINT_PACE;
use super::compute::Engine;
use super::concurrent_shards::{concurrent_shards, side_by_side};
use super::log::ShardLog;
use super::record::{ShardRecord, ShardState, inspect_shard};
use super::scored::{ScoredShard, score_shard};
use super::scoring::ScoreSource;
use crate::run::decoy_source::DecoySource;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer};
use crate::run::plan::{Plan, PlannedScorer, ShardPlan, open_plan};
use crate::scorer::Scorer;

/// Runs with fewer rows do not look for a GPU unless they are told to.
const FEW_ROWS: u64 = 20_000;

/// Computes shards of one plan; scores are loaded once.
pub struct ShardWorker {
    dir: RunDir,
    plan: Plan,
    plan_digest: String,
    scores: ScoreSource,
    decoys: Arc<DecoySource>,
    choice: BackendChoice,
    /// Opened when the first shard is computed.
    pub(crate) backend: OnceLock<Box<dyn SpectraBackend>>,
    /// What gives the scores, where the plan has none.
    scorer: Option<Scorer>,
    /// Whether each shard has a log of its own; only one can be open.
    logs: bool,
    /// Time between two checkpoints of a shard.
    pace: Duration,
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
        let worker = Self::with_scores(dir.clone(), plan, scores, choice.clone())?;
        Ok(Self { logs: true, ..worker })
    }

    /// A worker with these scores, which logs nothing.
    ///
    /// # Errors
    /// [`RunError`] when the decoys that the plan names cannot be read.
    pub(crate) fn with_scores(
        dir: RunDir,
        plan: Plan,
        scores: ScoreSource,
        choice: BackendChoice,
    ) -> Result<Self, RunError> {
        let plan_digest = plan.digest();
        let decoys = Arc::new(DecoySource::load(&dir, &plan)?);
        let backend = OnceLock::new();
        Ok(Self {
            dir,
            plan,
            plan_digest,
            scores,
            decoys,
            choice,
            backend,
            scorer: None,
            logs: false,
            pace: CHECKPOINT_PACE,
        })
    }

    /// The same with the command that gives the scores, where one is given.
    ///
    /// # Errors
    /// [`RunError::NoScorer`], [`RunError::OtherScorer`] where the plan asks for
    /// another command or for none.
    pub fn scoring_with(self, given: Option<Scorer>) -> Result<Self, RunError> {
        let path = || self.dir.root().to_owned();
        match (&self.plan.scorer, given.as_ref().map(Scorer::command)) {
            (None, None) => {}
            (Some(planned), Some(given)) if planned.command == given.command => {}
            (Some(PlannedScorer { command, .. }), None) => {
                return Err(RunError::NoScorer { path: path(), command: command.clone() });
            }
            (planned, Some(given)) => {
                let planned = planned.as_ref().map(|planned| planned.command.clone());
                let (planned, given) = (planned.unwrap_or_default(), given.command.clone());
                return Err(RunError::OtherScorer { path: path(), planned, given });
            }
        }
        Ok(Self { scorer: given, ..self })
    }

    /// The same worker, with this time between two checkpoints of a shard.
    #[must_use]
    pub fn with_checkpoints_every(self, pace: Duration) -> Self {
        Self { pace, ..self }
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
                    tracing::warn!(shard = shard.index, "computing the shard again: {why}");
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

    /// [`ShardWorker::compute`] where `at_once` shards share the threads, this one
    /// included.
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
        let scored = self.scored(shard, observer)?;
        let scores = scored.as_ref().map_or(&self.scores, |scored| &scored.scores);
        let engine = Engine::new(&self.plan.config, self.backend()?, scores)
            .with_decoys(&self.decoys)
            .auditing_up_to(self.plan.audit_last);
        let (dir, digest) = (&self.dir, &self.plan_digest);
        let scored = scored.as_ref();
        let options = AttemptOptions { at_once, pace: self.pace };
        compute_shard(dir, digest, shard, &self.plan, (&engine, scored), options, observer)
    }

    /// The scores of a shard that a command gives; none where the plan has its own.
    fn scored(
        &self,
        shard: &ShardPlan,
        observer: &dyn Observer,
    ) -> Result<Option<ScoredShard>, RunError> {
        match (&self.plan.scorer, &self.scorer) {
            (None, _) => Ok(None),
            (Some(planned), None) => {
                let (path, command) = (self.dir.root().to_owned(), planned.command.clone());
                Err(RunError::NoScorer { path, command })
            }
            (Some(_), Some(scorer)) => {
                score_shard(&self.dir, &self.plan, shard, &self.decoys, scorer, observer).map(Some)
            }
        }
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
        on_threads(threads, || self.compute(index, observer))?
    }
}

/// Computes the shards that are missing, several side by side.
pub(crate) fn compute_missing(
    worker: &ShardWorker,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let missing = worker.missing();
    let rows = |index: &u32| worker.plan.shard(*index).map(|shard| shard.rows);
    let left: u64 = missing.iter().map(rows).sum::<Result<_, _>>()?;
    let rows = worker.plan.rows;
    observer.event(Event::Computing { rows, done: rows - left });
    if missing.is_empty() {
        return Ok(());
    }
    // Opened before several shards ask for it at the same time. What becomes of
    // spectra on a GPU is counted for one shard at a time.
    let counted = worker.backend()?.counts().is_some();
    let threads = rayon::current_num_threads();
    let at_once = if counted { 1 } else { concurrent_shards(threads).min(missing.len()) };
    let compute =
        |index, observer: &dyn Observer| worker.compute_beside(at_once, index, observer).map(drop);
    side_by_side(&missing, at_once, observer, &compute)
}
