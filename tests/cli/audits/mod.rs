//! Scores and outcomes through the program.

mod audit;
mod audit_top;
mod decoy_sources;
mod evidence;
// Its scripts are of the Unix shell.
#[cfg(unix)]
mod score_command;
mod scores;
mod significance;
mod truth;
mod utility;
