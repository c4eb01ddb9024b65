//! Schemas come to be, whoever else makes them and whenever that is interrupted.

use std::process::Stdio;
use std::time::Duration;

use hetero2_service::serve::default_database;
use hetero2_service::store::{Address, Store, StoreError, migrate};
use hetero2_service::tokio;

use crate::rig::postgres::{AppRole, Cluster, Database};
use crate::rig::server::hetero2;
use crate::rig::{block_on, postgres};

#[test]
fn a_first_migration_makes_the_servers_role() {
    let Some(cluster) = Cluster::start(AppRole::Missing) else { return };
    block_on(async {
        let database = cluster.migrated().await;
        database.as_owner("GRANT hetero2_app TO h2_app").unwrap();
        database.store().await.ping().await.unwrap();
        let above = "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles \
            WHERE rolname = 'hetero2_app'";
        assert_eq!(database.as_owner(above).unwrap(), "f");
    });
}

#[test]
fn eight_servers_migrate_at_once() {
    let Some(cluster) = postgres::shared() else { return };
    block_on(async {
        let database = cluster.empty();
        let mut servers = Vec::new();
        for _ in 0..8 {
            let address = database.owner();
            servers.push(tokio::spawn(async move {
                let store = Store::open_as_owner(&address).await?;
                migrate::migrate(&store).await
            }));
        }
        let mut applied = 0;
        for server in servers {
            applied += server.await.unwrap().unwrap();
        }
        assert_eq!(i64::try_from(applied).unwrap(), migrate::known());
        let ledger = "SELECT COUNT(*), COUNT(DISTINCT version) FROM schema_version";
        let known = migrate::known();
        assert_eq!(database.as_owner(ledger).unwrap(), format!("{known}|{known}"));
    });
}

/// Every relation and every policy.
const TABLES: &str = "SELECT relname::text FROM pg_class \
    WHERE relnamespace = 'public'::regnamespace \
    UNION ALL SELECT tablename || '.' || policyname FROM pg_policies ORDER BY 1";

/// What there is after each step.
async fn reference(cluster: &Cluster) -> Vec<String> {
    let database = cluster.empty();
    let store = Store::open_as_owner(&database.owner()).await.unwrap();
    let mut found = vec![database.as_owner(TABLES).unwrap()];
    for version in 1..=migrate::known() {
        assert_eq!(migrate::migrate_to(&store, version).await.unwrap(), 1);
        found.push(database.as_owner(TABLES).unwrap());
    }
    store.close().await;
    found
}

/// The newest step that is recorded.
fn steps(database: &Database<'_>) -> i64 {
    let found = database.as_owner("SELECT to_regclass('schema_version') IS NOT NULL").unwrap();
    if found == "f" {
        return 0;
    }
    let newest = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
    database.as_owner(newest).unwrap().parse().unwrap()
}

/// How often a migration is killed: a few times, or `HETERO2_KILLS`.
fn kills() -> u64 {
    std::env::var("HETERO2_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

#[test]
fn a_killed_migration_leaves_whole_steps() {
    let Some(cluster) = postgres::shared() else { return };
    block_on(async {
        let reference = reference(cluster).await;
        // Learn how long one takes, so that kills fall within it.
        let start = std::time::Instant::now();
        drop(cluster.migrated().await);
        let whole = start.elapsed();
        let mut partial = 0;
        for kill in 0..kills() {
            let database = cluster.empty();
            let store = Store::open_as_owner(&database.owner()).await.unwrap();
            let task = tokio::spawn({
                let store = store.clone();
                async move { migrate::migrate(&store).await }
            });
            // Spread by the golden ratio over the time that it takes.
            let part = (kill as f64 * 0.618_033_988_75).fract();
            tokio::time::sleep(whole.mul_f64(part)).await;
            let backends = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            database.as_owner(backends).unwrap();
            let outcome = task.await.unwrap();
            store.close().await;
            let steps = steps(&database);
            partial += u32::from(outcome.is_err() && steps > 0);
            let whole_steps = &reference[usize::try_from(steps).unwrap()];
            assert_eq!(
                &database.as_owner(TABLES).unwrap(),
                whole_steps,
                "kill {kill}: {outcome:?}"
            );
            // The next server finishes.
            let store = Store::open_as_owner(&database.owner()).await.unwrap();
            let missing = i64::try_from(migrate::migrate(&store).await.unwrap()).unwrap();
            assert_eq!(missing + steps, migrate::known(), "kill {kill}");
            store.close().await;
            database.store().await.ping().await.unwrap();
        }
        eprintln!("{} kills, {partial} between two steps of the schema", kills());
    });
}

#[test]
fn a_killed_process_leaves_whole_steps_of_sqlite() {
    let mut found = std::collections::BTreeSet::new();
    for kill in 0..kills() {
        let folder = tempfile::tempdir().unwrap();
        let migrate_all = || {
            let mut command = hetero2();
            command.args(["admin", "migrate", "--json", "--data"]).arg(folder.path());
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut child = migrate_all();
        // From before it opens the database until after it is done.
        let part = (kill as f64 * 0.618_033_988_75).fract();
        std::thread::sleep(Duration::from_secs_f64(part * 0.25));
        child.kill().unwrap();
        child.wait().unwrap();
        let output = migrate_all().wait_with_output().unwrap();
        assert!(output.status.success(), "kill {kill}");
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["schema"], migrate::known(), "kill {kill}");
        found.insert(said["migrations"].as_u64().unwrap());
        let address = Address::sqlite(&default_database(folder.path()));
        block_on(async { Store::open(&address).await.unwrap().ping().await.unwrap() });
    }
    eprintln!("{} kills left {found:?} steps to do", kills());
}

#[test]
fn a_server_says_which_schema_it_needs() {
    let Some(cluster) = postgres::shared() else { return };
    block_on(async {
        let database = cluster.empty();
        let known = migrate::known();
        let owner = Store::open_as_owner(&database.owner()).await.unwrap();
        migrate::migrate_to(&owner, known - 1).await.unwrap();
        // A newer server on the older schema.
        let refused = Store::open(&database.app()).await.unwrap_err();
        let StoreError::OldSchema { found, needed } = refused else { panic!("{refused:?}") };
        assert_eq!((found, needed), (known - 1, known));
        migrate::migrate(&owner).await.unwrap();
        database.store().await.close().await;
        // Back: the schema went on, and only adds to what this server knows.
        let later = |version: i64, oldest: i64| {
            format!(
                "INSERT INTO schema_version (version, name, sha256, oldest, applied_at) \
                 VALUES ({version}, 'later', '', {oldest}, 1)"
            )
        };
        database.as_owner(&later(known + 1, known)).unwrap();
        database.store().await.close().await;
        assert_eq!(migrate::migrate(&owner).await.unwrap(), 0);
        // Until a step breaks it.
        database.as_owner(&later(known + 2, known + 2)).unwrap();
        let refused = Store::open(&database.app()).await.unwrap_err();
        assert!(matches!(refused, StoreError::NewSchema { .. }), "{refused:?}");
        assert!(refused.to_string().contains(&format!("before schema {}", known + 2)), "{refused}");
    });
}

#[test]
fn a_migration_with_another_text_is_refused() {
    let Some(cluster) = postgres::shared() else { return };
    block_on(async {
        let database = cluster.migrated().await;
        database.as_owner("UPDATE schema_version SET sha256 = 'x' WHERE version = 2").unwrap();
        let owner = Store::open_as_owner(&database.owner()).await.unwrap();
        let refused = migrate::migrate(&owner).await.unwrap_err();
        assert!(matches!(refused, StoreError::ForeignMigration(2)), "{refused:?}");
    });
}
