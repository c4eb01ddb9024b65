//! What goes wrong: bad libraries, and what happens to a run from outside.

mod hostile;
mod input;
#[cfg(unix)]
mod process;
