//! Identity providers: how they are set up, and what they say of themselves. It
//! must not know logins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant as Clock};

use futures_util::future::BoxFuture;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthType, Client, ClientId, ClientSecret,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenFields, IssuerUrl, ProviderMetadataWithLogout, RedirectUrl,
    StandardErrorResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::OidcError;

/// How long what a provider says of itself is believed.
const FRESH: Duration = Duration::from_secs(600);

/// How long it is used where the provider does not answer.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// After a login that no known key signed, the keys are asked for again no
/// more often.
const PAUSE: Duration = Duration::from_secs(60);

/// How long a provider may take to answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// Most bytes of a provider's answer.
const LARGEST_ANSWER: usize = 1 << 20;

/// Most bytes of the file of a client secret.
const LARGEST_SECRET: u64 = 4096;

/// Identity providers, and where browsers find this server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// Where browsers find this server: providers send them back to
    /// `…/v1/oidc/callback` there.
    pub public_url: Url,
    /// The providers.
    #[serde(default, rename = "provider")]
    pub providers: Vec<ProviderConfig>,
}

/// One identity provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its name in addresses: a-z, 0-9 and -.
    pub name: String,
    /// Its issuer, exactly as it names itself.
    pub issuer: String,
    /// This server's name there.
    pub client_id: String,
    /// The file of this server's secret there; none for a public client.
    pub client_secret_file: Option<PathBuf>,
    /// The organisation whose accounts it vouches for, by its name at login.
    pub organisation: String,
    /// Scopes to ask for beside `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The claim that is an account's login here.
    #[serde(default = "login_claim")]
    pub login_claim: String,
    /// The claim that lists an account's groups; without it groups stay as they
    /// are.
    pub groups_claim: Option<String>,
    /// What happens to somebody who was never here.
    #[serde(default)]
    pub provision: Provision,
}

fn login_claim() -> String {
    "preferred_username".to_owned()
}

/// What happens to somebody who was never here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provision {
    /// An account with that login becomes theirs; without one they are refused.
    #[default]
    Existing,
    /// An account with that login becomes theirs; without one they get one, with
    /// the role of a member.
    Members,
}

impl OidcSettings {
    /// Reads and checks the TOML file `path`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(path: &Path) -> Result<Self, OidcError> {
        let wrong =
            |reason: String| OidcError::Settings { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let settings: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        settings.check().map_err(wrong)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        check_url(&self.public_url).map_err(|reason| format!("public_url {reason}"))?;
        if self.public_url.path() != "/" || self.public_url.query().is_some() {
            return Err("public_url has a path".to_owned());
        }
        let mut names = std::collections::BTreeSet::new();
        for provider in &self.providers {
            let name = &provider.name;
            let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if name.is_empty() || name.len() > 40 || !name.bytes().all(is_name) {
                return Err(format!("provider {name:?} needs a name of a-z, 0-9 and -"));
            }
            if !names.insert(name) {
                return Err(format!("provider {name:?} is there twice"));
            }
            let issuer = Url::parse(&provider.issuer).map_err(|error| error.to_string());
            issuer
                .and_then(|issuer| check_url(&issuer))
                .map_err(|reason| format!("issuer of provider {name:?} {reason}"))?;
        }
        Ok(())
    }
}

/// Secrets travel by TLS, but on loopback.
fn check_url(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err("needs https, as it is not loopback".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Claims beyond those of the standard.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct OtherClaims {
    #[serde(flatten)]
    pub all: BTreeMap<String, serde_json::Value>,
}

impl AdditionalClaims for OtherClaims {}

type Fields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// What a provider gives for a code.
pub(super) type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

/// A client of a provider that said where its endpoints are.
pub(super) type OidcClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What a provider said of itself, and when.
#[derive(Clone)]
struct Known {
    since: Clock,
    metadata: Arc<ProviderMetadataWithLogout>,
}

/// A provider at work.
pub(super) struct Provider {
    pub config: ProviderConfig,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    known: RwLock<Option<Known>>,
}

/// All providers, and the client that reaches them.
pub struct Providers {
    providers: Vec<Provider>,
    public_url: Option<Url>,
    http: reqwest::Client,
}

impl Providers {
    /// The providers of `settings`; none of them is asked yet.
    ///
    /// # Errors
    ///
    /// Where a setting is no address, or no client can be made.
    pub fn new(settings: Option<&OidcSettings>) -> Result<Self, OidcError> {
        let wrong =
            |reason: String| OidcError::Settings { path: "identity providers".into(), reason };
        crate::tls::choose_provider();
        let http = reqwest::Client::builder()
            // A redirect would lead this server to wherever its sender likes.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LONGEST_ANSWER)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let mut providers = Vec::new();
        for config in settings.map(|settings| settings.providers.as_slice()).unwrap_or_default() {
            let public = settings.map(|settings| settings.public_url.clone());
            let callback = public.and_then(|url| url.join("/v1/oidc/callback").ok());
            let callback = callback.ok_or_else(|| wrong("public_url is no base".to_owned()))?;
            providers.push(Provider {
                config: config.clone(),
                issuer: IssuerUrl::new(config.issuer.clone())
                    .map_err(|error| wrong(error.to_string()))?,
                redirect: RedirectUrl::from_url(callback),
                known: RwLock::default(),
            });
        }
        let public_url = settings.map(|settings| settings.public_url.clone());
        Ok(Self { providers, public_url, http })
    }

    /// The names of the providers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| provider.config.name.as_str())
    }

    /// The provider called `name`.
    pub(super) fn get(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.config.name == name)
    }

    /// Where browsers find this server.
    #[must_use]
    pub fn public_url(&self) -> Option<&Url> {
        self.public_url.as_ref()
    }

    /// A client of `provider`, from what it says of itself.
    pub(super) async fn client(&self, provider: &Provider) -> Result<OidcClient, OidcError> {
        let metadata = self.metadata(provider, FRESH).await?;
        let config = &provider.config;
        let secret = config.client_secret_file.as_deref().map(read_secret).transpose();
        let secret = secret.map_err(|reason| provider.failed(reason))?;
        let methods = metadata.token_endpoint_auth_methods_supported().cloned();
        let knows = |method: &CoreClientAuthMethod| {
            methods.as_ref().is_none_or(|methods| methods.contains(method))
        };
        let is_by_header = secret.is_some() && knows(&CoreClientAuthMethod::ClientSecretBasic);
        let auth_type = if is_by_header { AuthType::BasicAuth } else { AuthType::RequestBody };
        let id = ClientId::new(config.client_id.clone());
        let client = OidcClient::from_provider_metadata(
            ProviderMetadataWithLogout::clone(&metadata),
            id,
            secret,
        );
        Ok(client.set_redirect_uri(provider.redirect.clone()).set_auth_type(auth_type))
    }

    /// The same, after the keys were asked for again, unless they just were.
    pub(super) async fn renewed(&self, provider: &Provider) -> Result<OidcClient, OidcError> {
        self.metadata(provider, PAUSE).await?;
        self.client(provider).await
    }

    /// What `provider` said of itself no longer ago than `age`.
    pub(super) async fn metadata(
        &self,
        provider: &Provider,
        age: Duration,
    ) -> Result<Arc<ProviderMetadataWithLogout>, OidcError> {
        let known = provider.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < age) {
            return Ok(known.metadata.clone());
        }
        match discover(self.reach(provider), provider.issuer.clone()).await {
            Ok(metadata) => {
                let known = Known { since: Clock::now(), metadata: Arc::new(metadata) };
                let metadata = known.metadata.clone();
                *provider.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
                Ok(metadata)
            }
            Err(error) => match known.filter(|known| known.since.elapsed() < STALE) {
                Some(known) => Ok(known.metadata),
                None => Err(error),
            },
        }
    }

    /// What reaches `provider`.
    pub(super) fn reach(&self, provider: &Provider) -> Reach {
        Reach { http: self.http.clone(), provider: provider.config.name.clone() }
    }
}

/// Asks a provider what it says of itself.
fn discover(
    reach: Reach,
    issuer: IssuerUrl,
) -> BoxFuture<'static, Result<ProviderMetadataWithLogout, OidcError>> {
    Box::pin(async move {
        let found = ProviderMetadataWithLogout::discover_async(issuer, &reach).await;
        found.map_err(|error| reach.failed(hetero2_common::errors::with_causes(&error)))
    })
}

/// Sends requests to a provider, bounded in time and size.
pub(super) struct Reach {
    http: reqwest::Client,
    provider: String,
}

impl<'c> AsyncHttpClient<'c> for Reach {
    type Error = OidcError;
    type Future = BoxFuture<'c, Result<HttpResponse, OidcError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Reach {
    pub(super) fn failed(&self, reason: String) -> OidcError {
        OidcError::Provider { provider: self.provider.clone(), reason }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OidcError> {
        let failed = |error: reqwest::Error| self.failed(error.without_url().to_string());
        let url = Url::parse(&request.uri().to_string());
        let is_safe = url.is_ok_and(|url| check_url(&url).is_ok());
        if !is_safe {
            return Err(self.failed("it names an address that is not https".to_owned()));
        }
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut answer = self.http.execute(request).await.map_err(failed)?;
        let mut response = openidconnect::http::Response::builder().status(answer.status());
        if let Some(kind) = answer.headers().get(reqwest::header::CONTENT_TYPE) {
            response = response.header(reqwest::header::CONTENT_TYPE, kind);
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > LARGEST_ANSWER {
                return Err(self.failed("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&piece);
        }
        response.body(body).map_err(|error| self.failed(error.to_string()))
    }
}

impl Provider {
    pub(super) fn failed(&self, reason: String) -> OidcError {
        OidcError::Provider { provider: self.config.name.clone(), reason }
    }
}

/// The secret in a file, without the line's end. Read at each use: it may be
/// replaced while the server runs.
fn read_secret(path: &Path) -> Result<ClientSecret, String> {
    let failed = |error: std::io::Error| format!("client secret {}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST_SECRET {
        return Err(format!("client secret {} is too long", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(ClientSecret::new(text.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OidcSettings, String> {
        let settings: OidcSettings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check().map(|()| settings)
    }

    const PROVIDER: &str = "[[provider]]\nname = 'corp'\nissuer = 'https://id.example.org'\n\
        client_id = 'hetero2'\norganisation = 'acme'\n";

    #[test]
    fn settings_are_read_and_checked() {
        let public = "public_url = 'https://h2.example.org'\n";
        let settings = read(&format!("{public}{PROVIDER}")).unwrap();
        let provider = &settings.providers[0];
        assert_eq!(provider.login_claim, "preferred_username");
        assert_eq!(provider.provision, Provision::Existing);
        assert!(read(&format!("public_url = 'http://127.0.0.1:8080'\n{PROVIDER}")).is_ok());
        for (wrong, why) in [
            (format!("public_url = 'http://h2.example.org'\n{PROVIDER}"), "https"),
            (format!("public_url = 'https://h2.example.org/h2'\n{PROVIDER}"), "path"),
            (format!("{public}{PROVIDER}{PROVIDER}"), "twice"),
            (format!("{public}{PROVIDER}secret = 'x'\n"), "unknown field"),
            (format!("{public}{}", PROVIDER.replace("'corp'", "'../corp'")), "name"),
            (format!("{public}{}", PROVIDER.replace("https", "http")), "https"),
        ] {
            let reason = read(&wrong).unwrap_err();
            assert!(reason.contains(why), "{reason}");
        }
    }
}
