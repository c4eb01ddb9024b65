//! The master key in HashiCorp Vault or OpenBao: the `transit` engine wraps and
//! unwraps, and the master key never leaves it. It must not know what the keys
//! that it wraps encrypt.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyProvider, Secret};
use crate::id::Id;
use crate::object::KeyError;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// A named key of Vault's transit engine.
pub struct VaultProvider {
    address: String,
    mount: String,
    key: String,
    token: Secret,
    http: reqwest::Client,
}

#[derive(Serialize)]
struct Encrypt<'a> {
    plaintext: &'a str,
}

#[derive(Serialize)]
struct Decrypt<'a> {
    ciphertext: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Data {
    ciphertext: Option<String>,
    plaintext: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<String>,
}

impl VaultProvider {
    /// The transit key `key` under `mount` (usually `transit`) of the Vault at
    /// `address`, used with `token`.
    ///
    /// # Errors
    ///
    /// Where no client can be made.
    pub fn new(address: &str, mount: &str, key: &str, token: Secret) -> Result<Self, KeyError> {
        crate::tls::choose_provider();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| KeyError::Unreachable { address: address.to_owned(), source })?;
        let address = address.trim_end_matches('/').to_owned();
        Ok(Self { address, mount: mount.to_owned(), key: key.to_owned(), token, http })
    }

    async fn ask<B: Serialize>(&self, verb: &str, body: &B) -> Result<Data, KeyError> {
        let unreachable = |source| KeyError::Unreachable { address: self.address.clone(), source };
        let url = format!("{}/v1/{}/{verb}/{}", self.address, self.mount, self.key);
        let json = Zeroizing::new(
            serde_json::to_string(body).map_err(|error| KeyError::Wrap(error.to_string()))?,
        );
        let mut token = reqwest::header::HeaderValue::from_str(self.token.reveal())
            .map_err(|error| KeyError::Wrap(error.to_string()))?;
        token.set_sensitive(true);
        let answer = self
            .http
            .post(url)
            .header("X-Vault-Token", token)
            .header("Content-Type", "application/json")
            .body(json.as_bytes().to_vec())
            .send()
            .await
            .map_err(unreachable)?;
        let status = answer.status();
        let text = read(answer).await.map_err(unreachable)?;
        let refused = |reason: String| KeyError::Refused {
            address: self.address.clone(),
            status: status.as_u16(),
            reason,
        };
        if !status.is_success() {
            let reasons = serde_json::from_slice::<Refusal>(&text).map(|refusal| refusal.errors);
            return Err(refused(reasons.unwrap_or_default().join("; ")));
        }
        match serde_json::from_slice::<Answer>(&text) {
            Ok(answer) => Ok(answer.data),
            Err(_) => Err(refused("what it answers is not of the transit engine".to_owned())),
        }
    }

    fn refused(&self, reason: &str) -> KeyError {
        KeyError::Refused { address: self.address.clone(), status: 200, reason: reason.to_owned() }
    }
}

/// The body of an answer, no more than [`ANSWER`] of it.
async fn read(mut answer: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, reqwest::Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER));
    while let Some(chunk) = answer.chunk().await? {
        let room = ANSWER - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(bytes)
}

impl KeyProvider for VaultProvider {
    fn label(&self) -> String {
        format!("vault:{}/{}", self.mount, self.key)
    }

    fn wrap<'a>(&'a self, secret: &'a Secret) -> BoxFuture<'a, Result<String, KeyError>> {
        async move {
            let plaintext = Zeroizing::new(STANDARD.encode(secret.reveal()));
            let data = self.ask("encrypt", &Encrypt { plaintext: &plaintext }).await?;
            data.ciphertext.ok_or_else(|| self.refused("it gave no ciphertext"))
        }
        .boxed()
    }

    fn unwrap<'a>(
        &'a self,
        key: &'a Id,
        wrapped: &'a str,
        wrapped_by: &'a str,
    ) -> BoxFuture<'a, Result<Secret, KeyError>> {
        async move {
            if wrapped_by != self.label() {
                return Err(KeyError::OtherProvider {
                    key: key.clone(),
                    wrapped_by: wrapped_by.to_owned(),
                    ours: self.label(),
                });
            }
            let data = self.ask("decrypt", &Decrypt { ciphertext: wrapped }).await?;
            let plaintext = data.plaintext.ok_or_else(|| self.refused("it gave no plaintext"))?;
            let plaintext = Zeroizing::new(plaintext);
            let unreadable = |reason: String| KeyError::Unwrap { key: key.clone(), reason };
            let bytes =
                STANDARD.decode(&*plaintext).map_err(|error| unreadable(error.to_string()))?;
            String::from_utf8(bytes).map(Secret::new).map_err(|error| {
                let mut bytes = error.into_bytes();
                bytes.zeroize();
                unreadable("it is no text".to_owned())
            })
        }
        .boxed()
    }
}
