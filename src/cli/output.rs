//! What is printed where: terminals get colours and bars, files plain lines.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::Failure;

/// Whether standard error is a terminal that understands escape codes.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether errors alone are to be printed.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Prints no text from here on, but documents that are asked for, and errors.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Tells the user something on standard output, unless errors alone are to be
/// printed.
pub fn print_text(text: &str) -> Result<(), Failure> {
    if QUIET.load(Ordering::Relaxed) { Ok(()) } else { print_document(text) }
}

/// What a command gives, where it is not for standard output.
#[cfg(feature = "service")]
static CAPTURED: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);

/// Keeps what commands give from here on, instead of printing it.
#[cfg(all(feature = "service", unix))]
pub fn capture() {
    *CAPTURED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(String::new());
}

/// What was kept since [`capture`], which ends by this.
#[cfg(all(feature = "service", unix))]
pub fn captured() -> String {
    let mut captured = CAPTURED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    captured.take().unwrap_or_default()
}

/// Whether a text was kept instead of being printed.
#[cfg(feature = "service")]
fn was_captured(text: &str) -> bool {
    let mut captured = CAPTURED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    captured.as_mut().map(|kept| kept.push_str(text)).is_some()
}

#[cfg(not(feature = "service"))]
fn was_captured(_: &str) -> bool {
    false
}

/// Writes what the command is there to give to standard output; a reader that
/// went away is no failure.
pub fn print_document(text: &str) -> Result<(), Failure> {
    if was_captured(text) {
        return Ok(());
    }
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::other(anyhow::Error::new(error).context("cannot write the output")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as one JSON document.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print_document(&json_text(value)?)
}

/// A value as one JSON document.
pub fn json_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(Failure::other)?;
    text.push('\n');
    Ok(text)
}
