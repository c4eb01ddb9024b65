//! What workers ask for, under `/worker/v1`: see `job::protocol`. Handlers are thin,
//! and must not know what a job computes.

use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};

use super::caller::bearer;
use super::content::{Wanted, give};
use super::uploads::{content_digest, expect_bytes, patient};
use super::{App, Body, Fields, Problem};
use crate::auth::secret::Secret;
use crate::dataset;
use crate::id::{Id, Kind};
use crate::job::lease::{self, Holder};
use crate::job::pool::{self, Pool};
use crate::job::protocol::{
    ATTEMPT_HEADER, ArtifactUpload, Claim, Claimed, End, Hello, LEASE_HEADER, LEASE_SECONDS,
    NewArtifact, ORG_HEADER, Outcome, RENEW_SECONDS, Renewal, Renewed, Welcome, WorkerEvents,
};
use crate::tenancy::{Action, Door, Origin, TenantTx};
use crate::trail::Entry;
use crate::upload::{self, NewUpload, UploadState};

/// Longest wait for work, seconds.
const LONGEST_WAIT: u32 = 20;
/// How often it is looked for work meanwhile.
const LOOK: Duration = Duration::from_millis(250);
/// Most leases of a renewal.
const MOST_LEASES: usize = 64;

/// The routes, which OpenAPI does not describe: they are between programs of one
/// version, and `job::protocol` is their document.
pub(super) fn routes() -> Router<App> {
    let job = "/worker/v1/jobs/{job}";
    Router::new()
        .route("/worker/v1/workers", post(greet))
        .route("/worker/v1/claims", post(claim))
        .route("/worker/v1/renewals", post(renew))
        .route(&format!("{job}/inputs/{{number}}"), get(input))
        .route(&format!("{job}/uploads"), post(begin))
        .route(&format!("{job}/uploads/{{upload}}/parts/{{number}}"), put(part))
        .route(&format!("{job}/uploads/{{upload}}/complete"), post(complete))
        .route(&format!("{job}/events"), post(events))
        .route(&format!("{job}/end"), post(end))
}

/// A worker that calls: the pool whose token it has.
struct Asking {
    app: App,
    pool: Pool,
    origin: Origin,
    headers: HeaderMap,
}

impl FromRequestParts<App> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let origin = parts.extensions.get::<Origin>().cloned().unwrap_or_else(Origin::local);
        let token = bearer(&parts.headers)?.ok_or_else(Problem::unauthenticated)?;
        let pool = pool::authenticate(app.store(), token).await?;
        let pool = pool.ok_or_else(Problem::unauthenticated)?;
        Ok(Self { app: app.clone(), pool, origin, headers: parts.headers.clone() })
    }
}

impl Asking {
    /// The worker of the pool with this id.
    async fn worker(&self, text: &str) -> Result<pool::WorkerRow, Problem> {
        let id = Id::parse(Kind::Worker, text).ok_or_else(Problem::not_found)?;
        pool::seen(self.app.store(), &self.pool, &id).await?.ok_or_else(Problem::not_found)
    }

    /// The lease that the headers name. One of another pool or organisation than the
    /// token's is answered like one that was lost.
    fn holder(&self, job: &str) -> Result<Holder, Problem> {
        let fenced = || Problem::conflict("fenced", "the job is another worker's now");
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let parse = || {
            let org = Id::parse(Kind::Org, text(ORG_HEADER)?)?;
            let job = Id::parse(Kind::Job, job)?;
            let attempt = text(ATTEMPT_HEADER)?.parse().ok()?;
            let lease_hash = Secret::parse(text(LEASE_HEADER)?)?.hash();
            let (pool, pool_id) = (self.pool.name.clone(), self.pool.id.clone());
            Some(Holder { org, job, attempt, lease_hash, pool, pool_id })
        };
        let holder = parse().ok_or_else(fenced)?;
        match self.pool.only_org.as_ref().is_none_or(|only| *only == holder.org) {
            true => Ok(holder),
            false => Err(fenced()),
        }
    }

    /// The job that is held, its project, and a transaction that has seen both.
    async fn held(&self, holder: &Holder) -> Result<(TenantTx, lease::HeldJob), Problem> {
        let (store, principal) = (self.app.store(), holder.principal());
        let mut tx =
            TenantTx::write(store, &principal, &self.origin, Action::JobWork, None).await?;
        let held = lease::hold_check(&mut tx, holder).await?;
        Ok((tx, held))
    }
}

/// Notes a worker that starts.
async fn greet(asking: Asking, body: Body<Hello>) -> Result<Json<Welcome>, Problem> {
    let hello = &body.value;
    let mut fields = Fields::default();
    fields.check_name("name", &hello.name);
    fields.check_name("version", &hello.version);
    fields.check("slots", (1..=1024).contains(&hello.slots), "1 to 1024");
    if let Some(scheduler) = &hello.scheduler {
        fields.check_name("scheduler", scheduler);
    }
    fields.finish()?;
    let worker = pool::hello(asking.app.store(), &asking.pool, hello).await?;
    Ok(Json(Welcome {
        worker: worker.to_string(),
        pool: asking.pool.name.clone(),
        lease_seconds: LEASE_SECONDS,
        renew_seconds: RENEW_SECONDS,
    }))
}

/// Gives jobs, if some come within the time that the worker waits.
async fn claim(asking: Asking, body: Body<Claim>) -> Result<Json<Claimed>, Problem> {
    let claim = &body.value;
    let mut fields = Fields::default();
    fields.check("most", (1..=64).contains(&claim.most), "1 to 64");
    fields.check("wait_seconds", claim.wait_seconds <= LONGEST_WAIT, "0 to 20");
    fields.finish()?;
    let worker = asking.worker(&claim.worker).await?;
    let wait = Duration::from_secs(claim.wait_seconds.into());
    let until = tokio::time::Instant::now() + wait;
    loop {
        let jobs = lease::claim(asking.app.store(), &worker, claim.most, &claim.kinds).await?;
        if !jobs.is_empty() || tokio::time::Instant::now() >= until {
            return Ok(Json(Claimed { jobs }));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Keeps leases, and says what is to become of their jobs.
async fn renew(asking: Asking, body: Body<Renewal>) -> Result<Json<Renewed>, Problem> {
    let renewal = &body.value;
    let mut fields = Fields::default();
    fields.check("leases", renewal.leases.len() <= MOST_LEASES, "at most 64");
    fields.finish()?;
    let worker = asking.worker(&renewal.worker).await?;
    let mut orders = Vec::with_capacity(renewal.leases.len());
    for renewed in &renewal.leases {
        orders.push(lease::renew(asking.app.store(), &worker.id, renewed).await?);
    }
    Ok(Json(Renewed { orders }))
}

/// The bytes of an input.
async fn input(
    asking: Asking,
    Path((job, number)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let holder = asking.holder(&job)?;
    let (mut tx, held) = asking.held(&holder).await?;
    let inputs = lease::inputs(&mut tx, &holder.job).await?;
    let found = number.parse().ok().and_then(|number: usize| inputs.get(number));
    let (input, blob) = found.ok_or_else(Problem::not_found)?;
    let depot = asking.app.depot();
    let content =
        dataset::content_of_blob(&mut tx, depot, (&holder.job, &input.name), blob).await?;
    let wanted = match Wanted::of(&asking.headers, &content.dataset) {
        Ok(wanted) => wanted,
        Err(answer) => return Ok(*answer),
    };
    tx.commit(Entry::on(blob).within(&held.project)).await?;
    give(depot, &content, wanted).await
}

/// Begins, or goes on with, the upload of a file that a job made.
async fn begin(
    asking: Asking,
    Path(job): Path<String>,
    body: Body<NewArtifact>,
) -> Result<Json<ArtifactUpload>, Problem> {
    let holder = asking.holder(&job)?;
    let new = &body.value;
    let mut fields = Fields::default();
    let is_name = (1..=100).contains(&new.name.len())
        && !new.name.starts_with('.')
        && new.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    fields.check("name", is_name, "1 to 100 letters, digits, '.', '_', '-'");
    fields.check_sha256("sha256", &new.sha256);
    fields.finish()?;
    let (mut tx, held) = asking.held(&holder).await?;
    let file = NewUpload { name: new.name.clone(), size: new.size, sha256: new.sha256.clone() };
    let depot = asking.app.depot();
    let made = upload::of_run(&mut tx, depot, &held.project, &held.run, &file).await?;
    let status = upload::status(&mut tx, &held.project, &made.id).await?;
    tx.commit(Entry::on(&made.id).within(&held.project)).await?;
    let parts_done = match made.state {
        UploadState::Complete => {
            (1..=made.part_count()).filter_map(|n| u32::try_from(n).ok()).collect()
        }
        _ => status.parts.iter().filter_map(|part| u32::try_from(part.number).ok()).collect(),
    };
    Ok(Json(ArtifactUpload { upload: made.id.to_string(), part_size: made.part_size, parts_done }))
}

/// The project of a lease, and the upload if it is that attempt's.
async fn own_upload(asking: &Asking, holder: &Holder, text: &str) -> Result<(Id, Id), Problem> {
    let id = Id::parse(Kind::Upload, text).ok_or_else(Problem::not_found)?;
    let (mut tx, held) = asking.held(holder).await?;
    match upload::run_of(&mut tx, &id).await? == Some(held.run) {
        true => Ok((held.project, id)),
        false => Err(Problem::not_found()),
    }
}

/// Keeps a part of an upload.
async fn part(
    asking: Asking,
    Path((job, upload, number)): Path<(String, String, String)>,
    body: AxumBody,
) -> Result<StatusCode, Problem> {
    let holder = asking.holder(&job)?;
    let (project, id) = own_upload(&asking, &holder, &upload).await?;
    let number = number.parse().map_err(|_| Problem::invalid_field("number", "a whole number"))?;
    let sha256 = content_digest(&asking.headers)?;
    expect_bytes(&asking.headers)?;
    let principal = holder.principal();
    let (store, origin) = (asking.app.store(), &asking.origin);
    let door = Door { store, principal: &principal, origin, project: &project };
    upload::put_part(door, asking.app.depot(), &id, number, &sha256, patient(body)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Joins the parts of an upload; goes on where the worker does not wait.
async fn complete(
    asking: Asking,
    Path((job, upload)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let holder = asking.holder(&job)?;
    let (project, id) = own_upload(&asking, &holder, &upload).await?;
    let (app, principal) = (asking.app.clone(), holder.principal());
    let origin = asking.origin.clone();
    let work = tokio::spawn(async move {
        let door =
            Door { store: app.store(), principal: &principal, origin: &origin, project: &project };
        upload::complete(door, app.depot(), &id).await
    });
    work.await.map_err(|error| {
        tracing::error!(%error, "joining an upload failed");
        Problem::internal()
    })??;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds lines to a job's history.
async fn events(
    asking: Asking,
    Path(job): Path<String>,
    body: Body<WorkerEvents>,
) -> Result<StatusCode, Problem> {
    let holder = asking.holder(&job)?;
    let lines = &body.value.lines;
    let mut fields = Fields::default();
    fields.check("lines", (1..=50).contains(&lines.len()), "1 to 50");
    let is_short = lines.iter().all(|line| line.chars().count() <= 500);
    fields.check("lines", is_short, "at most 500 characters each");
    fields.finish()?;
    lease::note(asking.app.store(), &holder, lines).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends an attempt: what it made is seen from now on. Asked again by the same lease,
/// it answers the same.
async fn end(
    asking: Asking,
    Path(job): Path<String>,
    body: Body<End>,
) -> Result<Response, Problem> {
    let holder = asking.holder(&job)?;
    if let Outcome::Succeeded { content_digest, verdict, .. } = &body.value.outcome {
        let mut fields = Fields::default();
        if let Some(digest) = content_digest {
            fields.check_sha256("outcome.content_digest", digest);
        }
        if let Some(verdict) = verdict {
            let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let holds = (1..=100).contains(&verdict.len()) && verdict.bytes().all(is_word);
            fields.check("outcome.verdict", holds, "1 to 100 letters, digits, '_'");
        }
        fields.finish()?;
    }
    lease::end(asking.app.store(), &holder, &body.value).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
