//! The ring suite: no row without an outcome.

use hetero2_audit::{Status, is_expected_skip};
use hetero2_contract::HardnessBin;

use super::error::SuiteError;
use super::evidence::Evidence;
use super::fact::Facts;
use super::folder::SuiteFolder;
use super::scores::KeyOrder;
use super::{evidence, pilot};

/// What one round of the ten molecules has, as published for twenty rounds.
const DECOYS_PER_ROUND: u64 = 44;
const SCORED_PER_ROUND: u64 = 19;
const ROWS_WITH_MISSING_PER_ROUND: u64 = 6;
const UNIQUE_MISSING: u64 = 25;
const MEDIAN_TANIMOTO: f64 = 0.119_642_857_142_857_13;

pub(super) fn run(work: &mut SuiteFolder<'_>, rows: u64) -> Result<Facts, SuiteError> {
    let library = work.input("input.csv", pilot::input_csv(rows).as_bytes())?;
    let scores = pilot::scores()?.to_json(KeyOrder::AsMade);
    let scores = work.input("scores.json", scores.as_bytes())?;
    let found = work.run("ring", &library, Some(&scores), pilot::config())?;
    let mut facts = Facts::default();
    outcomes(&mut facts, "", rows, &found);
    coverage(&mut facts, rows / pilot::ROUND, &found);
    let slack = evidence::slack(found.rows.iter());
    facts.number("PASS rate", 1.0, slack.pass_rate_ok);
    facts.number("median slack", 0.0, slack.median_slack_ok);
    realism(&mut facts, rows, &found);
    Ok(facts)
}

/// Every row has an outcome, and the right one.
pub(super) fn outcomes(facts: &mut Facts, prefix: &str, rows: u64, found: &Evidence) {
    facts.equal(format!("{prefix}rows with an outcome"), rows, found.rows.len() as u64);
    for (name, status, expected) in
        [("OK", Status::Ok, rows), ("SKIP", Status::Skip, 0), ("ERROR", Status::Error, 0)]
    {
        facts.equal(format!("{prefix}{name}"), expected, found.with_status(status));
    }
    let other = found
        .rows
        .iter()
        .map(|row| &row.summary)
        .filter(|row| row.status == Status::Skip && !is_expected_skip(&row.reason));
    facts.equal(format!("{prefix}SKIP rows without a predictable reason"), 0, other.count() as u64);
}

fn coverage(facts: &mut Facts, rounds: u64, found: &Evidence) {
    let missing = DECOYS_PER_ROUND - SCORED_PER_ROUND;
    let found = found.coverage();
    for (name, expected, found) in [
        ("decoys", rounds * DECOYS_PER_ROUND, found.decoys_total),
        ("decoys scored", rounds * SCORED_PER_ROUND, found.decoys_scored),
        ("decoys without a score", rounds * missing, found.decoys_missing),
        (
            "rows with a decoy without a score",
            rounds * ROWS_WITH_MISSING_PER_ROUND,
            found.rows_with_missing_decoys,
        ),
        ("distinct decoys without a score", UNIQUE_MISSING, found.unique_missing_decoy_hashes),
        ("rows without scores", 0, found.rows_missing_scores_input),
    ] {
        facts.equal(name, expected, found);
    }
}

fn realism(facts: &mut Facts, rows: u64, found: &Evidence) {
    let realism = &found.metrics.decoy_realism.interpretation;
    facts.number("median Tanimoto similarity", MEDIAN_TANIMOTO, realism.tanimoto_median);
    let word = realism.auc_interpretation.as_str();
    facts.equal("interpretation", "INCONCLUSIVE_DECOYS_TOO_EASY", word);
    // Of each round, 14 scored pairs are easy and 5 medium; none is hard.
    let rounds = rows / pilot::ROUND;
    for (bin, expected) in [
        (HardnessBin::Easy, 14 * rounds),
        (HardnessBin::Medium, 5 * rounds),
        (HardnessBin::Hard, 0),
    ] {
        facts.equal(format!("scored pairs, {bin}"), expected, realism.pairs_scored(bin));
    }
}
