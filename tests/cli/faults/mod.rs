//! What goes wrong: bad libraries, and what happens to a run from outside.

mod claims;
pub mod forging;
mod hostile;
mod input;
mod ownership;
#[cfg(target_os = "linux")]
mod parquet;
#[cfg(unix)]
mod process;
#[cfg(target_os = "linux")]
mod terminal;
