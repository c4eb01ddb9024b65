//! What workers and the server say to each other under `/worker/v1`, as JSON.
//! It must not know how either does its part.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /worker/v1/workers` | [`Hello`] | [`Welcome`] |
//! | `POST /worker/v1/claims` | [`Claim`] | [`Claimed`]: waits up to `wait_seconds` for work |
//! | `POST /worker/v1/renewals` | [`Renewal`] | [`Renewed`] |
//! | `GET /worker/v1/jobs/{job}/inputs/{number}` | | the bytes; `Range` is served |
//! | `POST /worker/v1/jobs/{job}/uploads` | [`NewArtifact`] | [`ArtifactUpload`] |
//! | `PUT /worker/v1/jobs/{job}/uploads/{upload}/parts/{number}` | bytes, `Content-Digest` | 204 |
//! | `POST /worker/v1/jobs/{job}/uploads/{upload}/complete` | | 204 |
//! | `POST /worker/v1/jobs/{job}/events` | [`WorkerEvents`] | 204 |
//! | `POST /worker/v1/jobs/{job}/end` | [`End`] | 204; asked again by the same lease, 204 again |
//!
//! All carry the pool's token as `Authorization: Bearer h2w_…`. Those of a job
//! carry the lease besides: `Hetero2-Org` (the organisation's id),
//! `Hetero2-Attempt` (a number) and `Hetero2-Lease` (the secret). A lease that
//! was lost is answered 409 with the code `fenced`; nothing was written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InputRole, JobKind, JobSpec, Phase};

/// The header of the organisation whose job it is.
pub const ORG_HEADER: &str = "hetero2-org";
/// The header of the attempt.
pub const ATTEMPT_HEADER: &str = "hetero2-attempt";
/// The header of the lease's secret.
pub const LEASE_HEADER: &str = "hetero2-lease";

/// How long a lease lives without being renewed, seconds.
pub const LEASE_SECONDS: u64 = 60;
/// How often a worker renews, seconds.
pub const RENEW_SECONDS: u64 = 15;

/// A worker that starts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Its name, as in `node07:4711`: at most 200 characters.
    pub name: String,
    /// Its version of the program.
    pub version: String,
    /// Jobs that it works on at once.
    pub slots: u32,
    /// The scheduler that it submits to; none where it computes itself.
    pub scheduler: Option<String>,
}

/// What a worker is known as.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Welcome {
    /// Its id, which its claims carry.
    pub worker: String,
    /// Its pool's name.
    pub pool: String,
    /// How long a lease lives without being renewed, seconds.
    pub lease_seconds: u64,
    /// How often to renew, seconds.
    pub renew_seconds: u64,
}

/// A worker that wants work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The worker's id.
    pub worker: String,
    /// Jobs wanted at most, 1 to 64.
    pub most: u32,
    /// Seconds to wait for the first, 0 to 20.
    pub wait_seconds: u32,
    /// Kinds that it can do; all where empty.
    #[serde(default)]
    pub kinds: Vec<JobKind>,
}

/// Work.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Jobs that are the worker's now; none where there were none.
    pub jobs: Vec<Lease>,
}

/// A job that is a worker's for a while.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Lease {
    /// The organisation's id.
    pub org: String,
    /// The project's id.
    pub project: String,
    /// The job's id: the run directory is named by it.
    pub job: String,
    /// The id of this attempt's run.
    pub run: String,
    /// Counted from 1.
    pub attempt: u32,
    /// The secret that every write for the job carries. Not for logs.
    pub secret: String,
    /// The traceparent (W3C) of the request that submitted it, if it had one.
    pub trace: Option<String>,
    /// What to compute.
    pub spec: JobSpec,
    /// The inputs in the order of `spec.inputs`.
    pub inputs: Vec<LeasedInput>,
}

/// An input of a leased job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeasedInput {
    /// What it is for.
    pub role: InputRole,
    /// The dataset's file name, which tells its format; never a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
}

/// Bytes of a log's end that are kept.
const LOG_TAIL: usize = 4096;

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Progress {
    /// Rows computed.
    pub rows_done: u64,
    /// Rows in all, once known.
    pub rows_total: Option<u64>,
    /// Rows a second of late.
    pub rows_per_second: Option<f64>,
    /// Seconds left, by that.
    pub seconds_left: Option<u64>,
    /// The scheduler's ids of the job's arrays.
    pub scheduler_jobs: Vec<String>,
    /// The last lines of the log, at most 4 KiB.
    pub log_tail: String,
}

impl Progress {
    /// The same within what is kept of it.
    #[must_use]
    pub fn bounded(&self) -> Self {
        let end = self.log_tail.len();
        let from = (end.saturating_sub(LOG_TAIL)..=end)
            .find(|place| self.log_tail.is_char_boundary(*place))
            .unwrap_or(end);
        let shorten = |id: &String| id.chars().take(200).collect();
        Self {
            scheduler_jobs: self.scheduler_jobs.iter().take(100).map(shorten).collect(),
            log_tail: self.log_tail.get(from..).unwrap_or_default().to_owned(),
            ..self.clone()
        }
    }
}

/// Leases to be kept.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The worker's id.
    pub worker: String,
    /// The leases, at most 64.
    pub leases: Vec<LeaseRenewal>,
}

/// One lease to be kept.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseRenewal {
    /// The organisation's id.
    pub org: String,
    /// The job's id.
    pub job: String,
    /// The attempt.
    pub attempt: u32,
    /// The lease's secret.
    pub secret: String,
    /// What it does.
    pub phase: Phase,
    /// How far it is.
    pub progress: Progress,
}

/// What the server says of each lease, in their order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Renewed {
    /// One word for each.
    pub orders: Vec<Order>,
}

/// What a worker is to do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Go on.
    Continue,
    /// Stop, and end it as cancelled.
    Cancel,
    /// Stop so that what is computed is kept, and end it as held.
    Hold,
    /// It is another's: stop, write nothing, leave the directory to the next.
    Fenced,
}

/// A file that a job made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArtifact {
    /// Its name: `pack.zip`, `report.html`, `log.txt`, …; letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
}

/// An upload of an artifact.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ArtifactUpload {
    /// Its id.
    pub upload: String,
    /// Bytes of every part but the last; parts are counted from 1.
    pub part_size: u64,
    /// Parts that the server has, of an upload that this attempt began before.
    pub parts_done: Vec<u32>,
}

/// What happened to a job, for its history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerEvents {
    /// Lines, at most 50 of 500 characters.
    pub lines: Vec<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// What it used, whatever the outcome.
    pub usage: Usage,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Outcome {
    /// It has results.
    Succeeded {
        /// SHA-256 that the pack's contents come to; none for kinds without a pack.
        content_digest: Option<String>,
        /// The verdict's word, for kinds that have one.
        verdict: Option<String>,
        /// Counts of rows by status, as in `{"OK": 98, "SKIP": 1, "ERROR": 1}`.
        rows: std::collections::BTreeMap<String, u64>,
        /// The artifacts: uploads that are complete, which become visible by this.
        artifacts: Vec<String>,
    },
    /// It has none.
    Failed {
        /// Why.
        reason: Reason,
        /// For whoever asked: what went wrong, with file, row and cure where known; at most 2,000 characters.
        message: String,
        /// The log, if it could be uploaded: an upload's id.
        log: Option<String>,
    },
    /// It was asked to stop.
    Cancelled,
    /// It was asked to stop for a while, or the scheduler cancelled it; what is computed stays in the directory.
    Held {
        /// Why, in words.
        message: String,
    },
    /// The worker stops and gives the job back; the attempt does not count.
    Released,
}

/// Why an attempt failed. Those that another attempt may mend are tried again
/// while attempts are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The inputs or options are wrong (the program's exit code 2). Final.
    Input,
    /// It took longer than its limit. Final.
    TimeLimit,
    /// It used more memory than its limit. Final.
    MemoryLimit,
    /// The pack does not verify (exit code 3). Final.
    Verification,
    /// The program failed (exit code 1). Tried again.
    Program,
    /// The program was killed by a signal that was not ours. Tried again.
    Killed,
    /// The worker's disk is full. Tried again.
    DiskFull,
    /// The scheduler refused or lost it. Tried again.
    Scheduler,
    /// Inputs could not be fetched or artifacts not uploaded. Tried again.
    Transfer,
    /// The worker was lost; only the server says so. Tried again.
    WorkerLost,
}

impl Reason {
    /// The word in the API, the database and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::TimeLimit => "time_limit",
            Self::MemoryLimit => "memory_limit",
            Self::Verification => "verification",
            Self::Program => "program",
            Self::Killed => "killed",
            Self::DiskFull => "disk_full",
            Self::Scheduler => "scheduler",
            Self::Transfer => "transfer",
            Self::WorkerLost => "worker_lost",
        }
    }

    /// Whether another attempt may mend it.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        !matches!(self, Self::Input | Self::TimeLimit | Self::MemoryLimit | Self::Verification)
    }
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// Seconds of one core.
    pub core_seconds: f64,
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// Most memory of a process, MiB.
    pub peak_memory_mib: u64,
    /// Rows computed.
    pub rows: u64,
}
