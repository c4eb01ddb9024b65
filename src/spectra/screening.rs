//! Screening spectra: four decimals instead of eight, for GPUs without double
//! precision. Knows nothing of any device.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CpuBackend, ShellProjectors, Spectra, SpectraBackend, SpectraError, SymmetricGraph};

/// Decimals of a screening eigenvalue. Kernels in f32 are right to about 5e-6.
pub const SCREENING_DECIMALS: u32 = 4;

/// Eigenvalues that differ by at most this, relative to the larger magnitude
/// but at least to 1, are one level of a screening spectrum.
pub(super) const LEVEL_TOLERANCE: f64 = 2e-5;

/// How exactly spectra are computed.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Double precision, 8 decimals published: the same bytes on every device.
    #[default]
    #[cfg_attr(feature = "clap", value(help = "Double precision, the same bytes on every device"))]
    Double,
    /// Eigenvalues of 4 decimals, the last of which may differ between
    /// devices: single precision on GPUs, double precision rounded likewise on
    /// CPUs.
    #[cfg_attr(feature = "clap", value(help = "Four decimals, for GPUs without double precision"))]
    Screening,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Double => "double",
            Self::Screening => "screening",
        })
    }
}

/// Rounds ascending eigenvalues to screening decimals; close neighbours become
/// equal first, so that rounding errors do not split degenerate levels.
pub(super) fn settle(values: &mut [f64]) {
    let mut start = 0;
    for k in 1..=values.len() {
        let goes_on = values.get(k).is_some_and(|&next| {
            let last = values[k - 1];
            (next - last).abs() <= LEVEL_TOLERANCE * next.abs().max(last.abs()).max(1.0)
        });
        if goes_on {
            continue;
        }
        let level = &mut values[start..k];
        let mean = level.iter().sum::<f64>() / level.len() as f64;
        level.fill(round_to_decimals(mean));
        start = k;
    }
}

fn round_to_decimals(x: f64) -> f64 {
    let units = f64::from(10u32.pow(SCREENING_DECIMALS));
    // Adding zero turns −0 into +0.
    (x * units).round_ties_even() / units + 0.0
}

/// The densities of settled eigenvalues: shells that became equal are added.
pub(super) fn settle_densities(spectrum: &ShellProjectors) -> ShellProjectors {
    let n = spectrum.n();
    let mut values = spectrum.values().to_vec();
    settle(&mut values);
    let mut rows = vec![0.0; n * n];
    let mut first = 0;
    for (levels, density) in spectrum.shells() {
        if levels.start > 0 && values[levels.start - 1] != values[levels.start] {
            first = levels.start;
        }
        for (sum, x) in rows[first * n..][..n].iter_mut().zip(density) {
            *sum += x;
        }
    }
    ShellProjectors::from_rows(values, &rows)
}

/// Screening spectra on the CPU.
pub(super) struct ScreeningBackend(pub CpuBackend);

impl SpectraBackend for ScreeningBackend {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn eigenvalues(&self, batch: &[SymmetricGraph<'_>]) -> Result<Spectra, SpectraError> {
        let mut spectra = self.0.eigenvalues(batch)?;
        spectra.each_mut(settle);
        Ok(spectra)
    }

    fn shell_projectors(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<ShellProjectors>, SpectraError> {
        let spectra = self.0.shell_projectors(batch)?;
        Ok(spectra.iter().map(settle_densities).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_settled_before_they_are_rounded() {
        let mut values = [-3e-7, 2e-7, 1.499_951, 1.499_949, 2.0, 2.1];
        settle(&mut values);
        assert_eq!(values, [0.0, 0.0, 1.5, 1.5, 2.0, 2.1]);
    }

    #[test]
    fn shells_that_become_equal_are_added() {
        let densities = ShellProjectors::from_rows(vec![1.0, 1.000_01], &[0.25, 0.75, 0.75, 0.25]);
        assert_eq!(densities.shells().count(), 2);
        let settled = settle_densities(&densities);
        assert_eq!(settled.values(), [1.0, 1.0]);
        assert_eq!(settled.shells().collect::<Vec<_>>(), [(0..2, &[1.0, 1.0][..])]);
    }
}
