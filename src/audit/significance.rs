//! Significance beside `hetero_audit.v2`: how likely an AUC is by chance
//! given these very scores, and what a library of such tests shows. Knows
//! nothing of gates but that there is one.

use serde::Serialize;

use super::auc::Ranked;
use super::evaluate::{Audit, AuditError, AuditSettings, Item, Method, check_items, defined};
use super::histogram::{Resolution, ValueHistogram};
use super::permutation::Permutations;

/// p-values above this are no evidence; a test that cannot go below has no power.
pub const SIGNIFICANCE_LEVEL: f64 = 0.05;
/// AUCs this close are equal.
const TIE: f64 = 1e-12;

/// What limits a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PowerNote {
    /// With so few decoys no score can be significant at 0.05.
    #[serde(rename = "too_few_decoys_for_p<=0.05")]
    TooFewDecoys,
}

impl PowerNote {
    /// As published.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFewDecoys => "too_few_decoys_for_p<=0.05",
        }
    }
}

/// How one molecule's audit compares with chance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Significance {
    /// Probability, under random labels given these scores and weights, of an
    /// AUC at least as high; `None` where the AUC is undefined. Labelings whose
    /// AUC is undefined count as at least as high, so that the value is valid.
    /// For one original: (items that would do as well in its place) / (n + 1).
    pub p_value: Option<f64>,
    /// Smallest p-value that any score could reach: 1 / C(n_pos + n_neg, n_pos).
    pub p_min: f64,
    /// Whether every labeling was counted or some were sampled.
    pub method: Method,
    /// Labelings that would reach the gate.
    pub null_passes: u64,
    /// Labelings looked at.
    pub labelings: u64,
    /// What limits the test.
    pub power_note: Option<PowerNote>,
}

/// Compares the audit of `items` with chance; `audit` is their
/// [`evaluate`](super::evaluate()) under the same settings.
///
/// ```
/// use hetero2_audit::{AuditSettings, Item, Label, evaluate, significance};
/// let item = |label, score| Item { label, score, weight: 1.0 };
/// let items = [item(Label::Positive, 1.0), item(Label::Negative, 0.0)];
/// let settings = AuditSettings::default();
/// let audit = evaluate(&items, &settings)?;
/// let chance = significance(&items, &audit, &settings)?;
/// // It passes the gate, as every second random score would.
/// assert_eq!((chance.p_value, chance.null_passes), (Some(0.5), 1));
/// assert!(chance.power_note.is_some());
/// # Ok::<(), hetero2_audit::AuditError>(())
/// ```
///
/// # Errors
/// [`AuditError`] where the items cannot be audited.
pub fn significance(
    items: &[Item],
    audit: &Audit,
    settings: &AuditSettings,
) -> Result<Significance, AuditError> {
    let (n_pos, n_neg) = check_items(items)?;
    let ranked = Ranked::new(items);
    let permutations = Permutations::new(&ranked, n_pos, settings);
    let (Permutations::All(aucs) | Permutations::Sampled(aucs)) = &permutations;
    let labelings = aucs.len() as u64;
    let p_value = defined(ranked.auc(&ranked.labels)).map(|observed| {
        let as_high = |auc: &&f64| auc.is_nan() || **auc >= observed - TIE;
        let count = aucs.iter().filter(as_high).count() as f64;
        match permutations.method() {
            Method::Exact => count / labelings as f64,
            // The observed labeling is one of the sample.
            Method::MonteCarlo => (count + 1.0) / (labelings as f64 + 1.0),
        }
    });
    let gate = audit.neg_controls.gate;
    let null_passes = aucs.iter().filter(|auc| **auc - gate >= 0.0).count() as u64;
    let p_min = 1.0 / binomial_coefficient(n_pos + n_neg, n_pos.min(n_neg));
    Ok(Significance {
        p_value,
        p_min,
        method: permutations.method(),
        null_passes,
        labelings,
        power_note: (p_min > SIGNIFICANCE_LEVEL).then_some(PowerNote::TooFewDecoys),
    })
}

/// The AUC of `items` under each labeling that [`significance`] looks at; NaN
/// where one class weighs nothing.
///
/// # Errors
/// [`AuditError`] where the items cannot be audited.
pub fn null_aucs(items: &[Item], settings: &AuditSettings) -> Result<Vec<f64>, AuditError> {
    let (n_pos, _) = check_items(items)?;
    let (Permutations::All(aucs) | Permutations::Sampled(aucs)) =
        Permutations::new(&Ranked::new(items), n_pos, settings);
    Ok(aucs)
}

/// C(n, k) as a double; infinite where it exceeds one.
fn binomial_coefficient(n: usize, k: usize) -> f64 {
    let mut product = 1.0f64;
    for i in 0..k {
        product *= (n - i) as f64 / (i + 1) as f64;
        if product.is_infinite() {
            break;
        }
    }
    product.round()
}

/// A library's p-values: mergeable, and the same in any order and partition.
/// Memory as [`ValueHistogram`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PValues {
    values: ValueHistogram,
}

impl PValues {
    /// Counts one p-value.
    pub fn add(&mut self, p_value: f64) {
        self.values.add(p_value);
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.values.merge(&other.values);
    }

    /// p-values counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.values.total()
    }

    /// Distinct p-values with their counts, ascending.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> + '_ {
        self.values.iter()
    }

    /// False-discovery rates after Benjamini and Hochberg (1995): the smallest
    /// p'·N / rank(p') over all p' ≥ p.
    #[must_use]
    pub fn q_values(&self) -> QValues {
        let total = self.values.total() as f64;
        let mut rank = self.values.total();
        let mut smallest = 1.0f64;
        let mut table: Vec<(f64, f64)> = Vec::new();
        for (p, count) in self.values.iter().rev() {
            smallest = smallest.min(p * total / rank as f64);
            table.push((p, smallest));
            rank -= count;
        }
        table.reverse();
        let half_step = match self.values.resolution() {
            Resolution::Exact => 0.0,
            Resolution::EightDecimals => 0.5e-8,
            Resolution::FiveDecimals => 0.5e-5,
        };
        QValues { table, half_step }
    }
}

/// q-values by p-value.
#[derive(Debug, Clone, PartialEq)]
pub struct QValues {
    table: Vec<(f64, f64)>,
    half_step: f64,
}

impl QValues {
    /// Distinct p-values with their q-values, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.table.iter().copied()
    }

    /// The q-value of a p-value that was counted; of another, that of the next
    /// larger one. `None` above all of them.
    #[must_use]
    pub fn get(&self, p_value: f64) -> Option<f64> {
        let at = self.table.partition_point(|(p, _)| *p < p_value - self.half_step);
        self.table.get(at).map(|(_, q)| *q)
    }
}
