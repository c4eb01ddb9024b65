//! What chance explains of a run's passes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hardness::HardnessBin;

/// What chance explains of a run's passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Significance")]
pub struct RunSignificance {
    /// Level of significance.
    pub level: f64,
    /// OK rows with a p-value.
    pub rows_tested: u64,
    /// Of these, rows that no score could make significant.
    pub rows_without_power: u64,
    /// Of these, rows whose p-value is at most the level.
    pub rows_p_significant: u64,
    /// Of these, rows whose false-discovery rate is at most the level.
    pub rows_q_significant: u64,
    /// Passes of all audited rows; none where no row was audited.
    pub passes: Option<Passes>,
    /// The same against only the decoys of each hardness bin.
    #[schemars(with = "BTreeMap<String, Option<Passes>>")]
    pub passes_by_bin: BTreeMap<HardnessBin, Option<Passes>>,
}

/// Passes observed, and passes expected under random scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passes {
    /// Audited rows.
    pub rows: u64,
    /// Rows that passed.
    pub observed_passes: u64,
    /// Mean number of passes under random labels.
    pub expected_passes_by_chance: f64,
    /// 2.5 % quantile of the number of passes under random labels.
    pub chance_low: u64,
    /// 97.5 % quantile.
    pub chance_high: u64,
    /// Probability of at least as many passes under random labels.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub p_value: f64,
    /// Share of rows that passed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate: f64,
    /// Lower end of its 95 % interval.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate_low: f64,
    /// Upper end.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate_high: f64,
}

impl Passes {
    /// The same passes with every number but the p-value, which may be tiny,
    /// rounded by `round`.
    #[must_use]
    pub fn rounded(self, round: fn(f64) -> f64) -> Self {
        Self {
            expected_passes_by_chance: round(self.expected_passes_by_chance),
            pass_rate: round(self.pass_rate),
            pass_rate_low: round(self.pass_rate_low),
            pass_rate_high: round(self.pass_rate_high),
            ..self
        }
    }
}
