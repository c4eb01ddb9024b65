//! How a job goes on, as events that a browser or program listens to (server-sent
//! events). It must not know what changes a job.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Path;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use futures_util::stream;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::id;
use super::{App, Caller, Problem, Problems};
use crate::id::{Id, Kind};
use crate::job::record;
use crate::job::{Job, JobError, JobEvent};
use crate::tenancy::Action;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// How often the job is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Longest life of a stream; the client comes again and goes on by `Last-Event-ID`.
const LONGEST: Duration = Duration::from_secs(540);

/// Events of the history sent at a time.
const AT_ONCE: i64 = 200;

/// What follows a job.
struct Follower {
    caller: Caller,
    project: Id,
    job: Id,
    /// The number of the last event that was sent.
    after: i64,
    /// The job as it was last sent.
    last: Option<String>,
    ready: Vec<Event>,
    is_over: bool,
    began: std::time::Instant,
}

/// One event of the stream, in the document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "events are written field by field")]
struct StreamEvent {
    /// `event` or `job`.
    event: Option<String>,
    /// The number of a line of the history.
    id: Option<String>,
    /// The line or the job, as JSON.
    data: Option<String>,
}

/// How a job goes on: `event` with a line of its history, whose number is the
/// event's id; `job` with the job, each time something of it changed. The stream ends
/// once the job has ended.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}/stream", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "goes on after this event")),
    responses((status = 200, description = "events", body = StreamEvent,
        content_type = "text/event-stream"), Problems))]
async fn follow(
    caller: Caller,
    Path((org, project, job)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let project = caller.project(&org, &project, Action::JobRead)?;
    let job = id(Kind::Job, &job, Action::JobRead)?;
    let after = caller.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut follower = Follower {
        caller,
        project,
        job,
        after,
        last: None,
        ready: Vec::new(),
        is_over: false,
        began: std::time::Instant::now(),
    };
    // Whoever may not see the job learns it by a status, not by an empty stream.
    follower.look().await?;
    let stream = Sse::new(follower.stream());
    Ok(stream.keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            loop {
                if !follower.ready.is_empty() {
                    return Some((Ok(follower.ready.remove(0)), follower));
                }
                if follower.is_over || follower.began.elapsed() > LONGEST {
                    return None;
                }
                tokio::time::sleep(LOOK).await;
                // The role that was taken meanwhile ends the stream, as a busy database does:
                // the client comes again.
                follower.look().await.ok()?;
            }
        })
    }

    /// Reads what is new.
    async fn look(&mut self) -> Result<(), Problem> {
        let (events, job) = self.read().await?;
        let has_more = i64::try_from(events.len()).is_ok_and(|count| count >= AT_ONCE);
        for event in events {
            self.after = event.number;
            let data = serde_json::to_string(&event).map_err(|_| Problem::internal())?;
            let id = event.number.to_string();
            self.ready.push(Event::default().event("event").id(id).data(data));
        }
        let data = serde_json::to_string(&job).map_err(|_| Problem::internal())?;
        if self.last.as_ref() != Some(&data) {
            self.ready.push(Event::default().event("job").data(&data));
            self.last = Some(data);
        }
        self.is_over = job.state.is_final() && !has_more;
        Ok(())
    }

    async fn read(&self) -> Result<(Vec<JobEvent>, Job), Problem> {
        let mut tx = self.caller.door(&self.project).read(Action::JobRead).await?;
        let job = record::get(&mut tx, &self.project, &self.job).await?.ok_or(JobError::Absent)?;
        let events = record::events(&mut tx, &self.job, self.after, AT_ONCE).await?;
        Ok((events, job))
    }
}
