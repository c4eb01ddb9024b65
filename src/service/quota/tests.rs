//! Limits and sums over SQLite.

use super::month::Month;
use super::plan::{self, Plan, PlanError};
use super::*;
use crate::auth::fixture::Fixture;
use crate::id::{Id, Kind};
use crate::job::JobKind;
use crate::job::protocol::Usage;
use crate::quota::statement::{close_months, csv, document};
use crate::store::values;
use crate::tenancy::{Action, OrgRole, Origin, Principal};
use crate::trail::Entry;

const PROJECT: Statement = Statement::new(
    "PROJECT",
    "INSERT INTO project (org_id, id, slug, name, description, created_at) \
     VALUES ($1, $2, 'x', 'X, \"the\" first', '', 1)",
);

/// An organisation with a project.
struct Ledger {
    fixture: Fixture,
    project: Id,
}

impl Ledger {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let project = Id::fresh(Kind::Project);
        let mut raw = fixture.store.begin_write().await.unwrap();
        raw.execute(PROJECT, values![&fixture.org, &project]).await.unwrap();
        raw.commit().await.unwrap();
        Self { fixture, project }
    }

    async fn plan(&self, name: &str, limits: Limits) {
        let plan =
            Plan { name: name.into(), weight: 3, limits, price: 100_000, currency: "EUR".into() };
        plan::set(&self.fixture.store, &plan).await.unwrap();
        let (store, org) = (&self.fixture.store, &self.fixture.org);
        plan::assign(store, org, Some(name), &Limits::default()).await.unwrap();
    }

    async fn used(&self, kind: JobKind, outcome: &str, core_seconds: f64, at: Instant) {
        let mut tx = self.fixture.write(Action::QuotaRead).await;
        let (job, run) = (Id::fresh(Kind::Run), Id::fresh(Kind::Run));
        let usage =
            Usage { core_seconds, wall_seconds: core_seconds, peak_memory_mib: 9, rows: 20 };
        let ended = Ended {
            project: &self.project,
            job: &job,
            run: &run,
            attempt: 1,
            member: Some(&self.fixture.member),
            kind,
            outcome,
            usage: &usage,
            started_at: at,
            ended_at: at,
        };
        record(&mut tx, &ended).await.unwrap();
        tx.commit(Entry::on(&job)).await.unwrap();
    }

    async fn document(&self, month: Month) -> serde_json::Value {
        let mut tx = self.fixture.read(Action::UsageRead).await;
        serde_json::from_str(&document(&mut tx, month).await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn without_a_plan_nothing_is_limited_or_priced() {
    let ledger = Ledger::new().await;
    ledger.used(JobKind::Run, "succeeded", 1e9, Instant::now()).await;
    let mut tx = ledger.fixture.read(Action::QuotaRead).await;
    assert!(check_submission(&mut tx, 1000).await.is_ok());
    assert!(check_storage(&mut tx, u64::MAX).await.is_ok());
    assert_eq!(room_at_claim(&mut tx).await.unwrap(), UNLIMITED);
    let events = usage::list(&mut tx, "use_z", 10).await.unwrap();
    assert_eq!((events[0].cost.as_str(), events[0].currency.as_str()), ("0.000000", "XXX"));
}

#[tokio::test]
async fn core_time_of_this_month_is_what_is_limited() {
    let ledger = Ledger::new().await;
    ledger.plan("small", Limits { core_seconds: Some(100), ..Limits::default() }).await;
    let now = Instant::now();
    let before = Instant(Month::of(now).start().0 - 1);
    ledger.used(JobKind::Run, "succeeded", 500.0, before).await;
    ledger.used(JobKind::Run, "succeeded", 60.0, now).await;
    let mut tx = ledger.fixture.read(Action::QuotaRead).await;
    assert!(check_submission(&mut tx, 1).await.is_ok());
    assert_eq!(room_at_claim(&mut tx).await.unwrap(), UNLIMITED);
    drop(tx);
    ledger.used(JobKind::Audit, "failed", 40.0, now).await;
    let mut tx = ledger.fixture.read(Action::QuotaRead).await;
    let refused = check_submission(&mut tx, 1).await.unwrap_err();
    assert_eq!(refused.to_string(), "the organisation's limit of 100 core_seconds is reached");
    assert_eq!(room_at_claim(&mut tx).await.unwrap(), 0);
}

#[tokio::test]
async fn an_organisations_own_limit_replaces_its_plans() {
    let ledger = Ledger::new().await;
    let (store, org) = (&ledger.fixture.store, &ledger.fixture.org);
    ledger.plan("small", Limits { stored_bytes: Some(100), ..Limits::default() }).await;
    let mut tx = ledger.fixture.read(Action::QuotaRead).await;
    assert!(check_storage(&mut tx, 100).await.is_ok());
    assert!(check_storage(&mut tx, 101).await.is_err());
    drop(tx);
    for (own, fits) in [(200, 200), (UNLIMITED, u64::MAX)] {
        let own = Limits { stored_bytes: Some(own), ..Limits::default() };
        plan::assign(store, org, Some("small"), &own).await.unwrap();
        let mut tx = ledger.fixture.read(Action::QuotaRead).await;
        assert!(check_storage(&mut tx, fits).await.is_ok());
    }
    plan::assign(store, org, None, &Limits::default()).await.unwrap();
    let mut tx = ledger.fixture.read(Action::QuotaRead).await;
    assert_eq!(limits(&mut tx).await.unwrap(), Limits::default());
}

#[tokio::test]
async fn built_in_plans_are_there_and_unknown_ones_are_not() {
    let ledger = Ledger::new().await;
    let (store, org) = (&ledger.fixture.store, &ledger.fixture.org);
    let absent = plan::assign(store, org, Some("gold"), &Limits::default()).await;
    assert!(matches!(absent, Err(PlanError::Absent(_))));
    plan::assign(store, org, Some("team"), &Limits::default()).await.unwrap();
    let mut tx = ledger.fixture.read(Action::QuotaRead).await;
    let found = held(&mut tx).await.unwrap().unwrap();
    assert_eq!((found.plan.as_str(), found.weight), ("team", 4));
    drop(tx);
    let names: Vec<_> = plan::list(store).await.unwrap().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["team", "free", "enterprise"]);
    for (weight, price, currency) in [(0, 0, "EUR"), (1, -1, "EUR"), (1, 0, "eur")] {
        let limits = Limits::default();
        let plan = Plan { name: "x".into(), weight, limits, price, currency: currency.into() };
        assert!(matches!(plan::set(store, &plan).await, Err(PlanError::Unusable(_))));
    }
}

#[tokio::test]
async fn sums_are_those_of_the_events() {
    let ledger = Ledger::new().await;
    ledger.plan("priced", Limits::default()).await;
    let now = Instant::now();
    for count in 0..40 {
        ledger.used(JobKind::Run, "succeeded", f64::from(count) * 0.25, now).await;
    }
    ledger.used(JobKind::Audit, "input", 3600.0, now).await;
    let totals = usage::totals(&ledger.fixture.store).await.unwrap();
    let found: Vec<_> =
        totals.iter().map(|total| (total.kind.as_str(), total.core_milliseconds)).collect();
    assert_eq!(found, [("audit", 3_600_000), ("run", 195_000)]);
    assert_eq!(totals[0].cost, 100_000);
    let events = "SELECT SUM(core_milliseconds) AS n FROM usage_event";
    assert_eq!(ledger.fixture.number(events).await, 3_795_000);
    let slots = "SELECT COUNT(*) AS n FROM usage_month WHERE kind = 'run'";
    assert!(ledger.fixture.number(slots).await > 1);
}

#[tokio::test]
async fn a_statement_is_kept_once_its_month_is_over() {
    let ledger = Ledger::new().await;
    ledger.plan("priced", Limits::default()).await;
    let (store, org) = (&ledger.fixture.store, &ledger.fixture.org);
    let month = Month::parse("2026-01").unwrap();
    let last = Instant(month.end().0 - 1);
    ledger.used(JobKind::Run, "succeeded", 3600.0, last).await;
    ledger.used(JobKind::Run, "succeeded", 1800.0, month.start()).await;
    ledger.used(JobKind::Audit, "time_limit", 0.5, last).await;
    ledger.used(JobKind::Run, "succeeded", 7.0, month.end()).await;

    let open = ledger.document(month).await;
    assert_eq!(open["is_final"], false);
    // Not before the hour of grace is over.
    let soon = Instant(month.end().0 + 3_599_000);
    assert_eq!(close_months(store, org, soon).await.unwrap(), 0);
    let later = Instant(month.end().0 + 3_601_000);
    assert_eq!(close_months(store, org, later).await.unwrap(), 1);
    assert_eq!(close_months(store, org, later).await.unwrap(), 0);
    // What is recorded after is in no statement of that month.
    ledger.used(JobKind::Run, "succeeded", 99.0, last).await;
    let kept = ledger.document(month).await;
    assert_eq!((&kept["is_final"], &kept["lines"]), (&true.into(), &open["lines"]));
    assert_eq!(kept["totals"][0]["cost"], "0.150014");
    assert_eq!(kept["totals"][0]["core_seconds"], 5400.5);
    let table = csv(&kept.to_string());
    let lines: Vec<_> = table.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "month,project,project_name,kind,outcome,attempts,core_seconds,wall_seconds,rows,cost,currency"
    );
    let project = &ledger.project;
    assert_eq!(
        lines[2],
        format!(
            "2026-01,{project},\"X, \"\"the\"\" first\",run,succeeded,2,5400.0,5400.0,40,0.150000,EUR"
        )
    );
    let event = "SELECT COUNT(*) AS n FROM audit_event WHERE action = 'statement.close' \
        AND after_digest = (SELECT sha256 FROM statement)";
    assert_eq!(ledger.fixture.number(event).await, 1);
}

#[tokio::test]
async fn only_who_oversees_reads_usage_and_nobody_sets_quotas_over_http() {
    let ledger = Ledger::new().await;
    let fixture = &ledger.fixture;
    for (member, role, may) in
        [(&fixture.owner, OrgRole::Owner, true), (&fixture.member, OrgRole::Member, false)]
    {
        let principal: Principal = fixture.principal(member, role);
        let origin = Origin::local();
        let read =
            TenantTx::read(&fixture.store, &principal, &origin, Action::UsageRead, None).await;
        assert_eq!(read.is_ok(), may);
        let set = TenantTx::read(&fixture.store, &principal, &origin, Action::QuotaSet, None).await;
        assert!(set.is_err());
    }
}
