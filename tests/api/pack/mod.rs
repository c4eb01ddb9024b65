//! Evidence packs through the public API.

mod compare;
mod fixture;
mod report;
mod rows;
mod tables;
mod tamper;
mod write;
