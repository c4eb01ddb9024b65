//! What is read from spectra: features, SCF, DOS and local DOS, through the
//! public API, with a dense solver standing in for the engine's own.

mod dos;
mod fixture;
mod golden;
mod local;
mod published;
mod scf;
mod solver;
mod table;
