//! Signing in and out.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::json;

use super::client::{Api, Refusal};
use super::form::Form;
use super::view::{Listing, Provider};
use super::{Frame, Section, page, page_with};

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    providers: Vec<Provider>,
    org: String,
    login: String,
    refusal: Option<Refusal>,
}

async fn login_page(api: &Api, form: &Form, refusal: Option<Refusal>) -> Result<Login, Refusal> {
    let providers: Listing<Provider> = api.get("/v1/oidc").await?;
    Ok(Login {
        frame: Frame::open("Sign in"),
        providers: providers.items,
        org: form.text("org").to_owned(),
        login: form.text("login").to_owned(),
        refusal,
    })
}

/// The form.
pub(super) async fn show(api: Api) -> Result<Response, Refusal> {
    Ok(page(&login_page(&api, &Form::default(), None).await?))
}

/// Signs in; the browser gets the cookie of the API's answer.
pub(super) async fn sign_in(api: Api, form: Form) -> Result<Response, Refusal> {
    let body = json!({
        "org": form.text("org").trim(),
        "login": form.text("login").trim(),
        "password": form.text("password"),
        "code": form.given("code"),
    });
    match api.post("/v1/login", &body).await {
        Ok(answer) => Ok(with_cookies(Redirect::to("/projects").into_response(), &answer.headers)),
        Err(refusal) => {
            let refusal = refusal.of_form()?;
            let shown = login_page(&api, &form, Some(refusal)).await?;
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown))
        }
    }
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut {
    frame: Frame,
    end_session_url: Option<String>,
}

/// Signs out.
pub(super) async fn sign_out(api: Api) -> Result<Response, Refusal> {
    let answer = api.act("/v1/logout").await?;
    let url = answer.value["end_session_url"].as_str().map(str::to_owned);
    let response = page(&SignedOut { frame: Frame::open("Signed out"), end_session_url: url });
    Ok(with_cookies(response, &answer.headers))
}

fn with_cookies(mut response: Response, headers: &HeaderMap) -> Response {
    for value in headers.get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, value.clone());
    }
    response
}
