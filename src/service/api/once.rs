//! Acts that are done once however often they are asked for: answers to POST,
//! kept by the client's `Idempotency-Key` for a day. It must not know any
//! resource.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Caller, Problem, etag};
use crate::store::{Engine, Statement, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    ANSWER = "SELECT request_digest, status, headers, body FROM idempotency \
        WHERE org_id = $1 AND member_id = $2 AND key = $3 AND created_at > $4";
    FORGET = "DELETE FROM idempotency \
        WHERE org_id = $1 AND member_id = $2 AND key = $3 AND created_at <= $4";
    KEEP = "INSERT INTO idempotency (org_id, member_id, key, request_digest, status, headers, \
        body, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// Of all members: for the sweep.
    FORGET_OLD = "DELETE FROM idempotency WHERE org_id = $1 AND created_at <= $2";
}

/// For PostgreSQL alone; SQLite has one writer.
const CLAIM: Statement = Statement::new(
    "CLAIM",
    "SELECT CASE WHEN pg_try_advisory_xact_lock(hashtextextended($1, 0)) \
     THEN 1::bigint ELSE 0::bigint END AS claimed",
);

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long an answer is kept.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 3600);

/// An act to be done now.
pub struct Once {
    /// Its transaction.
    pub tx: TenantTx,
    key: Option<Key>,
}

struct Key {
    text: String,
    request_digest: String,
}

/// What a POST comes to.
pub enum Asked {
    /// Do it.
    Now(Box<Once>),
    /// It was done: this is the answer that it got.
    Before(Response),
}

impl Caller {
    /// Whether the act of a POST is done now, or was done before under the same
    /// `Idempotency-Key`. Without a key it is done now.
    ///
    /// # Errors
    ///
    /// Where the key is malformed, was given with another request, or its first
    /// request is still at work.
    pub async fn once(&self, mut tx: TenantTx, body_digest: &str) -> Result<Asked, Problem> {
        let Some(key) = self.idempotency_key()? else {
            return Ok(Asked::Now(Box::new(Once { tx, key: None })));
        };
        let Some(member) = self.principal().member.clone() else {
            return Ok(Asked::Now(Box::new(Once { tx, key: None })));
        };
        let request = format!("{}\n{body_digest}", self.request_line());
        let request_digest = hex::encode(Sha256::digest(request));
        let org = tx.org();
        if self.app().store().engine() == Engine::Postgres {
            let lock = format!("{org} {member} {key}");
            let row = tx.row(CLAIM, values![&lock]).await?;
            if row.map(|row| row.number("claimed")).transpose()? != Some(1) {
                let detail = "the first request with this Idempotency-Key is still at work";
                return Err(Problem::conflict("idempotency_in_flight", detail).retry_after(1));
            }
        }
        let since = Instant::now().minus(KEPT);
        if let Some(row) = tx.row(ANSWER, values![&org, &member, &key, since]).await? {
            if row.text("request_digest")? != request_digest {
                let detail = "this Idempotency-Key was given with another request";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, "idempotency_key_reused", detail));
            }
            let stored = Stored {
                status: row.number("status")?,
                headers: serde_json::from_str(&row.text("headers")?).unwrap_or_default(),
                body: row.text("body")?,
            };
            return Ok(Asked::Before(stored.answer()));
        }
        tx.execute(FORGET, values![&org, &member, &key, since]).await?;
        Ok(Asked::Now(Box::new(Once { tx, key: Some(Key { text: key, request_digest }) })))
    }

    fn idempotency_key(&self) -> Result<Option<String>, Problem> {
        let Some(value) = self.headers().get(KEY) else { return Ok(None) };
        let text = value.to_str().unwrap_or_default();
        let is_key = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match is_key {
            true => Ok(Some(text.to_owned())),
            false => Err(Problem::invalid_field(
                "Idempotency-Key",
                "1 to 128 visible ASCII characters, without blanks",
            )),
        }
    }
}

impl Once {
    /// Commits the act with its entry and its answer, 201 with `document` at
    /// `location` and its version.
    ///
    /// # Errors
    ///
    /// Where the database refuses: then nothing was done.
    pub async fn created(
        self,
        entry: Entry,
        location: Option<String>,
        version: Option<i64>,
        document: &impl Serialize,
    ) -> Result<Response, Problem> {
        let mut headers = Vec::new();
        if let Some(location) = location {
            headers.push((header::LOCATION.to_string(), location));
        }
        if let Some(version) = version {
            let tag = etag::tag(version).to_str().unwrap_or_default().to_owned();
            headers.push((header::ETAG.to_string(), tag));
        }
        let body = serde_json::to_string(document).map_err(|_| Problem::internal())?;
        self.answer(entry, Stored { status: 201, headers, body }).await
    }

    /// Commits the act with its entry and its answer, 201 with a `document` that
    /// holds a secret: it is not kept, and asked again answers 409.
    ///
    /// # Errors
    ///
    /// As for [`Once::created`].
    pub async fn created_secret(
        self,
        entry: Entry,
        document: &impl Serialize,
    ) -> Result<Response, Problem> {
        let shown = (StatusCode::CREATED, Json(document)).into_response();
        let kept = Problem::conflict(
            "secret_shown_before",
            "it was made before under this Idempotency-Key, and its secret is shown once only",
        );
        let body = serde_json::to_string(&kept.document("")).map_err(|_| Problem::internal())?;
        let kind = (header::CONTENT_TYPE.to_string(), "application/problem+json".to_owned());
        self.answer(entry, Stored { status: 409, headers: vec![kind], body }).await?;
        Ok(shown)
    }

    async fn answer(mut self, entry: Entry, stored: Stored) -> Result<Response, Problem> {
        let member = self.tx.principal().member.clone();
        if let (Some(key), Some(member)) = (self.key, member) {
            let org = self.tx.org();
            let headers =
                serde_json::to_string(&stored.headers).map_err(|_| Problem::internal())?;
            let values = values![
                &org,
                &member,
                &key.text,
                &key.request_digest,
                stored.status,
                &headers,
                &stored.body,
                Instant::now(),
            ];
            self.tx.execute(KEEP, values).await?;
        }
        self.tx.commit(entry).await?;
        Ok(stored.answer())
    }
}

/// An answer as it is kept.
struct Stored {
    status: i64,
    headers: Vec<(String, String)>,
    body: String,
}

impl Stored {
    fn answer(self) -> Response {
        let status = u16::try_from(self.status).ok();
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = (status.unwrap_or(StatusCode::OK), self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
