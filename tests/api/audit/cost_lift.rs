//! Cost and lift, truth and acceptance against published cases.

use std::collections::BTreeMap;

use hetero2::audit::{
    AcceptanceCounts, CostLift, CostLiftError, CostLiftReport, CostLiftSettings, Decision, Met,
    SkipPolicy, SummaryError, Truth, TruthError, TruthLabel, accept, read_summary,
    write_proxy_truth,
};
use serde_json::Value;

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/audit/{name}", env!("CARGO_MANIFEST_DIR"));
    std::io::read_to_string(flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()))
        .unwrap()
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Truth(#[from] TruthError),
    #[error(transparent)]
    Summary(#[from] SummaryError),
    #[error(transparent)]
    CostLift(#[from] CostLiftError),
}

fn report(summary: &str, truth: &str, args: &Value) -> Result<CostLiftReport, Failure> {
    let settings = CostLiftSettings {
        budget: args["k"].as_u64().unwrap() as usize,
        seed: args["seed"].as_i64().unwrap(),
        resamples: args["n_bootstrap"].as_u64().unwrap() as u32,
        skip_policy: args["skip_policy"].as_str().unwrap_or("unknown_bucket").parse()?,
    };
    let truth = Truth::from_csv(truth.as_bytes())?;
    let mut gathered = CostLift::new(&truth, settings)?;
    for row in read_summary(summary.as_bytes())? {
        gathered.add(&row?)?;
    }
    Ok(gathered.finish()?)
}

/// What our error says where the published case has one.
const ERRORS: [(&str, &str); 11] = [
    ("err_bad_label", "truth table, line 2, column expensive_label: \"MAYBE\" is not a label"),
    ("err_dup_truth", "\"m0005\" has a row before"),
    ("err_empty_id", "truth table, line 2, column molecule_id: \"\" names no molecule"),
    ("err_empty_truth", "the truth table has no rows"),
    ("err_k0", "the budget K is 0"),
    ("err_missing_col", "the summary has no column slack"),
    ("err_neg_decoys", "summary, line 2, column n_decoys_scored"),
    ("err_no_pass", "has the verdict PASS"),
    ("err_no_truth_match", "no row is eligible"),
    ("err_policy", "the skip policy \"x\" is not known"),
    ("err_version", "line 2, column truth_version: \"v2\" is not the version"),
];

#[test]
fn every_published_case_gives_its_published_report() {
    let cases: BTreeMap<String, Value> =
        serde_json::from_str(&fixture("cost_lift.json.gz")).unwrap();
    assert_eq!(cases.len(), 17);
    let errors = BTreeMap::from(ERRORS);
    for (name, case) in &cases {
        for expected in case["expected"].as_array().unwrap() {
            let (summary, truth) = (&case["summary"], &case["truth"]);
            let found =
                report(summary.as_str().unwrap(), truth.as_str().unwrap(), &expected["args"]);
            if let Some(expected) = expected["report"].as_object() {
                let mut expected = expected.clone();
                // Names of files, which this module does not know.
                expected.remove("summary_csv");
                expected.remove("truth_csv");
                let found = serde_json::to_value(found.unwrap()).unwrap();
                assert_eq!(found, Value::Object(expected), "{name}");
            } else if name == "err_skip_row_empty_decoys" {
                // There a defect: an empty count of a SKIP row is no error.
                let report = found.unwrap();
                assert_eq!((report.n_skip, report.n_total), (1, 31));
                let reasons = &report.eligibility.reason_top;
                assert!(reasons.iter().any(|r| r.reason == "status_not_ok"), "{reasons:?}");
            } else {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(errors[name.as_str()]), "{name}: {error}");
            }
        }
    }
}

const TRUTH: &str = "molecule_id,expensive_label,truth_source,truth_version\n\
                     a,PASS,s,customer_truth.v1\n\
                     b,fail ,s,customer_truth.v1\n";
const SUMMARY: &str =
    "id,status,verdict,gate,slack,n_decoys_generated,n_decoys_scored,auc_tie_aware\n";

fn small(rows: &str) -> Result<CostLiftReport, Failure> {
    let args = serde_json::json!({"k": 1, "seed": 0, "n_bootstrap": 10});
    report(&format!("{SUMMARY}{rows}"), TRUTH, &args)
}

#[test]
fn ties_in_a_ranking_go_to_the_smaller_id() {
    let report = small("b,OK,PASS,0.9,0.1,2,2,\na,OK,PASS,0.9,0.1,2,2,\n").unwrap();
    assert_eq!(report.methods.baseline_score_only_topk.hits, 1);
    assert_eq!(report.methods.filtered_score_plus_audit_topk.hits, 1);
    let report = small("b,OK,PASS,0.9,0.1,2,2,\na,OK,PASS,0.9,0.1,2,2,0.5\n").unwrap();
    assert_eq!(report.methods.baseline_score_only_topk.hits, 0, "a's AUC is lower");
}

#[test]
fn rows_at_fault_are_named() {
    let cases = [
        ("a,OK,PASS,,0.1,2,2,\n", "the OK row \"a\" of the summary has no gate"),
        ("a,OK,,0.9,0.1,2,2,\n", "the OK row \"a\" of the summary has no verdict"),
        ("a,OK,PASS,0.9,0.1,2,,\n", "the OK row \"a\" of the summary has no n_decoys_scored"),
        ("a,OK,PASS,nan,0.1,2,2,\n", "summary, line 2, column gate: \"nan\""),
        ("a,DONE,PASS,1,0.1,2,2,\n", "summary, line 2, column status: \"DONE\""),
        ("a,SKIP,,,,,,\n", "none of the 1 rows of the summary is OK"),
        ("", "none of the 0 rows of the summary is OK"),
    ];
    for (rows, expected) in cases {
        let error = small(rows).unwrap_err().to_string();
        assert!(error.contains(expected), "{rows:?} gave {error}");
    }
    assert!("ignore".parse::<SkipPolicy>().is_err());
}

#[test]
fn truth_knows_its_molecules() {
    let truth = Truth::from_csv(format!("\u{feff}{TRUTH}").replace('\n', "\r\n").as_bytes());
    let truth = truth.unwrap();
    assert_eq!(truth.get("a"), Some(TruthLabel::Pass));
    assert_eq!((truth.get("b"), truth.get("c"), truth.len()), (Some(TruthLabel::Fail), None, 2));
    let error = Truth::from_csv(&b"molecule_id,truth_source\n"[..]).unwrap_err();
    assert!(error.to_string().contains("no column expensive_label, truth_version"), "{error}");
}

#[test]
fn proxy_truth_is_the_published_one() {
    let published = fixture("proxy_truth.csv.gz");
    let rows: Vec<(&str, &str)> = published
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.split(',');
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    assert_eq!(rows.len(), 200);
    let mut written = Vec::new();
    write_proxy_truth(rows, &mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), published);
}

#[test]
fn acceptance_stops_for_each_criterion() {
    let good = AcceptanceCounts {
        ok: 3,
        skip_reasons: BTreeMap::from([("disconnected".into(), 2), ("odd".into(), 1)]),
        ..AcceptanceCounts::default()
    };
    let accepted = accept(&good);
    assert_eq!(accepted.decision, Decision::Go);
    assert_eq!(accepted.review, BTreeMap::from([("odd".to_owned(), 1)]));
    let spoil: [fn(&mut AcceptanceCounts); 5] = [
        |counts| counts.error = 1,
        |counts| counts.ok = 0,
        |counts| counts.missing_scores_input = 1,
        |counts| counts.scored_without_slack = 1,
        |counts| counts.scored_without_verdict = 1,
    ];
    for (i, spoil) in spoil.into_iter().enumerate() {
        let mut counts = good.clone();
        spoil(&mut counts);
        let accepted = accept(&counts);
        assert_eq!(accepted.decision, Decision::Stop);
        assert_eq!(accepted.criteria[i].outcome, Met::NotMet);
        let met = accepted.criteria.iter().filter(|c| c.outcome == Met::Met).count();
        assert_eq!(met, 4);
    }
}
