//! What the database knows of all organisations together, read for metrics. It
//! must not know how it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::quota::usage::{self, Total};
use crate::store::{Columns, Engine, Statement, Store, StoreError, statements, values};
use crate::time;

statements! {
    OPEN_JOBS = "SELECT pool, state, COUNT(*) AS jobs, MIN(since) AS since FROM (\
        SELECT pool, state, created_at AS since FROM job WHERE state = 'queued' \
        UNION ALL SELECT pool, state, created_at FROM job WHERE state = 'held' \
        UNION ALL SELECT pool, state, COALESCE(started_at, created_at) FROM job \
            WHERE state IN ('running', 'cancelling')\
        ) AS part GROUP BY pool, state ORDER BY pool, state";
    WORKERS = "SELECT worker_pool.name AS pool, \
        COUNT(CASE WHEN seen_at >= $1 THEN 1 END) AS seen, \
        COUNT(CASE WHEN seen_at < $1 THEN 1 END) AS silent \
        FROM worker JOIN worker_pool ON worker_pool.id = worker.pool_id \
        WHERE seen_at >= $2 GROUP BY worker_pool.name ORDER BY worker_pool.name";
}
pub(crate) use ALL as STATEMENTS;

/// For PostgreSQL: the function that may look across organisations.
const SANCTIONED_OPEN_JOBS: Statement =
    Statement::new("open_jobs", "SELECT pool, state, jobs, since FROM open_jobs()");

/// Workers ask for work, or keep their leases, every few seconds.
const SEEN: Duration = Duration::from_secs(120);
/// Workers that were silent for longer were stopped on purpose.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// What was read at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Jobs that have not ended.
    pub depths: Vec<Depth>,
    /// Workers.
    pub workers: Vec<Workers>,
    /// Attempts by kind and outcome.
    pub attempts: Vec<(String, String, i64)>,
    /// What organisations used.
    pub usage: Vec<Total>,
}

/// Jobs of one pool in one state.
#[derive(Debug, Clone)]
pub struct Depth {
    /// The pool's name.
    pub pool: String,
    /// `queued`, `held`, `running`, `cancelling`.
    pub state: String,
    /// How many.
    pub jobs: i64,
    /// How long the oldest has been in it.
    pub oldest_seconds: i64,
}

/// Workers of one pool.
#[derive(Debug, Clone)]
pub struct Workers {
    /// The pool's name.
    pub pool: String,
    /// `seen` or `silent`.
    pub state: &'static str,
    /// How many.
    pub workers: i64,
}

/// Reads what there is.
///
/// # Errors
///
/// Where the database fails.
pub async fn read(store: &Store) -> Result<Snapshot, StoreError> {
    let usage = usage::totals(store).await?;
    let mut attempts = BTreeMap::<(String, String), i64>::new();
    for total in &usage {
        let labels = (total.kind.clone(), total.outcome.clone());
        *attempts.entry(labels).or_default() += total.attempts;
    }
    let attempts = attempts.into_iter().map(|((kind, outcome), count)| (kind, outcome, count));
    let (depths, workers) = (depths(store).await?, workers(store).await?);
    Ok(Snapshot { depths, workers, attempts: attempts.collect(), usage })
}

async fn depths(store: &Store) -> Result<Vec<Depth>, StoreError> {
    let statement = match store.engine() {
        Engine::Postgres => SANCTIONED_OPEN_JOBS,
        Engine::Sqlite => OPEN_JOBS,
    };
    let mut tx = store.begin_read().await?;
    let now = time::Instant::now();
    let rows = tx.rows(statement, &[]).await?;
    let depth = |row: &Columns| {
        Ok(Depth {
            pool: row.text("pool")?,
            state: row.text("state")?,
            jobs: row.number("jobs")?,
            oldest_seconds: (now.0 - row.number("since")?).max(0) / 1000,
        })
    };
    rows.iter().map(depth).collect()
}

async fn workers(store: &Store) -> Result<Vec<Workers>, StoreError> {
    let mut tx = store.begin_read().await?;
    let now = time::Instant::now();
    let (seen, remembered) = (now.minus(SEEN), now.minus(REMEMBERED));
    let mut all = Vec::new();
    for row in tx.rows(WORKERS, values![seen, remembered]).await? {
        for state in ["seen", "silent"] {
            let pool = row.text("pool")?;
            all.push(Workers { pool, state, workers: row.number(state)? });
        }
    }
    Ok(all)
}

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(5);

/// Reads the database for metrics, not more often than it is worth.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    last: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Reader {
    /// Reads `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// What the database knows now, or knew a few seconds ago; none where it
    /// does not answer.
    pub async fn snapshot(&self) -> Option<Arc<Snapshot>> {
        let mut last = self.last.lock().await;
        if let Some((_, snapshot)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Some(Arc::clone(snapshot));
        }
        match read(&self.store).await {
            Ok(snapshot) => {
                let snapshot = Arc::new(snapshot);
                *last = Some((Instant::now(), Arc::clone(&snapshot)));
                Some(snapshot)
            }
            Err(error) => {
                let error = hetero2_common::errors::with_causes(&error);
                tracing::error!(error, "the database could not be read for metrics");
                None
            }
        }
    }
}
