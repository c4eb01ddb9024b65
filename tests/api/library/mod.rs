//! Reading libraries: formats, edge cases, damage.

mod hostile;
mod molfiles;
mod rows;
mod shards;
mod support;
