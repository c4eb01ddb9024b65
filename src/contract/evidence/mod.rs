//! What an audit concludes of a score, and on what grounds: the document
//! `hetero_evidence.v1` (the section `evidence` of `metrics.json`).
//!
//! Numbers are published values, rounded to 8 decimals. Nothing here computes.

mod acceptance;
mod budget;
mod figures;
mod names;
mod outcomes;
mod verdict;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use acceptance::{AcceptPolicy, Specificity, StopReason};
pub use budget::{AuditEffect, BudgetResult, COST_LIFT_V2_SCHEMA, ControlBudget, CostLiftV2};
pub use figures::{
    BinFigures, ByHardness, ChanceTest, Clusters, ControlFigures, Discoveries, DiscoveryProcedure,
    Equivalence, EquivalenceTest, Figure, IntervalMethod, Passes, Power, Separability, Units,
};
pub use names::ControlName;
pub use outcomes::{
    ByClass, ClassFigures, ControlOutcomes, Difference, EnrichmentFigure, Leakage, Outcomes,
    ScorerOutcomes,
};
pub use verdict::{EvidenceReason, EvidenceVerdict, EvidenceWarning};

/// Identifier of the document.
pub const EVIDENCE_SCHEMA: &str = "hetero_evidence.v1";

/// What an audit concludes of a score, and on what grounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// [`EVIDENCE_SCHEMA`].
    #[schemars(extend("const" = "hetero_evidence.v1"))]
    pub schema_version: String,
    /// The conclusion.
    pub verdict: EvidenceVerdict,
    /// Why, and what would be needed for more.
    pub reasons: Vec<EvidenceReason>,
    /// Whether a control that knows no activity does as well against the
    /// decoys; none where the score did no better than chance, or there is no
    /// control.
    pub plausibility_suffices: Option<bool>,
    /// How the intervals come about.
    pub intervals: IntervalMethod,
    /// Molecules audited.
    pub units: Units,
    /// What is taken for independent.
    pub clusters: Clusters,
    /// Mean AUC of units against their decoys.
    pub audit_auc: Option<Figure>,
    /// Whether that is better than chance.
    pub chance: Option<ChanceTest>,
    /// What this audit could have shown.
    pub power: Option<Power>,
    /// How well a linear classifier tells originals from decoys.
    pub separability: Option<Separability>,
    /// Units that pass, and that would under random labels.
    pub passes: Option<Passes>,
    /// Lower estimate of the share of units whose score carries a signal (π̂₁).
    pub signal_share: Option<Figure>,
    /// Units that stand out at a false-discovery rate of 0.05.
    pub discoveries: Option<Discoveries>,
    /// AUC by similarity of the decoys.
    pub by_hardness: ByHardness,
    /// The same figures for scores that know no activity, in their fixed order.
    pub controls: Vec<ControlFigures>,
    /// Overlap with the training molecules, where those are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leakage: Option<Leakage>,
    /// What outcomes say, where they are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// What limits the evidence.
    pub warnings: Vec<EvidenceWarning>,
}
