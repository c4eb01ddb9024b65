//! Reading libraries: formats, edge cases, damage.

#[path = "library/hostile.rs"]
mod hostile;
#[path = "library/rows.rs"]
mod rows;
#[path = "library/support.rs"]
mod support;
