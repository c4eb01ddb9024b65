//! From the rows of a pack to what they conclude: which figures of the tables
//! evidence takes, and in which form. Computes no chemistry.

mod gathered;

pub use gathered::{Gathered, reaudit_row};
