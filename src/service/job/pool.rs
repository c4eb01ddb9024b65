//! Pools of workers and the workers that were seen: of the deployment, not of an
//! organisation. It must not know jobs.

use crate::auth::secret::{NoRandomness, Secret, SecretText};
use crate::id::{Id, Kind};
use crate::store::{Columns, Store, StoreError, statements, values};
use crate::time::Instant;

use super::protocol::Hello;

statements! {
    CREATE = "INSERT INTO worker_pool (id, name, only_org, token_hash, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    BY_ID = "SELECT id, name, only_org, token_hash FROM worker_pool \
        WHERE id = $1 AND retired_at IS NULL";
    BY_NAME = "SELECT only_org FROM worker_pool WHERE name = $1 AND retired_at IS NULL";
    LIST = "SELECT id, name, only_org, created_at, retired_at FROM worker_pool ORDER BY id";
    RETIRE = "UPDATE worker_pool SET retired_at = $2 WHERE name = $1 AND retired_at IS NULL";
    HELLO = "INSERT INTO worker (id, pool_id, name, version, slots, scheduler, created_at, seen_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    SEEN = "UPDATE worker SET seen_at = $3 WHERE id = $1 AND pool_id = $2";
}

/// The pool that a server makes at its first start, and that jobs are for that name
/// none.
pub const DEFAULT: &str = "default";

/// A pool of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its id.
    pub id: Id,
    /// Its name, which jobs give.
    pub name: String,
    /// The one organisation whose jobs it computes.
    pub only_org: Option<Id>,
}

/// A worker that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its id.
    pub id: Id,
    /// The name of its pool.
    pub pool: String,
    /// The id of its pool.
    pub pool_id: Id,
    /// The one organisation whose jobs the pool computes.
    pub only_org: Option<Id>,
}

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The name is another's.
    #[error("there is a pool {0:?} already")]
    Taken(String),
    /// There is none of the name.
    #[error("there is no pool {0:?}")]
    Absent(String),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a pool; gives the token of its workers, which is not kept.
///
/// # Errors
///
/// Where the name is taken.
pub async fn create(
    store: &Store,
    name: &str,
    only_org: Option<&Id>,
) -> Result<SecretText, PoolError> {
    let (id, secret) = (Id::fresh(Kind::Pool), Secret::fresh()?);
    let mut tx = store.begin_write().await?;
    let hash = secret.hash();
    let values = values![&id, name, only_org, &hash, Instant::now()];
    tx.execute(CREATE, values).await.map_err(|error| match error.is_conflict() {
        true => PoolError::Taken(name.to_owned()),
        false => error.into(),
    })?;
    tx.commit().await?;
    let bare = id.as_str().split_once('_').map_or("", |(_, bare)| bare);
    Ok(SecretText::new(format!("h2w_{bare}_{}", secret.text().as_str())))
}

/// A pool as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// The one organisation whose jobs it computes.
    pub only_org: Option<Id>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was ended.
    pub retired_at: Option<Instant>,
}

/// Every pool, oldest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(store: &Store) -> Result<Vec<Listed>, StoreError> {
    let mut tx = store.begin_read().await?;
    let rows = tx.rows(LIST, &[]).await?;
    let listed = |row: &Columns| {
        Ok(Listed {
            id: row.id("id")?,
            name: row.text("name")?,
            only_org: row.optional_id("only_org")?,
            created_at: Instant(row.number("created_at")?),
            retired_at: row.optional_number("retired_at")?.map(Instant),
        })
    };
    rows.iter().map(listed).collect()
}

/// Makes the pool `default` where there is none of the name, ended or not, and gives
/// its token.
///
/// # Errors
///
/// Where the database fails.
pub async fn create_default(store: &Store) -> Result<Option<SecretText>, PoolError> {
    if list(store).await?.iter().any(|pool| pool.name == DEFAULT) {
        return Ok(None);
    }
    match create(store, DEFAULT, None).await {
        Ok(token) => Ok(Some(token)),
        // Another server was quicker.
        Err(PoolError::Taken(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends a pool: its token is refused from now on.
///
/// # Errors
///
/// Where there is none of the name.
pub async fn retire(store: &Store, name: &str) -> Result<(), PoolError> {
    let mut tx = store.begin_write().await?;
    match tx.execute(RETIRE, values![name, Instant::now()]).await? {
        0 => Err(PoolError::Absent(name.to_owned())),
        _ => Ok(tx.commit().await?),
    }
}

/// The pool whose token `text` is.
///
/// # Errors
///
/// Where the database fails.
pub async fn authenticate(store: &Store, text: &str) -> Result<Option<Pool>, StoreError> {
    let parse = || {
        let (bare, secret) = text.strip_prefix("h2w_")?.split_once('_')?;
        let id = Id::parse(Kind::Pool, &format!("{}_{bare}", Kind::Pool.prefix()))?;
        Some((id, Secret::parse(secret)?))
    };
    let Some((id, secret)) = parse() else { return Ok(None) };
    let mut tx = store.begin_read().await?;
    let Some(row) = tx.row(BY_ID, values![&id]).await? else { return Ok(None) };
    if !secret.matches(&row.text("token_hash")?) {
        return Ok(None);
    }
    let only_org = row.optional_id("only_org")?;
    Ok(Some(Pool { id: row.id("id")?, name: row.text("name")?, only_org }))
}

/// Whether jobs of `org` may ask for the pool `name`.
///
/// # Errors
///
/// Where the database fails.
pub async fn is_open_to(store: &Store, name: &str, org: &Id) -> Result<bool, StoreError> {
    let mut tx = store.begin_read().await?;
    let Some(row) = tx.row(BY_NAME, values![name]).await? else { return Ok(false) };
    Ok(row.optional_id("only_org")?.is_none_or(|only| only == *org))
}

/// Notes a worker that starts; gives its id.
///
/// # Errors
///
/// Where the database fails.
pub async fn hello(store: &Store, pool: &Pool, hello: &Hello) -> Result<Id, StoreError> {
    let id = Id::fresh(Kind::Worker);
    let mut tx = store.begin_write().await?;
    let (slots, scheduler) = (i64::from(hello.slots), hello.scheduler.as_deref());
    let values =
        values![&id, &pool.id, &hello.name, &hello.version, slots, scheduler, Instant::now(),];
    tx.execute(HELLO, values).await?;
    tx.commit().await?;
    Ok(id)
}

/// The worker of `pool` with this id, which is there now; none where the pool has no
/// such worker.
///
/// # Errors
///
/// Where the database fails.
pub async fn seen(store: &Store, pool: &Pool, id: &Id) -> Result<Option<WorkerRow>, StoreError> {
    let mut tx = store.begin_write().await?;
    let count = tx.execute(SEEN, values![id, &pool.id, Instant::now()]).await?;
    tx.commit().await?;
    Ok((count > 0).then(|| WorkerRow {
        id: id.clone(),
        pool: pool.name.clone(),
        pool_id: pool.id.clone(),
        only_org: pool.only_org.clone(),
    }))
}
