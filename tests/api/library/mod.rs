//! Reading libraries: formats, edge cases, damage.

mod hostile;
mod rows;
mod shards;
mod support;
