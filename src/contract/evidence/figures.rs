//! Figures of an audit without outcomes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::ControlName;

/// A figure with its interval at the document's confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// The estimate.
    pub value: f64,
    /// Lower end; none where there are too few clusters for one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// How intervals come about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalMethod {
    /// Of smooth figures.
    pub method: String,
    /// Of figures that count the first rows of a ranking.
    pub ranking_method: String,
    /// Two-sided confidence of every interval.
    pub confidence: f64,
}

/// Molecules audited: rows of one canonical SMILES are one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Units {
    /// Rows with a scored original and a scored decoy.
    pub rows: u64,
    /// Distinct molecules among them that the figures are of.
    pub units: u64,
    /// Share of all units that the figures are of; 1 unless the library is
    /// larger than what is kept.
    pub sampled_share: f64,
    /// Units whose rows have different scores.
    pub units_scores_disagree: u64,
    /// First row of some of them, ascending.
    pub rows_scores_disagree: Vec<u64>,
}

/// Groups of units that are taken for independent: one scaffold, or a shared
/// decoy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clusters {
    /// Their number.
    pub clusters: u64,
    /// Units of the largest.
    pub largest: u64,
    /// (Σ mᵢ)² / Σ mᵢ² over their sizes: as many equal ones would weigh alike.
    pub effective: f64,
    /// Unions for a shared decoy, beyond those of scaffolds.
    pub joined_by_decoys: u64,
}

/// Whether the mean AUC is better than chance, and than scores reach that weigh
/// atom environments at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChanceTest {
    /// One-sided; none where there are fewer than two clusters.
    pub p_value: Option<f64>,
    /// The p-value up to which chance is excluded.
    pub level: f64,
    /// Whether chance is excluded.
    pub better_than_chance: bool,
    /// Degrees of freedom of the test.
    pub degrees_of_freedom: Option<f64>,
}

/// What the audit could have shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Power {
    /// The mean AUC that is to be found.
    pub at_auc: f64,
    /// Probability of excluding chance at that AUC.
    pub power: f64,
    /// Power that is asked for.
    pub required: f64,
    /// Units of the present kind that would give it.
    pub units_needed: Option<u64>,
}

/// How well a cross-fitted linear classifier tells originals from decoys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Separability {
    /// AUC on descriptors alone.
    pub descriptors: Option<Figure>,
    /// AUC on hashed atom environments alone.
    pub environments: Option<Figure>,
    /// AUC on both: the control `separability`.
    pub both: Option<Figure>,
    /// Folds, by cluster.
    pub folds: u32,
    /// Units that it was fitted on.
    pub units: u64,
    /// How far the mean AUC of scores that weigh hashed atom environments at
    /// random lies from 0.5 whatever the number of units: a standard deviation
    /// beyond that of sampling.
    #[serde(default)]
    pub random_weights_spread: f64,
}

/// Units that pass, and that would under random labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passes {
    /// Share of units that pass.
    pub observed: Figure,
    /// Expected share under random labels.
    pub expected: f64,
    /// Observed minus expected.
    pub excess: Figure,
}

/// Which procedure gives the q-values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscoveryProcedure {
    /// Benjamini and Hochberg (1995) over the units that can be significant.
    BenjaminiHochberg,
    /// Döhler, Durand and Roquain (2018), step-up: gains where units have
    /// different numbers of decoys.
    DiscreteStepUp,
}

/// Units that stand out at a false-discovery rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Discoveries {
    /// The false-discovery rate.
    pub level: f64,
    /// How q-values come about.
    pub procedure: DiscoveryProcedure,
    /// Units with a p-value: that of their first row.
    pub units: u64,
    /// Of these, units whose smallest possible p-value is at most the level
    /// (Tarone 1990): only they are tested.
    pub testable: u64,
    /// Units with a q-value of at most the level.
    pub discoveries: u64,
    /// Decoys a unit at which a tenth of the units could be discovered.
    pub decoys_needed: u64,
    /// Smallest share of the testable units that could be discovered, if they
    /// win against all their decoys; none where no share could.
    pub smallest_share: Option<f64>,
}

/// AUC by similarity of the decoys to their original.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ByHardness {
    /// Tanimoto similarity below 0.50.
    pub easy: Option<BinFigures>,
    /// From 0.50 to below 0.70.
    pub medium: Option<BinFigures>,
    /// From 0.70.
    pub hard: Option<BinFigures>,
}

/// Figures of one bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BinFigures {
    /// Units with a scored decoy in the bin.
    pub units: u64,
    /// Pairs of an original and a scored decoy.
    pub pairs: u64,
    /// AUC over these pairs.
    pub auc: Figure,
    /// Whether the AUC is that of chance, for practical purposes.
    pub equivalence: EquivalenceTest,
}

/// What two one-sided tests say (Schuirmann 1987).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Equivalence {
    /// The 90 % interval lies within 0.5 ± margin.
    EquivalentToChance,
    /// The interval lies above 0.5.
    AboveChance,
    /// The interval lies below 0.5.
    BelowChance,
    /// None of these.
    Undecided,
}

/// Whether an AUC is that of chance, for practical purposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EquivalenceTest {
    /// Largest difference from 0.5 that does not matter.
    pub margin: f64,
    /// The larger p-value of the two one-sided tests.
    pub p_value: Option<f64>,
    /// Their result at 0.05. An AUC may be above chance and equivalent to it;
    /// equivalence goes first.
    pub result: Equivalence,
}

/// A control's figures on the same molecules and decoys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlFigures {
    /// Which.
    pub name: ControlName,
    /// Units that it scored.
    pub units: u64,
    /// Mean AUC of units against their decoys.
    pub audit_auc: Option<Figure>,
    /// Share of units whose original scores above every decoy, of those that the
    /// control was audited against all decoys of; none for controls that are
    /// audited against some of them only.
    pub pass_rate: Option<Figure>,
    /// The model's AUC minus the control's, over units that both scored.
    pub model_minus_control: Option<Figure>,
}
