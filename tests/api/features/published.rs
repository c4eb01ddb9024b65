//! Features per spectrum.

use hetero2::operator::Operator;
use hetero2::spectra::features::{OperatorFeatures, StabilityMetrics};

use super::fixture::{assert_close, cases};
use super::solver::eigenvalues;

#[test]
fn features_from_graph_to_published_number() {
    for case in cases() {
        let operators = case.operators();
        let close = |name: &str, got: Option<f64>| {
            let want = case.features[name];
            let what = format!("{} {name}", case.id);
            assert_close(got.as_slice(), want.as_slice(), 1.1e-8, &what);
        };
        for (operator, want) in Operator::ALL.into_iter().zip([&case.l, &case.h, &case.w, &case.wh])
        {
            let got = eigenvalues(operators.view(operator).unwrap());
            assert_close(&got, want, 1e-10, &format!("{} {operator}", case.id));
            let features = OperatorFeatures::published(&got);
            close(&format!("{operator}_gap"), features.gap);
            if operator.is_weighted() {
                close(&format!("{operator}_entropy"), features.entropy_beta);
            } else {
                close(&format!("{operator}_trace"), features.trace);
                close(&format!("{operator}_entropy_beta"), features.entropy_beta);
            }
        }
        let metrics =
            StabilityMetrics::published(&eigenvalues(operators.view(Operator::L).unwrap()));
        close("spectral_gap", metrics.spectral_gap);
        close("spectral_entropy", metrics.spectral_entropy);
        close("spectral_entropy_norm", metrics.spectral_entropy_norm);
    }
}

#[test]
fn what_is_undefined_is_none() {
    assert_eq!(OperatorFeatures::published(&[]), OperatorFeatures::default());
    let one = OperatorFeatures::published(&[-0.5]);
    assert_eq!((one.gap, one.trace), (None, Some(-0.5)));
    assert_eq!(one.entropy_beta, Some(0.0));

    assert_eq!(StabilityMetrics::published(&[]), StabilityMetrics::default());
    assert_eq!(StabilityMetrics::published(&[-1e-15, 0.0, 9e-10]), StabilityMetrics::default());
    let pair = StabilityMetrics::published(&[1e-16, 2.0]);
    assert_eq!(pair.spectral_gap, Some(2.0));
    assert_eq!(pair.spectral_entropy.map(f64::to_bits), Some(0));
    assert_eq!(pair.spectral_entropy_norm, Some(0.0));
}

#[test]
fn nothing_published_is_infinite_or_nan() {
    let spectra: [&[f64]; 4] =
        [&[f64::NAN, 1.0], &[-1e308, 1e308], &[f64::MAX, f64::MAX], &[0.0, f64::INFINITY]];
    for spectrum in spectra {
        let f = OperatorFeatures::published(spectrum);
        let m = StabilityMetrics::published(spectrum);
        let all = [f.gap, f.trace, f.entropy_beta, m.spectral_gap, m.spectral_entropy];
        for value in all.into_iter().chain([m.spectral_entropy_norm]).flatten() {
            assert!(value.is_finite(), "{spectrum:?}");
        }
    }
    let wide = OperatorFeatures::published(&[-1e6, 1e6]);
    assert_eq!(wide.entropy_beta, Some(0.0));
}
