//! The server: organisations, projects, data and an API around the engine.
//! It computes no molecule, executes no program and opens no archive: workers
//! do. Nothing but the program depends on it.

pub mod api;
pub mod auth;
pub mod backup;
pub mod client;
pub mod config;
pub mod dataset;
pub mod directory;
pub mod id;
pub mod job;
pub mod object;
pub mod quota;
pub mod run;
pub mod serve;
pub mod statements;
pub mod store;
mod sweep;
pub mod telemetry;
pub mod tenancy;
pub mod time;
pub mod tls;
pub mod trail;
pub mod ui;
pub mod upload;
#[cfg(unix)]
pub mod worker;

// What the program's tests wait, speak HTTP and make codes with, in the versions
// that the server uses.
#[doc(hidden)]
pub use {reqwest, tokio, totp_rs, zeroize};
