//! The program, as its users meet it.

#[path = "../support/mod.rs"]
mod support;

mod audits;
mod bench;
mod compat;
mod faults;
mod fingerprint;
#[cfg(feature = "gpu")]
mod gpu;
mod help;
mod many_files;
mod packs;
mod run;
mod settings;
mod spectrum;
mod suite;
