//! Evidence packs through the public API.

#[path = "pack/compare.rs"]
mod compare;
#[path = "pack/fixture.rs"]
mod fixture;
#[path = "pack/report.rs"]
mod report;
#[path = "pack/rows.rs"]
mod rows;
#[path = "pack/tables.rs"]
mod tables;
#[path = "pack/tamper.rs"]
mod tamper;
#[path = "pack/write.rs"]
mod write;
