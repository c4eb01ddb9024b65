//! The worker's end of `/worker/v1`: requests, tried again where that helps. It
//! must not know what a job computes.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::client::{ClientError, http, safe_address};
use crate::job::protocol::{
    ATTEMPT_HEADER, ArtifactUpload, Claim, Claimed, End, Hello, LEASE_HEADER, Lease, NewArtifact,
    ORG_HEADER, Renewal, Renewed, Welcome, WorkerEvents,
};
use crate::telemetry::trace;

/// How long a connection may take to open, and an answer to go on.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);
/// Most bytes of an answer that is a document.
const DOCUMENT: usize = 64 << 20;
/// How long a request for a job is tried again.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long joining an upload's parts may take.
const JOINING: Duration = Duration::from_secs(3_600);

/// Why the server did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The lease is another's now.
    #[error("the job is another worker's now")]
    Fenced,
    /// It said no.
    #[error("the server answers {status} {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its stable code.
        code: String,
        /// Its words.
        detail: String,
    },
    /// It cannot be reached.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// What it answered is none of this protocol.
    #[error("the answer is none of a server of this kind: {0}")]
    Answer(String),
    /// A file of the worker's own.
    #[error("{action} {path}: {source}")]
    File {
        /// What was done.
        action: &'static str,
        /// With which file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl LinkError {
    /// Adapter for `map_err` on results of file operations.
    pub(super) fn file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Self::File { action, path, source }
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, code, .. } => {
                matches!(status, 408 | 429 | 500 | 502 | 503 | 504) || code == "upload_joining"
            }
            _ => false,
        }
    }
}

/// The way to the server, with the pool's token.
pub(super) struct Link {
    url: String,
    token: Zeroizing<String>,
    http: reqwest::Client,
}

impl Link {
    /// The way to the server at `url`; `certificate` is a PEM of who vouches for it.
    ///
    /// # Errors
    /// Where the address, the token or the certificate is none, or the token would
    /// cross a network in the clear.
    pub fn new(url: &str, token: &str, certificate: Option<&str>) -> Result<Self, ClientError> {
        let url = safe_address(url)?;
        let token = token.trim();
        let is_token = token.starts_with("h2w_")
            && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !is_token {
            return Err(ClientError::PoolToken);
        }
        let http = http(certificate)?
            .user_agent(concat!("hetero2-worker/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| ClientError::Unreachable {
                url: url.clone(),
                source: error.without_url(),
            })?;
        Ok(Self { url, token: Zeroizing::new(token.to_owned()), http })
    }

    /// Says who works here.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn hello(&self, hello: &Hello) -> Result<Welcome, LinkError> {
        self.document(self.once(self.json(Method::POST, "/workers", hello)?).await?).await
    }

    /// Asks for work.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn claim(&self, claim: &Claim) -> Result<Claimed, LinkError> {
        self.document(self.once(self.json(Method::POST, "/claims", claim)?).await?).await
    }

    /// Keeps leases.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn renew(&self, renewal: &Renewal) -> Result<Renewed, LinkError> {
        self.document(self.once(self.json(Method::POST, "/renewals", renewal)?).await?).await
    }

    /// The bytes of an input from `from` on.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn input(
        &self,
        lease: &Lease,
        number: usize,
        from: u64,
    ) -> Result<Response, LinkError> {
        let path = format!("/jobs/{}/inputs/{number}", lease.job);
        let request = of_job(self.request(Method::GET, &path), lease);
        let request = match from {
            0 => request,
            from => request.header("range", format!("bytes={from}-")),
        };
        self.once(request).await
    }

    /// Begins, or goes on with, the upload of a file.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn upload(
        &self,
        lease: &Lease,
        artifact: &NewArtifact,
    ) -> Result<ArtifactUpload, LinkError> {
        let path = format!("/jobs/{}/uploads", lease.job);
        let make = || Ok(of_job(self.json(Method::POST, &path, artifact)?, lease));
        self.document(self.patiently(PATIENCE, make).await?).await
    }

    /// Sends a part of an upload.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn part(
        &self,
        lease: &Lease,
        upload: &str,
        number: u64,
        bytes: Bytes,
    ) -> Result<(), LinkError> {
        let path = format!("/jobs/{}/uploads/{upload}/parts/{number}", lease.job);
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&bytes)));
        let make = || {
            let request = of_job(self.request(Method::PUT, &path), lease);
            let request = request.header("content-type", "application/octet-stream");
            Ok(request.header("content-digest", &digest).body(bytes.clone()))
        };
        self.patiently(PATIENCE, make).await.map(drop)
    }

    /// Says that all parts are there.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn complete(&self, lease: &Lease, upload: &str) -> Result<(), LinkError> {
        let path = format!("/jobs/{}/uploads/{upload}/complete", lease.job);
        let make = || Ok(of_job(self.request(Method::POST, &path), lease));
        self.patiently(JOINING, make).await.map(drop)
    }

    /// Adds to a job's history.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn events(&self, lease: &Lease, events: &WorkerEvents) -> Result<(), LinkError> {
        let path = format!("/jobs/{}/events", lease.job);
        self.once(of_job(self.json(Method::POST, &path, events)?, lease)).await.map(drop)
    }

    /// Ends a job; asked again until `patience` is over.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn end(&self, lease: &Lease, end: &End, patience: Duration) -> Result<(), LinkError> {
        let path = format!("/jobs/{}/end", lease.job);
        let make = || Ok(of_job(self.json(Method::POST, &path, end)?, lease));
        self.patiently(patience, make).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let text = Zeroizing::new(format!("Bearer {}", self.token.as_str()));
        let mut bearer = reqwest::header::HeaderValue::from_str(&text)
            .unwrap_or(reqwest::header::HeaderValue::from_static(""));
        bearer.set_sensitive(true);
        let request = self
            .http
            .request(method, format!("{}/worker/v1{path}", self.url))
            .header("authorization", bearer);
        match trace::current() {
            Some(context) => request.header(trace::TRACEPARENT, context.to_string()),
            None => request,
        }
    }

    fn json(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<RequestBuilder, LinkError> {
        let json = serde_json::to_vec(body).map_err(|e| LinkError::Answer(e.to_string()))?;
        Ok(self.request(method, path).header("content-type", "application/json").body(json))
    }

    async fn once(&self, request: RequestBuilder) -> Result<Response, LinkError> {
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = text_of(answer).await.unwrap_or_default();
        Err(refusal(status, &text))
    }

    /// A request that may be repeated, again and again.
    async fn patiently(
        &self,
        patience: Duration,
        make: impl Fn() -> Result<RequestBuilder, LinkError>,
    ) -> Result<Response, LinkError> {
        let until = tokio::time::Instant::now() + patience;
        let mut tries = 0;
        loop {
            match self.once(make()?).await {
                Err(error) if error.is_passing() && tokio::time::Instant::now() < until => {
                    tries += 1;
                    tokio::time::sleep(backoff(tries)).await;
                }
                done => return done,
            }
        }
    }

    async fn document<T: DeserializeOwned>(&self, answer: Response) -> Result<T, LinkError> {
        let text = text_of(answer).await?;
        serde_json::from_slice(&text).map_err(|error| LinkError::Answer(error.to_string()))
    }
}

/// The headers of a lease.
fn of_job(request: RequestBuilder, lease: &Lease) -> RequestBuilder {
    let mut secret = reqwest::header::HeaderValue::from_str(&lease.secret)
        .unwrap_or(reqwest::header::HeaderValue::from_static(""));
    secret.set_sensitive(true);
    request
        .header(ORG_HEADER, &lease.org)
        .header(ATTEMPT_HEADER, lease.attempt)
        .header(LEASE_HEADER, secret)
}

pub(super) fn unreachable(error: reqwest::Error) -> LinkError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    LinkError::Unreachable(text)
}

fn refusal(status: StatusCode, text: &[u8]) -> LinkError {
    match ClientError::of_problem(status, text) {
        ClientError::Refused { code, .. } if code == "fenced" => LinkError::Fenced,
        ClientError::Refused { status, code, detail } => {
            LinkError::Refused { status, code, detail }
        }
        error => LinkError::Answer(error.to_string()),
    }
}

async fn text_of(mut answer: Response) -> Result<Vec<u8>, LinkError> {
    let mut text = Vec::new();
    while let Some(bytes) = answer.chunk().await.map_err(unreachable)? {
        text.extend_from_slice(&bytes);
        if text.len() > DOCUMENT {
            return Err(LinkError::Answer("it is too long".to_owned()));
        }
    }
    Ok(text)
}

/// 0.25, 0.5, 1, 2, 4, 5, 5 … seconds.
pub(super) fn backoff(tries: u32) -> Duration {
    Duration::from_millis(250 << tries.saturating_sub(1).min(5)).min(Duration::from_secs(5))
}
