//! The stored row of a molecule's controls: what a later audit of other scores
//! against the same decoys needs, without their chemistry.

use crate::evidence::ControlName;

/// A control on one molecule: its score of the original, and how that does
/// against the molecule's decoys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlCell {
    /// Of the original, higher is better; published value (8 decimals).
    pub score: f64,
    /// AUC against the decoys that it was audited against, 0 to 1; none where
    /// there are none.
    pub auc: Option<f64>,
    /// How many decoys those are.
    pub decoys: u32,
}

/// A molecule and its controls: a row of `controls.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlRow {
    /// Row of the input.
    pub row: u64,
    /// Identifier as read.
    pub molecule_id: String,
    /// Bemis-Murcko scaffold as canonical SMILES; none for molecules without a
    /// ring, or without a scaffold that can be written.
    pub scaffold: Option<String>,
    /// Whether the molecule stands in the training file, compared without
    /// stereo; none without a training file.
    pub in_training: Option<InTraining>,
    /// Each control in the order of [`ControlName::ALL`]; none where it was not
    /// computed.
    pub cells: [Option<ControlCell>; ControlName::ALL.len()],
}

impl ControlRow {
    /// What is known of a control.
    #[must_use]
    pub fn cell(&self, control: ControlName) -> Option<ControlCell> {
        self.cells[control as usize]
    }

    /// The row without the control that is fitted on all molecules.
    #[must_use]
    pub fn without_fitted(&self) -> Self {
        let mut row = self.clone();
        row.cells[ControlName::Separability as usize] = None;
        row
    }
}

/// Whether a molecule stands in the training file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InTraining {
    /// Not even when stereo is left out.
    No,
    /// Another stereoisomer of it does.
    WithoutStereo,
    /// It does.
    Exactly,
}

impl InTraining {
    const ALL: [Self; 3] = [Self::No, Self::WithoutStereo, Self::Exactly];

    /// As published.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::WithoutStereo => "without_stereo",
            Self::Exactly => "exactly",
        }
    }

    /// Reads a published word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_numbered_in_their_order() {
        for (place, control) in ControlName::ALL.into_iter().enumerate() {
            assert_eq!(control as usize, place);
        }
        assert_eq!(InTraining::from_word("exactly"), Some(InTraining::Exactly));
    }
}
