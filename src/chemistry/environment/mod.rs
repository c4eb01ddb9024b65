//! How common the atom environments of a molecule are among real molecules.
//!
//! It knows a reference table and two figures that follow from it. It must not
//! know of decoys.

mod accessibility;
mod table;

pub use accessibility::{environment_commonness, sa_score};
pub(crate) use accessibility::{mean_fragment_score, sa_score_of};
pub use table::{Commonness, EnvironmentTable};
