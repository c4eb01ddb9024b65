//! What experiments said of molecules.

use crate::name::words;

/// Outcome of the expensive experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TruthLabel {
    /// A hit.
    Pass,
    /// Not a hit.
    Fail,
}

words!(TruthLabel, "label", "PASS or FAIL", {
    Pass => "PASS",
    Fail => "FAIL",
});
