//! The metadata database: SQLite inside the server's process, or PostgreSQL.
//! One text of SQL serves both. It must not know who asks, nor HTTP.
//!
//! Rows of organisations are reached through [`TenantTx`](crate::tenancy::TenantTx)
//! alone; what is here opens, migrates and hands out transactions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, Executor as _, Row as _, SqlStr, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub mod migrate;
mod statement;

pub use statement::{Statement, Value, Values};
pub(crate) use statement::{statements, values};

use crate::id::Id;

/// Names of the role under which the server reads and writes PostgreSQL.
pub const APP_ROLE: &str = "hetero2_app";

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is of no database that is known.
    #[error("{0:?} is no address of a database: sqlite:PATH or postgres://HOST/NAME is")]
    Address(String),
    /// The database refused or could not be reached.
    #[error("the database failed at: {action}")]
    Database {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// The server's role could see every organisation.
    #[error(
        "the database's role {0} passes row-level security: give the server a role that is neither superuser nor BYPASSRLS"
    )]
    Privileged(String),
    /// The schema is older than this server.
    #[error("the database has schema {found}, this server needs {needed}")]
    OldSchema {
        /// Newest migration applied.
        found: i64,
        /// Newest migration known.
        needed: i64,
    },
    /// The schema is newer than this server can use.
    #[error(
        "the database has schema {found}, which servers before schema {oldest} cannot use; this one knows {known}"
    )]
    NewSchema {
        /// Newest migration applied.
        found: i64,
        /// Oldest schema a server must know to use it.
        oldest: i64,
        /// Newest migration known.
        known: i64,
    },
    /// A migration that was applied is not the one that this program knows.
    #[error("migration {0} was applied with another text: the database is of another program")]
    ForeignMigration(i64),
}

impl StoreError {
    /// Wraps what the driver said of `action`.
    pub(crate) fn at(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }

    /// Whether a uniqueness constraint refused a row.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let Self::Database { source: sqlx::Error::Database(error), .. } = self else {
            return false;
        };
        error.is_unique_violation()
    }

    /// Whether the database may answer if asked again: it waited for a lock or
    /// a connection too long, or two transactions collided.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        match source {
            sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                ["55P03", "57014", "40001", "40P01", "5", "6"].contains(&&*code)
            }),
            _ => false,
        }
    }
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file of this process: one organisation, one writer.
    Sqlite,
    /// PostgreSQL 15 or newer.
    Postgres,
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    engine: Engine,
    url: String,
}

impl Address {
    /// Reads `sqlite:PATH` or `postgres://…`.
    ///
    /// # Errors
    ///
    /// Where `text` is neither. The text is named without its password.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::sqlite(&PathBuf::from(path.trim_start_matches("//"))));
        }
        let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_postgres && url::Url::parse(text).is_ok() {
            return Ok(Self { engine: Engine::Postgres, url: text.to_owned() });
        }
        let shown = text.split("://").next().unwrap_or_default();
        Err(StoreError::Address(shown.chars().take(40).collect()))
    }

    /// The database in the file `path`, made where it is missing.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        Self { engine: Engine::Sqlite, url: format!("sqlite://{}?mode=rwc", path.display()) }
    }

    /// Which database it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }
}

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
    /// SQLite has one writer: waiting here is fair, waiting there is not.
    writer: std::sync::Arc<Mutex<()>>,
}

/// Most connections to PostgreSQL, and readers of SQLite.
const CONNECTIONS: u32 = 16;

impl Store {
    /// Opens the database with the rights of the server: on PostgreSQL as the
    /// role [`APP_ROLE`], which row-level security binds.
    ///
    /// # Errors
    ///
    /// Where it cannot be reached, its schema does not fit, or the role is
    /// above row-level security.
    pub async fn open(address: &Address) -> Result<Self, StoreError> {
        let store = Self::connect(address, Rights::App).await?;
        store.refuse_privileges().await?;
        migrate::check(&store).await?;
        Ok(store)
    }

    /// Opens the database with the rights of its owner, for migrations, backup
    /// and restore.
    ///
    /// # Errors
    ///
    /// Where it cannot be reached.
    pub async fn open_as_owner(address: &Address) -> Result<Self, StoreError> {
        Self::connect(address, Rights::Owner).await
    }

    async fn connect(address: &Address, rights: Rights) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let engine = address.engine;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| {
                Box::pin(async move { prepare(connection, engine, rights).await })
            })
            .connect(&address.url)
            .await
            .map_err(StoreError::at("connecting"))?;
        Ok(Self { pool, engine, writer: std::sync::Arc::default() })
    }

    /// Which database it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether the database answers.
    ///
    /// # Errors
    ///
    /// Where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map_err(StoreError::at("ping"))?;
        Ok(())
    }

    /// Lets the database read `statement` and find its tables and columns,
    /// without running it.
    ///
    /// # Errors
    ///
    /// Where it does not understand it.
    pub async fn prepare(&self, statement: Statement) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::at("connecting"))?;
        let text = SqlStr::from_static(statement.text());
        let prepared = connection.prepare(text).await;
        prepared.map(drop).map_err(StoreError::at(statement.name()))
    }

    /// A transaction that reads one moment of the database.
    pub(crate) async fn begin_read(&self) -> Result<RawTx, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN DEFERRED",
            Engine::Postgres => "BEGIN READ ONLY",
        };
        self.begin(begin, None).await
    }

    /// A transaction that writes. On SQLite one at a time.
    pub(crate) async fn begin_write(&self) -> Result<RawTx, StoreError> {
        match self.engine {
            Engine::Sqlite => {
                let guard = self.writer.clone().lock_owned().await;
                self.begin("BEGIN IMMEDIATE", Some(guard)).await
            }
            Engine::Postgres => self.begin("BEGIN", None).await,
        }
    }

    /// A transaction that sees one snapshot of all tables, for a backup.
    pub(crate) async fn begin_snapshot(&self) -> Result<RawTx, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN DEFERRED",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.begin(begin, None).await
    }

    async fn begin(
        &self,
        begin: &'static str,
        guard: Option<OwnedMutexGuard<()>>,
    ) -> Result<RawTx, StoreError> {
        let tx = self.pool.begin_with(begin).await.map_err(StoreError::at("begin"))?;
        Ok(RawTx { tx, _writer: guard })
    }

    async fn refuse_privileges(&self) -> Result<(), StoreError> {
        if self.engine == Engine::Sqlite {
            return Ok(());
        }
        let row = sqlx::query(
            "SELECT current_user::text AS name, \
             CASE WHEN rolsuper OR rolbypassrls THEN 1::bigint ELSE 0::bigint END AS above \
             FROM pg_roles WHERE rolname = current_user",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(StoreError::at("reading the role"))?;
        let above: i64 = row.try_get("above").map_err(StoreError::at("reading the role"))?;
        match above {
            0 => Ok(()),
            _ => Err(StoreError::Privileged(
                row.try_get("name").map_err(StoreError::at("reading the role"))?,
            )),
        }
    }
}

/// With whose rights a connection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    App,
    Owner,
}

async fn prepare(
    connection: &mut AnyConnection,
    engine: Engine,
    rights: Rights,
) -> Result<(), sqlx::Error> {
    match (engine, rights) {
        (Engine::Sqlite, _) => {
            for pragma in [
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
                "PRAGMA busy_timeout = 10000",
            ] {
                connection.execute(pragma).await?;
            }
        }
        (Engine::Postgres, Rights::App) => {
            connection.execute("SET ROLE hetero2_app").await?;
            // A transaction that waits for a peer's key answers, rather than hangs.
            connection.execute("SET lock_timeout = '5s'").await?;
            connection.execute("SET statement_timeout = '30s'").await?;
        }
        (Engine::Postgres, Rights::Owner) => {}
    }
    Ok(())
}

/// A transaction of the database, rolled back where it is dropped.
pub(crate) struct RawTx {
    tx: Transaction<'static, Any>,
    /// Let go of after the transaction.
    _writer: Option<OwnedMutexGuard<()>>,
}

impl RawTx {
    pub(crate) async fn execute(
        &mut self,
        statement: Statement,
        values: Values<'_>,
    ) -> Result<u64, StoreError> {
        let done = statement
            .with(values)
            .execute(&mut *self.tx)
            .await
            .map_err(StoreError::at(statement.name()))?;
        Ok(done.rows_affected())
    }

    pub(crate) async fn rows(
        &mut self,
        statement: Statement,
        values: Values<'_>,
    ) -> Result<Vec<Columns>, StoreError> {
        let rows = statement
            .with(values)
            .fetch_all(&mut *self.tx)
            .await
            .map_err(StoreError::at(statement.name()))?;
        Ok(rows.into_iter().map(|row| Columns { row, statement: statement.name() }).collect())
    }

    pub(crate) async fn row(
        &mut self,
        statement: Statement,
        values: Values<'_>,
    ) -> Result<Option<Columns>, StoreError> {
        let row = statement
            .with(values)
            .fetch_optional(&mut *self.tx)
            .await
            .map_err(StoreError::at(statement.name()))?;
        Ok(row.map(|row| Columns { row, statement: statement.name() }))
    }

    /// The connection, for text that is no statement of the server: migrations.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(StoreError::at("commit"))
    }
}

/// A row of an answer.
pub struct Columns {
    row: AnyRow,
    statement: &'static str,
}

impl Columns {
    /// The text in column `name`.
    ///
    /// # Errors
    ///
    /// Where there is no such column, or it is of another type.
    pub fn text(&self, name: &str) -> Result<String, StoreError> {
        self.row.try_get(name).map_err(StoreError::at(self.statement))
    }

    /// The text in column `name`, if it is not null.
    ///
    /// # Errors
    ///
    /// As for [`Columns::text`].
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.row.try_get(name).map_err(StoreError::at(self.statement))
    }

    /// The number in column `name`.
    ///
    /// # Errors
    ///
    /// As for [`Columns::text`].
    pub fn number(&self, name: &str) -> Result<i64, StoreError> {
        self.row.try_get(name).map_err(StoreError::at(self.statement))
    }

    /// The size or count in column `name`, which is never negative.
    ///
    /// # Errors
    ///
    /// As for [`Columns::text`].
    pub fn natural(&self, name: &str) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.number(name)?).unwrap_or_default())
    }

    /// The number in column `name`, if it is not null.
    ///
    /// # Errors
    ///
    /// As for [`Columns::text`].
    pub fn optional_number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.row.try_get(name).map_err(StoreError::at(self.statement))
    }

    /// The id in column `name`.
    ///
    /// # Errors
    ///
    /// As for [`Columns::text`].
    pub fn id(&self, name: &str) -> Result<Id, StoreError> {
        Ok(Id::stored(self.text(name)?))
    }

    /// The id in column `name`, if it is not null.
    ///
    /// # Errors
    ///
    /// As for [`Columns::text`].
    pub fn optional_id(&self, name: &str) -> Result<Option<Id>, StoreError> {
        Ok(self.optional_text(name)?.map(Id::stored))
    }
}
