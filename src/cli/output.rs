//! What is printed where: terminals get colours and bars, files plain lines.

use std::io::IsTerminal as _;

/// Whether standard error is a terminal that understands escape codes.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
