//! Customer proxy: proxy truth, cost and lift, acceptance.

use serde_json::Value;

use hetero2_audit::{
    AcceptanceCounts, CostLift, CostLiftError, CostLiftReport, CostLiftSettings, Decision, Status,
    Truth, accept, write_proxy_truth,
};
use hetero2_common::files::FileError;

use super::error::SuiteError;
use super::evidence::{Evidence, EvidenceRow};
use super::fact::Facts;
use super::folder::SuiteFolder;
use super::known_bad_good::RANDOM_SEED;
use super::scores::KeyOrder;
use super::{pilot, ring};

/// Reports on the suite of 200 rows: over all of them, and over those whose
/// strict strategy gives a decoy.
const PUBLISHED: &str = include_str!("data/cost_lift_all_rows.json");
const PUBLISHED_STRICT: &str = include_str!("data/cost_lift_strict_rows.json");

pub(super) fn run(work: &mut SuiteFolder<'_>, rows: u64) -> Result<Facts, SuiteError> {
    let library = work.input("input.csv", pilot::input_csv(rows).as_bytes())?;
    let scores = pilot::scores()?.random(RANDOM_SEED).to_json(KeyOrder::AsMade);
    let scores = work.input("scores_proxy.json", scores.as_bytes())?;
    let truth = proxy_truth(rows)?;
    work.input("truth.csv", &truth)?;
    let found = work.run("proxy", &library, Some(&scores), pilot::config())?;
    let truth = Truth::from_csv(truth.as_slice())?;
    let mut facts = Facts::default();
    ring::outcomes(&mut facts, "", rows, &found);
    utility(work, &mut facts, &truth, &found, rows)?;
    let acceptance = accept(&counts(&found));
    work.document("acceptance.json", &acceptance)?;
    let decision = |decision| if decision == Decision::Go { "GO" } else { "STOP" };
    facts.equal("acceptance", decision(Decision::Go), decision(acceptance.decision));
    Ok(facts)
}

fn proxy_truth(rows: u64) -> Result<Vec<u8>, SuiteError> {
    let rows: Vec<(String, &str)> = pilot::rows(rows).collect();
    let mut csv = Vec::new();
    write_proxy_truth(rows.iter().map(|(id, smiles)| (id.as_str(), *smiles)), &mut csv)
        .map_err(FileError::io("write", "truth.csv".as_ref()))?;
    Ok(csv)
}

/// Cost and lift over all rows, and over the strict ones.
fn utility(
    work: &mut SuiteFolder<'_>,
    facts: &mut Facts,
    truth: &Truth,
    found: &Evidence,
    rows: u64,
) -> Result<(), SuiteError> {
    for (name, file, published, report) in [
        ("all rows", "cost_lift.json", PUBLISHED, cost_lift(truth, found.rows.iter())),
        (
            "strict rows",
            "cost_lift_strict.json",
            PUBLISHED_STRICT,
            cost_lift(truth, found.strict()),
        ),
    ] {
        // Both are constants of the program; one that is no JSON equals nothing.
        let published: Value = serde_json::from_str(published).unwrap_or_default();
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                facts.equal(format!("cost and lift, {name}"), "a report".into(), error.to_string());
                continue;
            }
        };
        work.document(file, &report)?;
        let report = serde_json::to_value(&report).unwrap_or_default();
        compare(facts, name, &published, &report, rows);
    }
    Ok(())
}

/// Rates are the same for any number of rounds; intervals, and the report as a
/// whole, are published for twenty.
fn compare(facts: &mut Facts, name: &str, published: &Value, report: &Value, rows: u64) {
    let methods = ["baseline_random", "baseline_score_only_topk", "filtered_score_plus_audit_topk"];
    let rates = methods
        .map(|method| (format!("{method}, hit rate"), format!("/methods/{method}/hit_rate")));
    let uplifts = ["score_only", "random"].map(|baseline| {
        let field = format!("uplift_score_plus_audit_vs_{baseline}");
        (field.clone(), format!("/{field}"))
    });
    for (label, pointer) in rates.into_iter().chain(uplifts) {
        let number = |report: &Value| report.pointer(&pointer).and_then(Value::as_f64);
        let expected = number(published).unwrap_or(f64::NAN);
        facts.number(format!("{label}, {name}"), expected, number(report));
    }
    if rows == pilot::ROWS {
        let differing = differing(published, report);
        let found = if differing.is_empty() { "none".to_owned() } else { differing.join(", ") };
        facts.equal(format!("fields unlike the published report, {name}"), "none".into(), found);
    }
}

/// Fields that two reports disagree in.
fn differing(published: &Value, report: &Value) -> Vec<String> {
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = [keys(published), keys(report)].concat();
    all.sort();
    all.dedup();
    all.retain(|key| published.get(key) != report.get(key));
    all
}

fn cost_lift<'a>(
    truth: &Truth,
    rows: impl Iterator<Item = &'a EvidenceRow>,
) -> Result<CostLiftReport, CostLiftError> {
    let mut lift = CostLift::new(truth, CostLiftSettings::default())?;
    for row in rows {
        lift.add(&row.summary)?;
    }
    lift.finish()
}

fn counts(found: &Evidence) -> AcceptanceCounts {
    let mut counts = AcceptanceCounts {
        ok: found.with_status(Status::Ok),
        error: found.with_status(Status::Error),
        missing_scores_input: found.coverage().rows_missing_scores_input,
        ..AcceptanceCounts::default()
    };
    for row in found.rows.iter().map(|row| &row.summary) {
        let scored = row.status == Status::Ok && row.n_decoys_scored.is_some_and(|n| n > 0);
        counts.scored_without_slack += u64::from(scored && row.slack.is_none());
        counts.scored_without_verdict += u64::from(scored && row.verdict.is_none());
        if row.status == Status::Skip {
            *counts.skip_reasons.entry(row.reason.clone()).or_default() += 1;
        }
    }
    counts
}
