//! What every room needs: files that are whole or not there, results in
//! order, panics as errors, seeded random numbers, rounding, threads, time. Knows
//! nothing of molecules, scores or packs.

pub mod column_name;
pub mod errors;
pub mod files;
pub mod ordered;
pub mod panics;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod random;
pub mod rounding;
pub mod separator_line;
pub mod threads;
pub mod time;
pub mod union_find;
