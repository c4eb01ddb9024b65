//! Why a row has no results.

use crate::name::{coded, words};

coded! {
    /// Why a row ended as SKIP or ERROR, as published.
    ///
    /// ```
    /// use hetero2_contract::Reason;
    /// let reason: Reason = "internal: no such bond".parse()?;
    /// assert_eq!(reason, Reason::Internal("no such bond".into()));
    /// assert_eq!(Reason::TooManyAtoms.to_string(), "too_many_atoms");
    /// # Ok::<(), hetero2_contract::UnknownName>(())
    /// ```
    Reason: "reason", "those of docs/contracts/evidence_pack.md";

    /// SKIP: the row has no SMILES.
    MissingSmiles = "missing_smiles";
    /// SKIP: the SMILES, or the whole row, cannot be read.
    InvalidSmiles = "invalid_smiles";
    /// SKIP: the row is a query (a list of elements, a bond of several orders), not a molecule.
    QueryAtom = "query_atom";
    /// SKIP: the molecule has a bond of no definite order (zero, hydrogen, to several atoms).
    UnsupportedBond = "unsupported_bond";
    /// SKIP: the molecule has a stereocentre that is not tetrahedral.
    UnsupportedStereo = "unsupported_stereo";
    /// SKIP: the rings of a cage cannot be found with certainty.
    UnsupportedRings = "unsupported_rings";
    /// SKIP: the molecule is beyond the limit on heavy atoms, or too large to read.
    TooManyAtoms = "too_many_atoms";
    /// SKIP: the molecule has several fragments, and the run asks for one.
    Disconnected = "disconnected";
    /// SKIP: the run is on external scores, and the row has none.
    MissingScoresInput = "missing_scores_input";
    /// SKIP: the scores have none for the original.
    MissingOriginalScore = "missing_original_score";
    /// SKIP: the run audits only so many of the best originals, and this is none of them.
    BelowAuditTop = "below_audit_top";
    /// SKIP: the molecule has no decoy.
    NoDecoysGenerated = "no_decoys_generated";
    /// SKIP: the molecule has no decoy in the range that the run asks for.
    NoHardDecoysGenerated = "no_hard_decoys_generated";
    /// ERROR: the atom table lacks a parameter of an element.
    MissingPhysicsParams = "missing_physics_params";
    /// ERROR: the molecule is hydrogen alone.
    NoHeavyAtoms = "no_heavy_atoms";
    /// ERROR: the row took longer than the run allows.
    Timeout = "timeout";
    /// ERROR: the row's own scores file cannot be used, for this cause.
    ScoresInput(String) = "scores_input: ";
    /// ERROR: a defect of this program, in its own words.
    Internal(String) = "internal: ";
}

coded! {
    /// A reason as the metrics count it.
    CountedReason: "reason", "those of docs/contracts/evidence_pack.md, or other_reasons";

    /// Reasons beyond those that are counted each by itself: internal errors may
    /// carry texts of their own.
    Rest = "other_reasons";
    /// This one.
    Of(Reason) = "";
}

/// What a row's end means beyond its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeVerdict {
    /// The atom table lacks a parameter of an element.
    MissingPhysicsParams,
}

words!(OutcomeVerdict, "outcome verdict", "ERROR_MISSING_PHYSICS_PARAMS", {
    MissingPhysicsParams => "ERROR_MISSING_PHYSICS_PARAMS",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_and_no_other_does() {
        for text in
            ["missing_smiles", "query_atom", "timeout", "scores_input: no file a: b", "internal: "]
        {
            assert_eq!(text.parse::<Reason>().map(|r| r.to_string()).as_deref(), Ok(text));
            let counted: CountedReason = text.parse().unwrap();
            assert_eq!(counted, CountedReason::Of(text.parse().unwrap()));
        }
        assert_eq!("other_reasons".parse(), Ok(CountedReason::Rest));
        for text in ["", "Timeout", "timeout ", "other_reasons", "internal"] {
            assert!(text.parse::<Reason>().is_err(), "{text:?}");
        }
    }
}
