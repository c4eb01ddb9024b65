//! Matched decoys: molecules made from an original by double-edge swaps.
//!
//! A swap keeps every atom and its number of bonds, so a decoy has the
//! original's composition and degree sequence but another topology; swaps of
//! set v2 with a hydrogen count bonds to hydrogens among them. This
//! module chooses swaps; what a swap does to a molecule is
//! [`crate::molecule`]'s business. It must not know of scores or files.

mod cage;
mod exhaustive;
mod given;
mod hardness;
mod matched;
mod published;
mod record;
mod v2;

use crate::molecule::Molecule;

pub use given::of_given;
pub use hardness::{TanimotoRange, TanimotoRangeError};
pub use hetero2_contract::strategy::StrategyId;
pub use hetero2_contract::{DecoyHash, HardnessBin, Warning};
pub use matched::{DecoyPool, MAX_SIMILARITY, PoolMolecule, Properties, WINDOWS};
pub use record::{Decoy, DecoyCounters, Similarity};
pub use v2::RuleCounters;

/// How decoys come about.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DecoySet {
    /// The published strategies as they are (see [`DecoyStrategy`]).
    #[default]
    #[cfg_attr(feature = "clap", value(help = "The published strategies as they are"))]
    V1,
    /// Swaps and chains of swaps whose results are as plausible as their
    /// original: its fragments, its formula, no uncommon new ring, no
    /// environment rarer than its rarest.
    #[cfg_attr(
        feature = "clap",
        value(help = "Swaps and chains of swaps that are as plausible as their original")
    )]
    V2,
    /// Structures that a file lists for each molecule: see [`of_given`].
    #[cfg_attr(feature = "clap", value(help = "What --decoys-from lists for each molecule"))]
    Given,
    /// Molecules of a pool with the properties of the original: see
    /// [`DecoyPool::decoys`].
    #[cfg_attr(
        feature = "clap",
        value(help = "Molecules of --decoy-pool with the properties of the original")
    )]
    Matched,
}

/// How swaps of set v1 are chosen.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DecoyStrategy {
    /// The published way: random draws, the first strategy that gives a decoy.
    #[cfg_attr(feature = "clap", value(help = "The published random draws"))]
    Published,
    /// Every swap in a seeded order, strategy after strategy.
    #[default]
    #[cfg_attr(feature = "clap", value(help = "Every swap, strictest strategy first"))]
    Exhaustive,
}

/// What decoys are wanted.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DecoyRequest {
    /// How many decoys, at most.
    pub count: usize,
    /// Seed of the draws or of the order; any 64-bit number.
    pub seed: i64,
    /// How decoys come about.
    pub set: DecoySet,
    /// How swaps of set v1 are chosen; set v2 does not ask.
    pub strategy: DecoyStrategy,
    /// Hard mode: the similarities to the original that are let through.
    pub hardness: Option<TanimotoRange>,
}

impl DecoyRequest {
    /// Whether hard mode, if on, lets a decoy of this similarity through.
    fn admits(&self, similarity: Option<Similarity>) -> bool {
        self.hardness.is_none_or(|range| {
            similarity.is_some_and(|similarity| range.contains(similarity.tanimoto()))
        })
    }
}

/// How far the search for decoys went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SearchExtent {
    /// Random draws: nothing can be said about what else exists.
    Sampled,
    /// The requested count was reached before the swaps were exhausted.
    CountReached,
    /// Every swap of every strategy was tried; the decoys returned are all
    /// there are.
    Exhausted {
        /// Number of distinct decoys that exist within the request's range.
        distinct: usize,
    },
    /// The bound on work was reached first (see [`generate`]).
    Truncated {
        /// Swaps tried.
        swaps_tried: usize,
    },
}

/// The decoys of one molecule, and how they came about.
#[derive(Debug, Clone)]
pub struct DecoyOutcome {
    /// Distinct decoys in the order in which they were found.
    pub decoys: Vec<Decoy>,
    /// Published: the strategy that gave the decoys, the last one tried where
    /// none did. Exhaustive: the loosest strategy that gave one, if any.
    pub strategy: Option<StrategyId>,
    /// Published: of the strategy that gave the decoys, of the strictest one
    /// where none did. Exhaustive: over all strategies.
    pub counters: DecoyCounters,
    /// What each rule of set v2 cost; `None` for set v1, which has none.
    pub rules: Option<RuleCounters>,
    /// Remarks in the order of their published wording, without repetition.
    pub warnings: Vec<Warning>,
    /// How far the search went.
    pub extent: SearchExtent,
}

/// Makes decoys of `molecule`. The result depends on the two arguments only. Sets
/// `given` and `matched` are not made of the molecule, so that there is none:
/// [`of_given`] and [`DecoyPool::decoys`] choose those.
///
/// Work is bounded: published strategies make at most `max(100, 200 * count)`
/// attempts each; the exhaustive one tries at most 20,000 swaps, and fewer for
/// molecules of more than 100 atoms (2e8 divided by the square of the atoms)
/// and for cages (6e8 divided by atoms and the cube of independent rings),
/// with a warning.
///
/// ```
/// use hetero2_chemistry::decoy::{DecoyRequest, DecoySet, DecoyStrategy, generate};
/// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
///
/// let aspirin = Molecule::from_smiles(b"CC(=O)Oc1ccccc1C(=O)O", &ParseLimits::default())?;
/// let strategy = DecoyStrategy::Exhaustive;
/// let set = DecoySet::V1;
/// let request = DecoyRequest { count: 5, seed: 0, set, strategy, hardness: None };
/// let outcome = generate(&aspirin, &request);
/// assert_eq!(outcome.decoys.len(), 5);
/// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
/// ```
#[must_use]
pub fn generate(molecule: &Molecule, request: &DecoyRequest) -> DecoyOutcome {
    match generate_while(molecule, request, &|| true) {
        Ok(outcome) => outcome,
        Err(Interrupted) => unreachable!("a search that always goes on is not interrupted"),
    }
}

/// The search for decoys was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the search for decoys was interrupted")]
pub struct Interrupted;

/// [`generate`] for as long as `keep_going` says so; it is asked before every
/// swap that is computed.
///
/// # Errors
/// [`Interrupted`] when it said no: a search cut short by the clock has no
/// result, because that would differ from run to run.
pub fn generate_while(
    molecule: &Molecule,
    request: &DecoyRequest,
    keep_going: &dyn Fn() -> bool,
) -> Result<DecoyOutcome, Interrupted> {
    match (request.set, request.strategy) {
        (DecoySet::V1, DecoyStrategy::Published) => {
            published::generate(molecule, request, keep_going)
        }
        (DecoySet::V1, DecoyStrategy::Exhaustive) => {
            exhaustive::generate(molecule, request, keep_going)
        }
        (DecoySet::V2, _) => v2::generate(molecule, request, keep_going),
        (DecoySet::Given | DecoySet::Matched, _) => Ok(of_given(molecule, [], request)),
    }
}
