//! Chains of two or three swaps, where single ones are too few.
//!
//! First chains whose every link is admissible as a decoy. Then chains whose
//! first link has an environment that is too rare, which a second swap at the
//! same atoms puts right. Every link keeps the fragments and makes no ring of
//! an uncommon size.

use super::rules::Rule;
use super::{Search, shuffled};
use crate::decoy::exhaustive::swaps_in_seeded_order;
use crate::decoy::{Interrupted, StrategyId};
use crate::molecule::{BondSwap, Preview, Sketch};

/// Most swaps tried from one link.
const MAX_FROM_LINK: usize = 400;

/// Most decoys taken from one link, so that chains do not all share theirs.
const MAX_TAKEN_FROM_LINK: usize = 4;

/// Most first links whose environments have to be put right.
const MAX_RARE_LINKS: usize = 48;

impl Search<'_> {
    /// Chains over the graphs that single swaps gave, then over those that
    /// they gave but for an environment.
    pub(super) fn chains(
        &mut self,
        start: &Sketch,
        candidates: &[(u32, u32)],
        singles: Vec<Sketch>,
    ) -> Result<(), Interrupted> {
        let mut links = singles;
        for family in [StrategyId::Chain2, StrategyId::Chain3] {
            let mut next = Vec::new();
            for link in &links {
                next.extend(self.extend(link, family)?);
                if self.is_done() {
                    return Ok(());
                }
            }
            links = next;
        }
        self.repair(start, candidates)
    }

    /// Makes decoys by one more swap of `link`; their graphs.
    fn extend(&mut self, link: &Sketch, family: StrategyId) -> Result<Vec<Sketch>, Interrupted> {
        let bonds = link.single_bonds();
        let seed = self.request.seed;
        let swaps = swaps_in_seeded_order(&bonds, seed).take(MAX_FROM_LINK).collect();
        let swaps = shuffled([swaps, link.hydrogen_swaps()].concat(), seed);
        let mut preview = Preview::of(link);
        let mut taken = Vec::new();
        for swap in swaps.into_iter().take(MAX_FROM_LINK) {
            if self.is_done() || taken.len() >= MAX_TAKEN_FROM_LINK {
                self.truncated = true;
                break;
            }
            if let Some(next) = self.screen(link, preview.as_mut(), swap)? {
                self.make(&next, family)?;
                taken.push(next);
            }
        }
        Ok(taken)
    }

    /// Two swaps of which the first makes an environment that is too rare.
    fn repair(&mut self, start: &Sketch, candidates: &[(u32, u32)]) -> Result<(), Interrupted> {
        let mut preview = Preview::of(start);
        let mut links = 0;
        for swap in swaps_in_seeded_order(candidates, self.request.seed) {
            if self.is_done() {
                return Ok(());
            }
            let judged = self.rules.screen(start, preview.as_mut(), swap);
            if judged.err() != Some(Rule::Environments) {
                continue;
            }
            if links == MAX_RARE_LINKS {
                self.truncated = true;
                return Ok(());
            }
            links += 1;
            let Some(link) = start.swapped(swap) else { continue };
            let mut around = Preview::of(&link);
            let mut taken = 0;
            for swap in swaps_at(&link, swap) {
                if self.is_done() || taken >= MAX_TAKEN_FROM_LINK {
                    break;
                }
                if let Some(next) = self.screen(&link, around.as_mut(), swap)? {
                    self.make(&next, StrategyId::Chain2)?;
                    taken += 1;
                }
            }
        }
        Ok(())
    }
}

/// The swaps of a bond at an atom that `last` touched with any other bond.
fn swaps_at(link: &Sketch, last: BondSwap) -> Vec<BondSwap> {
    let bonds = link.single_bonds();
    let near = |&(a, b): &(u32, u32)| last.atoms().any(|atom| atom == a || atom == b);
    let mut swaps = Vec::new();
    for (at, &(a, b)) in bonds.iter().enumerate().filter(|(_, bond)| near(bond)) {
        for (other, &(c, d)) in bonds.iter().enumerate() {
            // A pair of two near bonds comes once.
            if other == at || (other < at && near(&(c, d))) {
                continue;
            }
            swaps.extend([BondSwap { a, b, c, d }, BondSwap { a, b, c: d, d: c }]);
        }
    }
    swaps
}
