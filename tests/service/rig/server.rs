//! The server itself, the program, on a database and a folder of its own.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hetero2_service::reqwest::{self, Method, header::HeaderMap};
use hetero2_service::tokio::runtime::Runtime;
use serde_json::Value;

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    /// There until it is killed.
    folder: Option<tempfile::TempDir>,
    /// `http://127.0.0.1:…`.
    pub url: String,
    /// What its first start made: organisation and token of its owner.
    pub first: Option<(String, String)>,
    /// Where Prometheus asks, with `--metrics`.
    pub metrics: Option<String>,
}

/// The program.
pub fn hetero2() -> Command {
    // Tests that were compiled apart from the program are told of it.
    let built = option_env!("CARGO_BIN_EXE_hetero2").map(str::to_owned);
    let program = built.or_else(|| std::env::var("HETERO2_PROGRAM").ok());
    let mut command = Command::new(program.expect("the program hetero2"));
    command.env_remove("HETERO2_DATABASE").env_remove("HETERO2_LOG");
    command.env("NO_PROXY", "127.0.0.1,localhost");
    command
}

impl Server {
    /// Starts one on SQLite in a fresh folder, with `options` besides.
    pub fn sqlite(options: &[&str]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), None, options, &[])
    }

    /// Starts one on SQLite in `folder`, which may have been another's, with
    /// `options` and an environment besides.
    pub fn in_folder(
        folder: tempfile::TempDir,
        options: &[&str],
        environment: &[(&str, String)],
    ) -> Self {
        Self::start(folder, None, options, environment)
    }

    /// Starts one on the PostgreSQL at `database`, with `options` besides.
    pub fn postgres(database: &str, options: &[&str]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), Some(database), options, &[])
    }

    fn start(
        folder: tempfile::TempDir,
        database: Option<&str>,
        options: &[&str],
        environment: &[(&str, String)],
    ) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = hetero2();
        command.args(["serve", "--json", "--data"]).arg(folder.path().join("data")).args(options);
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(database) = database {
            command.env("HETERO2_DATABASE", database);
        }
        command.env("HETERO2_LOG", "trace");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let ready = serde_json::Deserializer::from_reader(said).into_iter::<Value>().next();
        let ready = ready.and_then(Result::ok).unwrap_or_else(|| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("the server does not start: {log}")
        });
        let text = |name: &str| ready[name].as_str().map(str::to_owned);
        let first = text("organisation").zip(text("token"));
        let (url, metrics) = (text("url").unwrap(), text("metrics"));
        Self { child, folder: Some(folder), url, first, metrics }
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Ends it as a failing machine does, and gives its folder.
    pub fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.take().unwrap()
    }

    /// The folder of what it keeps.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// What it wrote to its log, at the level `trace`.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kilobytes of memory that it holds, and held at most.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// A client with the token `token`.
    pub fn client(&self, token: &str) -> Client {
        Client { url: self.url.clone(), token: Some(token.to_owned()) }
    }

    /// A client of the owner that the first start made.
    pub fn owner(&self) -> Client {
        self.client(&self.first.as_ref().unwrap().1)
    }

    /// A client without credentials.
    pub fn stranger(&self) -> Client {
        Client { url: self.url.clone(), token: None }
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) {
        terminate(self.pid());
        let start = Instant::now();
        let ended = loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                break ended;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(ended.success(), "{ended}");
    }

    /// Stops it and starts another on its folder, on SQLite.
    pub fn restart(mut self) -> Self {
        self.stop();
        let folder = self.folder.take().unwrap();
        Self::start(folder, None, &[], &[])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn terminate(pid: u32) {
    let done = Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap();
    assert!(done.success());
}

/// Makes an organisation in the PostgreSQL at `owner_url`; gives its id and the
/// token of its owner.
pub fn create_org(owner_url: &str, slug: &str) -> (String, String) {
    let output = hetero2()
        .args(["admin", "--json", "org", "create", slug])
        .env("HETERO2_DATABASE", owner_url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("organisation"), text("token"))
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// The client that follows no redirect.
pub(super) fn http() -> &'static reqwest::Client {
    static HTTP: OnceLock<reqwest::Client> = OnceLock::new();
    HTTP.get_or_init(|| {
        hetero2_service::tls::choose_provider();
        let redirects = reqwest::redirect::Policy::none();
        // The server closes what is unused for 10 s, perhaps just as a request is written to it.
        let idle = Duration::from_secs(5);
        let builder = reqwest::Client::builder().redirect(redirects).no_proxy();
        builder.pool_idle_timeout(idle).build().unwrap()
    })
}

/// Somebody who asks.
#[derive(Clone)]
pub struct Client {
    /// The server.
    pub url: String,
    /// The credential.
    pub token: Option<String>,
}

/// What somebody asks.
pub struct Ask<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers but the date, by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Begins a question.
    pub fn ask(&self, method: &str, path: impl Into<String>) -> Ask<'_> {
        let method = method.to_uppercase().parse().unwrap();
        Ask { client: self, method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Reads a document.
    pub fn get(&self, path: impl Into<String>) -> Answer {
        self.ask("GET", path).send()
    }

    /// Posts a document.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Answer {
        self.ask("POST", path).json(body).send()
    }
}

impl Ask<'_> {
    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string().into_bytes())
    }

    /// With a body.
    #[must_use]
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Asks.
    pub fn send(self) -> Answer {
        let mut request = http().request(self.method, format!("{}{}", self.client.url, self.path));
        if let Some(token) = &self.client.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.body.is_empty() {
            request = request.body(self.body);
        }
        answer(request)
    }
}

/// Sends a request, and waits for all of its answer.
pub(super) fn answer(request: reqwest::RequestBuilder) -> Answer {
    runtime().block_on(async {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = headers(response.headers());
        let body = response.bytes().await.unwrap().to_vec();
        Answer { status, headers, body }
    })
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &reqwest::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    let mut all: Vec<_> = map
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    all.sort();
    all
}

impl Answer {
    /// The body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The header `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same, where it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The same, where it is this problem.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let found = self.value()["code"].as_str().map(str::to_owned);
        assert_eq!((self.status, found.as_deref()), (status, Some(code)));
        self
    }

    /// The text in the body's field `name`.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let value = self.value();
        value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
    }
}
