//! Spans sent to a collector as OTLP over HTTP in its JSON form. It must not
//! know what a span is about.
//!
//! A span leaves when it closes: into a queue of bounded length, which a thread
//! of its own empties. A collector that is slow or away costs spans, which are
//! counted, and never a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

use super::trace::Context;

/// Why spans cannot be sent as the environment asks.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The collector's address.
    #[error("{variable} is no address of a collector over HTTP")]
    Address {
        /// The variable of the environment.
        variable: &'static str,
    },
    /// The headers.
    #[error("OTEL_EXPORTER_OTLP_HEADERS is not NAME=VALUE,…")]
    Headers,
    /// The thread that sends them.
    #[error("the thread that sends traces cannot be started")]
    Thread(#[source] std::io::Error),
    /// The client that sends them.
    #[error("the client that sends traces cannot be made")]
    Client(#[source] reqwest::Error),
}

/// Where spans go, and as whose.
#[derive(Clone)]
pub struct Settings {
    url: reqwest::Url,
    headers: reqwest::header::HeaderMap,
    resource: Vec<(String, String)>,
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

impl Settings {
    /// What the variables that OpenTelemetry defines ask for; none where they
    /// name no collector.
    ///
    /// # Errors
    ///
    /// Where what they ask for cannot be done.
    pub fn from_environment(service: &str) -> Result<Option<Self>, OtlpError> {
        Self::read(service, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(
        service: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, OtlpError> {
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let url = match (variable(TRACES_ENDPOINT), variable(ENDPOINT)) {
            (Some(whole), _) => address(&whole, TRACES_ENDPOINT)?,
            (None, Some(base)) => {
                address(&format!("{}/v1/traces", base.trim_end_matches('/')), ENDPOINT)?
            }
            (None, None) => return Ok(None),
        };
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in pairs(&variable("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default()) {
            let name: reqwest::header::HeaderName = name.parse().map_err(|_| OtlpError::Headers)?;
            let mut value: reqwest::header::HeaderValue =
                value.parse().map_err(|_| OtlpError::Headers)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut resource = vec![
            ("service.name".to_owned(), service.to_owned()),
            ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ];
        resource.extend(pairs(&variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()));
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            resource[0].1 = name;
        }
        Ok(Some(Self { url, headers, resource }))
    }
}

fn address(text: &str, variable: &'static str) -> Result<reqwest::Url, OtlpError> {
    let url = reqwest::Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or(OtlpError::Address { variable })
}

/// `a=b,c=d`, with `%2C` and the like for what would part them.
fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split(',').filter_map(|part| part.split_once('='));
    parts.map(|(name, value)| (name.trim().to_owned(), unescape(value.trim()))).collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%');
        match escaped.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                bytes.extend(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Spans that wait to be sent.
const WAITING: usize = 4096;
/// Spans of one document.
const BATCH: usize = 512;
/// How long a span waits for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the collector may take.
const LONGEST_SEND: Duration = Duration::from_secs(5);
/// How long the program waits at its end.
const LONGEST_FLUSH: Duration = Duration::from_secs(3);
/// Attributes of a span, and characters of each.
const ATTRIBUTES: usize = 32;
const CHARACTERS: usize = 300;

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Spans that were lost because the collector was slow or away.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

enum Message {
    Span(Box<Value>),
    Flush(SyncSender<()>),
}

/// A layer that makes spans of the program's own into spans of traces.
pub struct OtlpLayer {
    sender: SyncSender<Message>,
}

/// Sends what waits when it is dropped.
pub struct Flush {
    sender: SyncSender<Message>,
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, wait) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(LONGEST_FLUSH);
        }
    }
}

/// Starts the thread that sends spans.
///
/// # Errors
///
/// Where it cannot be started.
pub fn start(settings: Settings) -> Result<(OtlpLayer, Flush), OtlpError> {
    let (sender, receiver) = sync_channel(WAITING);
    crate::tls::choose_provider();
    let client = reqwest::Client::builder().timeout(LONGEST_SEND).build();
    let client = client.map_err(OtlpError::Client)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(OtlpError::Thread)?;
    let work = move || Sender { settings, client, runtime, is_away: false }.work(&receiver);
    std::thread::Builder::new().name("traces".into()).spawn(work).map_err(OtlpError::Thread)?;
    Ok((OtlpLayer { sender: sender.clone() }, Flush { sender }))
}

struct Sender {
    settings: Settings,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    is_away: bool,
}

impl Sender {
    fn work(mut self, receiver: &Receiver<Message>) {
        let mut batch = Vec::new();
        let mut since = Instant::now();
        loop {
            let wait = match batch.is_empty() {
                true => Duration::from_secs(3600),
                false => PATIENCE.saturating_sub(since.elapsed()),
            };
            let flushed = match receiver.recv_timeout(wait) {
                Ok(Message::Span(span)) => {
                    if batch.is_empty() {
                        since = Instant::now();
                    }
                    batch.push(*span);
                    if batch.len() < BATCH {
                        continue;
                    }
                    None
                }
                Ok(Message::Flush(done)) => Some(done),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.send(&mut batch),
            };
            self.send(&mut batch);
            if let Some(done) = flushed {
                let _ = done.try_send(());
            }
        }
    }

    fn send(&mut self, batch: &mut Vec<Value>) {
        if batch.is_empty() {
            return;
        }
        let count = batch.len() as u64;
        let document = document(&self.settings.resource, std::mem::take(batch));
        let is_sent = (0..3).any(|attempt: u32| {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(200 << attempt));
            }
            self.post(&document).is_ok()
        });
        match (is_sent, self.is_away) {
            (false, false) => tracing::warn!("the collector of traces does not take them"),
            (true, true) => tracing::warn!("the collector of traces takes them again"),
            _ => {}
        }
        self.is_away = !is_sent;
        if !is_sent {
            DROPPED.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn post(&self, document: &Value) -> Result<(), reqwest::Error> {
        let headers = self.settings.headers.clone();
        let request = self.client.post(self.settings.url.clone()).headers(headers);
        let request = request
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(document.to_string());
        // Its clock is that of the runtime, so it is made within.
        let sent = self.runtime.block_on(async { request.send().await });
        sent.and_then(reqwest::Response::error_for_status).map(drop)
    }
}

/// One `ExportTraceServiceRequest`.
fn document(resource: &[(String, String)], spans: Vec<Value>) -> Value {
    let resource: Vec<_> = resource
        .iter()
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "hetero2"}, "spans": spans}],
    }]})
}

/// A span that is open.
struct Open {
    parent: Option<Context>,
    started: SystemTime,
    fields: Fields,
}

/// What is recorded of a span. `otel.kind` and `otel.status` say what they say
/// for OpenTelemetry, and the kind `none` that it is not sent; `traceparent` where
/// it comes from; all others are attributes.
#[derive(Default)]
struct Fields {
    attributes: Vec<Value>,
    kind: u8,
    is_error: bool,
    remote: Option<Context>,
}

impl Fields {
    fn attribute(&mut self, field: &Field, value: Value) {
        if self.attributes.len() < ATTRIBUTES {
            self.attributes.push(json!({"key": field.name(), "value": value}));
        }
    }

    fn text(&mut self, field: &Field, value: &str) {
        match field.name() {
            "otel.kind" => {
                let kinds = ["none", "internal", "server", "client", "producer", "consumer"];
                let place = kinds.iter().position(|kind| *kind == value);
                self.kind = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(1);
            }
            "otel.status" => self.is_error = value == "error",
            super::trace::TRACEPARENT => self.remote = Context::parse(value),
            _ => {
                let value: String = value.chars().take(CHARACTERS).collect();
                self.attribute(field, json!({"stringValue": value}));
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attribute(field, json!({"intValue": value.to_string()}));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.attribute(field, json!({"intValue": value.to_string()}));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attribute(field, json!({"doubleValue": value}));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.attribute(field, json!({"boolValue": value}));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

/// Spans of the program's own that tell what happens, not in which detail.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("hetero2") && *metadata.level() <= Level::INFO
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for OtlpLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id).filter(|_| is_exported(attributes.metadata())) else {
            return;
        };
        let mut fields = Fields { kind: 1, ..Fields::default() };
        attributes.record(&mut fields);
        let above = || {
            let mut scope = span.scope().skip(1);
            scope.find_map(|span| span.extensions().get::<Context>().copied())
        };
        let parent = fields.remote.take().or_else(above);
        let here = parent.map_or_else(Context::root, Context::child);
        let mut extensions = span.extensions_mut();
        extensions.insert(here);
        extensions.insert(Open { parent, started: SystemTime::now(), fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let mut extensions = span.extensions_mut();
        let (Some(open), Some(here)) =
            (extensions.remove::<Open>(), extensions.get_mut::<Context>())
        else {
            return;
        };
        if open.fields.kind == 0 {
            return;
        }
        let mut document = json!({
            "traceId": here.trace_id(),
            "spanId": here.span_id(),
            "name": span.name(),
            "kind": open.fields.kind,
            "startTimeUnixNano": nanoseconds(open.started),
            "endTimeUnixNano": nanoseconds(SystemTime::now()),
            "attributes": open.fields.attributes,
            "status": {"code": if open.fields.is_error { 2 } else { 0 }},
        });
        if let Some(parent) = open.parent {
            document["parentSpanId"] = parent.span_id().into();
        }
        if self.sender.try_send(Message::Span(Box::new(document))).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn nanoseconds(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, OtlpError> {
        Settings::read("hetero2-serve", |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_where_spans_go() {
        assert!(read(&[]).unwrap().is_none());
        let on = [(ENDPOINT, "http://127.0.0.1:4318/")];
        assert_eq!(read(&on).unwrap().unwrap().url.as_str(), "http://127.0.0.1:4318/v1/traces");
        let off = [on[0], ("OTEL_SDK_DISABLED", "TRUE")];
        assert!(read(&off).unwrap().is_none());
        let whole = [
            on[0],
            (TRACES_ENDPOINT, "https://c.example/x?y=1"),
            ("OTEL_SERVICE_NAME", "mine"),
            ("OTEL_RESOURCE_ATTRIBUTES", "site=a%2Cb, k=v"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s%3D1"),
        ];
        let found = read(&whole).unwrap().unwrap();
        assert_eq!(found.url.as_str(), "https://c.example/x?y=1");
        assert_eq!(found.headers["x-key"], "s=1");
        assert!(found.headers["x-key"].is_sensitive());
        assert_eq!(found.resource[0].1, "mine");
        assert_eq!(found.resource[2], ("site".to_owned(), "a,b".to_owned()));
        for wrong in ["collector:4318", "grpc://c:4317", "/v1/traces"] {
            assert!(read(&[(ENDPOINT, wrong)]).is_err(), "{wrong}");
        }
        assert!(read(&[on[0], ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c")]).is_err());
    }

    fn spans(work: impl FnOnce()) -> Vec<Value> {
        let (sender, receiver) = sync_channel(10);
        let subscriber = tracing_subscriber::registry().with(OtlpLayer { sender });
        tracing::subscriber::with_default(subscriber, work);
        let spans = receiver.try_iter().map(|message| match message {
            Message::Span(span) => *span,
            Message::Flush(_) => panic!("nobody flushes"),
        });
        spans.collect()
    }

    #[test]
    fn spans_within_spans_are_of_one_trace() {
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let found = spans(|| {
            let outer = tracing::info_span!(
                target: "hetero2_test", "outer", traceparent = given, otel.kind = "server",
                otel.status = tracing::field::Empty, count = 3_u64
            );
            outer.in_scope(|| {
                // Not exported, and no gap in the trace.
                tracing::info_span!(target: "hyper", "between").in_scope(|| {
                    let here = super::super::trace::current().unwrap();
                    assert_eq!(here.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
                    tracing::info_span!(target: "hetero2_test", "inner", word = %"w")
                        .in_scope(|| ());
                });
            });
            outer.record("otel.status", "error");
        });
        let [inner, outer] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&outer["name"], &inner["name"]), (&"outer".into(), &"inner".into()));
        assert_eq!(outer["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(outer["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(inner["traceId"], outer["traceId"]);
        assert_eq!(inner["parentSpanId"], outer["spanId"]);
        assert_eq!((&outer["kind"], &outer["status"]["code"]), (&2.into(), &2.into()));
        assert_eq!(outer["attributes"], json!([{"key": "count", "value": {"intValue": "3"}}]));
        assert_eq!(inner["attributes"], json!([{"key": "word", "value": {"stringValue": "w"}}]));
    }

    #[test]
    fn a_full_queue_costs_spans_and_no_time() {
        let before = dropped();
        let found = spans(|| {
            for _ in 0..15 {
                tracing::info_span!(target: "hetero2_test", "one").in_scope(|| ());
            }
        });
        assert_eq!((found.len(), dropped() - before), (10, 5));
    }
}
