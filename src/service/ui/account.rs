//! What an account is and may change of itself: password, second factor, tokens,
//! logins.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::client::{Answer, Api, Refusal};
use super::form::Form;
use super::view::{Listing, Me, Session, Token};
use super::{Frame, Section, page, page_with};

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    tokens: Vec<Token>,
    sessions: Vec<Session>,
    /// What was just done.
    done: Option<&'static str>,
    refusal: Option<Refusal>,
    /// A secret that is shown once.
    secret: Option<Secret>,
}

impl Account {
    fn is_own(&self, session: &Session) -> bool {
        self.frame.me.as_ref().is_some_and(|me| me.credential == session.id)
    }

    fn me(&self) -> &[Me] {
        self.frame.me.as_slice()
    }
}

/// A secret of the account, on its way to being shown.
enum Secret {
    Token(String),
    Totp { secret: String, url: String },
}

async fn account(api: &Api) -> Result<Account, Refusal> {
    let frame = Frame::of(api, "Account", Section::Account).await?;
    let tokens: Listing<Token> = api.get(&frame.address(&["tokens"])).await?;
    let sessions: Listing<Session> = api.get(&frame.address(&["sessions"])).await?;
    let id = frame.me.as_ref().map_or("", |me| me.member.id.as_str());
    let tokens = tokens.items.into_iter().filter(|token| token.member == id).collect();
    let sessions = sessions.items.into_iter().filter(|session| session.member == id).collect();
    Ok(Account { frame, tokens, sessions, done: None, refusal: None, secret: None })
}

/// The page.
pub(super) async fn show(api: Api) -> Result<Response, Refusal> {
    Ok(page(&account(&api).await?))
}

/// The page after `answer`, which `secret` is taken from.
async fn after(
    api: &Api,
    answer: Result<Answer, Refusal>,
    done: &'static str,
    secret: impl Fn(&Value) -> Option<Secret>,
) -> Result<Response, Refusal> {
    let mut shown = account(api).await?;
    match answer {
        Ok(answer) => {
            shown.secret = secret(&answer.value);
            shown.done = Some(done);
            Ok(page(&shown))
        }
        Err(refusal) => {
            shown.refusal = Some(refusal.of_form()?);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown))
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn proof(form: &Form) -> Value {
    json!({ "password": form.text("password"), "code": form.given("code") })
}

/// Changes the password.
pub(super) async fn change_password(api: Api, form: Form) -> Result<Response, Refusal> {
    let mut body = proof(&form);
    body["new_password"] = json!(form.text("new_password"));
    let answer = api.post("/v1/me/password", &body).await;
    after(&api, answer, "The password is changed; other logins have ended.", |_| None).await
}

/// Makes a second factor that is to be confirmed.
pub(super) async fn enrol(api: Api, form: Form) -> Result<Response, Refusal> {
    let answer = api.post("/v1/me/totp", &proof(&form)).await;
    after(&api, answer, "Now confirm the second factor.", |value| {
        Some(Secret::Totp { secret: text(&value["secret"]), url: text(&value["url"]) })
    })
    .await
}

/// Confirms the second factor.
pub(super) async fn confirm(api: Api, form: Form) -> Result<Response, Refusal> {
    let answer =
        api.post("/v1/me/totp/confirm", &json!({ "code": form.text("code").trim() })).await;
    after(&api, answer, "The second factor counts from now on.", |_| None).await
}

/// Removes the second factor.
pub(super) async fn remove(api: Api, form: Form) -> Result<Response, Refusal> {
    let answer = api.delete("/v1/me/totp", None, Some(&proof(&form))).await;
    after(&api, answer, "The second factor is removed.", |_| None).await
}

/// Makes a token.
pub(super) async fn make_token(api: Api, form: Form) -> Result<Response, Refusal> {
    let frame = Frame::of(&api, "Account", Section::Account).await?;
    let body = json!({ "name": form.text("name").trim(), "scope": form.text("scope") });
    let answer = api.post(&frame.address(&["tokens"]), &body).await;
    after(&api, answer, "The token is made.", |value| Some(Secret::Token(text(&value["secret"]))))
        .await
}

/// Revokes a token.
pub(super) async fn revoke(api: Api, Path(token): Path<String>) -> Result<Response, Refusal> {
    let frame = Frame::of(&api, "Account", Section::Account).await?;
    api.delete(&frame.address(&["tokens", &token]), None, None).await?;
    Ok(Redirect::to("/account").into_response())
}

/// Ends a login.
pub(super) async fn end_session(
    api: Api,
    Path(session): Path<String>,
) -> Result<Response, Refusal> {
    let frame = Frame::of(&api, "Account", Section::Account).await?;
    api.delete(&frame.address(&["sessions", &session]), None, None).await?;
    Ok(Redirect::to("/account").into_response())
}
