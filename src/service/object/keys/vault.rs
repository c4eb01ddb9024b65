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
                return Err(self.other(key, wrapped_by));
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

#[cfg(test)]
mod tests {
    use axum::extract::{Path, State};
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::{Value, json};

    use super::*;
    use crate::id::Kind;

    /// Speaks the transit engine's protocol; "encrypts" by turning text around.
    async fn transit(
        State(token): State<&'static str>,
        Path((verb, key)): Path<(String, String)>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> (StatusCode, Json<Value>) {
        let turned = |text: &str| text.chars().rev().collect::<String>();
        if headers.get("x-vault-token").is_none_or(|found| found != token) {
            return (StatusCode::FORBIDDEN, Json(json!({"errors": ["permission denied"]})));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let prefix = format!("vault:v1:{key}:");
        let data = match verb.as_str() {
            "encrypt" => json!({"ciphertext": format!("{prefix}{}", turned(&text("plaintext")))}),
            _ => match text("ciphertext").strip_prefix(&prefix) {
                Some(rest) => json!({"plaintext": turned(rest)}),
                None => {
                    let errors = json!({"errors": ["invalid ciphertext: no prefix"]});
                    return (StatusCode::BAD_REQUEST, Json(errors));
                }
            },
        };
        (StatusCode::OK, Json(json!({"request_id": "1", "data": data})))
    }

    async fn vault() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/v1/transit/{verb}/{key}", post(transit)).with_state("a-token");
        tokio::spawn(async { axum::serve(listener, router).await });
        address
    }

    fn provider(address: &str, token: &str) -> VaultProvider {
        VaultProvider::new(address, "transit", "hetero2", Secret::new(token.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn keys_are_wrapped_and_unwrapped_by_transit() {
        let address = vault().await;
        let vault = provider(&address, "a-token");
        let (key, secret) = (Id::fresh(Kind::DataKey), Secret::new("a secret".to_owned()));
        let wrapped = vault.wrap(&secret).await.unwrap();
        assert!(wrapped.starts_with("vault:v1:") && !wrapped.contains("a secret"));
        let unwrapped = vault.unwrap(&key, &wrapped, "vault:transit/hetero2").await.unwrap();
        assert_eq!(unwrapped.reveal(), "a secret");

        let other = vault.unwrap(&key, &wrapped, "file:age1").await;
        assert!(matches!(other, Err(KeyError::OtherProvider { .. })));
        let broken = vault.unwrap(&key, "vault:v1:x", "vault:transit/hetero2").await;
        assert!(matches!(broken, Err(KeyError::Refused { status: 400, .. })));
        let Err(refused) = provider(&address, "wrong").wrap(&secret).await else { panic!() };
        assert!(refused.to_string().contains("403: permission denied"), "{refused}");
        assert!(!refused.to_string().contains("wrong"));
        let nowhere = provider("http://127.0.0.1:9", "a-token").wrap(&secret).await;
        assert!(matches!(nowhere, Err(KeyError::Unreachable { .. })));
    }
}
