//! What became of the spectra of a run.

use std::ops::AddAssign;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of the spectra that a backend was asked for, where it is not
/// the CPU alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SpectraCounts {
    /// Computed on the GPU, and published from there.
    pub gpu: u64,
    /// Computed on the CPU, because they were its share.
    pub cpu: u64,
    /// Computed on the GPU, and anew on the CPU, because a number lay so close
    /// to a rounding boundary that the GPU's error could tip it.
    pub guard_band: u64,
    /// Computed on the GPU, and anew on the CPU, because the result failed a
    /// check.
    pub failed_check: u64,
    /// Computed on the CPU, because no GPU kernel takes such a matrix.
    pub unsuited: u64,
    /// Computed on the CPU, because the GPU had failed.
    pub after_failure: u64,
}

impl SpectraCounts {
    /// What was added since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            gpu: self.gpu - earlier.gpu,
            cpu: self.cpu - earlier.cpu,
            guard_band: self.guard_band - earlier.guard_band,
            failed_check: self.failed_check - earlier.failed_check,
            unsuited: self.unsuited - earlier.unsuited,
            after_failure: self.after_failure - earlier.after_failure,
        }
    }
}

impl AddAssign for SpectraCounts {
    fn add_assign(&mut self, other: Self) {
        self.gpu += other.gpu;
        self.cpu += other.cpu;
        self.guard_band += other.guard_band;
        self.failed_check += other.failed_check;
        self.unsuited += other.unsuited;
        self.after_failure += other.after_failure;
    }
}
