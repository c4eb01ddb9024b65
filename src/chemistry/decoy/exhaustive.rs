//! Every swap, in a seeded order, strictest strategy first.
//!
//! Where the published way draws at random and stops at the first strategy
//! that gives anything, this one goes through both orientations of every pair
//! of candidate bonds and on to the next strategy, so it finds what exists and
//! can say so.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::cage::most_swaps;
use super::record::{Decoy, DecoyCounters, similarity};
use super::{DecoyOutcome, DecoyRequest, Interrupted, SearchExtent, StrategyId, Warning};
use crate::molecule::{BondKind, BondSwap, Fingerprint, Molecule, Rewired, Rewirer};
use hetero2_common::random::PythonRandom;
use hetero2_contract::CountedWarning;

/// Most swaps tried for one molecule.
const MAX_SWAPS: usize = 20_000;

/// Bound on swaps times atoms squared, which is what sanitising them costs.
const MAX_WORK: usize = 200_000_000;

/// Most pairs of bonds looked at for each swap tried.
const MAX_PAIRS_PER_SWAP: usize = 50;

pub(super) fn generate(
    molecule: &Molecule,
    request: &DecoyRequest,
    keep_going: &dyn Fn() -> bool,
) -> Result<DecoyOutcome, Interrupted> {
    let mut search = Search::new(molecule, request, keep_going);
    let Ok(mut rewirer) = Rewirer::new(molecule) else {
        return Ok(search.outcome(State::Done, vec![Warning::NotRewirable]));
    };
    let mut tried = HashSet::new();
    let mut state = State::Open;
    let mut remarks = Vec::new();
    let stages: [(_, _, CountedWarning); 3] = [
        (StrategyId::Strict, BondKind::Strict, Warning::CandidatesStrict),
        (StrategyId::RelaxA, BondKind::AromaticEnds, Warning::CandidatesRelaxA),
        (StrategyId::RelaxB, BondKind::RingBonds, Warning::CandidatesRelaxB),
    ];
    for (strategy, kind, remark) in stages {
        let candidates = rewirer.candidates(kind);
        remarks.push(remark(candidates.len() as u64));
        if state == State::Open {
            state = search.run(&mut rewirer, &candidates, strategy, &mut tried)?;
        }
    }
    if state == State::Open {
        let strategy = StrategyId::AromaticAsSingle;
        match molecule.with_aromatic_bonds_single() {
            Ok(Some(converted)) => {
                if let Ok(mut converted) = Rewirer::new(&converted) {
                    let candidates = converted.candidates(BondKind::Any);
                    state =
                        search.run(&mut converted, &candidates, strategy, &mut HashSet::new())?;
                }
            }
            Ok(None) => {
                let candidates = rewirer.candidates(BondKind::Any);
                state = search.run(&mut rewirer, &candidates, strategy, &mut tried)?;
            }
            Err(_) => {
                remarks.push(Warning::AromaticAsSingleFailed);
            }
        }
    }
    let done = if state == State::Open { State::Done } else { state };
    Ok(search.outcome(done, remarks))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
    CountReached,
    Truncated,
}

struct Search<'a> {
    request: &'a DecoyRequest,
    keep_going: &'a dyn Fn() -> bool,
    reference: Option<Fingerprint>,
    seen: HashSet<String>,
    decoys: Vec<Decoy>,
    counters: DecoyCounters,
    swaps_left: usize,
    pairs_left: usize,
    /// Most swaps, where the molecule is a cage.
    cage: Option<usize>,
}

impl<'a> Search<'a> {
    fn new(
        molecule: &Molecule,
        request: &'a DecoyRequest,
        keep_going: &'a dyn Fn() -> bool,
    ) -> Self {
        let atoms = molecule.heavy_atom_count().max(1);
        let cage = most_swaps(molecule);
        let swaps = (MAX_WORK / atoms / atoms).clamp(1, MAX_SWAPS);
        let swaps = cage.map_or(swaps, |most| swaps.min(most));
        Self {
            cage,
            request,
            keep_going,
            reference: molecule.fingerprint().ok(),
            seen: HashSet::from([molecule.canonical_smiles().to_owned()]),
            decoys: Vec::new(),
            counters: DecoyCounters::default(),
            swaps_left: swaps,
            pairs_left: swaps * MAX_PAIRS_PER_SWAP,
        }
    }

    /// Goes through the swaps of `candidates` that were not `tried` yet.
    fn run(
        &mut self,
        rewirer: &mut Rewirer<'_>,
        candidates: &[(u32, u32)],
        strategy: StrategyId,
        tried: &mut HashSet<BondSwap>,
    ) -> Result<State, Interrupted> {
        if self.decoys.len() >= self.request.count {
            return Ok(State::CountReached);
        }
        for swap in swaps_in_seeded_order(candidates, self.request.seed) {
            if self.pairs_left == 0 || self.swaps_left == 0 {
                return Ok(State::Truncated);
            }
            self.pairs_left -= 1;
            if !tried.insert(swap.unoriented()) {
                continue;
            }
            self.counters.attempts += 1;
            if !rewirer.allows(swap) {
                self.counters.no_candidate_swap += 1;
                continue;
            }
            if !(self.keep_going)() {
                return Err(Interrupted);
            }
            self.swaps_left -= 1;
            self.take(rewirer.apply(swap), strategy, swap);
            if self.decoys.len() >= self.request.count {
                return Ok(State::CountReached);
            }
        }
        Ok(State::Open)
    }

    fn take(&mut self, rewired: Rewired, strategy: StrategyId, swap: BondSwap) {
        let molecule = match rewired {
            Rewired::New(molecule) => *molecule,
            Rewired::Repeated => {
                self.counters.duplicate += 1;
                return;
            }
            Rewired::Invalid(_) => {
                self.counters.sanitize_fail += 1;
                return;
            }
        };
        if !self.seen.insert(molecule.canonical_smiles().to_owned()) {
            self.counters.duplicate += 1;
            return;
        }
        let similarity = similarity(&molecule, self.reference.as_ref());
        if !self.request.admits(similarity) {
            self.counters.hardness_reject += 1;
            return;
        }
        self.decoys.push(Decoy::new(molecule, similarity, strategy, vec![swap]));
    }

    fn outcome(self, state: State, mut warnings: Vec<Warning>) -> DecoyOutcome {
        let distinct = self.decoys.len();
        let extent = match state {
            State::CountReached => SearchExtent::CountReached,
            State::Truncated => {
                SearchExtent::Truncated { swaps_tried: self.counters.attempts as usize }
            }
            State::Open | State::Done => SearchExtent::Exhausted { distinct },
        };
        if state == State::Truncated && self.cage.is_some() {
            warnings.push(Warning::CageSwapsBounded(self.counters.attempts));
        }
        let used = self.decoys.iter().map(|decoy| decoy.strategy);
        let used: BTreeSet<StrategyId> = used.collect();
        warnings.extend(used.iter().copied().map(Warning::DecoyStrategyUsed));
        warnings.extend(self.counters.warnings(distinct, self.request));
        DecoyOutcome {
            strategy: used.last().copied(),
            decoys: self.decoys,
            counters: self.counters,
            rules: None,
            warnings: Warning::in_order(warnings),
            extent,
        }
    }
}

/// Both swaps of every pair of candidates, shuffled lazily (Fisher-Yates over
/// a sparse array), so that a long list costs only what is taken from it.
pub(super) fn swaps_in_seeded_order(
    candidates: &[(u32, u32)],
    seed: i64,
) -> impl Iterator<Item = BondSwap> + use<'_> {
    // Swaps are numbered in 32 bits; no bound on work reaches that far.
    let candidates = &candidates[..candidates.len().min(1 << 16)];
    let total = candidates.len() * candidates.len().saturating_sub(1);
    let mut rng = PythonRandom::new(seed);
    let mut moved: HashMap<usize, usize> = HashMap::new();
    (0..total).map(move |at| {
        let pick = at + rng.below(total - at);
        let number = moved.get(&pick).copied().unwrap_or(pick);
        let displaced = moved.remove(&at).unwrap_or(at);
        if pick != at {
            moved.insert(pick, displaced);
        }
        numbered_swap(candidates, number)
    })
}

/// Swap `number` of `m * (m - 1)`: pairs `j < i` counted up `i`, two each.
fn numbered_swap(candidates: &[(u32, u32)], number: usize) -> BondSwap {
    let pair = number / 2;
    let i = (8 * pair + 1).isqrt().div_ceil(2);
    let j = pair - i * (i - 1) / 2;
    let ((a, b), (c, d)) = (candidates[j], candidates[i]);
    if number.is_multiple_of(2) { BondSwap { a, b, c, d } } else { BondSwap { a, b, c: d, d: c } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_holds_every_swap_once() {
        let candidates: Vec<(u32, u32)> = (0..9).map(|i| (2 * i, 2 * i + 1)).collect();
        let order = |seed| -> Vec<BondSwap> { swaps_in_seeded_order(&candidates, seed).collect() };
        let distinct: HashSet<BondSwap> = order(3).iter().map(|swap| swap.unoriented()).collect();
        assert_eq!(order(3).len(), 72);
        assert_eq!(distinct.len(), 72);
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
    }

    #[test]
    fn the_sparse_shuffle_takes_only_what_is_asked_for() {
        let candidates: Vec<(u32, u32)> = (0..100_000).map(|i| (2 * i, 2 * i + 1)).collect();
        assert_eq!(swaps_in_seeded_order(&candidates, 0).take(10).count(), 10);
        assert_eq!(swaps_in_seeded_order(&candidates[..1], 0).count(), 0);
        assert_eq!(swaps_in_seeded_order(&[], 0).count(), 0);
    }
}
