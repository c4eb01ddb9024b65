//! Brings a database to the schema of this program, and says whether a schema
//! can be used. It must not know what the tables mean.
//!
//! A migration only adds: a server that knows an older schema goes on working
//! beside it, so upgrades roll and can be rolled back. One that must break
//! older servers says so in `oldest`.

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Executor as _};

use super::{Engine, RawTx, Store, StoreError, statements, values};
use crate::time::Instant;

/// One step of the schema.
struct Migration {
    version: i64,
    name: &'static str,
    text: &'static str,
    /// Tables that it makes and that hold rows of organisations, with the
    /// column that says whose.
    tenant_tables: &'static [(&'static str, &'static str)],
    /// Tables that it makes and that are of the deployment, not of an
    /// organisation, with what the server may do to them.
    shared_tables: &'static [(&'static str, &'static str)],
    /// What PostgreSQL alone is told besides: the functions that look across
    /// organisations.
    postgres: &'static str,
    /// The oldest schema that a server must know to use this one.
    oldest: i64,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "identity",
        text: include_str!("migrations/0001_identity.sql"),
        tenant_tables: &[
            ("org", "id"),
            ("member", "org_id"),
            ("identity", "org_id"),
            ("oidc_attempt", "org_id"),
            ("session", "org_id"),
            ("token", "org_id"),
            ("project", "org_id"),
            ("project_member", "org_id"),
            ("member_group", "org_id"),
            ("group_member", "org_id"),
            ("group_map", "org_id"),
            ("audit_event", "org_id"),
            ("idempotency", "org_id"),
        ],
        shared_tables: &[],
        postgres: SANCTIONED,
        oldest: 1,
    },
    Migration {
        version: 2,
        name: "data",
        text: include_str!("migrations/0002_data.sql"),
        tenant_tables: &[
            ("data_key", "org_id"),
            ("blob", "org_id"),
            ("upload", "org_id"),
            ("upload_part", "org_id"),
            ("dataset", "org_id"),
        ],
        shared_tables: &[],
        postgres: "",
        oldest: 2,
    },
    Migration {
        version: 3,
        name: "runs",
        text: include_str!("migrations/0003_runs.sql"),
        tenant_tables: &[("run", "org_id")],
        shared_tables: &[],
        postgres: "",
        oldest: 3,
    },
    Migration {
        version: 4,
        name: "quota",
        text: include_str!("migrations/0004_quota.sql"),
        tenant_tables: &[
            ("quota", "org_id"),
            ("usage_event", "org_id"),
            ("usage_month", "org_id"),
            ("statement", "org_id"),
        ],
        shared_tables: &[("plan", "SELECT")],
        postgres: include_str!("migrations/0004_quota.postgres.sql"),
        oldest: 4,
    },
    Migration {
        version: 5,
        name: "workers",
        text: include_str!("migrations/0005_workers.sql"),
        tenant_tables: &[],
        shared_tables: &[
            ("worker_pool", "SELECT, INSERT, UPDATE"),
            ("worker", "SELECT, INSERT, UPDATE"),
        ],
        postgres: "",
        oldest: 5,
    },
    Migration {
        version: 6,
        name: "jobs",
        text: include_str!("migrations/0006_jobs.sql"),
        tenant_tables: &[
            ("job", "org_id"),
            ("job_input", "org_id"),
            ("job_event", "org_id"),
            ("artifact", "org_id"),
        ],
        shared_tables: &[],
        postgres: include_str!("migrations/0006_jobs.postgres.sql"),
        oldest: 6,
    },
    Migration {
        version: 7,
        name: "metrics",
        text: include_str!("migrations/0007_metrics.sql"),
        tenant_tables: &[],
        shared_tables: &[],
        postgres: include_str!("migrations/0007_metrics.postgres.sql"),
        oldest: 6,
    },
    Migration {
        version: 8,
        name: "indexes",
        text: include_str!("migrations/0008_indexes.sql"),
        tenant_tables: &[],
        shared_tables: &[],
        postgres: "",
        oldest: 6,
    },
];

/// The newest schema that this program knows.
#[must_use]
pub fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The tables that hold what the server keeps, parents before children.
pub(crate) fn tables() -> impl Iterator<Item = &'static str> {
    tables_of(known())
}

/// Those of schema `version`.
pub(crate) fn tables_of(version: i64) -> impl Iterator<Item = &'static str> {
    MIGRATIONS
        .iter()
        .filter(move |migration| migration.version <= version)
        .flat_map(|migration| migration.shared_tables.iter().chain(migration.tenant_tables))
        .map(|(table, _)| *table)
}

/// The newest migration that was applied.
pub(crate) async fn applied(tx: &mut RawTx) -> Result<i64, StoreError> {
    let rows = tx.rows(APPLIED, &[]).await?;
    rows.last().map_or(Ok(0), |row| row.number("version"))
}

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_version (\
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, \
    oldest BIGINT NOT NULL, applied_at BIGINT NOT NULL)";

statements! {
    APPLIED = "SELECT version, sha256, oldest FROM schema_version ORDER BY version";
    RECORD = "INSERT INTO schema_version (version, name, sha256, oldest, applied_at) \
              VALUES ($1, $2, $3, $4, $5)";
}

/// The role of the server, made once by whoever may make roles.
const ROLE: &str = "DO $$ BEGIN \
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hetero2_app') THEN \
        CREATE ROLE hetero2_app NOLOGIN NOSUPERUSER NOBYPASSRLS; \
    END IF; \
    IF NOT pg_has_role(current_user, 'hetero2_app', 'MEMBER') THEN \
        EXECUTE format('GRANT hetero2_app TO %I', current_user); \
    END IF; \
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hetero2_app', current_schema()); \
END $$";

/// Which organisation a name belongs to, and which there are: the two questions
/// that cross organisations. The functions run as the owner, whom a policy on
/// `org` alone lets read.
const SANCTIONED: &str = "\
    CREATE OR REPLACE FUNCTION org_by_slug(wanted TEXT) RETURNS TABLE (id TEXT) \
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT \
        AS 'SELECT id FROM org WHERE slug = wanted'; \
    CREATE OR REPLACE FUNCTION org_ids() RETURNS TABLE (id TEXT) \
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT \
        AS 'SELECT id FROM org ORDER BY id'; \
    REVOKE ALL ON FUNCTION org_by_slug(TEXT), org_ids() FROM PUBLIC; \
    GRANT EXECUTE ON FUNCTION org_by_slug(TEXT), org_ids() TO hetero2_app";

/// Applies the migrations that `store` lacks, each in a transaction of its own,
/// and gives how many. Several servers may do so at once.
///
/// # Errors
///
/// Where the database refuses, or was migrated by another program.
pub async fn migrate(store: &Store) -> Result<usize, StoreError> {
    migrate_to(store, known()).await
}

/// Applies the migrations up to `version`; as [`migrate`].
///
/// # Errors
///
/// As for [`migrate`].
pub async fn migrate_to(store: &Store, version: i64) -> Result<usize, StoreError> {
    let mut count = 0;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version <= version) {
        let mut tx = store.begin_write().await?;
        prepare(&mut tx, store.engine()).await?;
        if !is_applied(&mut tx, migration).await? {
            apply(&mut tx, store.engine(), migration).await?;
            tx.commit().await?;
            count += 1;
        } else {
            tx.commit().await?;
        }
    }
    Ok(count)
}

/// One migration at a time, and a ledger.
async fn prepare(tx: &mut RawTx, engine: Engine) -> Result<(), StoreError> {
    if engine == Engine::Postgres {
        run(tx, "SELECT pg_advisory_xact_lock(4851276354)").await?;
        run(tx, ROLE).await?;
    }
    run(tx, &dialect(engine, LEDGER)).await?;
    if engine == Engine::Postgres {
        run(tx, "GRANT SELECT ON schema_version TO hetero2_app").await?;
    }
    Ok(())
}

async fn is_applied(tx: &mut RawTx, migration: &Migration) -> Result<bool, StoreError> {
    for row in tx.rows(APPLIED, &[]).await? {
        if row.number("version")? == migration.version {
            return match row.text("sha256")? == digest(migration) {
                true => Ok(true),
                false => Err(StoreError::ForeignMigration(migration.version)),
            };
        }
    }
    Ok(false)
}

async fn apply(tx: &mut RawTx, engine: Engine, migration: &Migration) -> Result<(), StoreError> {
    run(tx, &dialect(engine, migration.text)).await?;
    if engine == Engine::Postgres {
        for (table, column) in migration.tenant_tables {
            run(tx, &row_level_security(table, column)).await?;
        }
        for (table, grants) in migration.shared_tables {
            run(tx, &format!("GRANT {grants} ON {table} TO hetero2_app")).await?;
        }
        if !migration.postgres.is_empty() {
            run(tx, migration.postgres).await?;
        }
    }
    let (version, digest) = (migration.version, digest(migration));
    let values = values![version, migration.name, &digest, migration.oldest, Instant::now()];
    tx.execute(RECORD, values).await?;
    Ok(())
}

async fn run(tx: &mut RawTx, text: &str) -> Result<(), StoreError> {
    // Constants of this file, with names of tables put in.
    tx.connection()
        .execute(AssertSqlSafe(text.to_owned()))
        .await
        .map_err(StoreError::at("migrating"))?;
    Ok(())
}

/// SQLite calls eight bytes INTEGER.
fn dialect(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Sqlite => text.replace("BIGINT", "INTEGER"),
        Engine::Postgres => text.to_owned(),
    }
}

/// Rows of `table` are seen and written only by transactions that named their
/// organisation; the owner, who migrates and backs up, sees them all. Events of
/// the audit trail and of usage are neither changed nor deleted by the server, and
/// it gives no organisation a plan.
fn row_level_security(table: &str, column: &str) -> String {
    let grants = match table {
        "audit_event" | "usage_event" | "statement" => "SELECT, INSERT",
        "quota" => "SELECT",
        "usage_month" => "SELECT, INSERT, UPDATE",
        "org" => "SELECT, UPDATE",
        _ => "SELECT, INSERT, UPDATE, DELETE",
    };
    format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; \
         ALTER TABLE {table} FORCE ROW LEVEL SECURITY; \
         CREATE POLICY tenant ON {table} TO hetero2_app \
             USING ({column} = current_setting('app.org', true)) \
             WITH CHECK ({column} = current_setting('app.org', true)); \
         CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true); \
         GRANT {grants} ON {table} TO hetero2_app"
    )
}

fn digest(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.text.as_bytes()))
}

/// Whether this program can use the schema of `store`.
pub(super) async fn check(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin_read().await?;
    let (mut found, mut oldest) = (0, 0);
    let rows = tx.rows(APPLIED, &[]).await;
    // Without a ledger nothing was applied.
    for row in rows.unwrap_or_default() {
        found = row.number("version")?;
        oldest = row.number("oldest")?;
    }
    match (found, known()) {
        (found, needed) if found < needed => Err(StoreError::OldSchema { found, needed }),
        (found, known) if oldest > known => Err(StoreError::NewSchema { found, oldest, known }),
        _ => Ok(()),
    }
}
