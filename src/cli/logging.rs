//! Where the log goes: to standard error, and to the shard that is computed.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use super::arguments::GlobalArguments;

/// Crates that speak to servers: what they log may hold keys and signatures.
const UNHEARD: [&str; 6] = ["h2", "hyper", "hyper_util", "object_store", "reqwest", "rustls"];

/// Starts logging as loud as the options ask for.
pub fn start(global: &GlobalArguments) {
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
    let terminal = fmt::layer()
        .with_writer(std::io::stderr)
        // Plain on terminals, too: the crate is built without its colours.
        .with_ansi(false)
        .without_time()
        .with_filter(filter);
    let _ = tracing_subscriber::registry()
        .with(terminal)
        .with(hetero2::run::shard_log_layer())
        .try_init();
}
