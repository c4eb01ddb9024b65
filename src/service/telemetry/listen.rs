//! Where Prometheus asks: a listener of its own, so that it can be kept within
//! the network of the machines. It must not know what the numbers mean.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum_server::Handle;

use super::metrics::{CONTENT_TYPE, Metrics};
use super::snapshot::Reader;

/// How long the head of a request may take to arrive.
const LONGEST_HEAD: Duration = Duration::from_secs(10);

/// Metrics that are served until this is dropped.
pub struct Serving {
    /// Where.
    pub address: SocketAddr,
    handle: Handle<SocketAddr>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// Serves `metrics` and what `reader` knows at `address`, under `/metrics`.
///
/// # Errors
///
/// Where the address cannot be listened on.
pub fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    reader: Option<Reader>,
) -> std::io::Result<Serving> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let handle = Handle::new();
    let reader = Arc::new(reader);
    let answer = move || answer(Arc::clone(&metrics), Arc::clone(&reader));
    let router = Router::new().route("/metrics", get(answer));
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
    server.http_builder().http1().header_read_timeout(LONGEST_HEAD);
    tokio::spawn(async move {
        if let Err(error) = server.serve(router.into_make_service()).await {
            tracing::error!(%error, "metrics are not served any more");
        }
    });
    Ok(Serving { address, handle })
}

async fn answer(metrics: Arc<Metrics>, reader: Arc<Option<Reader>>) -> Response {
    let snapshot = match reader.as_ref() {
        Some(reader) => reader.snapshot().await,
        None => None,
    };
    match metrics.document(snapshot.as_deref()) {
        Ok(document) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], document).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
