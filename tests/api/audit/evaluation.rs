//! The audit against published results, and what must hold for any input.

use std::collections::BTreeMap;
use std::io::Read;

use hetero2::audit::{
    Audit, AuditError, AuditSettings, CoverageStats, DecoyHash, HardnessBin, HardnessStats, Item,
    Label, PValues, PassLedger, RowScores, ScoredPair, Significance, SlackStats, Verdict, evaluate,
    significance,
};
use hetero2::random::PythonRandom;
use serde_json::{Value, json};

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/audit/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn items_of(case: &Value) -> Vec<Item> {
    let item = |row: &Value| Item {
        label: if row[0] == 1 { Label::Positive } else { Label::Negative },
        score: row[1].as_f64().unwrap(),
        weight: row[2].as_f64().unwrap(),
    };
    case["items"].as_array().unwrap().iter().map(item).collect()
}

fn settings_of(case: &Value) -> AuditSettings {
    let default = AuditSettings::default();
    let kw = &case["kw"];
    AuditSettings {
        seed: case["seed"].as_i64().unwrap(),
        margin: kw["neg_auc_margin"].as_f64().unwrap_or(default.margin),
        quantile: kw["neg_control_quantile"].as_f64().unwrap_or(default.quantile),
        repetitions: kw["neg_control_reps"].as_u64().map_or(default.repetitions, |r| r as u32),
    }
}

#[test]
fn every_published_item_set_gives_its_published_audit() {
    let text = fixture("items.jsonl.gz");
    let mut cases = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let audit = evaluate(&items_of(&case), &settings_of(&case));
        if case["error"].is_null() {
            let mut expected = case["out"].clone();
            // Provenance of the record, not results.
            expected.as_object_mut().unwrap().remove("version");
            expected.as_object_mut().unwrap().remove("dataset_id");
            assert_eq!(serde_json::to_value(audit.unwrap()).unwrap(), expected, "{line}");
        } else {
            let expected = if case["error"].as_str().unwrap().contains("non-empty") {
                "an audit needs items"
            } else {
                "an audit needs a "
            };
            assert!(audit.unwrap_err().to_string().starts_with(expected), "{line}");
        }
        cases += 1;
    }
    assert_eq!(cases, 418);
}

fn untied(n_pos: usize, n_neg: usize) -> Vec<Item> {
    let item = |i: usize| Item {
        label: if i < n_pos { Label::Positive } else { Label::Negative },
        score: i as f64,
        weight: 1.0,
    };
    (0..n_pos + n_neg).map(item).collect()
}

#[test]
fn null_quantiles_are_the_published_ones() {
    let text = fixture("null_auc_q95.csv.gz");
    let settings = AuditSettings { repetitions: 1, ..AuditSettings::default() };
    let mut rows = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (m, n) = (cells[0].parse().unwrap(), cells[1].parse().unwrap());
        let audit = evaluate(&untied(m, n), &settings).unwrap();
        assert_eq!(audit.neg_controls.null_q, cells[3].parse::<f64>().unwrap(), "{line}");
        let u = (audit.neg_controls.null_q * (m * n) as f64).round();
        assert_eq!(u, cells[2].parse::<f64>().unwrap(), "{line}");
        rows += 1;
    }
    assert_eq!(rows, 1606);
}

fn one_against(decoys: &[f64]) -> Audit {
    let mut items = vec![Item { label: Label::Positive, score: 1.0, weight: 1.0 }];
    items.extend(decoys.iter().map(|s| Item { label: Label::Negative, score: *s, weight: 1.0 }));
    evaluate(&items, &AuditSettings::default()).unwrap()
}

#[test]
fn ties_with_the_original_count_one_half() {
    assert_eq!(one_against(&[1.0, 1.0]).auc_tie_aware, Some(0.5));
    assert_eq!(one_against(&[1.0, 0.0]).auc_tie_aware, Some(0.75));
    assert_eq!(one_against(&[0.0, 0.0]).neg_controls.verdict, Verdict::Pass);
    assert_eq!(one_against(&[0.0, 2.0]).neg_controls.verdict, Verdict::Fail);
}

#[test]
fn the_order_of_items_does_not_matter() {
    let case: Value = serde_json::from_str(
        fixture("items.jsonl.gz").lines().find(|l| l.contains("\"mc\"")).unwrap(),
    )
    .unwrap();
    let mut items = items_of(&case);
    let forward = evaluate(&items, &settings_of(&case)).unwrap();
    items.reverse();
    assert_eq!(evaluate(&items, &settings_of(&case)).unwrap(), forward);
}

#[test]
fn unusable_input_is_named() {
    let mut items = untied(1, 3);
    items[2].score = f64::NAN;
    let error = evaluate(&items, &AuditSettings::default()).unwrap_err();
    assert!(matches!(error, AuditError::NonFiniteScore { index: 2, label: Label::Negative, .. }));
    assert_eq!(
        error.to_string(),
        "item 2 (Negative) has the score NaN; scores must be finite numbers"
    );
    items[2] = Item { weight: -1.0, ..untied(1, 3)[2] };
    let error = evaluate(&items, &AuditSettings::default()).unwrap_err();
    assert!(matches!(error, AuditError::BadWeight { index: 2, .. }), "{error}");
    for quantile in [0.0, 1.5, f64::NAN] {
        let settings = AuditSettings { quantile, ..AuditSettings::default() };
        let error = evaluate(&untied(1, 3), &settings).unwrap_err();
        assert!(matches!(error, AuditError::BadSetting { name: "quantile", .. }));
    }
    let settings = AuditSettings { repetitions: 0, ..AuditSettings::default() };
    assert!(evaluate(&untied(1, 3), &settings).is_err());
}

#[test]
fn without_weight_the_auc_is_undefined_and_fails() {
    let mut items = untied(1, 3);
    items[0].weight = 0.0;
    let audit = evaluate(&items, &AuditSettings::default()).unwrap();
    assert_eq!((audit.auc_tie_aware, audit.neg_controls.slack), (None, None));
    assert_eq!(audit.neg_controls.verdict, Verdict::Fail);
    assert_eq!(serde_json::to_value(&audit).unwrap()["auc_tie_aware"], json!(null));
}

#[test]
fn large_sets_stay_quick() {
    let begin = std::time::Instant::now();
    let audit = evaluate(&untied(1, 20_000), &AuditSettings::default()).unwrap();
    assert_eq!(audit.auc_tie_aware, Some(0.0));
    let settings = AuditSettings { repetitions: 1, ..AuditSettings::default() };
    let error = evaluate(&untied(3000, 3000), &settings).unwrap_err();
    assert!(matches!(error, AuditError::NullTooLarge { n_pos: 3000, n_neg: 3000 }));
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

/// Published runs over the ring suite: rows, pairs and the metrics they gave.
fn published_runs() -> Value {
    serde_json::from_str(&fixture("known_bad_runs.json.gz")).unwrap()
}

fn slack_of(rows: &[Value]) -> SlackStats {
    let mut stats = SlackStats::default();
    for row in rows {
        assert_eq!(row[0], "OK");
        let verdict = match row[1].as_str().unwrap() {
            "PASS" => Verdict::Pass,
            "FAIL" => Verdict::Fail,
            other => panic!("{other}"),
        };
        stats.add(Some(verdict), row[2].as_f64());
    }
    stats
}

/// Whether `report` says what was published; it may say more.
fn assert_says(report: &Value, published: &Value, name: &str) {
    for (key, value) in published.as_object().unwrap() {
        assert_eq!(&report[key], value, "{name}: {key}");
    }
}

#[test]
fn slack_statistics_are_the_published_ones_for_any_partition() {
    for (name, run) in published_runs().as_object().unwrap() {
        let rows = run["rows"].as_array().unwrap();
        let whole = slack_of(rows);
        let report = serde_json::to_value(whole.report()).unwrap();
        assert_says(&report, &run["metrics"]["audit_slack_stats_ok"], name);
        for size in [1, 7, 64] {
            let mut merged = SlackStats::default();
            rows.rchunks(size).for_each(|part| merged.merge(&slack_of(part)));
            assert_eq!(merged, whole);
        }
    }
    let empty = serde_json::to_value(SlackStats::default().report()).unwrap();
    assert_eq!(empty["median_slack_ok"], json!(null));
    assert_eq!(empty["pass_rate_ok"], json!(null));
}

#[test]
fn a_skipped_row_counts_in_the_pass_rate() {
    let mut stats = SlackStats::default();
    stats.add(Some(Verdict::Pass), Some(0.0));
    stats.add(Some(Verdict::Skip), None);
    let report = stats.report();
    assert_eq!((report.pass_rate_ok, report.rows_ok_with_slack), (Some(0.5), 1));
}

fn hardness_of(pairs: &[Value]) -> HardnessStats {
    let mut stats = HardnessStats::default();
    for pair in pairs {
        let scores =
            pair[2].as_f64().map(|decoy| ScoredPair { original: pair[1].as_f64().unwrap(), decoy });
        stats.add(pair[0].as_f64(), scores);
    }
    stats
}

#[test]
fn hardness_is_the_published_one_for_any_partition() {
    let runs = published_runs();
    let run = &runs["BAD-random"];
    let pairs = run["pairs"].as_array().unwrap();
    let whole = hardness_of(pairs);
    let mut report = serde_json::to_value(whole.report()).unwrap();
    let mut expected = run["metrics"]["decoy_realism"].clone();
    // The pairs are published with six decimals.
    let median = |value: &mut Value| value["tanimoto_median"].take().as_f64().unwrap();
    assert!((median(&mut report) - median(&mut expected)).abs() < 1e-6);
    // A bin without pairs was left out.
    for counts in ["pairs_total_by_bin", "pairs_scored_by_bin"] {
        let counts = report[counts].as_object_mut().unwrap();
        counts.retain(|_, count| *count != json!(0));
    }
    assert_eq!(report, expected);
    for size in [1, 13, 200] {
        let mut merged = HardnessStats::default();
        pairs.rchunks(size).for_each(|part| merged.merge(&hardness_of(part)));
        assert_eq!(merged, whole);
    }
}

#[test]
fn interpretations_name_their_reason() {
    let pairs = |tanimoto: f64, decoy: f64, count: usize| {
        vec![(Some(tanimoto), Some(ScoredPair { original: 0.5, decoy })); count]
    };
    let unscored = (Some(0.9), None);
    let cases = [
        (vec![], "INCONCLUSIVE_DECOYS_TOO_EASY", "median_tanimoto_nan"),
        (pairs(0.54, 0.0, 9), "INCONCLUSIVE_DECOYS_TOO_EASY", "decoys_too_easy"),
        (pairs(0.9, 0.0, 49), "INCONCLUSIVE_DECOYS_TOO_EASY", "hard_bin_insufficient_pairs<50"),
        (vec![unscored; 60], "INCONCLUSIVE_DECOYS_TOO_EASY", "auc_hard_nan"),
        (pairs(0.7, 0.9, 50), "ILLUSION_CONFIRMED", "auc_hard_low"),
        (
            [pairs(0.9, 0.5 + 1e-13, 50), pairs(0.2, 0.1, 9)].concat(),
            "ILLUSION_CONFIRMED",
            "auc_easy_high_but_auc_hard_low",
        ),
        (pairs(0.7, 0.1, 50), "SUCCESS_SIGNAL_ON_HARD", "auc_hard_signal"),
    ];
    for (pairs, verdict, reason) in cases {
        let mut stats = HardnessStats::default();
        for (tanimoto, scores) in pairs {
            stats.add(tanimoto, scores);
        }
        let (found, why) = stats.interpret();
        assert_eq!(serde_json::to_value(found).unwrap(), verdict);
        assert_eq!(serde_json::to_value(why).unwrap(), reason);
    }
}

#[test]
fn bins_meet_where_the_contract_says() {
    let bin = |t: f64| HardnessBin::of(Some(t)).as_str();
    assert_eq!(
        (bin(0.4999), bin(0.5), bin(0.6999), bin(0.7)),
        ("easy", "medium", "medium", "hard")
    );
    assert_eq!((HardnessBin::of(None), bin(f64::NAN)), (HardnessBin::Unknown, "unknown"));
}

/// Decoys of each row in order, with those that lack a score.
fn coverage_of(pairs: &[Value], smiles: &BTreeMap<DecoyHash, String>) -> CoverageStats {
    let mut coverage = CoverageStats::default();
    for row in pairs.chunk_by(|a, b| a[3] == b[3]) {
        let hash = |pair: &Value| pair[4].as_str().unwrap().parse::<DecoyHash>().unwrap();
        let missing: Vec<(DecoyHash, &str)> = row
            .iter()
            .filter(|pair| pair[2].is_null())
            .map(|pair| (hash(pair), smiles[&hash(pair)].as_str()))
            .collect();
        coverage.add(RowScores::LookedUp { decoys: row.len() as u64, missing: &missing });
    }
    coverage
}

#[test]
fn missing_scores_are_the_published_ones_for_any_partition() {
    let runs = published_runs();
    let run = &runs["BAD-random"];
    let csv = run["missing_csv"].as_str().unwrap().replace("\r\n", "\n");
    let smiles = csv.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].parse().unwrap(), cells[1].to_owned())
    });
    let smiles: BTreeMap<DecoyHash, String> = smiles.collect();
    assert!(smiles.iter().all(|(hash, smiles)| DecoyHash::of_smiles(smiles) == *hash));
    let pairs = run["pairs"].as_array().unwrap();
    let whole = coverage_of(pairs, &smiles);
    let report = serde_json::to_value(whole.report()).unwrap();
    assert_eq!(report, run["metrics"]["scores_coverage"]);
    let mut written = Vec::new();
    whole.write_missing(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), csv);

    let rows: Vec<&[Value]> = pairs.chunk_by(|a, b| a[3] == b[3]).collect();
    let mut merged = CoverageStats::default();
    rows.rchunks(9).for_each(|part| merged.merge(&coverage_of(&part.concat(), &smiles)));
    assert_eq!(merged, whole);
}

#[test]
fn mock_scores_spread_over_the_unit_interval() {
    assert_eq!(DecoyHash::from([0; 32]).mock_score(), 0.0);
    assert_eq!(DecoyHash::from([0xff; 32]).mock_score(), 1.0);
    let hash: DecoyHash =
        "05f26040ee8f6adf97c5f34a90b33da9dd121cf881f7dd4908cb3d78d8558578".parse().unwrap();
    assert_eq!(format!("{:.6}", hash.mock_score()), "0.023230");
    assert!("05f2".parse::<DecoyHash>().is_err());
}

/// A molecule with `decoys` random scores of `levels` values (0: untied).
fn random_molecule(rng: &mut PythonRandom, decoys: usize, levels: usize) -> Vec<Item> {
    let item = |rng: &mut PythonRandom, label| Item {
        label,
        score: if levels == 0 { rng.random() } else { rng.below(levels) as f64 },
        weight: 1.0,
    };
    let mut items = vec![item(rng, Label::Positive)];
    items.extend((0..decoys).map(|_| item(rng, Label::Negative)));
    items
}

fn chance_of(items: &[Item]) -> (Audit, Significance) {
    let settings = AuditSettings::default();
    let audit = evaluate(items, &settings).unwrap();
    let chance = significance(items, &audit, &settings).unwrap();
    (audit, chance)
}

#[test]
fn p_values_of_random_scores_are_uniform() {
    let mut rng = PythonRandom::new(7);
    let (runs, decoys) = (4000, 19);
    let mut counts = vec![0usize; decoys + 1];
    let (mut tied_hits, mut weighted_hits) = (0, 0);
    for _ in 0..runs {
        let untied = random_molecule(&mut rng, decoys, 0);
        let p = chance_of(&untied).1.p_value.unwrap();
        counts[(p * 20.0).round() as usize - 1] += 1;
        let tied = random_molecule(&mut rng, decoys, 4);
        tied_hits += usize::from(chance_of(&tied).1.p_value.unwrap() <= 0.05);
        let mut weighted = untied;
        weighted.iter_mut().for_each(|item| item.weight = rng.below(3) as f64 + 0.1);
        weighted_hits += usize::from(chance_of(&weighted).1.p_value.unwrap() <= 0.05);
    }
    // Each of the 20 attainable values has 200 ± 13.8 hits; five deviations.
    assert!(counts.iter().all(|count| (131..=269).contains(count)), "{counts:?}");
    // Ties and weights may only make the test more careful, five deviations.
    assert!(tied_hits <= 269 && weighted_hits <= 269, "{tied_hits} {weighted_hits}");
}

#[test]
fn the_observed_passes_of_random_scores_are_those_expected() {
    let mut rng = PythonRandom::new(11);
    let (mut ledger, mut parts) = (PassLedger::default(), [(); 3].map(|()| PassLedger::default()));
    for i in 0..3000 {
        let decoys = 1 + rng.below(20);
        let (audit, chance) = chance_of(&random_molecule(&mut rng, decoys, 0));
        assert_eq!(chance.power_note.is_some(), decoys < 19);
        assert!((chance.p_min - 1.0 / (decoys as f64 + 1.0)).abs() < 1e-15);
        ledger.add(&audit, &chance);
        parts[i % 3].add(&audit, &chance);
    }
    let report = ledger.report().unwrap();
    assert!(report.chance_low <= report.observed_passes, "{report:?}");
    assert!(report.observed_passes <= report.chance_high, "{report:?}");
    assert!(report.p_value > 0.025 && report.p_value < 0.975, "{report:?}");
    assert!(report.pass_rate_low < report.pass_rate && report.pass_rate < report.pass_rate_high);
    let mut merged = PassLedger::default();
    parts.iter().rev().for_each(|part| merged.merge(part));
    assert_eq!(merged.report(), Some(report));
    assert_eq!(PassLedger::default().report(), None);
}

#[test]
fn significance_of_few_items_is_counted_by_hand() {
    let item = |label, score, weight| Item { label, score, weight };
    let (p, n) = (Label::Positive, Label::Negative);
    let tied = [item(p, 1.0, 1.0), item(n, 1.0, 1.0), item(n, 0.0, 1.0)];
    assert_eq!(chance_of(&tied).1.p_value, Some(2.0 / 3.0));
    let two = [item(p, 3.0, 1.0), item(p, 2.0, 1.0), item(n, 1.0, 1.0), item(n, 0.0, 1.0)];
    let chance = chance_of(&two).1;
    assert_eq!((chance.p_value, chance.p_min), (Some(1.0 / 6.0), 1.0 / 6.0));
    // In the place of the weightless decoy the AUC is undefined: that counts against.
    let weightless = [item(p, 1.0, 1.0), item(n, 0.5, 0.0), item(n, 0.0, 1.0)];
    assert_eq!(chance_of(&weightless).1.p_value, Some(2.0 / 3.0));
    let undefined = [item(p, 1.0, 0.0), item(n, 0.5, 1.0)];
    assert_eq!(chance_of(&undefined).1.p_value, None);
}

#[test]
fn q_values_follow_benjamini_and_hochberg() {
    let mut values = PValues::default();
    for p in [0.01, 0.04, 0.03, 0.005, 0.5, 0.03] {
        values.add(p);
    }
    let q = values.q_values();
    let near = |p: f64, expected: f64| {
        let found = q.get(p).unwrap();
        assert!((found - expected).abs() < 1e-15, "q({p}) = {found}");
    };
    near(0.005, 0.03);
    near(0.01, 0.03);
    near(0.03, 0.045);
    near(0.04, 0.048);
    near(0.5, 0.5);
    assert_eq!(q.get(0.9), None);
}
