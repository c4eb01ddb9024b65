//! `hetero_audit.v2`: one molecule's score against its decoys' scores, with
//! exact negative controls. Knows nothing of where scores come from.

use hetero2_contract::{Verdict, Warning};
use serde::Serialize;

use super::auc::Ranked;
use super::null;
use super::permutation::{self, Permutations};

/// Identifier of the audit's definition, as published with its results.
pub const AUDIT_SCHEMA: &str = "hetero_audit.v2";

/// Which class an item belongs to: the original is positive, decoys negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A decoy (label 0).
    Negative,
    /// The original molecule (label 1).
    Positive,
}

/// One scored structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    /// Original or decoy.
    pub label: Label,
    /// The model's score, higher is better, no unit; must be finite.
    pub score: f64,
    /// Weight in the AUC; must be finite and not negative.
    pub weight: f64,
}

/// Settings of [`evaluate`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuditSettings {
    /// Seeds the label permutations where they are sampled.
    pub seed: i64,
    /// Added to the null quantile to make the gate.
    pub margin: f64,
    /// Quantile of the null distributions, in (0, 1].
    pub quantile: f64,
    /// Label permutations where they are sampled, at least 1.
    pub repetitions: u32,
}

impl Default for AuditSettings {
    /// Seed 0, margin 0.05, quantile 0.95, 200 repetitions.
    fn default() -> Self {
        Self { seed: 0, margin: 0.05, quantile: 0.95, repetitions: 200 }
    }
}

/// How the permutation quantile was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every labeling was counted.
    Exact,
    /// Labelings were sampled.
    #[serde(rename = "mc")]
    MonteCarlo,
}

/// How the null quantile was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NullMethod {
    /// One positive or one negative: every rank is equally likely.
    #[serde(rename = "m1_exact")]
    SingleExact,
    /// Exact counts of Wilcoxon's U, without weights.
    #[serde(rename = "unweighted_counts")]
    UnweightedCounts,
}

/// The negative controls and what follows from them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NegativeControls {
    /// Quantile of the AUC under random labels with fixed, untied ranks.
    pub null_q: f64,
    /// Quantile of the AUC under permuted labels of these very scores; `None`
    /// where it is undefined for want of weight.
    pub perm_q: Option<f64>,
    /// Equal to `null_q`.
    pub rand_q: f64,
    /// The larger of `perm_q` and `rand_q`.
    pub neg_auc_max: Option<f64>,
    /// How `null_q` was found.
    pub null_q_method: NullMethod,
    /// How `perm_q` was found.
    pub method: Method,
    /// Labelings sampled; 0 when exact.
    pub reps_used: u32,
    /// `min(1, null_q + margin)`.
    pub gate: f64,
    /// The margin used.
    pub margin: f64,
    /// `auc − gate`.
    pub slack: Option<f64>,
    /// `PASS` where slack is not negative, else `FAIL`.
    pub verdict: Verdict,
}

/// A complete audit of one molecule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// [`AUDIT_SCHEMA`].
    pub schema_version: &'static str,
    /// Positives among the items.
    pub n_pos: usize,
    /// Negatives among the items.
    pub n_neg: usize,
    /// Weighted probability that a positive outscores a negative, ties counting
    /// one half; `None` where one class weighs nothing.
    pub auc_tie_aware: Option<f64>,
    /// Null quantiles, gate, slack and verdict.
    pub neg_controls: NegativeControls,
    /// What a reader should know.
    pub warnings: Vec<Warning>,
}

/// Why items cannot be audited.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AuditError {
    /// No items at all.
    #[error("an audit needs items: the list is empty; give the original and at least one decoy")]
    NoItems,
    /// No item is labelled positive.
    #[error("an audit needs a positive: none of the {items} items is an original")]
    NoPositives {
        /// Items given.
        items: usize,
    },
    /// No item is labelled negative.
    #[error("an audit needs a negative: none of the {items} items is a decoy")]
    NoNegatives {
        /// Items given.
        items: usize,
    },
    /// A score is NaN or infinite.
    #[error("item {index} ({label:?}) has the score {value}; scores must be finite numbers")]
    NonFiniteScore {
        /// Position in the given list, from 0.
        index: usize,
        /// The item's label.
        label: Label,
        /// The offending value.
        value: f64,
    },
    /// A weight is NaN, infinite or negative.
    #[error(
        "item {index} ({label:?}) has the weight {value}; weights must be finite and not negative"
    )]
    BadWeight {
        /// Position in the given list, from 0.
        index: usize,
        /// The item's label.
        label: Label,
        /// The offending value.
        value: f64,
    },
    /// A setting is out of its range.
    #[error("audit setting {name} is {value}; it must be {allowed}")]
    BadSetting {
        /// Name of the setting.
        name: &'static str,
        /// The offending value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The exact null distribution would take too much memory or time.
    #[error(
        "the exact null of {n_pos} positives against {n_neg} negatives is too large to count; \
         audit one original at a time, or fewer decoys"
    )]
    NullTooLarge {
        /// Positives.
        n_pos: usize,
        /// Negatives.
        n_neg: usize,
    },
}

/// Audits the scores of one molecule against those of its decoys.
///
/// The result does not depend on the order of `items`. Source of the formulas:
/// `docs/contracts/`, `hetero_audit.v2`. Time is O(n log n) for one original
/// and unit weights, O(n²) at worst.
///
/// ```
/// use hetero2_audit::{AuditSettings, Item, Label, Verdict, evaluate};
/// let mut items = vec![Item { label: Label::Positive, score: 1.0, weight: 1.0 }];
/// items.extend((0..20).map(|i| Item {
///     label: Label::Negative,
///     score: f64::from(i) / 20.0,
///     weight: 1.0,
/// }));
/// let audit = evaluate(&items, &AuditSettings::default())?;
/// assert_eq!(audit.auc_tie_aware, Some(1.0));
/// assert_eq!(audit.neg_controls.gate, 1.0);
/// assert_eq!(audit.neg_controls.verdict, Verdict::Pass);
/// # Ok::<(), hetero2_audit::AuditError>(())
/// ```
///
/// # Errors
/// [`AuditError`] where a class is missing, a score or weight is unusable, a
/// setting is out of range, or the exact null is too large.
pub fn evaluate(items: &[Item], settings: &AuditSettings) -> Result<Audit, AuditError> {
    check_settings(settings)?;
    let (n_pos, n_neg) = check_items(items)?;
    let ranked = Ranked::new(items);
    let auc = defined(ranked.auc(&ranked.labels));
    let permutations = Permutations::new(&ranked, n_pos, settings);
    let perm_q = permutation::quantile(&permutations, settings.quantile);

    let u = null::quantile_u(n_pos, n_neg, settings.quantile)
        .ok_or(AuditError::NullTooLarge { n_pos, n_neg })?;
    let null_q = u as f64 / (n_pos * n_neg) as f64;
    let gate = (null_q + settings.margin).min(1.0);
    let slack = auc.map(|auc| auc - gate);
    let passed = slack.is_some_and(|slack| slack >= 0.0);
    let single = n_pos == 1 || n_neg == 1;
    let warnings =
        if ranked.has_unit_weights() { Vec::new() } else { vec![Warning::WeightsUsedInAuc] };
    Ok(Audit {
        schema_version: AUDIT_SCHEMA,
        n_pos,
        n_neg,
        auc_tie_aware: auc,
        neg_controls: NegativeControls {
            null_q,
            perm_q,
            rand_q: null_q,
            neg_auc_max: perm_q.map(|perm_q| perm_q.max(null_q)),
            null_q_method: if single {
                NullMethod::SingleExact
            } else {
                NullMethod::UnweightedCounts
            },
            method: permutations.method(),
            reps_used: permutations.sampled(),
            gate,
            margin: settings.margin,
            slack,
            verdict: if passed { Verdict::Pass } else { Verdict::Fail },
        },
        warnings,
    })
}

fn check_settings(settings: &AuditSettings) -> Result<(), AuditError> {
    let bad = |name, value, allowed| Err(AuditError::BadSetting { name, value, allowed });
    if !(settings.quantile > 0.0 && settings.quantile <= 1.0) {
        return bad("quantile", settings.quantile, "above 0 and at most 1");
    }
    if !settings.margin.is_finite() {
        return bad("margin", settings.margin, "a finite number");
    }
    if settings.repetitions == 0 {
        return bad("repetitions", 0.0, "at least 1");
    }
    Ok(())
}

/// Counts positives and negatives.
pub(super) fn check_items(items: &[Item]) -> Result<(usize, usize), AuditError> {
    if items.is_empty() {
        return Err(AuditError::NoItems);
    }
    for (index, Item { label, score, weight }) in items.iter().copied().enumerate() {
        if !score.is_finite() {
            return Err(AuditError::NonFiniteScore { index, label, value: score });
        }
        if !weight.is_finite() || weight < 0.0 {
            return Err(AuditError::BadWeight { index, label, value: weight });
        }
    }
    let n_pos = items.iter().filter(|item| item.label == Label::Positive).count();
    let n_neg = items.len() - n_pos;
    if n_pos == 0 {
        return Err(AuditError::NoPositives { items: items.len() });
    }
    if n_neg == 0 {
        return Err(AuditError::NoNegatives { items: items.len() });
    }
    Ok((n_pos, n_neg))
}

/// `None` for NaN.
pub(super) fn defined(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}
