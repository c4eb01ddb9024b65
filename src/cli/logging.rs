//! Where the log goes: to standard error, to the shard that is computed, and what
//! is a part of a trace to its collector.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use super::Command;
use super::arguments::GlobalArguments;
use super::failure::Failure;

/// Crates that speak to servers: what they log may hold keys and signatures.
const UNHEARD: [&str; 6] = ["h2", "hyper", "hyper_util", "object_store", "reqwest", "rustls"];

/// What the log is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// People.
    Text,
    /// Programs: a JSON object a line, with the time.
    Json,
}

impl Form {
    fn from_environment() -> Self {
        match std::env::var("HETERO2_LOG_FORMAT").as_deref() {
            Ok("json") => Self::Json,
            _ => Self::Text,
        }
    }
}

/// Starts logging as loud as the options ask for, and sending traces where
/// `command` is a server's; what is given back sends the last of them.
pub fn start(global: &GlobalArguments, command: &Command) -> Result<Traces, Failure> {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    // `debug`, or `hetero2=debug,wgpu_core=warn`.
    let asked = std::env::var("HETERO2_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(level));
    let filter = filter.with_targets(UNHEARD.map(|name| (name, LevelFilter::OFF)));
    // Plain on terminals, too: the crate is built without its colours.
    let terminal = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let terminal = match Form::from_environment() {
        Form::Text => terminal.without_time().with_filter(filter).boxed(),
        Form::Json => {
            terminal.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
        }
    };
    let (layer, traces) = traces(command)?;
    let _ = tracing_subscriber::registry()
        .with(terminal)
        .with(layer)
        .with(hetero2::run::shard_log_layer())
        .try_init();
    Ok(traces)
}

#[cfg(feature = "service")]
mod sending {
    use hetero2::service::telemetry::otlp::{Flush, OtlpLayer, Settings, start};
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::filter::{Filtered, LevelFilter, Targets};
    use tracing_subscriber::registry::LookupSpan;

    use super::super::Command;
    use super::Failure;

    /// Sends what is left of the traces when it is dropped.
    pub type Traces = Option<Flush>;

    /// Only these are parts of a server; a run's own spans are no one's request.
    fn service(command: &Command) -> Option<&'static str> {
        match command {
            Command::Serve(_) => Some("hetero2-serve"),
            Command::Worker(_) => Some("hetero2-worker"),
            _ => None,
        }
    }

    /// What sends the spans of a server, where it is told where to.
    type Sender<S> = Option<Filtered<OtlpLayer, Targets, S>>;

    pub fn traces<S>(command: &Command) -> Result<(Sender<S>, Traces), Failure>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(service) = service(command) else { return Ok((None, None)) };
        let settings = Settings::from_environment(service).map_err(Failure::usage)?;
        let Some(settings) = settings else { return Ok((None, None)) };
        let (layer, flush) = start(settings).map_err(Failure::other)?;
        let filter = Targets::new().with_target("hetero2", LevelFilter::INFO);
        Ok((Some(layer.with_filter(filter)), Some(flush)))
    }
}

#[cfg(not(feature = "service"))]
mod sending {
    use tracing_subscriber::layer::Identity;

    use super::super::Command;
    use super::Failure;

    /// A program without a server sends no traces.
    pub struct Traces;

    pub fn traces(_: &Command) -> Result<(Identity, Traces), Failure> {
        Ok((Identity::new(), Traces))
    }
}

use sending::{Traces, traces};
