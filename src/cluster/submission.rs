//! The record of what was submitted from a run directory.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use hetero2_scheduler::{Job, Kind, Resources, TaskSet};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ends::Ends;
use super::error::ClusterError;
use super::settings::Settings;
use hetero2_common::files::{Left, Lock, LockError, disk, sweep, write_private};
use hetero2_engine::run::RunDir;

/// Schema of [`Submission`].
pub const SUBMISSION_SCHEMA: &str = "hetero2_submission.v1";

/// What was submitted from a run directory, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// [`SUBMISSION_SCHEMA`].
    pub schema_version: String,
    /// Digest of the plan whose shards were submitted.
    pub plan_digest: String,
    /// The scheduler.
    pub scheduler: Kind,
    /// What was asked of it, for further rounds.
    pub settings: Settings,
    /// What was submitted, in order.
    pub rounds: Vec<Round>,
    /// Whether it was cancelled after the last round.
    pub cancelled: bool,
}

/// One array of shards and the reducer that follows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// When, in UTC.
    pub submitted_at: String,
    /// Name of its jobs, which no other round has; absent in records of versions
    /// whose rounds had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The shards; none where only the reduction was left.
    pub shards: TaskSet,
    /// What each of them was given.
    pub resources: Resources,
    /// What the reducer was given; in records of versions that did not say so, what
    /// the settings ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<Resources>,
    /// Whether the reducer of the round before submitted it.
    pub automatic: bool,
    /// How tasks ended that did not succeed, by what the scheduler said before the next
    /// round.
    #[serde(default, skip_serializing_if = "Ends::is_none")]
    pub ended: Ends,
    /// The jobs; none where the program ended while it submitted them, or could
    /// not learn what the scheduler accepted. They are found by `name`.
    pub jobs: Vec<Job>,
}

impl Submission {
    fn path(dir: &RunDir) -> PathBuf {
        dir.submit().join("submission.json")
    }

    /// Reads the record; `None` where nothing was submitted.
    ///
    /// # Errors
    /// [`ClusterError::NotASubmission`] for a file that is none.
    pub fn load(dir: &RunDir) -> Result<Option<Self>, ClusterError> {
        let path = Self::path(dir);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(ClusterError::io("read", &path)(e)),
        };
        let refused = |why: String| ClusterError::NotASubmission { path: path.clone(), why };
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| refused(e.to_string()))?;
        if record.schema_version != SUBMISSION_SCHEMA {
            return Err(refused(format!("schema_version is {}", record.schema_version)));
        }
        Ok(Some(record))
    }

    /// Reads the record of what was submitted.
    ///
    /// # Errors
    /// [`ClusterError::NotSubmitted`] where nothing was; else as
    /// [`Submission::load`].
    pub fn existing(dir: &RunDir) -> Result<Self, ClusterError> {
        Self::load(dir)?.ok_or_else(|| ClusterError::NotSubmitted { path: dir.root().into() })
    }

    /// Writes the record.
    ///
    /// # Errors
    /// [`ClusterError::File`].
    pub fn save(&self, dir: &RunDir) -> Result<(), ClusterError> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        // The environment of jobs may hold what is secret.
        write_private(&Self::path(dir), |out| out.write_all(text.as_bytes()))?;
        Ok(())
    }

    /// What a pack's provenance says of the submission.
    #[must_use]
    pub fn facts(&self) -> Map<String, Value> {
        let mut ended = Ends::default();
        self.rounds.iter().for_each(|round| ended += round.ended);
        let jobs = || self.rounds.iter().flat_map(|round| &round.jobs);
        let ids: Vec<&str> = jobs().map(|job| job.id.as_str()).collect();
        let asked = self.rounds.last().and_then(|round| round.resources.memory_of_all_cpus_mib());
        let facts = json!({
            "scheduler": self.scheduler,
            "rounds": self.rounds.len(),
            "jobs": ids,
            "asked_mib": asked,
            "ended": ended,
        });
        Map::from_iter([("submission".to_owned(), facts)])
    }

    /// All jobs of the last round.
    #[must_use]
    pub fn jobs(&self) -> &[Job] {
        self.rounds.last().map_or(&[], |round| &round.jobs)
    }

    /// How many of the last rounds, since a person last submitted, finished no shard,
    /// when `missing` of them are left.
    #[must_use]
    pub fn rounds_without_progress(&self, missing: usize) -> usize {
        let first = self.rounds.iter().rposition(|round| !round.automatic).unwrap_or(0);
        let mut left = missing;
        let mut rounds = 0;
        for round in self.rounds[first..].iter().rev() {
            if left < round.shards.len() {
                break;
            }
            left = round.shards.len();
            rounds += 1;
        }
        rounds
    }

    /// What the reducer of the last round was given.
    #[must_use]
    pub fn last_reduce(&self) -> &Resources {
        let last = self.rounds.last().and_then(|round| round.reduce.as_ref());
        last.unwrap_or(&self.settings.reduce)
    }
}

/// The right to submit from a run directory.
pub(super) struct SubmitLock(#[expect(dead_code, reason = "held until dropped")] Lock);

impl SubmitLock {
    /// Takes the lock; the system takes it back when the process ends.
    pub fn take(dir: &RunDir) -> Result<Self, ClusterError> {
        let folder = dir.submit();
        disk::create_dir_all(&folder).map_err(ClusterError::io("create", &folder))?;
        match Lock::try_take(&folder.join("lock")) {
            Ok(lock) => {
                sweep(&folder, None, Left::ByTheDead)?;
                Ok(Self(lock))
            }
            Err(LockError::Held { .. }) => Err(ClusterError::Busy { path: dir.root().into() }),
            Err(LockError::File(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(shards: u32, automatic: bool) -> Round {
        Round {
            submitted_at: String::new(),
            name: None,
            shards: (0..shards).collect(),
            resources: Resources::default(),
            reduce: None,
            automatic,
            ended: Ends::default(),
            jobs: Vec::new(),
        }
    }

    #[test]
    fn rounds_that_finish_a_shard_do_not_count() {
        let without_progress = |rounds: &[(u32, bool)], missing: usize| {
            let rounds = rounds.iter().map(|(shards, automatic)| round(*shards, *automatic));
            let record = Submission {
                schema_version: SUBMISSION_SCHEMA.into(),
                plan_digest: String::new(),
                scheduler: Kind::Local,
                settings: Settings::default(),
                rounds: rounds.collect(),
                cancelled: false,
            };
            record.rounds_without_progress(missing)
        };
        assert_eq!(without_progress(&[(5, false)], 5), 1);
        assert_eq!(without_progress(&[(5, false)], 4), 0);
        assert_eq!(without_progress(&[(5, false), (4, true), (4, true)], 4), 2);
        assert_eq!(without_progress(&[(4, false), (4, true), (4, true)], 3), 0);
        // A person begins to count again.
        assert_eq!(without_progress(&[(4, false), (4, true), (4, false)], 4), 1);
        // Reductions that died, no shard missing.
        assert_eq!(without_progress(&[(4, false), (0, true), (0, true)], 0), 2);
    }
}
