//! The API's client: what `hetero2 remote` does over HTTP. It must not know the
//! command line, nor anything of the server but its API.

mod download;
mod error;
mod jobs;
mod login;
mod upload;

pub use download::download;
pub use error::ClientError;
pub use jobs::{Act, Artifact, RemoteJob, Submission, as_json};
pub(crate) use login::safe_address;
pub use login::{Login, login_file};
pub use upload::{Named, upload};

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long a connection may take to open, and an answer to begin or to go on.
const PATIENCE: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(120);
/// How often a request that may be repeated is tried.
const TRIES: u32 = 5;
/// Most bytes of an answer that is a document.
const DOCUMENT: usize = 16 << 20;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// The file's digest is computed: so many of so many bytes.
    Hashing(u64, u64),
    /// Bytes are sent.
    Sending(u64, u64),
    /// The server joins the parts.
    Joining,
    /// Bytes are received.
    Receiving(u64, u64),
}

/// Whom a transfer tells how far it is.
pub type Watch<'a> = &'a (dyn Fn(Transfer) + Sync);

/// A project, as far as the client needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A dataset, as far as the client needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

#[derive(Deserialize)]
struct Listing<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// How long an unused connection is kept: less than the 10 s after which the server closes
/// it, perhaps just as the next request is written to it.
const LONGEST_IDLE: Duration = Duration::from_secs(5);

/// What speaks to a server; `certificate` is a PEM of who vouches for it.
///
/// # Errors
///
/// Where the certificate is not readable.
pub(crate) fn http(certificate: Option<&str>) -> Result<reqwest::ClientBuilder, ClientError> {
    crate::tls::choose_provider();
    // A token goes to the server that it is for alone.
    let redirects = reqwest::redirect::Policy::none();
    let builder = reqwest::Client::builder().redirect(redirects).pool_idle_timeout(LONGEST_IDLE);
    let Some(pem) = certificate else { return Ok(builder) };
    let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|error| ClientError::Certificate(error.to_string()))?;
    Ok(builder.tls_certs_merge(certificates))
}

/// A server and the token that it is used with.
pub struct Client {
    login: Login,
    http: reqwest::Client,
}

impl Client {
    /// A client of the server of `login`.
    ///
    /// # Errors
    ///
    /// Where its certificate is not readable.
    pub fn new(login: Login) -> Result<Self, ClientError> {
        let http = http(login.certificate())?
            .user_agent(concat!("hetero2/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(PATIENCE)
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| login.unreachable(error))?;
        Ok(Self { login, http })
    }

    /// The server and the token.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Whether the server knows the token.
    ///
    /// # Errors
    ///
    /// Where it cannot be reached, or does not.
    pub async fn check(&self) -> Result<(), ClientError> {
        self.get::<serde_json::Value>("").await.map(drop)
    }

    /// The projects that the token sees, newest first.
    ///
    /// # Errors
    ///
    /// Where the server refuses.
    pub async fn projects(&self) -> Result<Vec<Project>, ClientError> {
        self.list("/projects").await
    }

    /// The project of an id or a name in addresses.
    ///
    /// # Errors
    ///
    /// Where the token sees none.
    pub async fn project(&self, wanted: &str) -> Result<Project, ClientError> {
        let projects = self.projects().await?;
        let found =
            projects.into_iter().find(|project| project.id == wanted || project.slug == wanted);
        found.ok_or_else(|| ClientError::Absent { what: "project", name: wanted.to_owned() })
    }

    /// Makes a project, called `slug` in addresses and by name.
    ///
    /// # Errors
    ///
    /// Where the server refuses.
    pub async fn create_project(&self, slug: &str) -> Result<Project, ClientError> {
        let new = serde_json::json!({"slug": slug, "name": slug});
        self.post("/projects", None, &new).await
    }

    /// The datasets of a project, newest first.
    ///
    /// # Errors
    ///
    /// Where the server refuses.
    pub async fn datasets(&self, project: &Project) -> Result<Vec<Dataset>, ClientError> {
        self.list(&format!("/projects/{}/datasets", project.id)).await
    }

    /// The dataset of an id or a name.
    ///
    /// # Errors
    ///
    /// Where there is none, or several have the name.
    pub async fn dataset(&self, project: &Project, wanted: &str) -> Result<Dataset, ClientError> {
        let mut datasets = self.datasets(project).await?;
        if let Some(at) = datasets.iter().position(|dataset| dataset.id == wanted) {
            return Ok(datasets.swap_remove(at));
        }
        datasets.retain(|dataset| dataset.name == wanted);
        match datasets.len() {
            0 => Err(ClientError::Absent { what: "dataset", name: wanted.to_owned() }),
            1 => Ok(datasets.swap_remove(0)),
            _ => Err(ClientError::Ambiguous {
                name: wanted.to_owned(),
                ids: datasets.into_iter().map(|dataset| dataset.id).collect(),
            }),
        }
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Listing<T> = self.get(&format!("{path}?limit=200{cursor}")).await?;
            items.extend(page.items);
            match page.next {
                // It is base64url.
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// A request about the organisation; `path` begins with `/` or is empty.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/v1/orgs/{}{path}", self.login.url(), self.login.org());
        self.http.request(method, url).header("authorization", self.login.bearer())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.tried(|| self.request(Method::GET, path)).await?;
        self.document(answer).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let json = serde_json::to_vec(body).map_err(|e| ClientError::Answer(e.to_string()))?;
        let answer = self
            .tried(|| {
                let request = self.request(Method::POST, path);
                let request = request.header("content-type", "application/json").body(json.clone());
                match key {
                    Some(key) => request.header("idempotency-key", key),
                    None => request,
                }
            })
            .await?;
        self.document(answer).await
    }

    /// The answer to a request that may be repeated, again and again where the
    /// server cannot be reached or says to come again.
    async fn tried(&self, make: impl Fn() -> RequestBuilder) -> Result<Response, ClientError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = make().send().await;
            let wait = match &answer {
                Ok(answer) => retry_after(answer, tries),
                Err(error) if error.is_builder() => None,
                Err(_) => Some(backoff(tries)),
            };
            match wait.filter(|_| tries < TRIES) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return self.accepted(answer.map_err(|e| self.login.unreachable(e))?).await,
            }
        }
    }

    /// An answer that is none of an error.
    async fn accepted(&self, answer: Response) -> Result<Response, ClientError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = self.text(answer).await.unwrap_or_default();
        Err(ClientError::of_problem(status, &text))
    }

    async fn document<T: DeserializeOwned>(&self, answer: Response) -> Result<T, ClientError> {
        let text = self.text(answer).await?;
        serde_json::from_slice(&text).map_err(|error| ClientError::Answer(error.to_string()))
    }

    async fn text(&self, mut answer: Response) -> Result<Vec<u8>, ClientError> {
        let mut text = Vec::new();
        while let Some(bytes) =
            answer.chunk().await.map_err(|error| self.login.unreachable(error))?
        {
            text.extend_from_slice(&bytes);
            if text.len() > DOCUMENT {
                return Err(ClientError::Answer("it is too long".to_owned()));
            }
        }
        Ok(text)
    }
}

/// How long to wait before the next try; none where another would not help.
fn retry_after(answer: &Response, tries: u32) -> Option<Duration> {
    let status = answer.status();
    let is_passing = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let asked = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    is_passing.then(|| asked.unwrap_or_else(|| backoff(tries)).min(Duration::from_secs(30)))
}

/// 0.5, 1, 2, 4 … seconds.
fn backoff(tries: u32) -> Duration {
    Duration::from_millis(250 << tries.min(6))
}
