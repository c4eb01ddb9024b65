//! What a conclusion takes besides audited rows.

use hetero2_contract::evidence::{Leakage, Separability};

use super::row::Key;

/// Whether outcomes were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutcomesGiven {
    /// They were not.
    #[default]
    No,
    /// They were, whether or not any row has one.
    Yes,
}

/// What a conclusion takes besides audited rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Whether outcomes were given.
    pub outcomes: OutcomesGiven,
    /// Labelled molecules of similarity ≥ 0.6 (or matched pairs) with different
    /// labels, by unit, each pair once; pairs without a score or without two
    /// labels are left out.
    pub cliffs: Vec<(Key, Key)>,
    /// How well originals and decoys are separable, as far as it was computed.
    pub separability: Option<Separability>,
    /// Overlap with the training file, where one is given.
    pub leakage: Option<Leakage>,
}
