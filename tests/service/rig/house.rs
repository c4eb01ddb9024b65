//! A server with one organisation, and people who are logged in.

use serde_json::{Value, json};

use super::postgres::Database;
use super::server::{Answer, Client, Server, create_org};

/// A server with one organisation.
pub struct House {
    /// The server.
    pub server: Server,
    /// The organisation.
    pub org: String,
    /// Its name at login.
    pub slug: &'static str,
    /// The token of its owner.
    pub token: String,
}

impl House {
    /// On SQLite, with `options` of `serve`.
    pub fn sqlite(options: &[&str]) -> Self {
        let server = Server::sqlite(options);
        let (org, token) = server.first.clone().unwrap();
        Self { server, org, slug: "local", token }
    }

    /// On a migrated PostgreSQL, with `options` of `serve`.
    pub fn postgres(database: &Database<'_>, options: &[&str]) -> Self {
        let (org, token) = create_org(&database.owner_url(), "acme");
        let server = Server::postgres(&database.app_url(), options);
        Self { server, org, slug: "acme", token }
    }

    /// A client with the owner's token.
    pub fn owner(&self) -> Client {
        self.server.client(&self.token)
    }

    /// A client with the cookie of a login.
    pub fn seat(&self, cookie: &str) -> Seat {
        Seat { client: self.server.stranger(), cookie: cookie.to_owned() }
    }

    /// A path of the organisation.
    pub fn at(&self, path: &str) -> String {
        format!("/v1/orgs/{}/{path}", self.org)
    }

    /// Logs in.
    pub fn login(&self, login: &str, password: &str, code: Option<&str>) -> Answer {
        let body = json!({
            "org": self.slug, "login": login, "password": password, "code": code,
        });
        self.server.stranger().post("/v1/login", &body)
    }
}

/// Somebody who is logged in, at a page of the server.
pub struct Seat {
    client: Client,
    cookie: String,
}

impl Seat {
    /// Reads.
    pub fn get(&self, path: impl Into<String>) -> Answer {
        self.send("GET", path, None)
    }

    /// Posts a document.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    /// Deletes.
    pub fn delete(&self, path: impl Into<String>) -> Answer {
        self.send("DELETE", path, None)
    }

    fn send(&self, method: &str, path: impl Into<String>, body: Option<&Value>) -> Answer {
        let ask = self.client.ask(method, path);
        let ask = ask.header("cookie", &format!("hetero2_session={}", self.cookie));
        let ask = ask.header("sec-fetch-site", "same-origin");
        match body {
            Some(body) => ask.json(body).send(),
            None => ask.send(),
        }
    }
}
