//! The published strategies of the decoy search, by name.

use serde::{Deserialize, Serialize};

use crate::name::words;

/// A rewiring strategy; `Ord` goes from the strictest to the loosest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StrategyId {
    /// Single bonds outside rings without an aromatic end.
    #[serde(rename = "rewire_strict_v1")]
    Strict,
    /// Single bonds outside rings.
    #[serde(rename = "rewire_relax_a_v1")]
    RelaxA,
    /// Single bonds without an aromatic end.
    #[serde(rename = "rewire_relax_b_v1")]
    RelaxB,
    /// Every single bond, after aromatic bonds were made single.
    #[serde(rename = "rewire_fallback_aromatic_as_single_v1")]
    AromaticAsSingle,
    /// Set v2: one swap that keeps the kinds of atoms that bonds join.
    #[serde(rename = "swap_2k")]
    Swap2K,
    /// Set v2: any other swap.
    #[serde(rename = "swap")]
    Swap,
    /// Set v2: one swap of a bond with a bond to a hydrogen, which moves a
    /// substituent.
    #[serde(rename = "swap_hydrogen")]
    SwapHydrogen,
    /// Set v2: two swaps, one after the other.
    #[serde(rename = "chain_2")]
    Chain2,
    /// Set v2: three swaps, one after the other.
    #[serde(rename = "chain_3")]
    Chain3,
    /// Set `given`: listed for the molecule in a file.
    #[serde(rename = "given")]
    Given,
    /// Set `matched`: a molecule of a pool.
    #[serde(rename = "matched")]
    Matched,
}

words!(StrategyId, "decoy strategy", "one of the published strategies", {
    Strict => "rewire_strict_v1",
    RelaxA => "rewire_relax_a_v1",
    RelaxB => "rewire_relax_b_v1",
    AromaticAsSingle => "rewire_fallback_aromatic_as_single_v1",
    Swap2K => "swap_2k",
    Swap => "swap",
    SwapHydrogen => "swap_hydrogen",
    Chain2 => "chain_2",
    Chain3 => "chain_3",
    Given => "given",
    Matched => "matched",
});

impl StrategyId {
    /// The strategies of set v1, strictest first: the order in which they are
    /// tried.
    pub const V1: [Self; 4] = [Self::Strict, Self::RelaxA, Self::RelaxB, Self::AromaticAsSingle];

    /// The families of set v2, in the order in which they are tried.
    pub const V2: [Self; 5] =
        [Self::Swap2K, Self::Swap, Self::SwapHydrogen, Self::Chain2, Self::Chain3];

    /// The published identifier.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.as_str()
    }
}
