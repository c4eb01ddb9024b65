//! What PostgreSQL itself keeps apart, whatever the server asks.

use std::collections::BTreeSet;

use hetero2_service::statements;
use hetero2_service::store::{Address, Store, migrate};

use crate::rig::{block_on, postgres};

/// Two organisations with a row in the tables that need only them.
const TWO: &str = "\
    INSERT INTO org (id, slug, name, created_at) VALUES ('org_a', 'a', 'A', 1), ('org_b', 'b', 'B', 1); \
    INSERT INTO member (org_id, id, kind, login, name, role, created_at) VALUES \
        ('org_a', 'mem_a', 'person', 'ann', 'Ann', 'owner', 1), \
        ('org_b', 'mem_b', 'person', 'ann', 'Ann', 'owner', 1); \
    INSERT INTO project (org_id, id, slug, name, description, created_at) VALUES \
        ('org_a', 'prj_a', 'p', 'P', '', 1), ('org_b', 'prj_b', 'p', 'P', '', 1); \
    INSERT INTO audit_event (org_id, id, actor_via, action, outcome, at, request_id, source_address) \
        VALUES ('org_a', 'evt_a', 'system', 'login', 'done', 1, 'req_a', 'local'), \
            ('org_b', 'evt_b', 'system', 'login', 'done', 1, 'req_b', 'local')";

/// Every table with a column that says whose its rows are.
const TENANT_TABLES: &str = "SELECT DISTINCT c.relname FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('org_id', 'org') \
    WHERE c.relkind IN ('r', 'p', 'm', 'v') AND n.nspname = 'public' \
        AND (a.attname IS NOT NULL OR c.relname = 'org')";

#[test]
fn statements_are_prepared_on_both_databases() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Address::sqlite(&folder.path().join("h2.db"));
        let store = Store::open_as_owner(&sqlite).await.unwrap();
        migrate::migrate(&store).await.unwrap();
        for statement in statements::all() {
            store.prepare(statement).await.unwrap();
        }
        let Some(cluster) = postgres::shared() else { return };
        let database = cluster.migrated().await;
        let store = database.store().await;
        for statement in statements::all() {
            let prepared = store.prepare(statement).await;
            // The ledger is written by the owner alone, but may be read.
            prepared.unwrap_or_else(|error| panic!("{}: {error:?}", statement.name()));
        }
    });
}

#[test]
fn every_tenant_table_forces_row_level_security() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    let tables = database.as_owner(TENANT_TABLES).unwrap();
    let tables: BTreeSet<&str> = tables.lines().collect();
    assert!(tables.len() >= 19, "{tables:?}");
    let bare = database
        .as_owner(&format!(
            "SELECT relname FROM pg_class WHERE relname IN ({TENANT_TABLES}) \
             AND NOT (relrowsecurity AND relforcerowsecurity)"
        ))
        .unwrap();
    assert_eq!(bare, "", "without forced row-level security");
    // The policy of the server's role depends on the organisation alone.
    let policies = database
        .as_owner(
            "SELECT tablename FROM pg_policies WHERE roles = '{hetero2_app}' \
             AND permissive = 'PERMISSIVE' AND cmd = 'ALL' \
             AND qual ~ 'current_setting\\(''app\\.org''::text, true\\)' AND qual = with_check",
        )
        .unwrap();
    assert_eq!(policies.lines().collect::<BTreeSet<_>>(), tables);
    let others = database
        .as_owner(
            "SELECT tablename, policyname FROM pg_policies \
             WHERE NOT roles <@ '{hetero2_app,h2_owner}' OR cardinality(roles) <> 1",
        )
        .unwrap();
    assert_eq!(others, "");
}

#[test]
fn without_an_organisation_there_are_no_rows() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    database.as_owner(TWO).unwrap();
    for table in database.as_owner(TENANT_TABLES).unwrap().lines() {
        let count = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(database.as_app(&count).unwrap(), "0", "{table}");
        assert_eq!(database.as_org("", &count).unwrap(), "0", "{table}");
        assert_eq!(database.as_org("org_c", &count).unwrap(), "0", "{table}");
    }
    for table in ["org", "member", "project", "audit_event"] {
        let count = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(database.as_owner(&count).unwrap(), "2", "{table}");
        assert_eq!(database.as_org("org_a", &count).unwrap(), "1", "{table}");
    }
    // Nor does a write reach another organisation's.
    let foreign = "UPDATE member SET name = 'X' WHERE org_id = 'org_b'";
    database.as_org("org_a", foreign).unwrap();
    let names = "SELECT name FROM member WHERE org_id = 'org_b'";
    assert_eq!(database.as_owner(names).unwrap(), "Ann");
    let moved = database.as_org("org_a", "UPDATE project SET org_id = 'org_b'").unwrap_err();
    assert!(moved.contains("row-level security"), "{moved}");
}

#[test]
fn the_server_neither_changes_nor_deletes_events() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    database.as_owner(TWO).unwrap();
    for sql in [
        "UPDATE audit_event SET outcome = 'refused'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DELETE FROM org",
        "TRUNCATE member CASCADE",
        "INSERT INTO org (id, slug, name, created_at) VALUES ('org_a', 'x', 'X', 1)",
        "ALTER TABLE member NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON member",
        "UPDATE schema_version SET oldest = 99",
        "SET ROLE h2_owner",
        "SET ROLE postgres",
    ] {
        let refused = database.as_org("org_a", sql).unwrap_err();
        let why = ["permission denied", "must be owner"];
        assert!(why.iter().any(|why| refused.contains(why)), "{sql}: {refused}");
    }
}

#[test]
fn an_id_that_another_organisation_owns_is_free() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    database.as_owner(TWO).unwrap();
    // Every key of a tenant's table begins with the organisation, so that no
    // error of uniqueness speaks of another's row.
    let keys = database
        .as_owner(&format!(
            "SELECT i.indrelid::regclass, i.indexrelid::regclass FROM pg_index i \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
             WHERE i.indisunique AND a.attname <> 'org_id' \
             AND i.indrelid::regclass::text IN ({TENANT_TABLES}) \
             AND i.indrelid::regclass::text <> 'org'"
        ))
        .unwrap();
    assert_eq!(keys, "");
    let insert = "INSERT INTO project (org_id, id, slug, name, description, created_at) \
        VALUES ('org_a', 'prj_b', 'q', 'Q', '', 1)";
    database.as_org("org_a", insert).unwrap();
    // A foreign key sees no other organisation's row either.
    let part = "INSERT INTO project_member (org_id, project_id, member_id, role, created_at) \
        VALUES ('org_a', 'prj_a', 'mem_b', 'view', 1)";
    let refused = database.as_org("org_a", part).unwrap_err();
    assert!(refused.contains("foreign key"), "{refused}");
}

#[test]
fn a_role_above_row_level_security_is_refused() {
    let Some(cluster) = postgres::shared() else { return };
    block_on(async {
        let database = cluster.migrated().await;
        let store = database.store().await;
        store.ping().await.unwrap();
        store.close().await;
        cluster.psql("postgres", "postgres", "CREATE ROLE h2_stranger LOGIN").unwrap();
        let url = database.app_url().replace("h2_app", "h2_stranger");
        let refused = Store::open(&Address::parse(&url).unwrap()).await;
        assert!(refused.is_err(), "a login that is no member of the server's role was taken");
    });
}
