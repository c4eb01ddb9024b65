//! The files that pages load: style, script, icon. They are part of the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

const STYLE: &[u8] = include_bytes!("assets/style.css");
const SCRIPT: &[u8] = include_bytes!("assets/app.js");
/// htmx 2.0.11, Zero-Clause BSD: see `assets/htmx.LICENSE`.
const HTMX: &[u8] = include_bytes!("assets/htmx.min.js");
const HTMX_LICENSE: &[u8] = include_bytes!("assets/htmx.LICENSE");
const ICON: &[u8] = include_bytes!("assets/icon.svg");

/// An hour, so that a new server's pages have their new style soon.
const CACHED: &str = "public, max-age=3600";

/// One file.
pub(super) async fn read(Path(name): Path<String>) -> Response {
    let (kind, bytes) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "app.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "htmx.min.js" => ("text/javascript; charset=utf-8", HTMX),
        "htmx.LICENSE" => ("text/plain; charset=utf-8", HTMX_LICENSE),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, CACHED)], bytes).into_response()
}
