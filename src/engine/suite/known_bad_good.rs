//! Known bad, known good: the audit must tell three score files apart.

use hetero2_contract::slack::SlackStatistics;

use super::error::SuiteError;
use super::evidence::{self, Evidence};
use super::fact::Facts;
use super::folder::SuiteFolder;
use super::scores::{KeyOrder, SuiteScores};
use super::{pilot, ring};

/// Seed of the random scores.
pub(super) const RANDOM_SEED: i64 = 0;

/// Of each round of ten rows, those whose strict strategy gives a decoy.
const STRICT_PER_ROUND: u64 = 3;

/// A score file and what is published of it.
struct Variant {
    name: &'static str,
    scores: fn(&SuiteScores) -> SuiteScores,
    strict_median_slack: f64,
    strict_pass_rate: f64,
    pass_rate: f64,
}

const VARIANTS: [Variant; 3] = [
    Variant {
        name: "BAD-constant",
        scores: |pilot| pilot.constant(0.0),
        strict_median_slack: -0.5,
        strict_pass_rate: 0.0,
        pass_rate: 0.0,
    },
    Variant {
        name: "BAD-random",
        scores: |pilot| pilot.random(RANDOM_SEED),
        strict_median_slack: 0.0,
        strict_pass_rate: 0.666_667,
        pass_rate: 0.6,
    },
    Variant {
        name: "GOOD-synthetic",
        scores: SuiteScores::separating,
        strict_median_slack: 0.0,
        strict_pass_rate: 1.0,
        pass_rate: 1.0,
    },
];

pub(super) fn run(work: &mut SuiteFolder<'_>, rows: u64) -> Result<Facts, SuiteError> {
    let library = work.input("input.csv", pilot::input_csv(rows).as_bytes())?;
    let pilot = pilot::scores()?;
    work.input("scores.json", pilot.to_json(KeyOrder::AsMade).as_bytes())?;
    let mut facts = Facts::default();
    let mut strict = Vec::new();
    for variant in &VARIANTS {
        let scores = (variant.scores)(&pilot).to_json(KeyOrder::Sorted);
        let name = format!("scores_{}.json", variant.name);
        let scores = work.input(&name, scores.as_bytes())?;
        let found = work.run(variant.name, &library, Some(&scores), pilot::config())?;
        strict.push(variant_facts(&mut facts, variant, rows, &found));
    }
    if let [constant, random, good] = &strict[..] {
        differences(&mut facts, constant, random, good);
    }
    Ok(facts)
}

fn variant_facts(
    facts: &mut Facts,
    variant: &Variant,
    rows: u64,
    found: &Evidence,
) -> SlackStatistics {
    let name = variant.name;
    ring::outcomes(facts, &format!("{name}: "), rows, found);
    let strict = evidence::slack(found.strict());
    let covered = rows / pilot::ROUND * STRICT_PER_ROUND;
    facts.equal(format!("{name}: strict rows"), covered, strict.rows_ok);
    let of_strict = |what| format!("{name}: {what}, strict rows");
    facts.number(of_strict("median slack"), variant.strict_median_slack, strict.median_slack_ok);
    facts.number(of_strict("PASS rate"), variant.strict_pass_rate, strict.pass_rate_ok);
    let all = evidence::slack(found.rows.iter());
    facts.number(format!("{name}: PASS rate, all rows"), variant.pass_rate, all.pass_rate_ok);
    strict
}

/// The published differences, on the rows whose strict strategy gives a decoy.
fn differences(
    facts: &mut Facts,
    constant: &SlackStatistics,
    random: &SlackStatistics,
    good: &SlackStatistics,
) {
    let minus = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
    let slack = minus(good.median_slack_ok, constant.median_slack_ok);
    facts.number("Δ median slack (good − constant), strict rows", 0.5, slack);
    let rate = minus(good.pass_rate_ok, constant.pass_rate_ok);
    facts.number("Δ PASS rate (good − constant), strict rows", 1.0, rate);
    let rate = minus(good.pass_rate_ok, random.pass_rate_ok);
    facts.number("Δ PASS rate (good − random), strict rows", 0.333_333, rate);
}
