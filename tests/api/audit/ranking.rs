//! Enrichment, BEDROC and ROC AUC against RDKit, scikit-learn and DeLong's
//! definition (`fixtures/audit/make_ranking.py`).

use hetero2::audit::{BEDROC_ALPHA, ENRICHMENT_FRACTIONS, RankedHits};
use serde_json::Value;

fn cases() -> Vec<Value> {
    let path = format!("{}/fixtures/audit/ranking.json.gz", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_reader(flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()))
        .unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn figures_of_rankings_are_those_of_rdkit() {
    assert_eq!((BEDROC_ALPHA, ENRICHMENT_FRACTIONS), (20.0, [0.01, 0.05, 0.10]));
    let cases = cases();
    assert_eq!(cases.len(), 10);
    for case in &cases {
        let (values, hits) = (numbers(&case["values"]), numbers(&case["hits"]));
        let mut rows: Vec<([f64; 2], bool)> =
            values.iter().zip(&hits).map(|(value, hit)| ([*value, 0.0], *hit == 1.0)).collect();
        let quality = RankedHits::new(rows.clone()).quality().unwrap();
        // The order of the rows does not matter.
        rows.reverse();
        assert_eq!(RankedHits::new(rows).quality().as_ref(), Some(&quality));

        let near = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-8, "{found} {expected} of {} rows", hits.len());
        };
        let expected = |name: &str| case[name].as_f64().unwrap();
        near(quality.bedroc.value, expected("bedroc"));
        near(quality.roc_auc.value, expected("roc_auc"));
        let reach = 1.959963984540054 * expected("roc_auc_deviation");
        near(quality.roc_auc.ci_low.unwrap(), (expected("roc_auc") - reach).max(0.0));
        near(quality.roc_auc.ci_high.unwrap(), (expected("roc_auc") + reach).min(1.0));
        for (found, expected) in quality.enrichment.iter().zip(numbers(&case["enrichment"])) {
            near(found.factor.value, expected);
            assert!(found.factor.ci_low.unwrap() <= expected + 1e-8, "{found:?}");
            assert!(expected <= found.factor.ci_high.unwrap() + 1e-8, "{found:?}");
            assert!(found.factor.value <= found.factor_max, "{found:?}");
        }
    }
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    // Hits score 1 higher than others: the AUC of the population is
    // Φ(1 / √2) = 0.76025.
    let mut rng = hetero2::random::PythonRandom::new(3);
    let mut normal = || (0..12).map(|_| rng.random()).sum::<f64>() - 6.0;
    let mut held = 0;
    for _ in 0..400 {
        let row = |i: usize, noise: f64| ([noise + f64::from(u8::from(i < 30)), 0.0], i < 30);
        let rows = (0..200).map(|i| row(i, normal())).collect();
        let auc = RankedHits::new(rows).quality().unwrap().roc_auc;
        held += usize::from(auc.ci_low.unwrap() < 0.76025 && 0.76025 < auc.ci_high.unwrap());
    }
    // 95 % of 400, four deviations of 4.4.
    assert!((362..=397).contains(&held), "{held}");
}
