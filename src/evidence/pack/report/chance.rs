//! What a report says of chance: how many rows pass, and how many would under
//! random scores.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::text::{grouped, percent};
use crate::pack::rows::HardnessBin;

/// The honest statistics of a run; numbers are published values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChanceSummary {
    /// Level of significance.
    pub level: f64,
    /// OK rows with a p-value.
    pub rows_tested: u64,
    /// Of these, rows that no score could make significant.
    pub rows_without_power: u64,
    /// Of these, rows whose p-value is at most the level.
    pub rows_p_significant: u64,
    /// Of these, rows whose q-value is at most the level.
    pub rows_q_significant: u64,
    /// Passes of all audited rows; none where no row was audited.
    pub passes: Option<Passes>,
    /// The same with only the decoys of one hardness bin.
    pub passes_by_bin: Vec<BinChance>,
    /// Molecules expected in each bin of the AUC histogram under random labels.
    pub null_auc: Vec<f64>,
}

/// Passes of originals against only their decoys of one hardness bin.
#[derive(Debug, Clone, PartialEq)]
pub struct BinChance {
    /// The bin.
    pub bin: HardnessBin,
    /// Passes; none where no row has a scored decoy in the bin.
    pub passes: Option<Passes>,
}

/// Passes observed and passes expected under random scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Passes {
    /// Audited rows.
    pub rows: u64,
    /// Rows that passed.
    #[serde(rename = "observed_passes")]
    pub observed: u64,
    /// Mean number of passes under random labels.
    #[serde(rename = "expected_passes_by_chance")]
    pub expected_by_chance: f64,
    /// 2.5 % quantile of the number of passes under random labels.
    pub chance_low: u64,
    /// 97.5 % quantile.
    pub chance_high: u64,
    /// Probability of at least as many passes under random labels; 0 where it is
    /// below 1e-18.
    pub p_value: f64,
    /// Share of rows that passed.
    #[serde(rename = "pass_rate")]
    pub rate: f64,
    /// Lower end of its exact 95 % interval (Clopper and Pearson).
    #[serde(rename = "pass_rate_low")]
    pub rate_low: f64,
    /// Upper end.
    #[serde(rename = "pass_rate_high")]
    pub rate_high: f64,
}

impl Passes {
    /// How the passes stand to chance, in words.
    #[must_use]
    pub fn against_chance(&self) -> &'static str {
        if self.observed > self.chance_high {
            "more than chance gives"
        } else if self.observed < self.chance_low {
            "fewer than chance gives"
        } else {
            "no more than chance gives"
        }
    }
}

impl ChanceSummary {
    /// The `significance` section of `metrics.json`.
    pub(super) fn to_json(&self) -> Value {
        let bin = |bin: &BinChance| (bin.bin.as_str().to_owned(), json!(bin.passes));
        json!({
            "level": self.level,
            "rows_tested": self.rows_tested,
            "rows_without_power": self.rows_without_power,
            "rows_p_significant": self.rows_p_significant,
            "rows_q_significant": self.rows_q_significant,
            "passes": self.passes,
            "passes_by_bin": self.passes_by_bin.iter().map(bin).collect::<Map<_, _>>(),
        })
    }

    /// Passes against chance, in one or two sentences; none without audits.
    pub(super) fn sentence(&self) -> Option<String> {
        let passes = self.passes?;
        let mut text = format!(
            "{} of {} molecules pass; random scores would let {:.0} pass (95 % interval {} to \
             {}): {}.",
            grouped(passes.observed),
            grouped(passes.rows),
            passes.expected_by_chance,
            grouped(passes.chance_low),
            grouped(passes.chance_high),
            passes.against_chance(),
        );
        if self.rows_without_power > 0 {
            text.push_str(&format!(
                " For {} of {} ({}) no score could be significant at p ≤ {}: too few decoys.",
                grouped(self.rows_without_power),
                grouped(self.rows_tested),
                percent(Some(self.rows_without_power as f64 / self.rows_tested as f64)),
                self.level,
            ));
        }
        Some(text)
    }
}
