//! What is published of a molecule whose matrices are too large to be
//! diagonalised: gaps and traces exactly, entropies by an estimate, the rest left
//! empty; and a warning that says which is which. Knows nothing of rows.

use hetero2_chemistry::operator::{
    GraphOperators, Operator, OperatorSettings, PHYSICS_PARAMS_SOURCE,
};
use hetero2_common::rounding::round8;
use hetero2_contract::Warning;
use hetero2_evidence::pack::rows::{OperatorColumns, SpectralColumns};
use hetero2_spectra::features;
use hetero2_spectra::large::{Estimate, LargeSpectrum};

/// Matrices up to this order are diagonalised: no run read larger molecules before.
pub(crate) const LARGE_ORDER: usize = 10_000;
/// What no large molecule has.
const ALWAYS_EMPTY: &str = "canonical_smiles,eigenvalues,dos,ldos,descriptors,decoys";

/// Which features are what.
#[derive(Default)]
struct Kinds {
    exact: Vec<String>,
    estimated: Vec<String>,
    empty: Vec<String>,
}

impl Kinds {
    fn exact(&mut self, name: String, value: Option<f64>) -> Option<f64> {
        if value.is_some() { &mut self.exact } else { &mut self.empty }.push(name);
        value.map(round8)
    }

    fn estimated(&mut self, name: String, value: Option<Estimate>) -> Option<f64> {
        match value {
            Some(Estimate { error, .. }) => self.estimated.push(format!("{name}+-{error:.1e}")),
            None => self.empty.push(name),
        }
        value.map(|value| round8(value.mean))
    }

    fn warning(mut self) -> Warning {
        self.empty.push(ALWAYS_EMPTY.into());
        let (exact, estimated) = (self.exact.join(","), self.estimated.join(","));
        let empty = self.empty.join(",");
        Warning::LargeGraph(format!("exact {exact} | estimated {estimated} | empty {empty}"))
    }
}

/// The columns of a large molecule, and the warning that says what they are.
pub(super) fn features(
    operators: &GraphOperators,
    settings: &OperatorSettings,
) -> (SpectralColumns, Warning) {
    let mut kinds = Kinds::default();
    let mut columns = SpectralColumns {
        physics_mode_used: settings.physics.to_string(),
        physics_params_source: PHYSICS_PARAMS_SOURCE.into(),
        physics_entropy_beta: features::ENTROPY_BETA,
        ..SpectralColumns::default()
    };
    for operator in settings.needed() {
        let Some(view) = operators.view(operator) else { continue };
        let large = LargeSpectrum::of(view);
        if operator == Operator::L {
            let positive = large.positive();
            let entropy = large.entropy();
            columns.spectral_gap =
                kinds.exact("spectral_gap".into(), positive.map(|found| found.smallest));
            columns.spectral_entropy = kinds.estimated("spectral_entropy".into(), entropy);
            let norm = large.entropy_norm();
            columns.spectral_entropy_norm = kinds.estimated("spectral_entropy_norm".into(), norm);
        }
        if !settings.publishes(operator) {
            continue;
        }
        let found = OperatorColumns {
            gap: kinds.exact(format!("{operator}_gap"), large.gap()),
            trace: kinds.exact(format!("{operator}_trace"), Some(large.trace())),
            entropy_beta: kinds.estimated(format!("{operator}_entropy_beta"), large.entropy_beta()),
        };
        match operator {
            Operator::L => columns.l = found,
            Operator::H => columns.h = found,
            Operator::W => columns.w = found,
            Operator::WH => columns.wh = found,
        }
    }
    (columns, kinds.warning())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hetero2_spectra::features::{OperatorFeatures, StabilityMetrics};
    use hetero2_spectra::{CpuBackend, SpectraBackend as _};

    #[test]
    fn features_are_those_of_the_eigenvalues() {
        use crate::density::{NamedGraph, Shape};
        use hetero2_chemistry::operator::AtomTable;

        let graph = NamedGraph { shape: Shape::Styrene, atoms: 400 }.graph();
        let settings = OperatorSettings::default();
        let operators = GraphOperators::build(&graph, AtomTable::embedded(), &settings).unwrap();
        let (found, warning) = features(&operators, &settings);
        let laplacian = operators.view(Operator::L).unwrap();
        let spectra = CpuBackend::new().eigenvalues(&[laplacian]).unwrap();
        let stability = StabilityMetrics::published(&spectra[0]);
        let expected = OperatorFeatures::published(&spectra[0]);
        let near = |a: Option<f64>, b: Option<f64>, within: f64| {
            assert!((a.unwrap() - b.unwrap()).abs() <= within, "{a:?} {b:?}");
        };
        near(found.spectral_gap, stability.spectral_gap, 1e-8);
        near(found.l.gap, expected.gap, 1e-8);
        near(found.l.trace, expected.trace, 1e-8);
        near(found.l.entropy_beta, expected.entropy_beta, 0.05);
        near(found.spectral_entropy, stability.spectral_entropy, 0.05);
        near(found.spectral_entropy_norm, stability.spectral_entropy_norm, 0.01);
        let text = warning.to_string();
        assert!(
            text.starts_with("large_graph:exact spectral_gap,L_gap,L_trace,H_gap,H_trace |"),
            "{text}"
        );
        assert!(text.contains("estimated spectral_entropy+-"), "{text}");
    }
}
