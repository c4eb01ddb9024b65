//! Names of the controls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::words;

/// A score that knows no activity, or only what the training molecules tell.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ControlName {
    /// The same for every molecule.
    Constant,
    /// Heavy atoms.
    HeavyAtoms,
    /// Octanol-water partition coefficient (Crippen).
    Logp,
    /// Topological polar surface area.
    Tpsa,
    /// Quantitative estimate of drug-likeness.
    Qed,
    /// Minus the number of disconnected parts.
    Fragments,
    /// Minus the size of the largest ring.
    RingSize,
    /// Minus the synthetic accessibility (Ertl and Schuffenhauer 2009).
    SaScore,
    /// How common the rarest atom environment is.
    EnvironmentCommonness,
    /// The cross-fitted classifier of originals and decoys.
    Separability,
    /// Similarity to the nearest training molecule; labels unused.
    NnSimilarity,
    /// Label of the nearest training molecules.
    KnnLabel,
    /// Ridge regression on ECFP4.
    RidgeEcfp4,
    /// The mean of ridge regressions whose training labels were shuffled.
    YScrambled,
}

words!(ControlName, "control", "the name of a control", {
    Constant => "constant",
    HeavyAtoms => "heavy_atoms",
    Logp => "logp",
    Tpsa => "tpsa",
    Qed => "qed",
    Fragments => "fragments",
    RingSize => "ring_size",
    SaScore => "sa_score",
    EnvironmentCommonness => "environment_commonness",
    Separability => "separability",
    NnSimilarity => "nn_similarity",
    KnnLabel => "knn_label",
    RidgeEcfp4 => "ridge_ecfp4",
    YScrambled => "y_scrambled",
});
