//! Figures of an audit with outcomes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::Figure;
use super::names::ControlName;

/// What outcomes say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcomes {
    /// Labelled units with a score, active.
    pub actives: u64,
    /// Labelled units with a score, inactive.
    pub inactives: u64,
    /// Of both, those left out because their molecule stands in the training
    /// file.
    pub left_out_in_training: u64,
    /// Units with rows of both labels; they count as unlabelled.
    pub labels_disagree: u64,
    /// The model.
    pub model: ScorerOutcomes,
    /// Each control, in the fixed order.
    pub controls: Vec<ControlOutcomes>,
    /// The model's ROC AUC minus each control's.
    pub differences: Vec<Difference>,
    /// The audit within each class.
    pub by_class: ByClass,
}

/// How one score does on labelled units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScorerOutcomes {
    /// Audit AUC of actives minus that of inactives.
    pub contrast: Option<Figure>,
    /// Probability that an active scores above an inactive, ties one half.
    pub roc_auc: Option<Figure>,
    /// Truchon and Bayly (2007), α = 20.
    pub bedroc: Option<Figure>,
    /// Enrichment among the first 1, 5 and 10 %.
    pub enrichment: Vec<EnrichmentFigure>,
    /// How often, of two similar molecules with different labels, the active
    /// scores higher, ties one half.
    pub cliffs: Option<Figure>,
    /// Pairs that is of.
    pub cliff_pairs: u64,
}

/// Enrichment among the first rows of a ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnrichmentFigure {
    /// Share of the ranking.
    pub fraction: f64,
    /// Rows: the share, rounded up.
    pub selected: u64,
    /// Actives among them over those of as many random rows.
    pub factor: Figure,
    /// The factor of a perfect ranking.
    pub factor_max: f64,
}

/// A control on labelled units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlOutcomes {
    /// Which.
    pub name: ControlName,
    /// Its figures.
    pub figures: ScorerOutcomes,
}

/// The model's ROC AUC minus a control's, over the same units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The control.
    pub control: ControlName,
    /// Paired difference.
    pub difference: Figure,
    /// One-sided: that the model is not above the control.
    pub p_value: Option<f64>,
    /// After Holm (1979) over all controls.
    pub p_holm: Option<f64>,
    /// Whether the model is above the control at 0.025 after Holm.
    pub above: bool,
}

/// The audit within each class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ByClass {
    /// Units that outcomes call active.
    pub active: Option<ClassFigures>,
    /// Units that outcomes call inactive; that they fail is not held against
    /// the model.
    pub inactive: Option<ClassFigures>,
}

/// The audit of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassFigures {
    /// Audited units.
    pub units: u64,
    /// Their mean AUC against decoys.
    pub audit_auc: Figure,
    /// Share that pass.
    pub pass_rate: Option<Figure>,
}

/// Overlap of the library with the training molecules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Leakage {
    /// Molecules of the training file.
    pub training_molecules: u64,
    /// Units whose canonical SMILES stands in the training file.
    pub duplicates: u64,
    /// Units that stand there when stereo is left out.
    pub duplicates_without_stereo: u64,
    /// Similarity (ECFP4) to the nearest training molecule: its median.
    pub nearest_similarity_median: Option<f64>,
    /// 90 % quantile of the same.
    pub nearest_similarity_p90: Option<f64>,
    /// Share of units whose scaffold stands in the training file.
    pub scaffold_overlap: Option<f64>,
    /// AVE bias (Wallach and Heifets 2018); needs labels on both sides.
    pub ave_bias: Option<f64>,
    /// Labelled units that do not count towards support, being in the training
    /// file without stereo.
    pub labelled_left_out: u64,
}
