//! Decoy set v2: swaps whose results are as plausible as their original.
//!
//! Families, one after the other until there are enough: single swaps that
//! keep the typed bonds (the 2K null model of Mahadevan et al. 2006), other
//! single swaps, single swaps with a hydrogen, which move a substituent to
//! another atom, and chains of two or three. What is admissible is said in
//! [`rules`]. Candidates are screened as graphs, and only what passes is
//! sanitised and checked again as the molecule that it is.

mod chains;
mod rules;

use std::collections::{BTreeSet, HashSet};

use self::rules::{Rule, Rules, Verified};
use super::cage::most_swaps;
use super::exhaustive::swaps_in_seeded_order;
use super::record::{Decoy, DecoyCounters, similarity};
use super::{DecoyOutcome, DecoyRequest, Interrupted, SearchExtent, StrategyId, Warning};
use crate::molecule::{
    BondKind, BondSwap, Fingerprint, MetSketches, Molecule, Preview, Rewired, Rewirer, Sketch,
};

use hetero2_common::random::PythonRandom;

pub use self::rules::RuleCounters;

/// Most graphs looked at for one molecule.
const MAX_SCREENED: u64 = 20_000;

/// Of the swaps of a cage that are worth trying, one in so many is screened:
/// counting its rings costs more than its canonical SMILES.
const CAGE_SCREENS: u64 = 4;

/// Most molecules made for one molecule, of those that its graphs let through.
const MAX_MADE: u64 = 2_000;

/// Bound on molecules made times atoms squared, which is what making them costs.
const MAX_WORK: u64 = 20_000_000;

pub(super) fn generate(
    molecule: &Molecule,
    request: &DecoyRequest,
    keep_going: &dyn Fn() -> bool,
) -> Result<DecoyOutcome, Interrupted> {
    let (Ok(rules), Ok(rewirer)) = (Rules::of(molecule), Rewirer::new(molecule)) else {
        return Ok(not_rewirable());
    };
    let sketch = Sketch::of(molecule);
    let candidates = rewirer.candidates(BondKind::Any);
    let mut search = Search::new(molecule, request, rules, rewirer, keep_going);
    let mut remarks = vec![Warning::Candidates(candidates.len() as u64)];
    match sketch {
        Some(sketch) => {
            let singles = search.singles(&sketch, &candidates)?;
            search.chains(&sketch, &candidates, singles)?;
        }
        None => {
            remarks.push(Warning::ChainsNotTried);
            search.unscreened(&candidates)?;
        }
    }
    Ok(search.outcome(remarks))
}

fn shuffled(mut swaps: Vec<BondSwap>, seed: i64) -> Vec<BondSwap> {
    PythonRandom::new(seed).shuffle(&mut swaps);
    swaps
}

fn not_rewirable() -> DecoyOutcome {
    DecoyOutcome {
        decoys: Vec::new(),
        strategy: None,
        counters: DecoyCounters::default(),
        rules: Some(RuleCounters::default()),
        warnings: vec![Warning::NotRewirable],
        extent: SearchExtent::Exhausted { distinct: 0 },
    }
}

struct Search<'a> {
    request: &'a DecoyRequest,
    keep_going: &'a dyn Fn() -> bool,
    rules: Rules,
    rewirer: Rewirer<'a>,
    reference: Option<Fingerprint>,
    /// Canonical SMILES without stereo of the original and the decoys.
    flat: HashSet<String>,
    met: MetSketches,
    decoys: Vec<Decoy>,
    counters: DecoyCounters,
    costs: RuleCounters,
    screened_at_most: u64,
    made_at_most: u64,
    /// Most swaps, where the molecule is a cage.
    cage: Option<usize>,
    made: u64,
    /// Whether a bound on work left something untried.
    truncated: bool,
}

impl<'a> Search<'a> {
    fn new(
        molecule: &'a Molecule,
        request: &'a DecoyRequest,
        rules: Rules,
        rewirer: Rewirer<'a>,
        keep_going: &'a dyn Fn() -> bool,
    ) -> Self {
        let atoms = molecule.atom_count().max(1) as u64;
        let flat = molecule.smiles_without_stereo();
        let cage = most_swaps(molecule);
        let most = cage.map_or(u64::MAX, |most| (most as u64).div_ceil(CAGE_SCREENS));
        Self {
            request,
            keep_going,
            rules,
            rewirer,
            reference: molecule.fingerprint().ok(),
            flat: flat.into_iter().collect(),
            met: MetSketches::default(),
            decoys: Vec::new(),
            counters: DecoyCounters::default(),
            costs: RuleCounters::default(),
            screened_at_most: MAX_SCREENED.min(most),
            made_at_most: (MAX_WORK / atoms / atoms).clamp(1, MAX_MADE.min(most)),
            cage,
            made: 0,
            truncated: false,
        }
    }

    fn is_done(&mut self) -> bool {
        if self.decoys.len() >= self.request.count {
            return true;
        }
        let spent =
            self.counters.attempts >= self.screened_at_most || self.made >= self.made_at_most;
        self.truncated |= spent;
        spent
    }

    /// Tries every single swap, those that keep typed bonds first; the graphs
    /// that the rules admit, in the order in which they were found.
    fn singles(
        &mut self,
        sketch: &Sketch,
        candidates: &[(u32, u32)],
    ) -> Result<Vec<Sketch>, Interrupted> {
        self.met.knows(sketch);
        let (typed, others): (Vec<BondSwap>, Vec<BondSwap>) =
            swaps_in_seeded_order(candidates, self.request.seed)
                .take(MAX_SCREENED as usize)
                .partition(|&swap| sketch.keeps_typed_bonds(swap));
        let hydrogens = shuffled(sketch.hydrogen_swaps(), self.request.seed);
        let mut preview = Preview::of(sketch);
        let mut admitted = Vec::new();
        for (swaps, family) in [
            (typed, StrategyId::Swap2K),
            (others, StrategyId::Swap),
            (hydrogens, StrategyId::SwapHydrogen),
        ] {
            for swap in swaps {
                if self.is_done() {
                    return Ok(admitted);
                }
                if let Some(next) = self.screen(sketch, preview.as_mut(), swap)? {
                    self.make(&next, family)?;
                    admitted.push(next);
                }
            }
        }
        Ok(admitted)
    }

    /// The graph that one more swap gives, if the rules admit it and none like
    /// it was met, whatever its stereo marks. `preview` looks at `from`.
    fn screen(
        &mut self,
        from: &Sketch,
        preview: Option<&mut Preview<'_>>,
        swap: BondSwap,
    ) -> Result<Option<Sketch>, Interrupted> {
        self.counters.attempts += 1;
        if self.counters.attempts.is_multiple_of(256) && !(self.keep_going)() {
            return Err(Interrupted);
        }
        let next = match self.rules.screen(from, preview, swap) {
            Ok(Some(next)) => next,
            Ok(None) => {
                self.counters.no_candidate_swap += 1;
                return Ok(None);
            }
            Err(rule) => {
                self.costs.count(rule);
                return Ok(None);
            }
        };
        if self.met.knows(&next) {
            self.counters.duplicate += 1;
            return Ok(None);
        }
        Ok(Some(next))
    }

    /// Makes the molecule of a graph, and keeps it if the rules admit it.
    fn make(&mut self, sketch: &Sketch, family: StrategyId) -> Result<(), Interrupted> {
        self.make_chain(sketch.swaps(), Some(sketch), family)
    }

    fn make_chain(
        &mut self,
        swaps: &[BondSwap],
        sketch: Option<&Sketch>,
        family: StrategyId,
    ) -> Result<(), Interrupted> {
        if !(self.keep_going)() {
            return Err(Interrupted);
        }
        self.made += 1;
        let molecule = match self.rewirer.apply_chain(swaps) {
            Rewired::New(molecule) => *molecule,
            Rewired::Repeated => {
                self.counters.duplicate += 1;
                return Ok(());
            }
            Rewired::Invalid(_) => {
                self.counters.sanitize_fail += 1;
                return Ok(());
            }
        };
        let Verified { flat } = match self.rules.verify(&molecule, sketch) {
            Ok(verified) => verified,
            Err(rule) => {
                self.costs.count(rule);
                return Ok(());
            }
        };
        if self.flat.contains(&flat) {
            self.costs.count(Rule::Stereoisomer);
            return Ok(());
        }
        let similarity = similarity(&molecule, self.reference.as_ref());
        if similarity.is_some_and(|similarity| similarity.shared == similarity.total) {
            self.costs.count(Rule::SameFingerprint);
            return Ok(());
        }
        if !self.request.admits(similarity) {
            self.counters.hardness_reject += 1;
            return Ok(());
        }
        self.flat.insert(flat);
        self.decoys.push(Decoy::new(molecule, similarity, family, swaps.to_vec()));
        Ok(())
    }

    /// Single swaps of a molecule whose graph cannot be screened: each is made
    /// and judged as a molecule.
    fn unscreened(&mut self, candidates: &[(u32, u32)]) -> Result<(), Interrupted> {
        for swap in swaps_in_seeded_order(candidates, self.request.seed) {
            if self.is_done() {
                break;
            }
            self.counters.attempts += 1;
            if self.rewirer.allows(swap) {
                self.make_chain(&[swap], None, StrategyId::Swap)?;
            } else {
                self.counters.no_candidate_swap += 1;
            }
        }
        Ok(())
    }

    fn outcome(self, mut warnings: Vec<Warning>) -> DecoyOutcome {
        let distinct = self.decoys.len();
        let extent = if distinct >= self.request.count {
            SearchExtent::CountReached
        } else if self.truncated {
            SearchExtent::Truncated { swaps_tried: self.counters.attempts as usize }
        } else {
            SearchExtent::Exhausted { distinct }
        };
        if self.truncated && self.cage.is_some() {
            warnings.push(Warning::CageSwapsBounded(self.counters.attempts));
        }
        let used: BTreeSet<StrategyId> = self.decoys.iter().map(|decoy| decoy.strategy).collect();
        warnings.extend(used.iter().copied().map(Warning::DecoyStrategyUsed));
        warnings.extend(self.counters.warnings(distinct, self.request));
        warnings.extend(self.costs.warnings());
        DecoyOutcome {
            strategy: used.last().copied(),
            decoys: self.decoys,
            counters: self.counters,
            rules: Some(self.costs),
            warnings: Warning::in_order(warnings),
            extent,
        }
    }
}
