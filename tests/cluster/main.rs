//! Runs in many processes: stages by hand, schedulers, a real SLURM.
#![cfg(unix)]

#[path = "../../scheduler/tests/schedulers/sandbox.rs"]
mod sandbox;
#[path = "../support/mod.rs"]
mod support;

mod mishaps;
mod slurm;
mod stages;
mod submit;
mod workflows;
