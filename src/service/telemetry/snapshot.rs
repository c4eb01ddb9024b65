//! What the database knows of all organisations together, read for metrics. It
//! must not know how it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::quota::usage::{self, Total};
use crate::store::{Store, StoreError};

/// What was read at one moment.
#[derive(Debug, Clone, Default)]
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
    Ok(Snapshot { attempts: attempts.collect(), usage, ..Snapshot::default() })
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
