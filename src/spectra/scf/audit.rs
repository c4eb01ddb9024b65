//! What SCF amounts to over a run: per-row audit values, and counts and sums
//! that merge exactly, whatever the partition of the run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ScfResult, ScfStatus};
use crate::sum::FixedSum;
use hetero2_common::rounding::round8;

/// Rows whose id begins so are the deliberately asymmetric molecules that a
/// claim about SCF needs.
pub const ASYMMETRIC_ID_PREFIX: &str = "asym_";

const NONTRIVIAL_DELTA_V: f64 = 1e-6;
const MIN_CONVERGED_RATE: f64 = 0.95;
const MIN_NONTRIVIAL_RATE: f64 = 0.5;
const MIN_ASYMMETRIC_ROWS: u64 = 10;

/// One molecule's published audit values, rounded to 8 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScfAuditRow {
    /// How the iteration ended.
    pub status: ScfStatus,
    /// Iterations done.
    pub scf_iters: u32,
    /// `max|v' − v|` of the first iteration.
    pub residual_init: f64,
    /// `max|v' − v|` of the last iteration.
    pub residual_final: f64,
    /// The largest `max|v' − v|` of all iterations.
    pub residual_max: f64,
    /// The largest `|v_scf − V|` over the atoms.
    #[serde(rename = "deltaV_max")]
    pub delta_v_max: f64,
    /// The nearest-rank 95th percentile of `|v_scf − V|` over the atoms.
    #[serde(rename = "deltaV_p95")]
    pub delta_v_p95: f64,
}

impl ScfAuditRow {
    /// Reads the audit values of a result; nothing where the numbers stopped
    /// being finite.
    #[must_use]
    pub fn of(result: &ScfResult) -> Option<Self> {
        let (first, last) = (result.trace.first()?, result.trace.last()?);
        let pairs = result.potential.iter().zip(&result.static_potential);
        let mut delta_v: Vec<f64> = pairs.map(|(v, v0)| (v - v0).abs()).collect();
        delta_v.sort_unstable_by(f64::total_cmp);
        let p95 = delta_v.get(nearest_rank(95, 100, delta_v.len() as u64)? as usize)?;
        let row = Self {
            status: result.status,
            scf_iters: last.iteration,
            residual_init: round8(first.residual_inf),
            residual_final: round8(last.residual_inf),
            residual_max: round8(result.trace.iter().map(|t| t.residual_inf).fold(0.0, f64::max)),
            delta_v_max: round8(*delta_v.last()?),
            delta_v_p95: round8(*p95),
        };
        let finite = row.status != ScfStatus::ErrorNumerical
            && row.residual_max.is_finite()
            && row.delta_v_max.is_finite();
        finite.then_some(row)
    }

    /// Whether the potential settled.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.status == ScfStatus::Converged
    }

    /// Converged, in at least two iterations, to another potential than `V`.
    #[must_use]
    pub fn nontrivial(&self) -> bool {
        self.converged() && self.scf_iters >= 2 && self.delta_v_max >= NONTRIVIAL_DELTA_V
    }
}

/// Counts over rows; published values enter in units of 1e-8, so quantiles are
/// those of the published numbers, exactly.
///
/// Memory grows with the number of distinct published values: at most
/// `γ_scf·d / 1e-8` per map (about 2.5e7 entries with the defaults), in
/// practice one entry per few rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScfCounts {
    rows: u64,
    converged: u64,
    nontrivial: u64,
    iterations: BTreeMap<u32, u64>,
    residual_final: BTreeMap<u64, u64>,
    residual_max: BTreeMap<u64, u64>,
    residual_init_sum: FixedSum,
    residual_final_sum: FixedSum,
    delta_v_max: u64,
    delta_v_p95_max: u64,
}

impl ScfCounts {
    /// Counts a row.
    pub fn add(&mut self, row: &ScfAuditRow) {
        self.rows += 1;
        self.converged += u64::from(row.converged());
        self.nontrivial += u64::from(row.nontrivial());
        *self.iterations.entry(row.scf_iters).or_default() += 1;
        *self.residual_final.entry(units(row.residual_final)).or_default() += 1;
        *self.residual_max.entry(units(row.residual_max)).or_default() += 1;
        self.residual_init_sum.add(row.residual_init);
        self.residual_final_sum.add(row.residual_final);
        self.delta_v_max = self.delta_v_max.max(units(row.delta_v_max));
        self.delta_v_p95_max = self.delta_v_p95_max.max(units(row.delta_v_p95));
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.converged += other.converged;
        self.nontrivial += other.nontrivial;
        merge_counts(&mut self.iterations, &other.iterations);
        merge_counts(&mut self.residual_final, &other.residual_final);
        merge_counts(&mut self.residual_max, &other.residual_max);
        self.residual_init_sum.merge(other.residual_init_sum);
        self.residual_final_sum.merge(other.residual_final_sum);
        self.delta_v_max = self.delta_v_max.max(other.delta_v_max);
        self.delta_v_p95_max = self.delta_v_p95_max.max(other.delta_v_p95_max);
    }

    /// The statistics of the rows counted so far; nothing if there is none.
    #[must_use]
    pub fn stats(&self) -> Option<ScfStats> {
        let iterations = self.iterations.iter().map(|(&k, &c)| u64::from(k) * c).sum::<u64>();
        let rate = |count: u64| round8(count as f64 / self.rows as f64);
        let published = |units: u64| units as f64 / 1e8;
        Some(ScfStats {
            rows: self.rows,
            rows_converged: self.converged,
            iters_min: *self.iterations.first_key_value()?.0,
            iters_median: median(&self.iterations, f64::from)?,
            iters_mean: rate(iterations),
            iters_p95: p95(&self.iterations)?,
            iters_max: *self.iterations.last_key_value()?.0,
            converged_rate: rate(self.converged),
            nontrivial_rate: rate(self.nontrivial),
            residual_init_mean: round8(self.residual_init_sum.mean(self.rows)?),
            residual_final_mean: round8(self.residual_final_sum.mean(self.rows)?),
            residual_final_p95: published(p95(&self.residual_final)?),
            residual_final_max: published(*self.residual_final.last_key_value()?.0),
            residual_max_median: round8(median(&self.residual_max, published)?),
            residual_max_p95: published(p95(&self.residual_max)?),
            residual_max_max: published(*self.residual_max.last_key_value()?.0),
            delta_v_max_max: published(self.delta_v_max),
            delta_v_p95_max: published(self.delta_v_p95_max),
        })
    }
}

/// Statistics over rows, as published: rounded to 8 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "each name is quantity and statistic; see `ScfAuditRow`")]
pub struct ScfStats {
    pub rows: u64,
    pub rows_converged: u64,
    pub iters_min: u32,
    pub iters_median: f64,
    pub iters_mean: f64,
    pub iters_p95: u32,
    pub iters_max: u32,
    pub converged_rate: f64,
    pub nontrivial_rate: f64,
    pub residual_init_mean: f64,
    pub residual_final_mean: f64,
    pub residual_final_p95: f64,
    pub residual_final_max: f64,
    pub residual_max_median: f64,
    pub residual_max_p95: f64,
    pub residual_max_max: f64,
    #[serde(rename = "deltaV_max_max")]
    pub delta_v_max_max: f64,
    #[serde(rename = "deltaV_p95_max")]
    pub delta_v_p95_max: f64,
}

/// What a run may say about SCF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScfVerdict {
    /// The potential hardly moved.
    TrivialFixedPoint,
    /// Fewer than 95 % of the rows converged.
    Nonconverged,
    /// Too few asymmetric rows (or none at all) to say anything.
    InconclusiveInsufficientAsym,
    /// SCF has an effect. Without this verdict no text may claim one.
    Success,
}

/// Why a run has its verdict; `Display` is the published reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "`Display` spells each out")]
pub enum ScfVerdictReason {
    NoRows,
    ConvergedRate,
    IterationsOrDeltaV,
    AsymmetricRows(u64),
    NontrivialRate,
    NontrivialAndConverged,
}

impl fmt::Display for ScfVerdictReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRows => "scf_trace_empty",
            Self::ConvergedRate => "converged_rate_below_0p95",
            Self::IterationsOrDeltaV => "iters_max_le_1_or_deltaV_below_eps",
            Self::AsymmetricRows(rows) => {
                return write!(f, "insufficient_asym_fixture_rows:{rows}");
            }
            Self::NontrivialRate => "nontrivial_rate_below_0p50",
            Self::NontrivialAndConverged => "nontrivial_rate_ge_0p50_and_converged_rate_ge_0p95",
        })
    }
}

/// The status of SCF over a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScfRunStatus {
    /// Every row converged.
    Converged,
    /// Some row did not.
    MaxIter,
    /// Some row lacked a physics parameter.
    ErrorMissingParams,
    /// Some row failed otherwise, or no row had SCF.
    ErrorNumerical,
}

/// The run-level audit: all rows, and the asymmetric ones apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScfAudit {
    /// Every row that has SCF.
    pub all: ScfCounts,
    /// Rows whose id begins with [`ASYMMETRIC_ID_PREFIX`].
    pub asymmetric: ScfCounts,
}

impl ScfAudit {
    /// Counts a row under its id.
    pub fn add(&mut self, id: &str, row: &ScfAuditRow) {
        self.all.add(row);
        if id.starts_with(ASYMMETRIC_ID_PREFIX) {
            self.asymmetric.add(row);
        }
    }

    /// Adds the counts of other rows; order and grouping change nothing.
    pub fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        self.asymmetric.merge(&other.asymmetric);
    }

    /// The verdict and its reason.
    #[must_use]
    pub fn verdict(&self) -> (ScfVerdict, ScfVerdictReason) {
        use ScfVerdict as V;
        use ScfVerdictReason as R;
        let rows = self.all.rows as f64;
        let asymmetric = self.asymmetric.rows;
        let Some((&iters_max, _)) = self.all.iterations.last_key_value() else {
            return (V::InconclusiveInsufficientAsym, R::NoRows);
        };
        if (self.all.converged as f64 / rows) < MIN_CONVERGED_RATE {
            (V::Nonconverged, R::ConvergedRate)
        } else if iters_max <= 1 || self.all.delta_v_max < units(NONTRIVIAL_DELTA_V) {
            (V::TrivialFixedPoint, R::IterationsOrDeltaV)
        } else if asymmetric < MIN_ASYMMETRIC_ROWS {
            (V::InconclusiveInsufficientAsym, R::AsymmetricRows(asymmetric))
        } else if (self.all.nontrivial as f64 / rows) < MIN_NONTRIVIAL_RATE {
            (V::TrivialFixedPoint, R::NontrivialRate)
        } else {
            (V::Success, R::NontrivialAndConverged)
        }
    }

    /// The run's status, given the rows that ended as ERROR for want of a
    /// physics parameter and for any other reason.
    #[must_use]
    pub fn status(&self, missing_params: u64, other_errors: u64) -> ScfRunStatus {
        if missing_params > 0 {
            ScfRunStatus::ErrorMissingParams
        } else if other_errors > 0 || self.all.rows == 0 {
            ScfRunStatus::ErrorNumerical
        } else if self.all.converged == self.all.rows {
            ScfRunStatus::Converged
        } else {
            ScfRunStatus::MaxIter
        }
    }
}

/// A published non-negative value in units of 1e-8.
fn units(value: f64) -> u64 {
    (value * 1e8).round() as u64
}

fn merge_counts<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (&key, &count) in from {
        *into.entry(key).or_default() += count;
    }
}

/// Index of the nearest-rank quantile `numerator / denominator` among `count`
/// sorted values.
fn nearest_rank(numerator: u64, denominator: u64, count: u64) -> Option<u64> {
    let rank = (u128::from(count) * u128::from(numerator)).div_ceil(u128::from(denominator));
    (count > 0).then(|| rank.max(1) as u64 - 1)
}

/// The value at an index of the sorted values.
fn value_at<K: Copy>(counts: &BTreeMap<K, u64>, index: u64) -> Option<K> {
    let mut seen = 0;
    counts.iter().find_map(|(&key, &count)| {
        seen += count;
        (index < seen).then_some(key)
    })
}

fn p95<K: Copy>(counts: &BTreeMap<K, u64>) -> Option<K> {
    value_at(counts, nearest_rank(95, 100, counts.values().sum())?)
}

fn median<K: Copy>(counts: &BTreeMap<K, u64>, value: impl Fn(K) -> f64) -> Option<f64> {
    let count: u64 = counts.values().sum();
    let low = value(value_at(counts, count.checked_sub(1)? / 2)?);
    let high = value(value_at(counts, count / 2)?);
    Some(f64::midpoint(low, high))
}
