//! Which packs were published, when, with what outcome, made from which others?
//! Keeps packs under their content digest and an append-only, hash-chained log
//! of them (`docs/contracts/registry.md`).
//!
//! Knows finished packs and their signatures. Must not know how packs are made,
//! or the command line.

mod entry;
mod error;
mod layout;
mod log;
mod publish;
mod verify;

pub use entry::{ENTRY_SCHEMA, Entry, Outcome, Recipe};
pub use error::RegistryError;
pub use log::{Logged, read_log};
pub use publish::{PublishRequest, Published, publish};
pub use verify::{RegistryReport, verify_registry};
