//! A real identity provider, `oidc-provider`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::Kept;
use super::server::Client;
use super::skip;

/// The secret of the server at the provider.
pub const SECRET: &str = "a-secret-between-server-and-provider";

/// The provider; it ends when this is dropped.
pub struct Provider {
    /// How it names itself.
    pub issuer: String,
    folder: TempDir,
    _process: Kept,
}

impl Provider {
    /// Starts it for the server on `port`; none, said loudly, where it does not
    /// start.
    pub fn start(port: u16) -> Option<Self> {
        match Self::try_start(port) {
            Ok(provider) => Some(provider),
            Err(why) => {
                skip("identity provider", &why);
                None
            }
        }
    }

    fn try_start(port: u16) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let root = root.filter(|folder| folder.join("tests/service/oidc").exists()).last();
        let root = root.ok_or("tests/service/oidc is missing")?;
        let modules = match std::env::var_os("HETERO2_OIDC_MODULES") {
            Some(folder) => PathBuf::from(folder),
            None => root.join("target/ci/oidc"),
        };
        if !modules.join("node_modules/oidc-provider").exists() {
            return Err(format!("{} has no oidc-provider", modules.display()));
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let log = folder.path().join("log");
        let mut node = Command::new("node");
        node.arg(root.join("tests/service/oidc/provider.mjs"))
            .env("OIDC_MODULES", &modules)
            .env("OIDC_REDIRECT", format!("http://127.0.0.1:{port}/v1/oidc/callback"))
            .env("OIDC_SECRET", SECRET);
        let process = Kept::start(&node, &log, None);
        let start = Instant::now();
        loop {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let issuer = said.lines().find_map(|line| line.strip_prefix("ISSUER "));
            if let Some(issuer) = issuer {
                return Ok(Self { issuer: issuer.to_owned(), folder, _process: process });
            }
            if start.elapsed() > Duration::from_secs(30) {
                let errors = std::fs::read_to_string(log.with_extension("err"));
                return Err(format!("{said}\n{}", errors.unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Which groups accounts have from now on, and what is wrong with tokens.
    pub fn control(&self, flaw: &str, groups: Value) {
        let body = json!({ "flaw": flaw, "groups": groups });
        let client = Client { url: self.issuer.clone(), token: None };
        client.post("/control", &body).expect(200);
    }

    /// The server's set-up for this provider, as a file.
    pub fn settings(&self, port: u16, more: &str) -> PathBuf {
        let secret = self.folder.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let path = self.folder.path().join("oidc.toml");
        let text = format!(
            "public_url = 'http://127.0.0.1:{port}'\n\n[[provider]]\nname = 'corp'\n\
             issuer = '{}'\nclient_id = 'hetero2'\nclient_secret_file = '{}'\n\
             scopes = ['profile', 'groups']\ngroups_claim = 'groups'\n{more}\n",
            self.issuer,
            secret.display(),
        );
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
