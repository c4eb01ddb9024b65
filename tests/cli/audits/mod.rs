//! Scores and outcomes through the program.

mod audit;
mod audit_top;
mod decoy_sources;
mod evidence;
mod scores;
mod significance;
mod truth;
mod utility;
