//! Where the log goes: to standard error, and to the shard that is computed.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use super::arguments::GlobalArguments;

/// Starts logging as loud as the options ask for.
pub fn start(global: &GlobalArguments) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_env("HETERO2_LOG").unwrap_or_else(|_| EnvFilter::new(level));
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
