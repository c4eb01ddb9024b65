//! `cost_lift.v1`: how many hits a budget finds by chance, by score, and by
//! score plus audit. Reported, never gated.

use std::collections::BTreeMap;

use hetero2_contract::{Reason, Status, TruthLabel, Verdict};
use serde::Serialize;

use super::library_ranking::{LibraryRanking, RankingReport};
use super::summary::SummaryRow;
use super::top_k::TopK;
use super::truth::{TRUTH_SCHEMA, Truth};
use hetero2_common::random::PythonRandom;

/// Identifier of the report's definition.
pub const COST_LIFT_SCHEMA: &str = "cost_lift.v1";

/// What becomes of rows whose truth is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipPolicy {
    /// They are counted, and are not eligible.
    #[default]
    UnknownBucket,
}

impl std::str::FromStr for SkipPolicy {
    type Err = CostLiftError;

    fn from_str(text: &str) -> Result<Self, CostLiftError> {
        match text {
            "unknown_bucket" => Ok(Self::UnknownBucket),
            _ => Err(CostLiftError::SkipPolicy { found: text.to_owned() }),
        }
    }
}

/// Settings of a [`CostLift`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostLiftSettings {
    /// Molecules that can be afforded (K), at least 1.
    pub budget: usize,
    /// Seeds the random baseline and the bootstraps.
    pub seed: i64,
    /// Bootstrap resamples, at least 1.
    pub resamples: u32,
    /// What becomes of rows whose truth is unknown.
    pub skip_policy: SkipPolicy,
}

impl Default for CostLiftSettings {
    /// K = 10,000, seed 0, 500 resamples.
    fn default() -> Self {
        let skip_policy = SkipPolicy::UnknownBucket;
        Self { budget: 10_000, seed: 0, resamples: 500, skip_policy }
    }
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CostLiftError {
    /// The budget is 0.
    #[error("the budget K is 0; it must be at least 1")]
    ZeroBudget,
    /// The number of resamples is 0.
    #[error("the number of bootstrap resamples is 0; it must be at least 1")]
    ZeroResamples,
    /// There is only one policy.
    #[error("the skip policy {found:?} is not known; write unknown_bucket")]
    SkipPolicy {
        /// As given.
        found: String,
    },
    /// An `OK` row lacks a value.
    #[error("the OK row {id:?} of the summary has no {column}")]
    MissingValue {
        /// The molecule.
        id: String,
        /// What it lacks.
        column: &'static str,
    },
    /// No row is `OK`.
    #[error("none of the {rows} rows of the summary is OK: truth coverage is undefined")]
    NoOkRows {
        /// Rows of the summary.
        rows: u64,
    },
    /// No row can be selected.
    #[error(
        "no row is eligible: {ok} rows are OK, {with_truth} of them have a truth, none of those \
         a verdict PASS or FAIL; check that truth and summary use the same ids"
    )]
    NothingEligible {
        /// `OK` rows.
        ok: u64,
        /// `OK` rows with a truth.
        with_truth: u64,
    },
    /// No eligible row passed the audit.
    #[error("none of the {eligible} eligible rows has the verdict PASS: nothing to select")]
    NothingPassed {
        /// Eligible rows.
        eligible: u64,
    },
    /// More rows than the pinned generator can draw from.
    #[error("{eligible} rows are eligible; at most 2^32 − 1 can be drawn from")]
    TooMany {
        /// Eligible rows.
        eligible: u64,
    },
}

/// One way of spending the budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// Molecules selected.
    pub k_effective: usize,
    /// Hits among them.
    pub hits: usize,
    /// `hits / k_effective`.
    pub hit_rate: f64,
    /// Lower end of the bootstrap interval.
    pub ci_low: f64,
    /// Upper end of the bootstrap interval.
    pub ci_high: f64,
}

/// The three ways that are compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Methods {
    /// A seeded sample of the eligible rows.
    pub baseline_random: MethodResult,
    /// Highest AUC first.
    pub baseline_score_only_topk: MethodResult,
    /// Highest slack first, among `PASS`.
    pub filtered_score_plus_audit_topk: MethodResult,
}

/// A reason for which rows are not eligible.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReasonShare {
    /// Rows.
    pub count: u64,
    /// The reason.
    pub reason: &'static str,
    /// Share of all rows.
    pub share: f64,
}

/// Which rows could be selected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Eligibility {
    /// All rows.
    pub rows_total: u64,
    /// `OK` rows.
    pub rows_ok: u64,
    /// `OK` rows with truth and a verdict `PASS` or `FAIL`.
    pub rows_verdict_pass_fail: u64,
    /// `OK` rows with truth.
    pub rows_truth_known: u64,
    /// Rows not skipped for want of a scores file.
    pub rows_scores_present: u64,
    /// Rows that could be selected.
    pub rows_eligible_for_cost_lift: u64,
    /// The three most frequent reasons against.
    #[serde(rename = "K_effective_reason_top")]
    pub reason_top: Vec<ReasonShare>,
}

/// Decoys of all rows, and their scores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DecoyCoverage {
    /// All rows.
    pub rows_total: u64,
    /// Rows with a scored decoy.
    pub rows_with_decoys_scored_gt0: u64,
    /// Rows without.
    pub rows_with_decoys_scored_eq0: u64,
    /// Scored decoys.
    pub decoys_scored_total: u64,
    /// Decoys without a score.
    pub decoys_missing_total: u64,
}

/// A `cost_lift.v1` report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)] // Each field is the contract's, under its name there.
pub struct CostLiftReport {
    pub report_schema: &'static str,
    pub truth_schema: &'static str,
    pub skip_policy: SkipPolicy,
    pub seed: i64,
    #[serde(rename = "K_requested")]
    pub k_requested: usize,
    #[serde(rename = "K_effective")]
    pub k_effective: usize,
    #[serde(rename = "N_total")]
    pub n_total: u64,
    #[serde(rename = "N_ok")]
    pub n_ok: u64,
    #[serde(rename = "N_skip")]
    pub n_skip: u64,
    #[serde(rename = "N_error")]
    pub n_error: u64,
    #[serde(rename = "N_with_truth")]
    pub n_with_truth: u64,
    pub truth_coverage_rate: f64,
    pub unknown_bucket_rate: f64,
    pub eligibility: Eligibility,
    pub scores_coverage: DecoyCoverage,
    pub methods: Methods,
    pub uplift_score_plus_audit_vs_score_only: f64,
    pub uplift_score_plus_audit_vs_random: f64,
}

/// Gathers summary rows into a [`CostLiftReport`].
///
/// Memory: 33 bytes an eligible row, and the K best by AUC and by slack.
#[derive(Debug)]
pub struct CostLift<'a> {
    truth: &'a Truth,
    settings: CostLiftSettings,
    n_ok: u64,
    n_skip: u64,
    n_error: u64,
    n_with_truth: u64,
    missing_scores_input: u64,
    reasons: BTreeMap<&'static str, u64>,
    coverage: DecoyCoverage,
    /// Whether each eligible row is a hit, in the order of the summary.
    hits: Vec<bool>,
    by_auc: TopK,
    by_slack: TopK,
    ranking: LibraryRanking,
}

impl<'a> CostLift<'a> {
    /// # Errors
    /// Where a setting is out of range.
    pub fn new(truth: &'a Truth, settings: CostLiftSettings) -> Result<Self, CostLiftError> {
        if settings.budget == 0 {
            return Err(CostLiftError::ZeroBudget);
        }
        if settings.resamples == 0 {
            return Err(CostLiftError::ZeroResamples);
        }
        Ok(Self {
            truth,
            settings,
            n_ok: 0,
            n_skip: 0,
            n_error: 0,
            n_with_truth: 0,
            missing_scores_input: 0,
            reasons: BTreeMap::new(),
            coverage: DecoyCoverage::default(),
            hits: Vec::new(),
            by_auc: TopK::new(settings.budget),
            by_slack: TopK::new(settings.budget),
            ranking: LibraryRanking::default(),
        })
    }

    /// Counts one row of the summary, in its order.
    ///
    /// # Errors
    /// [`CostLiftError::MissingValue`]; a row that is not `OK` may lack any.
    pub fn add(&mut self, row: &SummaryRow) -> Result<(), CostLiftError> {
        self.count_decoys(row)?;
        let missing_scores =
            row.status == Status::Skip && row.known_reason() == Some(Reason::MissingScoresInput);
        self.missing_scores_input += u64::from(missing_scores);
        match row.status {
            Status::Ok => self.n_ok += 1,
            Status::Skip => self.n_skip += 1,
            Status::Error => self.n_error += 1,
        }
        match self.eligible(row)? {
            Ok(hit) => self.add_eligible(row, hit),
            Err(reason) => {
                *self.reasons.entry(reason).or_default() += 1;
                Ok(())
            }
        }
    }

    fn count_decoys(&mut self, row: &SummaryRow) -> Result<(), CostLiftError> {
        let count = |count: Option<u64>, column| match (count, row.status) {
            (None, Status::Ok) => Err(missing(row, column)),
            (count, _) => Ok(count.unwrap_or(0)),
        };
        let scored = count(row.n_decoys_scored, "n_decoys_scored")?;
        let generated = count(row.n_decoys_generated, "n_decoys_generated")?;
        let coverage = &mut self.coverage;
        coverage.rows_total += 1;
        coverage.rows_with_decoys_scored_gt0 += u64::from(scored > 0);
        coverage.rows_with_decoys_scored_eq0 += u64::from(scored == 0);
        coverage.decoys_scored_total = coverage.decoys_scored_total.saturating_add(scored);
        coverage.decoys_missing_total =
            coverage.decoys_missing_total.saturating_add(generated.saturating_sub(scored));
        Ok(())
    }

    /// Whether the row is a hit, or why it cannot be selected.
    fn eligible(&mut self, row: &SummaryRow) -> Result<Result<bool, &'static str>, CostLiftError> {
        if row.status != Status::Ok || row.id.is_empty() {
            let unscored = row.status == Status::Skip
                && row.known_reason() == Some(Reason::MissingScoresInput);
            return Ok(Err(if unscored { "missing_scores_input" } else { "status_not_ok" }));
        }
        let Some(label) = self.truth.get(&row.id) else {
            return Ok(Err("truth_unknown_bucket_or_missing"));
        };
        self.n_with_truth += 1;
        match row.verdict.ok_or_else(|| missing(row, "verdict"))? {
            Verdict::Skip => Ok(Err("verdict_not_pass_fail")),
            Verdict::Pass | Verdict::Fail => Ok(Ok(label == TruthLabel::Pass)),
        }
    }

    fn add_eligible(&mut self, row: &SummaryRow, hit: bool) -> Result<(), CostLiftError> {
        let gate = row.gate.ok_or_else(|| missing(row, "gate"))?;
        let slack = row.slack.ok_or_else(|| missing(row, "slack"))?;
        let place = self.hits.len();
        let auc = row.auc_tie_aware.unwrap_or(gate + slack);
        let passed = row.verdict == Some(Verdict::Pass);
        self.by_auc.add(auc, &row.id, place, hit);
        self.ranking.add(row.original_score, auc, passed, hit);
        if passed {
            self.by_slack.add(slack, &row.id, place, hit);
        }
        self.hits.push(hit);
        Ok(())
    }

    /// What is beyond `cost_lift.v1`: rankings of all eligible rows.
    #[must_use]
    pub fn ranking(&self) -> RankingReport {
        self.ranking.report(self.settings.budget as u64)
    }

    /// The report.
    ///
    /// # Errors
    /// Where no row is `OK`, none is eligible, or none of those passed.
    pub fn finish(self) -> Result<CostLiftReport, CostLiftError> {
        let (rows, eligible) = (self.coverage.rows_total, self.hits.len() as u64);
        if self.n_ok == 0 {
            return Err(CostLiftError::NoOkRows { rows });
        }
        if eligible == 0 {
            let (ok, with_truth) = (self.n_ok, self.n_with_truth);
            return Err(CostLiftError::NothingEligible { ok, with_truth });
        }
        if eligible > u64::from(u32::MAX) {
            return Err(CostLiftError::TooMany { eligible });
        }
        if self.by_slack.is_empty() {
            return Err(CostLiftError::NothingPassed { eligible });
        }
        let CostLiftSettings { budget, seed, resamples, skip_policy } = self.settings;
        let k_effective = budget.min(self.hits.len());
        let mut rng = PythonRandom::new(method_seed(seed, "baseline_random"));
        let sample = rng.sample_indices(self.hits.len(), k_effective);
        let sample: Vec<bool> = sample.into_iter().map(|i| self.hits[i]).collect();
        let eligibility = self.eligibility();
        let result = |name, hits: &[bool]| method_result(name, hits, seed, resamples);
        let methods = Methods {
            baseline_random: result("baseline_random", &sample),
            baseline_score_only_topk: result("baseline_score_only_topk", &self.by_auc.hits()),
            filtered_score_plus_audit_topk: result(
                "filtered_score_plus_audit_topk",
                &self.by_slack.hits(),
            ),
        };
        let best = methods.filtered_score_plus_audit_topk.hit_rate;
        let of_ok = |count: u64| count as f64 / self.n_ok as f64;
        Ok(CostLiftReport {
            report_schema: COST_LIFT_SCHEMA,
            truth_schema: TRUTH_SCHEMA,
            skip_policy,
            seed,
            k_requested: budget,
            k_effective,
            n_total: rows,
            n_ok: self.n_ok,
            n_skip: self.n_skip,
            n_error: self.n_error,
            n_with_truth: self.n_with_truth,
            truth_coverage_rate: of_ok(self.n_with_truth),
            unknown_bucket_rate: of_ok(self.n_ok - self.n_with_truth),
            eligibility,
            scores_coverage: self.coverage,
            uplift_score_plus_audit_vs_score_only: best - methods.baseline_score_only_topk.hit_rate,
            uplift_score_plus_audit_vs_random: best - methods.baseline_random.hit_rate,
            methods,
        })
    }

    fn eligibility(&self) -> Eligibility {
        let rows_total = self.coverage.rows_total;
        let mut reasons: Vec<(&'static str, u64)> =
            self.reasons.iter().map(|(reason, count)| (*reason, *count)).collect();
        // Stable: equal counts stay in the order of their names.
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons.truncate(3);
        let share = |count: u64| count as f64 / rows_total as f64;
        let named = |(reason, count)| ReasonShare { count, reason, share: share(count) };
        Eligibility {
            rows_total,
            rows_ok: self.n_ok,
            rows_verdict_pass_fail: self.hits.len() as u64,
            rows_truth_known: self.n_with_truth,
            rows_scores_present: rows_total - self.missing_scores_input,
            rows_eligible_for_cost_lift: self.hits.len() as u64,
            reason_top: reasons.into_iter().map(named).collect(),
        }
    }
}

fn missing(row: &SummaryRow, column: &'static str) -> CostLiftError {
    CostLiftError::MissingValue { id: row.id.clone(), column }
}

fn method_seed(seed: i64, method: &str) -> i64 {
    seed ^ i64::from(adler32(method.as_bytes()))
}

/// RFC 1950's checksum.
fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn method_result(name: &str, hits: &[bool], seed: i64, resamples: u32) -> MethodResult {
    let k = hits.len();
    let found = hits.iter().filter(|hit| **hit).count();
    let mut rng = PythonRandom::new(method_seed(seed.wrapping_add(1), name));
    let resample = |_| (0..k).filter(|_| hits[rng.below(k)]).count();
    let mut counts: Vec<usize> = (0..resamples).map(resample).collect();
    counts.sort_unstable();
    let at = |share: f64| counts[(share * f64::from(resamples - 1)) as usize] as f64 / k as f64;
    MethodResult {
        k_effective: k,
        hits: found,
        hit_rate: found as f64 / k as f64,
        ci_low: at(0.025),
        ci_high: at(0.975),
    }
}
