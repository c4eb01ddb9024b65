//! A project at a server, and what its tests do over and over.

use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::server::{Answer, Client, Server, hetero2};

/// Bytes of every part but the last.
pub const PART: usize = 16 << 20;

/// A project and its administrator.
#[derive(Clone)]
pub struct Project {
    /// Who asks.
    pub client: Client,
    /// Its address.
    pub at: String,
}

/// SHA-256 as hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The header `Content-Digest` of `bytes`.
pub fn content_digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

/// Bytes that repeat nowhere near.
pub fn bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

impl Project {
    /// A new one of the server's first organisation.
    pub fn new(server: &Server) -> Self {
        let client = server.owner();
        let org = &server.first.as_ref().unwrap().0;
        Self::of(client, org, "first")
    }

    /// A new one, called `slug`, of `org`.
    pub fn of(client: Client, org: &str, slug: &str) -> Self {
        let projects = format!("/v1/orgs/{org}/projects");
        let made = client.post(&projects, &json!({"slug": slug, "name": slug})).expect(201);
        let at = format!("{projects}/{}", made.field("id"));
        Self { client, at }
    }

    /// Begins an upload of `bytes`; gives its address.
    pub fn begin(&self, bytes: &[u8]) -> String {
        let new = json!({"name": "a.smi", "size": bytes.len(), "sha256": sha256(bytes)});
        let made = self.client.post(format!("{}/uploads", self.at), &new).expect(201);
        format!("{}/uploads/{}", self.at, made.field("id"))
    }

    /// Sends part `number` of the upload at `upload`.
    pub fn put(&self, upload: &str, number: usize, part: &[u8]) -> Answer {
        let digest = content_digest(part);
        let ask = self.client.ask("PUT", format!("{upload}/parts/{number}"));
        ask.header("content-type", "application/octet-stream")
            .header("content-digest", &digest)
            .bytes(part.to_vec())
            .send()
    }

    /// Sends all parts and joins them; gives the upload's address.
    pub fn upload(&self, bytes: &[u8]) -> String {
        let upload = self.begin(bytes);
        for (number, part) in (1..).zip(bytes.chunks(PART)) {
            self.put(&upload, number, part).expect(200);
        }
        self.client.post(format!("{upload}/complete"), &json!({})).expect(200);
        upload
    }

    /// Makes a dataset of `bytes`; gives its address.
    pub fn dataset(&self, bytes: &[u8]) -> String {
        let upload = self.upload(bytes);
        let id = upload.rsplit('/').next().unwrap();
        let new = json!({"upload": id});
        let made = self.client.post(format!("{}/datasets", self.at), &new).expect(201);
        format!("{}/datasets/{}", self.at, made.field("id"))
    }

    /// Reads the bytes of the dataset at `dataset`.
    pub fn content(&self, dataset: &str) -> Answer {
        self.client.get(format!("{dataset}/content"))
    }
}

/// Runs `hetero2 admin` on the data folder `data`.
pub fn admin(data: &Path, arguments: &[&str]) -> Output {
    hetero2().args(["admin", "--json", "--data"]).arg(data).args(arguments).output().unwrap()
}

/// What a command that must be done printed.
#[track_caller]
pub fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
