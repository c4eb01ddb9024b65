//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and SIGTERM from now on.
pub fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(listen_now);
}

fn listen_now() {
    let installed = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    if let Err(error) = installed {
        tracing::warn!("Ctrl-C will end the program at once: {error}");
    }
}

/// Whether a stop was asked for.
pub fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Asks for a clean stop.
#[cfg(feature = "service")]
pub fn request() {
    STOP.store(true, Ordering::SeqCst);
}
