//! The library through its public API.

mod arrows;
mod audit;
mod chemistry;
mod documentation;
#[cfg(unix)]
mod faults;
mod features;
mod library;
mod pack;
mod parity;
mod random;
mod rooms;
mod spectra;
