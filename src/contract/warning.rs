//! What a reader should know of a row.

use std::fmt;
use std::str::FromStr;

use crate::name::{UnknownName, coded, words};
use crate::reason::Reason;
use crate::strategy::StrategyId;

/// A warning that says how many there were of something.
pub type CountedWarning = fn(u64) -> Warning;

coded! {
    /// A remark on a row, as published.
    ///
    /// ```
    /// use hetero2_contract::Warning;
    /// let warning: Warning = "skip:disconnected:n_components=2".parse()?;
    /// assert_eq!(warning, Warning::Disconnected(2));
    /// assert_eq!(Warning::SomeScores(3).to_string(), "missing_scores_for_some_decoys:3");
    /// # Ok::<(), hetero2_contract::UnknownName>(())
    /// ```
    Warning: "warning", "those of docs/contracts/evidence_pack.md";

    /// No decoy of the row has a score.
    NoScores = "skip:missing_scores_for_all_decoys";
    /// So many decoys of the row have no score.
    SomeScores(u64) = "missing_scores_for_some_decoys:";
    /// The scores cannot be audited, for this cause.
    AuditFailed(String) = "skip:audit_failed:";
    /// The scores have none for the original, which counts as a default.
    OriginalScoreDefaulted = "original_score_defaulted";
    /// A weight differs from 1: it counts in the AUC, not in the null.
    WeightsUsedInAuc = "weights_used_in_auc_but_null_q_is_unweighted";
    /// The molecule has more heavy atoms than the run allows.
    TooManyAtoms(AtomLimit) = "skip:too_large:n_heavy_atoms=";
    /// The molecule is too large to read, for this cause.
    TooLarge(String) = "skip:too_large:";
    /// The molecule has so many fragments.
    Disconnected(u64) = "skip:disconnected:n_components=";
    /// The molecule was read as written and not diagonalised; which of its features are exact,
    /// which estimated, with what standard error, and which empty.
    LargeGraph(String) = "large_graph:";
    /// So many fragments were left out beside the largest.
    FragmentsLeftOut(u64) = "fragments_left_out:";
    /// So many fragments were left out as salts, solvents or repeats.
    SaltsLeftOut(u64) = "salts_left_out:";
    /// The row was left out, and no other warning says more.
    Skip(Reason) = "skip:";
    /// The SMILES cannot be read, for this cause.
    InvalidSmiles(String) = "invalid_smiles:";
    /// The row of the library cannot be read, for this cause.
    UnreadableRow(String) = "unreadable_row:";
    /// The row's molfile and the SMILES among its data items are two molecules; the latter's
    /// canonical SMILES.
    SmilesItemDiffers(String) = "smiles_item_differs:";
    /// The row took longer than this.
    TimedOut(String) = "timeout: not done after ";
    /// Rows that took too long leave no room for more.
    StuckTimeouts(StuckTimeouts) = "";
    /// No thread could be started for the row, for this cause.
    NoThread(String) = "no thread for work with a time limit: ";
    /// The atom table lacks this parameter …
    MissingParamsKey(PhysicsKey) = "missing_physics_params_key:";
    /// … of these elements.
    MissingParamsAtoms(AtomicNumbers) = "missing_physics_params_atomic_numbers:";
    /// No bond of the molecule can be swapped.
    NotRewirable = "molecule_not_rewirable";
    /// Listed decoys that cannot be read.
    UnreadableDecoys(u64) = "decoys_unreadable:";
    /// The first of them, and why.
    UnreadableDecoy(String) = "decoy_unreadable:";
    /// Molecules of the pool that match but are too similar.
    SimilarPoolMolecules(u64) = "pool_too_similar:";
    /// Candidate bonds of decoy set v2.
    Candidates(u64) = "candidates:";
    /// Chains of swaps were not tried, since the molecule cannot be sketched.
    ChainsNotTried = "decoy_chains_not_tried:1";
    /// The molecule is a cage, and of its swaps only so many were tried.
    CageSwapsBounded(u64) = "decoy_cage_swaps_bounded:";
    /// Candidates of set v2 with another number of fragments than the original.
    RuleFragments(u64) = "decoy_rule_fragments:";
    /// Candidates of another formula.
    RuleFormula(u64) = "decoy_rule_formula:";
    /// Candidates with an uncommon ring that the original has not.
    RuleRings(u64) = "decoy_rule_rings:";
    /// Candidates with an environment rarer than the rarest of the original.
    RuleEnvironments(u64) = "decoy_rule_environments:";
    /// Stereoisomers of the original or of another decoy.
    RuleStereoisomers(u64) = "decoy_rule_stereoisomers:";
    /// Candidates with the fingerprint of the original.
    RuleSameFingerprint(u64) = "decoy_rule_same_fingerprint:";
    /// Candidate bonds of the strict strategy.
    CandidatesStrict(u64) = "candidates_strict:";
    /// Candidate bonds of the first relaxed strategy.
    CandidatesRelaxA(u64) = "candidates_relax_a:";
    /// Candidate bonds of the second relaxed strategy.
    CandidatesRelaxB(u64) = "candidates_relax_b:";
    /// The strict strategy has too few candidate bonds.
    StrictWithoutSwap(u64) = "strict_strategy_no_candidate_swap:";
    /// So many decoys of those asked for were not found.
    TooFewDecoys(u64) = "could_not_generate_k_decoys_under_constraints:";
    /// The same in hard mode.
    TooFewHardDecoys(u64) = "could_not_generate_k_hard_decoys_under_constraints:";
    /// So many swaps gave no valid molecule.
    SanitizeFailures(u64) = "rdkit_sanitize_failures:";
    /// So many decoys lie outside the range of hard mode.
    HardDecoyRejects(u64) = "hard_decoy_rejects:";
    /// Decoys come from this strategy.
    DecoyStrategyUsed(StrategyId) = "decoy_strategy_used:";
    /// The last strategy gave the decoys.
    FallbackUsed = "decoy_fallback_used:1";
    /// Aromatic bonds were made single for the last strategy.
    AromaticAsSingle = "decoy_fallback_aromatic_as_single:1";
    /// They could not be.
    AromaticAsSingleFailed = "decoy_fallback_aromatic_as_single_failed:AtomValenceException";
}

impl Warning {
    /// Whether a row has this warning because of its scores, not of its molecule.
    #[must_use]
    pub fn is_of_scores(&self) -> bool {
        matches!(
            self,
            Self::NoScores
                | Self::SomeScores(_)
                | Self::AuditFailed(_)
                | Self::OriginalScoreDefaulted
                | Self::WeightsUsedInAuc
                | Self::Skip(Reason::MissingOriginalScore | Reason::BelowAuditTop)
        )
    }

    /// Whether this says why a row was left out.
    #[must_use]
    pub fn is_of_skip(&self) -> bool {
        matches!(
            self,
            Self::NoScores
                | Self::AuditFailed(_)
                | Self::TooManyAtoms(_)
                | Self::TooLarge(_)
                | Self::Disconnected(_)
                | Self::Skip(_)
        )
    }

    /// Whether this says that fragments of the molecule were left out.
    #[must_use]
    pub fn is_of_fragments(&self) -> bool {
        matches!(self, Self::FragmentsLeftOut(_) | Self::SaltsLeftOut(_))
    }

    /// Warnings as a row has them: in the order of their texts, each once.
    #[must_use]
    pub fn in_order(mut warnings: Vec<Self>) -> Vec<Self> {
        warnings.sort_by_cached_key(Self::to_string);
        warnings.dedup();
        warnings
    }
}

/// A molecule's heavy atoms, and how many the run allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtomLimit {
    /// Heavy atoms of the molecule.
    pub found: u64,
    /// Heavy atoms allowed.
    pub limit: u64,
}

impl fmt::Display for AtomLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:limit={}", self.found, self.limit)
    }
}

impl FromStr for AtomLimit {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let numbers = text.split_once(":limit=").and_then(|(found, limit)| {
            Some(Self { found: found.parse().ok()?, limit: limit.parse().ok()? })
        });
        numbers.ok_or_else(|| UnknownName::new("atom limit", text, "N:limit=M"))
    }
}

/// How many rows that took too long still hold their threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StuckTimeouts(pub u64);

const STUCK: &str = " earlier timeouts still hold their threads; raise the time limit or remove the \
                     molecules that exceed it";

impl fmt::Display for StuckTimeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{STUCK}", self.0)
    }
}

impl FromStr for StuckTimeouts {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let rows = text.strip_suffix(STUCK).and_then(|rows| rows.parse().ok());
        rows.map(Self).ok_or_else(|| UnknownName::new("warning", text, "N earlier timeouts …"))
    }
}

/// Elements, ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtomicNumbers(pub Vec<u8>);

impl fmt::Display for AtomicNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, number) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{number}")?;
        }
        Ok(())
    }
}

impl FromStr for AtomicNumbers {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let numbers: Result<Vec<u8>, _> = text.split(',').map(str::parse).collect();
        let unknown = |_| UnknownName::new("list of elements", text, "atomic numbers, as in 6,7");
        numbers.map(Self).map_err(unknown)
    }
}

/// A parameter of the atom table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhysicsKey {
    /// The on-site potential ε.
    Epsilon,
    /// The electronegativity χ.
    Chi,
}

words!(PhysicsKey, "parameter", "epsilon or chi", {
    Epsilon => "epsilon",
    Chi => "chi",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_what_it_says() {
        let cases = [
            ("skip:missing_scores_for_all_decoys", Warning::NoScores),
            ("missing_scores_for_some_decoys:3", Warning::SomeScores(3)),
            ("skip:audit_failed:no: way", Warning::AuditFailed("no: way".into())),
            (
                "skip:too_large:n_heavy_atoms=201:limit=200",
                Warning::TooManyAtoms(AtomLimit { found: 201, limit: 200 }),
            ),
            ("skip:too_large:n_heavy_atoms=?", Warning::TooLarge("n_heavy_atoms=?".into())),
            ("skip:disconnected:n_components=2", Warning::Disconnected(2)),
            ("skip:disconnected", Warning::Skip(Reason::Disconnected)),
            ("timeout: not done after 5s", Warning::TimedOut("5s".into())),
            ("invalid_smiles:", Warning::InvalidSmiles(String::new())),
            ("smiles_item_differs:CCO", Warning::SmilesItemDiffers("CCO".into())),
            (
                "missing_physics_params_atomic_numbers:5,92",
                Warning::MissingParamsAtoms(AtomicNumbers(vec![5, 92])),
            ),
            (
                "decoy_strategy_used:rewire_strict_v1",
                Warning::DecoyStrategyUsed(StrategyId::Strict),
            ),
            (
                "2 earlier timeouts still hold their threads; raise the time limit or remove the \
                 molecules that exceed it",
                Warning::StuckTimeouts(StuckTimeouts(2)),
            ),
        ];
        for (text, warning) in cases {
            assert_eq!(warning.to_string(), text);
            assert_eq!(text.parse(), Ok(warning));
        }
        for text in ["", "skip", "skip:nothing", "candidates_strict:x", "something else"] {
            assert!(text.parse::<Warning>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn warnings_are_in_the_order_of_their_texts() {
        let warnings = [
            Warning::SomeScores(10),
            Warning::CandidatesStrict(4),
            Warning::SomeScores(9),
            Warning::CandidatesStrict(4),
        ];
        let texts: Vec<String> =
            Warning::in_order(warnings.into()).iter().map(Warning::to_string).collect();
        let some = "missing_scores_for_some_decoys";
        assert_eq!(texts, ["candidates_strict:4", &format!("{some}:10"), &format!("{some}:9")]);
    }
}
