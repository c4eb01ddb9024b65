//! The code flow: what is kept of a login under way, and what is checked of the
//! provider's answer. It must not know accounts.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use openidconnect::core::{CoreAuthenticationFlow, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, CsrfToken, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RequestTokenError, Scope, TokenResponse as _,
};
use url::Url;

use super::account::{Vouched, find, set_groups, touch};
use super::provider::{OidcClient, OtherClaims, Provider, Reach, Tokens};
use super::{OidcError, Providers};
use crate::auth::AuthError;
use crate::auth::login::{Gate, LoggedIn};
use crate::auth::secret::{Secret, SecretText};
use crate::auth::session::{self, CameFrom, NewSession};
use crate::directory::org;
use crate::id::{Id, Kind};
use crate::store::{statements, values};
use crate::tenancy::{Action, OrgRole, Principal, TenantTx, Via};
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    SWEEP = "DELETE FROM oidc_attempt WHERE org_id = $1 AND expires_at <= $2";
    COUNT = "SELECT COUNT(*) AS live FROM oidc_attempt WHERE org_id = $1";
    BEGIN = "INSERT INTO oidc_attempt (org_id, state_hash, browser_hash, provider, nonce, \
            pkce_verifier, return_to, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// Takes it up: no other answer finds it.
    TAKE = "DELETE FROM oidc_attempt WHERE org_id = $1 AND state_hash = $2 \
        RETURNING browser_hash, provider, nonce, pkce_verifier, return_to, expires_at";
}

/// How long somebody may take at the provider.
const LONGEST: Duration = Duration::from_secs(600);

/// Logins of an organisation under way at most.
const MOST: i64 = 10_000;

/// Groups of one account that are looked at, at most.
const MOST_GROUPS: usize = 1000;

/// Signatures by keys that the provider publishes; none by a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A login under way.
pub struct Started {
    /// Where the browser goes.
    pub url: Url,
    /// What binds the login to the browser, for its cookie.
    pub browser: SecretText,
    /// How long the cookie is needed.
    pub seconds: u64,
}

/// What a browser brings back from a provider.
#[derive(Clone, Copy)]
pub struct Callback<'a> {
    /// The code, where the provider gave one.
    pub code: Option<&'a str>,
    /// The state.
    pub state: &'a str,
    /// The issuer that answers (RFC 9207), where it says so.
    pub issuer: Option<&'a str>,
    /// What the browser's cookie says.
    pub browser: Option<&'a str>,
}

/// What was kept of a login under way.
struct Attempt {
    provider: String,
    nonce: String,
    pkce_verifier: String,
    return_to: String,
    is_of_browser: bool,
    is_late: bool,
}

impl Providers {
    /// Begins a login at the provider `name`; the browser goes to `return_to`,
    /// a path of this server, afterwards.
    ///
    /// # Errors
    ///
    /// Where there is no such provider, or it does not answer.
    pub async fn start(
        &self,
        gate: &Gate<'_>,
        name: &str,
        return_to: &str,
    ) -> Result<Started, OidcError> {
        let provider = self.get(name).ok_or(OidcError::Unknown)?;
        let org = org::by_slug(gate.store, &provider.config.organisation).await?;
        let org = org.ok_or(OidcError::Unknown)?;
        let client = self.client(provider).await?;
        let (state, browser) = (secret()?, secret()?);
        let state_text = format!("{}_{}", suffix(&org), state.text().as_str());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state_text),
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &provider.config.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _, nonce) = request.url();

        let mut tx = begin(gate, &org).await?;
        let now = Instant::now();
        tx.execute(SWEEP, values![&org, now]).await?;
        let live = tx.row(COUNT, values![&org]).await?;
        if live.map_or(Ok(0), |row| row.number("live"))? >= MOST {
            return Err(OidcError::Busy);
        }
        let (state, kept) = (state.hash(), browser.hash());
        let values = values![
            &org,
            &state,
            &kept,
            &provider.config.name,
            nonce.secret(),
            verifier.secret(),
            local_path(return_to),
            now.plus(LONGEST),
        ];
        tx.execute(BEGIN, values).await?;
        tx.commit_bookkeeping().await?;
        Ok(Started { url, browser: browser.text(), seconds: LONGEST.as_secs() })
    }

    /// Ends a login that the provider answered, and gives where the browser
    /// goes. Whatever comes of it, the state is used up.
    ///
    /// # Errors
    ///
    /// [`OidcError::Unknown`] for a state that is none of a login under way;
    /// [`OidcError::Refused`] where something does not fit, which is recorded.
    pub async fn finish(
        &self,
        gate: &Gate<'_>,
        callback: Callback<'_>,
    ) -> Result<(LoggedIn, String), OidcError> {
        let (org, state) = parse_state(callback.state).ok_or(OidcError::Unknown)?;
        let attempt = take(gate, &org, &state, callback.browser).await?;
        let finished = self.judge(gate, &org, &attempt, callback).await;
        match finished {
            Ok(login) => Ok((login, attempt.return_to)),
            Err(OidcError::Refused(reason)) => {
                let tx = begin(gate, &org).await?;
                tx.commit_refusal(Entry::default(), reason).await?;
                Err(OidcError::Refused(reason))
            }
            Err(error) => Err(error),
        }
    }

    async fn judge(
        &self,
        gate: &Gate<'_>,
        org: &Id,
        attempt: &Attempt,
        callback: Callback<'_>,
    ) -> Result<LoggedIn, OidcError> {
        if !attempt.is_of_browser {
            return Err(OidcError::Refused("another browser began the login"));
        }
        if attempt.is_late {
            return Err(OidcError::Refused("the login took too long"));
        }
        let provider = self.get(&attempt.provider).ok_or(OidcError::Unknown)?;
        if callback.issuer.is_some_and(|issuer| issuer != provider.config.issuer) {
            return Err(OidcError::Refused("another issuer answered"));
        }
        let code = callback.code.ok_or(OidcError::Refused("the provider refused"))?;
        let client = self.client(provider).await?;
        let answer =
            exchange(client.clone(), self.reach(provider), code, &attempt.pkce_verifier).await?;
        let token = answer.id_token().ok_or(OidcError::Refused("no identity token"))?;
        let nonce = Nonce::new(attempt.nonce.clone());
        let claims = match verified(&client, token, &nonce) {
            Ok(claims) => claims,
            // The provider may have a key that it had not when it was asked.
            Err(Flaw::Signature) => {
                let client = self.renewed(provider).await?;
                verified(&client, token, &nonce)?
            }
            Err(flaw) => return Err(flaw.into()),
        };
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, verifier) = (token.signing_alg(), client.id_token_verifier());
            let key = token.signing_key(&verifier);
            let actual = algorithm.ok().zip(key.ok()).and_then(|(algorithm, key)| {
                AccessTokenHash::from_token(answer.access_token(), algorithm, key).ok()
            });
            if actual.as_ref() != Some(expected) {
                return Err(OidcError::Refused("the access token is another's"));
            }
        }
        let vouched = vouched(provider, &claims)?;
        enter(gate, org, provider, &vouched, &token.to_string()).await
    }

    /// Where a browser ends the login at the provider too, where it came from
    /// one that offers that.
    pub async fn end_session_url(&self, came_from: &CameFrom) -> Option<Url> {
        let provider = self.get(came_from.method.strip_prefix("oidc:")?)?;
        let metadata = self.metadata(provider, Duration::from_secs(3600)).await.ok()?;
        let endpoint = metadata.additional_metadata().end_session_endpoint.as_ref()?;
        let mut url = endpoint.url().clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &provider.config.client_id);
        if let Some(token) = &came_from.id_token {
            query.append_pair("id_token_hint", token);
        }
        if let Some(public) = self.public_url() {
            query.append_pair("post_logout_redirect_uri", public.as_str());
        }
        drop(query);
        Some(url)
    }
}

type IdToken = openidconnect::IdToken<
    OtherClaims,
    openidconnect::core::CoreGenderClaim,
    openidconnect::core::CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Claims = openidconnect::IdTokenClaims<OtherClaims, openidconnect::core::CoreGenderClaim>;

/// Asks the provider for the tokens of a code.
fn exchange(
    client: OidcClient,
    reach: Reach,
    code: &str,
    verifier: &str,
) -> BoxFuture<'static, Result<Tokens, OidcError>> {
    let code = AuthorizationCode::new(code.to_owned());
    let verifier = PkceCodeVerifier::new(verifier.to_owned());
    Box::pin(async move {
        let request = client
            .exchange_code(code)
            .map_err(|_| reach.failed("it names no token endpoint".to_owned()))?;
        match request.set_pkce_verifier(verifier).request_async(&reach).await {
            Ok(answer) => Ok(answer),
            Err(RequestTokenError::ServerResponse(_)) => {
                Err(OidcError::Refused("the provider does not take the code"))
            }
            Err(RequestTokenError::Request(error)) => Err(error),
            Err(_) => Err(reach.failed("it gives no token".to_owned())),
        }
    })
}

/// What is wrong with an identity token.
enum Flaw {
    Signature,
    Audience,
    Issuer,
    Nonce,
    Expired,
    Other,
}

impl From<Flaw> for OidcError {
    fn from(flaw: Flaw) -> Self {
        Self::Refused(match flaw {
            Flaw::Signature => "the identity token's signature is wrong",
            Flaw::Audience => "the identity token is for another audience",
            Flaw::Issuer => "the identity token is of another issuer",
            Flaw::Nonce => "the identity token has another nonce",
            Flaw::Expired => "the identity token has expired",
            Flaw::Other => "the identity token is not valid",
        })
    }
}

fn verified(client: &OidcClient, token: &IdToken, nonce: &Nonce) -> Result<Claims, Flaw> {
    use openidconnect::ClaimsVerificationError as Wrong;
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    token.claims(&verifier, nonce).cloned().map_err(|wrong| match wrong {
        Wrong::SignatureVerification(_) => Flaw::Signature,
        Wrong::InvalidAudience(_) => Flaw::Audience,
        Wrong::InvalidIssuer(_) => Flaw::Issuer,
        Wrong::InvalidNonce(_) => Flaw::Nonce,
        Wrong::Expired(_) => Flaw::Expired,
        _ => Flaw::Other,
    })
}

/// What the claims say of somebody.
fn vouched(provider: &Provider, claims: &Claims) -> Result<Vouched, OidcError> {
    let config = &provider.config;
    let other = &claims.additional_claims().all;
    let login = match config.login_claim.as_str() {
        "preferred_username" => claims.preferred_username().map(|name| name.to_string()),
        // Whoever can write any address into their profile has none.
        "email" if claims.email_verified() == Some(true) => {
            claims.email().map(|email| email.to_string())
        }
        "email" => None,
        "sub" => Some(claims.subject().to_string()),
        claim => other.get(claim).and_then(|value| value.as_str()).map(str::to_owned),
    };
    let groups = config.groups_claim.as_ref().map(|claim| match other.get(claim) {
        Some(serde_json::Value::Array(groups)) => groups
            .iter()
            .take(MOST_GROUPS)
            .filter_map(|group| group.as_str().map(str::to_owned))
            .collect(),
        Some(serde_json::Value::String(group)) => BTreeSet::from([group.clone()]),
        _ => BTreeSet::new(),
    });
    let subject = claims.subject().to_string();
    if subject.is_empty() || subject.len() > 255 || subject.contains(char::is_control) {
        return Err(OidcError::Refused("the subject is not valid"));
    }
    let name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
    Ok(Vouched { subject, login: login.map(|login| login.to_lowercase()), name, groups })
}

async fn enter(
    gate: &Gate<'_>,
    org: &Id,
    provider: &Provider,
    vouched: &Vouched,
    id_token: &str,
) -> Result<LoggedIn, OidcError> {
    let credential = session::credential(org)?;
    // The account is found first, and entered as itself: the trail names it.
    let mut tx = begin(gate, org).await?;
    let (member, role) = find(&mut tx, &provider.config, vouched).await?;
    if let Some(groups) = &vouched.groups {
        set_groups(&mut tx, &member, groups).await?;
    }
    tx.commit(Entry::on(&member)).await?;
    let mut tx = gate.begin(org, &member, role, &credential.id).await?;
    touch(&mut tx, &member).await?;
    let method = format!("oidc:{}", provider.config.name);
    let new = NewSession {
        credential: &credential,
        member: &member,
        method: &method,
        id_token: Some(id_token),
    };
    let (session, cookie) = session::create(&mut tx, &new, gate.policy).await?;
    tx.commit(Entry::on(&session.id)).await?;
    Ok(LoggedIn { session, org: org.clone(), cookie })
}

/// A transaction of nobody yet, for the login.
async fn begin(gate: &Gate<'_>, org: &Id) -> Result<TenantTx, OidcError> {
    let nobody =
        Principal { org: org.clone(), member: None, role: OrgRole::Member, via: Via::Login };
    Ok(TenantTx::write(gate.store, &nobody, gate.origin, Action::Login, None).await?)
}

async fn take(
    gate: &Gate<'_>,
    org: &Id,
    state: &Secret,
    browser: Option<&str>,
) -> Result<Attempt, OidcError> {
    let mut tx = begin(gate, org).await?;
    let row = tx.row(TAKE, values![org, &state.hash()]).await?.ok_or(OidcError::Unknown)?;
    tx.commit_bookkeeping().await?;
    let kept = row.text("browser_hash")?;
    let browser = browser.and_then(Secret::parse);
    Ok(Attempt {
        provider: row.text("provider")?,
        nonce: row.text("nonce")?,
        pkce_verifier: row.text("pkce_verifier")?,
        return_to: row.text("return_to")?,
        is_of_browser: browser.is_some_and(|browser| browser.matches(&kept)),
        is_late: row.number("expires_at")? <= Instant::now().0,
    })
}

fn secret() -> Result<Secret, OidcError> {
    Secret::fresh().map_err(|error| AuthError::from(error).into())
}

fn suffix(org: &Id) -> &str {
    org.as_str().split_once('_').map_or("", |(_, rest)| rest)
}

/// The organisation and the secret of a state.
fn parse_state(text: &str) -> Option<(Id, Secret)> {
    let (org, secret) = text.split_once('_')?;
    let org = Id::parse(Kind::Org, &format!("{}_{org}", Kind::Org.prefix()))?;
    Some((org, Secret::parse(secret)?))
}

/// A path of this server; `/` for what could lead elsewhere.
fn local_path(text: &str) -> &str {
    let is_local = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 500
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_local { text } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_returns_to_this_server_alone() {
        assert_eq!(local_path("/ui/runs?x=1"), "/ui/runs?x=1");
        for text in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "x"]
        {
            assert_eq!(local_path(text), "/", "{text}");
        }
    }

    #[test]
    fn a_state_is_read_as_written() {
        let (org, secret) = (Id::fresh(Kind::Org), Secret::fresh().unwrap());
        let text = format!("{}_{}", suffix(&org), secret.text().as_str());
        let (read, same) = parse_state(&text).unwrap();
        assert_eq!(read, org);
        assert!(same.matches(&secret.hash()));
        assert!(parse_state(&text[1..]).is_none());
        assert!(parse_state("").is_none());
    }
}
