//! Runs: planned, computed shard by shard, reduced, replayed; the suites and
//! benchmarks made of runs. The one crate that puts the others together; knows
//! no scheduler and no command line.

pub mod bench;
pub mod demo;
pub mod density;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod proxy_truth;
pub mod run;
pub mod schema;
pub mod scorer;
pub mod suite;
