//! Reading libraries: formats, edge cases, damage.

mod files;
mod hostile;
mod layouts;
mod molfiles;
mod rows;
mod shards;
mod support;
