//! The numbers that Prometheus reads: those of this process, and those of the
//! database, which are the same whichever server is asked. It must not know how
//! they are asked for.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::otlp;
use super::snapshot::Snapshot;
use crate::job::JobKind;
use crate::job::protocol::Reason;

/// What the document is called in HTTP.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProblemLabels {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    pool: String,
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    kind: String,
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UsageLabels {
    organisation: String,
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CostLabels {
    organisation: String,
    kind: String,
    currency: String,
}

type Gauges<L> = Family<L, Gauge>;
type Sums<L> = Family<L, Counter<f64, AtomicU64>>;

/// Seconds that requests take, from a cached read to an upload's part.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

/// The numbers of this process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    problems: Family<ProblemLabels, Counter>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hetero2");
        let requests = Family::default();
        let durations: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let problems = Family::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From a request's head to its answer's",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("problems", "Answers that were a problem, by code", problems.clone());
        Self { registry, requests, durations, problems }
    }
}

impl Metrics {
    /// Counts an answer to a request for `route`, which is that of the program,
    /// not the address that was asked for.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels =
            RequestLabels { method: known_method(method), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: route.to_owned() };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts an answer that was a problem.
    pub fn problem(&self, code: &'static str) {
        self.problems.get_or_create(&ProblemLabels { code }).inc();
    }

    /// The document: this process, and the database where it answered.
    ///
    /// # Errors
    ///
    /// Never, where memory can be had.
    pub fn document(&self, snapshot: Option<&Snapshot>) -> Result<String, std::fmt::Error> {
        let mut document = String::new();
        text::encode_registry(&mut document, &self.registry)?;
        text::encode_registry(&mut document, &database(snapshot))?;
        text::encode_eof(&mut document)?;
        Ok(document)
    }
}

/// Strangers choose methods; they do not choose how many series there are.
fn known_method(method: &str) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|name| *name == method).unwrap_or("other")
}

/// How attempts end: as whoever asked wants, or for a reason of the protocol.
const OUTCOMES: [&str; 14] = [
    "succeeded",
    "cancelled",
    "held",
    "released",
    Reason::Input.word(),
    Reason::TimeLimit.word(),
    Reason::MemoryLimit.word(),
    Reason::Verification.word(),
    Reason::Program.word(),
    Reason::Killed.word(),
    Reason::DiskFull.word(),
    Reason::Scheduler.word(),
    Reason::Transfer.word(),
    Reason::WorkerLost.word(),
];

/// Makes the numbers of the database.
fn database(snapshot: Option<&Snapshot>) -> Registry {
    let mut registry = Registry::with_prefix("hetero2");
    let up: Gauge = Gauge::default();
    up.set(i64::from(snapshot.is_some()));
    registry.register("database_up", "1 where the database answers this server", up);
    let dropped = ConstCounter::new(otlp::dropped());
    registry.register("spans_dropped", "Spans that no collector took", dropped);
    let Some(snapshot) = snapshot else { return registry };

    let (jobs, ages) = (Gauges::default(), Gauges::default());
    for depth in &snapshot.depths {
        let labels = JobLabels { pool: depth.pool.clone(), state: depth.state.clone() };
        jobs.get_or_create(&labels).set(depth.jobs);
        ages.get_or_create(&labels).set(depth.oldest_seconds);
    }
    registry.register("jobs", "Jobs that have not ended, by pool and state", jobs);
    let help = "How long the oldest job has been in its state";
    registry.register_with_unit("oldest_job", help, Unit::Seconds, ages);

    let workers = Gauges::default();
    for count in &snapshot.workers {
        let labels = JobLabels { pool: count.pool.clone(), state: count.state.to_owned() };
        workers.get_or_create(&labels).set(count.workers);
    }
    let help = "Workers: seen within two minutes, or silent since then and within a day";
    registry.register("workers", help, workers);

    let attempts = Family::<AttemptLabels, Counter>::default();
    // From nothing on: an increase is seen of what was shown before.
    for kind in JobKind::ALL {
        for outcome in OUTCOMES {
            let (kind, outcome) = (kind.word().to_owned(), outcome.to_owned());
            drop(attempts.get_or_create(&AttemptLabels { kind, outcome }));
        }
    }
    for (kind, outcome, count) in &snapshot.attempts {
        let labels = AttemptLabels { kind: kind.clone(), outcome: outcome.clone() };
        attempts.get_or_create(&labels).inc_by(u64::try_from(*count).unwrap_or_default());
    }
    let help =
        "Attempts that ended, by how: succeeded, cancelled, held, released, or why they failed";
    registry.register("attempts", help, attempts);

    let (seconds, costs) = (Sums::default(), Sums::default());
    for total in &snapshot.usage {
        let (organisation, kind) = (total.org.to_string(), total.kind.clone());
        let cost = CostLabels {
            organisation: organisation.clone(),
            kind: kind.clone(),
            currency: total.currency.clone(),
        };
        costs.get_or_create(&cost).inc_by(total.cost.max(0) as f64 / 1e6);
        let labels = UsageLabels { organisation, kind };
        seconds.get_or_create(&labels).inc_by(total.core_milliseconds.max(0) as f64 / 1e3);
    }
    let help = "Time of cores that attempts used";
    registry.register_with_unit("core", help, Unit::Seconds, seconds);
    registry.register("cost", "What attempts cost by the plans", costs);
    registry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Id, Kind};
    use crate::quota::usage::Total;
    use crate::telemetry::snapshot::{Depth, Workers};

    fn full() -> Snapshot {
        let pool = || "default".to_owned();
        Snapshot {
            depths: vec![Depth {
                pool: pool(),
                state: "queued".into(),
                jobs: 3,
                oldest_seconds: 70,
            }],
            workers: vec![Workers { pool: pool(), state: "seen", workers: 2 }],
            attempts: vec![("run".into(), "succeeded".into(), 5)],
            usage: vec![Total {
                org: Id::fresh(Kind::Org),
                kind: "run".into(),
                outcome: "succeeded".into(),
                attempts: 5,
                currency: "EUR".into(),
                core_milliseconds: 1500,
                cost: 25,
            }],
        }
    }

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/v1/me", 200, Duration::from_millis(3));
        metrics.answered("BREW", "none", 404, Duration::from_secs(1));
        metrics.problem("not_found");
        let shown = metrics.document(Some(&full())).unwrap();
        for line in [
            "hetero2_attempts_total{kind=\"run\",outcome=\"succeeded\"} 5",
            "hetero2_attempts_total{kind=\"suite\",outcome=\"worker_lost\"} 0",
            "hetero2_requests_total{method=\"GET\",route=\"/v1/me\",status=\"200\"} 1",
            "hetero2_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
            "hetero2_request_duration_seconds_bucket{le=\"0.005\",route=\"/v1/me\"} 1",
            "hetero2_problems_total{code=\"not_found\"} 1",
            "hetero2_database_up 1",
            "hetero2_jobs{pool=\"default\",state=\"queued\"} 3",
            "hetero2_oldest_job_seconds{pool=\"default\",state=\"queued\"} 70",
            "hetero2_workers{pool=\"default\",state=\"seen\"} 2",
            "# EOF",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
        }
        assert!(metrics.document(None).unwrap().contains("hetero2_database_up 0\n"));
    }

    /// An alert on a name that nobody shows never rises.
    #[test]
    fn the_rules_ask_for_what_is_shown() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/service/monitoring");
        let rules = std::fs::read_to_string(format!("{folder}/alerts.yml")).unwrap();
        let metrics = Metrics::default();
        metrics.answered("GET", "/v1/me", 200, Duration::from_millis(3));
        let shown = metrics.document(Some(&full())).unwrap();
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut count = 0;
        for word in rules.split(|c| !is_of_a_name(c)).filter(|word| word.starts_with("hetero2_")) {
            let family = word.trim_end_matches("_bucket").trim_end_matches("_total");
            assert!(shown.contains(&format!("# TYPE {family} ")), "{word}: {shown}");
            count += 1;
        }
        assert!(count > 8, "{count}");
    }
}
