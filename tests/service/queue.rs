//! The queue of jobs on both databases: claimed once, ended once, whoever asks at
//! the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hetero2_service::auth::secret::Secret;
use hetero2_service::directory::org::{self, Founding};
use hetero2_service::directory::project::{self, NewProject};
use hetero2_service::id::{Id, Kind};
use hetero2_service::job::end::{end, take_back_lost};
use hetero2_service::job::lease::{self, Holder};
use hetero2_service::job::pool::WorkerRow;
use hetero2_service::job::protocol::{
    End, LEASE_SECONDS, Lease, LeaseRenewal, Order, Outcome, Progress, Reason, Usage,
};
use hetero2_service::job::{Job, JobError, JobKind, JobSpec, JobState, NewJob, Phase};
use hetero2_service::job::{record, submit};
use hetero2_service::quota::Limits;
use hetero2_service::quota::plan::{self, Plan};
use hetero2_service::store::{Address, Store, migrate};
use hetero2_service::tenancy::{Action, OrgRole, Origin, Principal, TenantTx, Via};
use hetero2_service::time::Instant;
use hetero2_service::tokio;
use hetero2_service::trail::Entry;

use crate::rig::{block_on, postgres};

/// An organisation with a project.
#[derive(Clone)]
struct Desk {
    store: Store,
    org: Id,
    owner: Id,
    project: Id,
}

impl Desk {
    async fn new(founder: &Store, store: &Store, slug: &str) -> Self {
        let founding = Founding { slug, name: slug, owner: "olga" };
        let (org, owner) = org::found(founder, &founding).await.unwrap();
        let project = Id::fresh(Kind::Project);
        let mut desk = Self { store: store.clone(), org, owner, project };
        let new = NewProject { slug: "p".into(), name: "P".into(), description: String::new() };
        let mut tx = desk.write(Action::ProjectCreate, None).await;
        desk.project = project::create(&mut tx, &new).await.unwrap().id;
        tx.commit(Entry::on(&desk.project)).await.unwrap();
        desk
    }

    fn principal(&self) -> Principal {
        let (org, member) = (self.org.clone(), Some(self.owner.clone()));
        Principal { org, member, role: OrgRole::Owner, via: Via::System }
    }

    async fn write(&self, action: Action, project: Option<&Id>) -> TenantTx {
        let (store, principal) = (&self.store, self.principal());
        TenantTx::write(store, &principal, &Origin::local(), action, project).await.unwrap()
    }

    async fn try_submit(&self, priority: i64) -> Result<Job, JobError> {
        let spec = JobSpec {
            kind: JobKind::Run,
            inputs: Vec::new(),
            options: BTreeMap::new(),
            limits: Default::default(),
        };
        let new = NewJob { name: None, pool: None, priority, held: false, spec };
        let mut tx = self.write(Action::JobSubmit, Some(&self.project)).await;
        let job = submit::submit(&mut tx, &self.project, &new).await?;
        tx.commit(Entry::on(&job.id)).await?;
        Ok(job)
    }

    async fn submit(&self, priority: i64) -> Id {
        self.try_submit(priority).await.unwrap().id
    }

    async fn job(&self, id: &Id) -> Job {
        let mut tx = self.write(Action::JobRead, Some(&self.project)).await;
        record::get(&mut tx, &self.project, id).await.unwrap().unwrap()
    }

    async fn cancel(&self, id: &Id) -> Result<Job, JobError> {
        let mut tx = self.write(Action::JobControl, Some(&self.project)).await;
        let job = submit::cancel(&mut tx, &self.project, id).await?;
        tx.commit(Entry::on(id)).await?;
        Ok(job)
    }

    async fn hold(&self, id: &Id) -> Job {
        let mut tx = self.write(Action::JobControl, Some(&self.project)).await;
        let job = submit::hold(&mut tx, &self.project, id).await.unwrap();
        tx.commit(Entry::on(id)).await.unwrap();
        job
    }

    async fn release(&self, id: &Id) -> Job {
        let mut tx = self.write(Action::JobControl, Some(&self.project)).await;
        let job = submit::release(&mut tx, &self.project, id).await.unwrap();
        tx.commit(Entry::on(id)).await.unwrap();
        job
    }

    async fn limit(&self, founder: &Store, name: &str, weight: i64, limits: Limits) {
        let plan = Plan { name: name.into(), weight, limits, price: 0, currency: "EUR".into() };
        plan::set(founder, &plan).await.unwrap();
        plan::assign(founder, &self.org, Some(name), &Limits::default()).await.unwrap();
    }
}

fn worker() -> WorkerRow {
    let (id, pool_id) = (Id::fresh(Kind::Worker), Id::fresh(Kind::Pool));
    WorkerRow { id, pool: "default".into(), pool_id, only_org: None }
}

async fn claim(store: &Store, worker: &WorkerRow, most: u32) -> Vec<Lease> {
    lease::claim(store, worker, most, &[]).await.unwrap()
}

fn holder(worker: &WorkerRow, lease: &Lease) -> Holder {
    Holder {
        org: Id::parse(Kind::Org, &lease.org).unwrap(),
        job: Id::parse(Kind::Job, &lease.job).unwrap(),
        attempt: lease.attempt.into(),
        lease_hash: Secret::parse(&lease.secret).unwrap().hash(),
        pool: worker.pool.clone(),
        pool_id: worker.pool_id.clone(),
    }
}

fn succeeded() -> End {
    let (content_digest, verdict) = (Some("ab".repeat(32)), None);
    let (rows, artifacts) = (BTreeMap::new(), Vec::new());
    let outcome = Outcome::Succeeded { content_digest, verdict, rows, artifacts };
    End { outcome, usage: Usage::default() }
}

fn renewal(lease: &Lease) -> LeaseRenewal {
    LeaseRenewal {
        org: lease.org.clone(),
        job: lease.job.clone(),
        attempt: lease.attempt,
        secret: lease.secret.clone(),
        phase: Phase::Computing,
        progress: Progress::default(),
    }
}

fn after_the_lease() -> Instant {
    Instant::now().plus(Duration::from_secs(LEASE_SECONDS + 1))
}

/// Runs `test` with each database: who may make organisations, and the server's view.
fn on_both(test: impl AsyncFn(&Store, &Store)) {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::sqlite(&folder.path().join("h2.db"));
        let store = Store::open_as_owner(&address).await.unwrap();
        migrate::migrate(&store).await.unwrap();
        test(&store, &store).await;
        store.close().await;
        if let Some(cluster) = postgres::shared() {
            let database = cluster.migrated().await;
            let founder = Store::open_as_owner(&database.owner()).await.unwrap();
            let store = database.store().await;
            test(&founder, &store).await;
            store.close().await;
            founder.close().await;
        }
    });
}

#[test]
fn every_job_is_claimed_once_and_ends_once_by_workers_side_by_side() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        let mut submitted = BTreeSet::new();
        for _ in 0..40 {
            submitted.insert(desk.submit(0).await.to_string());
        }
        let work = (0..6).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let (worker, mut done) = (worker(), Vec::new());
                loop {
                    let leases = claim(&store, &worker, 3).await;
                    if leases.is_empty() {
                        return done;
                    }
                    for lease in leases {
                        end(&store, &holder(&worker, &lease), &succeeded()).await.unwrap();
                        done.push(lease.job);
                    }
                }
            })
        });
        let mut done = Vec::new();
        for worker in work.collect::<Vec<_>>() {
            done.extend(worker.await.unwrap());
        }
        assert_eq!(done.len(), 40);
        assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), submitted);
        for id in &submitted {
            let job = desk.job(&Id::parse(Kind::Job, id).unwrap()).await;
            assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
            assert_eq!(job.content_digest, Some("ab".repeat(32)));
        }
    });
}

#[test]
fn who_lost_a_lease_changes_nothing_any_more() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        let id = desk.submit(0).await;
        let (first, second) = (worker(), worker());
        let lost = claim(store, &first, 1).await.remove(0);
        assert_eq!(take_back_lost(store, Instant::now()).await.unwrap(), 0);
        assert_eq!(take_back_lost(store, after_the_lease()).await.unwrap(), 1);
        assert_eq!(take_back_lost(store, after_the_lease()).await.unwrap(), 0);

        // It waits no longer, and the next attempt is another run under another secret.
        let lease = claim(store, &second, 1).await.remove(0);
        assert_eq!((lease.job.as_str(), lease.attempt), (id.as_str(), 2));
        assert_ne!((&lease.run, &lease.secret), (&lost.run, &lost.secret));
        let fenced = holder(&first, &lost);
        let nothing = lease::renew(store, &first.id, &renewal(&lost)).await.unwrap();
        assert_eq!(nothing, Order::Fenced);
        let noted = lease::note(store, &fenced, &["late".into()]).await;
        assert!(matches!(noted, Err(JobError::Fenced)));
        let ended = end(store, &fenced, &succeeded()).await;
        assert!(matches!(ended, Err(JobError::Fenced)));
        assert_eq!(desk.job(&id).await.state, JobState::Running);

        // Another worker of the pool has not the lease by knowing the job.
        let order = lease::renew(store, &first.id, &renewal(&lease)).await.unwrap();
        assert_eq!(order, Order::Fenced);
        let order = lease::renew(store, &second.id, &renewal(&lease)).await.unwrap();
        assert_eq!(order, Order::Continue);
        let mut elsewhere = holder(&second, &lease);
        elsewhere.pool = "other".into();
        assert!(matches!(end(store, &elsewhere, &succeeded()).await, Err(JobError::Fenced)));

        // Asked again by its holder, the end is answered as before.
        for _ in 0..2 {
            end(store, &holder(&second, &lease), &succeeded()).await.unwrap();
        }
        assert!(matches!(end(store, &fenced, &succeeded()).await, Err(JobError::Fenced)));
        let job = desk.job(&id).await;
        assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
        assert_eq!(job.run.unwrap().as_str(), lease.run);
        assert_eq!(take_back_lost(store, after_the_lease()).await.unwrap(), 0);
    });
}

#[test]
fn a_cancel_that_was_accepted_is_never_lost() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        for round in 0..16 {
            let id = desk.submit(0).await;
            let work = tokio::spawn({
                let store = store.clone();
                async move {
                    let worker = worker();
                    for lease in claim(&store, &worker, 1).await {
                        let outcome = Outcome::Released;
                        let given_back = End { outcome, usage: Usage::default() };
                        let end_with = if round % 2 == 0 { succeeded() } else { given_back };
                        let ended = end(&store, &holder(&worker, &lease), &end_with).await;
                        ended.unwrap();
                    }
                }
            });
            let cancelled = desk.cancel(&id).await;
            work.await.unwrap();
            let state = desk.job(&id).await.state;
            match cancelled {
                Ok(_) => assert_eq!(state, JobState::Cancelled, "round {round}"),
                Err(JobError::State("succeeded")) => assert_eq!(state, JobState::Succeeded),
                Err(error) => panic!("round {round}: {error}"),
            }
            // And stays so.
            assert!(claim(store, &worker(), 1).await.is_empty());
        }
    });
}

#[test]
fn a_hold_keeps_the_job_from_workers_until_it_is_released() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        let (id, worker) = (desk.submit(0).await, worker());
        assert_eq!(desk.hold(&id).await.state, JobState::Held);
        assert!(claim(store, &worker, 1).await.is_empty());
        assert_eq!(desk.release(&id).await.state, JobState::Queued);
        let lease = claim(store, &worker, 1).await.remove(0);
        assert!(desk.hold(&id).await.is_hold_asked);
        let order = lease::renew(store, &worker.id, &renewal(&lease)).await.unwrap();
        assert_eq!(order, Order::Hold);
        let outcome = Outcome::Held { message: "asked".into() };
        let held = End { outcome, usage: Usage::default() };
        end(store, &holder(&worker, &lease), &held).await.unwrap();
        assert_eq!(desk.job(&id).await.state, JobState::Held);
        desk.release(&id).await;
        assert_eq!(claim(store, &worker, 1).await.remove(0).attempt, 2);
    });
}

#[test]
fn attempts_that_fail_are_counted_and_the_last_one_is_the_end() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        let (id, worker) = (desk.submit(0).await, worker());
        for attempt in 1..=3 {
            let lease = claim(store, &worker, 1).await.remove(0);
            assert_eq!(lease.attempt, attempt);
            assert_eq!(take_back_lost(store, after_the_lease()).await.unwrap(), 1);
        }
        let job = desk.job(&id).await;
        assert_eq!(job.state, JobState::Failed);
        assert_eq!(job.reason.as_deref(), Some(Reason::WorkerLost.word()));
        assert!(claim(store, &worker, 1).await.is_empty());
    });
}

#[test]
fn greater_priority_goes_first_then_age() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        let mut wanted = Vec::new();
        for priority in [0, -5, 7, 0, 7] {
            wanted.push((-priority, desk.submit(priority).await.to_string()));
        }
        wanted.sort_by_key(|(priority, _)| *priority);
        let leases = claim(store, &worker(), 5).await;
        let claimed: Vec<_> = leases.into_iter().map(|lease| lease.job).collect();
        assert_eq!(claimed, wanted.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
    });
}

#[test]
fn quotas_hold_for_submissions_and_claims_side_by_side() {
    on_both(async |founder, store| {
        let desk = Desk::new(founder, store, "a").await;
        let limits = Limits { running_jobs: Some(3), waiting_jobs: Some(8), ..Limits::default() };
        desk.limit(founder, "small", 1, limits).await;
        let submissions = (0..12).map(|_| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.try_submit(0).await.is_ok() })
        });
        let mut accepted = 0;
        for submission in submissions.collect::<Vec<_>>() {
            accepted += usize::from(submission.await.unwrap());
        }
        assert_eq!(accepted, 8);
        let claims = (0..6).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let worker = worker();
                let leases = claim(&store, &worker, 2).await;
                leases.into_iter().map(|lease| holder(&worker, &lease)).collect::<Vec<_>>()
            })
        });
        let mut held = Vec::new();
        for claim in claims.collect::<Vec<_>>() {
            held.extend(claim.await.unwrap());
        }
        assert_eq!(held.len(), 3);
        end(store, &held[0], &succeeded()).await.unwrap();
        assert_eq!(claim(store, &worker(), 5).await.len(), 1);
    });
}

/// Only PostgreSQL holds several organisations.
#[test]
fn one_organisations_thousands_do_not_delay_the_first_of_another() {
    block_on(async {
        let Some(cluster) = postgres::shared() else { return };
        let database = cluster.migrated().await;
        let founder = Store::open_as_owner(&database.owner()).await.unwrap();
        let store = database.store().await;
        let large = Desk::new(&founder, &store, "large").await;
        let small = Desk::new(&founder, &store, "small").await;
        let model = large.submit(0).await;
        let copies = format!(
            "INSERT INTO job (org_id, id, project_id, member_id, name, kind, pool, priority, spec, \
                state, most_attempts, not_before, created_at) \
             SELECT org_id, 'job_' || lpad(number::text, 25, '0') || '0', project_id, member_id, name, \
                kind, pool, priority, spec, state, most_attempts, not_before, created_at \
             FROM job, generate_series(1, 4999) AS number WHERE id = '{model}'"
        );
        database.as_owner(&copies).unwrap();

        // One slot: of the claims after it, the second one at the latest is the other's.
        let worker = worker();
        for _ in 0..3 {
            let lease = claim(&store, &worker, 1).await.remove(0);
            assert_eq!(lease.org, large.org.as_str());
            end(&store, &holder(&worker, &lease), &succeeded()).await.unwrap();
        }
        let id = small.submit(0).await;
        let mut ahead = 0;
        loop {
            let lease = claim(&store, &worker, 1).await.remove(0);
            end(&store, &holder(&worker, &lease), &succeeded()).await.unwrap();
            if lease.job == id.as_str() {
                break;
            }
            ahead += 1;
        }
        assert!(ahead <= 2, "{ahead} jobs went ahead");

        // Several slots are shared by weight: three to one.
        small.limit(&founder, "heavy", 3, Limits::default()).await;
        for _ in 0..12 {
            small.submit(0).await;
        }
        let leases = claim(&store, &worker, 8).await;
        let of_small = leases.iter().filter(|lease| lease.org == small.org.as_str()).count();
        assert!((5..=6).contains(&of_small), "{of_small} of {}", leases.len());
        store.close().await;
        founder.close().await;
    });
}
