//! The features of a spectrum that is not known: gaps exactly, entropies by an
//! estimate. Knows nothing of what is published.

use super::{EigenvalueCounter, Estimate, MomentRequest, Moments, estimate, moments};
use crate::SymmetricGraph;
use crate::features::{ENTROPY_BETA, LN_FLOOR, ZERO_EIGENVALUE};

/// Width of the interval in which an eigenvalue is sought.
const TOLERANCE: f64 = 1e-13;
/// What entropies are estimated with, whatever the matrix.
const ESTIMATE: MomentRequest = MomentRequest { vectors: 8, moments: 128, seed: 0 };

/// A matrix of any order, ready to be asked.
pub struct LargeSpectrum<'a> {
    graph: SymmetricGraph<'a>,
    /// Nothing where the graph has too much fill.
    counter: Option<EigenvalueCounter>,
    moments: Option<Moments>,
}

impl<'a> LargeSpectrum<'a> {
    /// Orders the nodes of a checked matrix, and estimates its moments.
    #[must_use]
    pub fn of(graph: SymmetricGraph<'a>) -> Self {
        let counter = EigenvalueCounter::new(&graph).ok();
        Self { graph, counter, moments: moments(&graph, &ESTIMATE).ok() }
    }

    /// The trace.
    #[must_use]
    pub fn trace(&self) -> f64 {
        self.graph.diagonal.iter().sum()
    }

    /// The second eigenvalue less the first; nothing where the graph has too much fill.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        let found = |k| self.counter.as_ref()?.eigenvalue(k, TOLERANCE).ok();
        Some((found(1)?.middle() - found(0)?.middle()).max(0.0))
    }

    /// What lies above zero; nothing where the graph has too much fill.
    #[must_use]
    pub fn positive(&self) -> Option<Positive> {
        let counter = self.counter.as_ref()?;
        let zeros = counter.below_closely(ZERO_EIGENVALUE).ok()?.below;
        let smallest = counter.eigenvalue(zeros, TOLERANCE).ok()?.middle();
        Some(Positive { smallest, count: self.graph.n as u64 - zeros })
    }

    /// The entropy of Boltzmann weights: ln Z + β⟨λ⟩, its error to first order.
    #[must_use]
    pub fn entropy_beta(&self) -> Option<Estimate> {
        let moments = self.moments.as_ref()?;
        // Shifted by the lower bound, so that nothing underflows.
        let low = moments.bounds().0;
        let weight = |energy: f64| libm::exp(-ENTROPY_BETA * (energy - low));
        let by_vector = moments.traces_by_vector(weight);
        let energies = moments.traces_by_vector(|energy| (energy - low) * weight(energy));
        let (z, energy) = (estimate(&by_vector).mean, estimate(&energies).mean);
        let mean = ENTROPY_BETA * energy / z;
        let linear = by_vector.iter().zip(&energies);
        let linear: Vec<f64> =
            linear.map(|(w, e)| (w * (1.0 - mean) + ENTROPY_BETA * e) / z).collect();
        let entropy = libm::log(z) + mean - self.graph.n as f64 * LN_FLOOR;
        finite(Estimate { mean: entropy, error: estimate(&linear).error })
    }

    /// −Σ p ln p with p = λ/Σλ, for a matrix without negative eigenvalues.
    #[must_use]
    pub fn entropy(&self) -> Option<Estimate> {
        let total = self.trace();
        let term = |energy: f64| if energy > 0.0 { energy * libm::log(energy) } else { 0.0 };
        let Estimate { mean, error } = self.moments.as_ref()?.trace(term);
        finite(Estimate { mean: libm::log(total) - mean / total, error: error / total })
    }

    /// The same over its maximum.
    #[must_use]
    pub fn entropy_norm(&self) -> Option<Estimate> {
        let (Estimate { mean, error }, positive) = self.entropy().zip(self.positive())?;
        let largest = libm::log(positive.count as f64);
        finite(Estimate { mean: mean / largest, error: error / largest })
    }
}

/// The positive eigenvalues of a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Positive {
    /// The smallest above [`ZERO_EIGENVALUE`].
    pub smallest: f64,
    /// How many there are.
    pub count: u64,
}

fn finite(value: Estimate) -> Option<Estimate> {
    (value.mean.is_finite() && value.error.is_finite()).then_some(value)
}
