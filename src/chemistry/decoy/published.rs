//! The published strategies, draw for draw.
//!
//! Strategies are tried strictest first while they have at least two candidate
//! bonds, the last one always, until one gives a decoy. A swap that was tried
//! before is not computed again: its outcome is remembered, which changes no
//! result and most of the time.

use std::collections::HashMap;

use super::record::{Decoy, DecoyCounters, similarity};
use super::{DecoyOutcome, DecoyRequest, Interrupted, SearchExtent, StrategyId, Warning};
use crate::molecule::{BondKind, BondSwap, Fingerprint, Molecule, Rewired, Rewirer};
use hetero2_common::random::PythonRandom;

/// Draws of two bonds before an attempt is given up.
const DRAWS_PER_ATTEMPT: usize = 20;

/// What one strategy gave.
#[derive(Default)]
struct Segment {
    decoys: Vec<Decoy>,
    counters: DecoyCounters,
}

/// What is known of two candidates; either order of them is the same swap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    Untried,
    /// The swap is not admissible: the draw is repeated.
    Forbidden,
    /// The swap was computed; trying it again cannot give a decoy.
    NotAMolecule,
    Seen,
}

/// Most candidates whose pairs are kept in a table: 1 MiB.
const MAX_TABLE: usize = 1024;

/// What is known of the pairs of candidates.
enum Pairs {
    Table(Vec<Pair>, usize),
    Sparse(HashMap<(usize, usize), Pair>),
}

impl Pairs {
    fn of(candidates: usize) -> Self {
        if candidates <= MAX_TABLE {
            Self::Table(vec![Pair::Untried; candidates * candidates], candidates)
        } else {
            Self::Sparse(HashMap::new())
        }
    }

    fn get(&self, first: usize, second: usize) -> Pair {
        match self {
            Self::Table(pairs, width) => pairs[first * width + second],
            Self::Sparse(pairs) => {
                let pair = (first.min(second), first.max(second));
                pairs.get(&pair).copied().unwrap_or(Pair::Untried)
            }
        }
    }

    fn set(&mut self, first: usize, second: usize, state: Pair) {
        match self {
            Self::Table(pairs, width) => {
                pairs[first * *width + second] = state;
                pairs[second * *width + first] = state;
            }
            Self::Sparse(pairs) => {
                pairs.insert((first.min(second), first.max(second)), state);
            }
        }
    }
}

pub(super) fn generate(
    molecule: &Molecule,
    request: &DecoyRequest,
    keep_going: &dyn Fn() -> bool,
) -> Result<DecoyOutcome, Interrupted> {
    let Ok(rewirer) = Rewirer::new(molecule) else {
        return Ok(outcome(Segment::default(), None, vec![Warning::NotRewirable]));
    };
    let draws = Draws { reference: molecule.fingerprint().ok(), request, keep_going };
    let stages = [
        (StrategyId::Strict, rewirer.candidates(BondKind::Strict)),
        (StrategyId::RelaxA, rewirer.candidates(BondKind::AromaticEnds)),
        (StrategyId::RelaxB, rewirer.candidates(BondKind::RingBonds)),
    ];
    let counted: [fn(u64) -> Warning; 3] =
        [Warning::CandidatesStrict, Warning::CandidatesRelaxA, Warning::CandidatesRelaxB];
    let mut remarks: Vec<Warning> = counted
        .iter()
        .zip(&stages)
        .map(|(remark, (_, candidates))| remark(candidates.len() as u64))
        .collect();
    let mut strictest = DecoyCounters::default();
    for (strategy, candidates) in &stages {
        if candidates.len() < 2 {
            if *strategy == StrategyId::Strict {
                remarks.push(Warning::StrictWithoutSwap(candidates.len() as u64));
            }
            continue;
        }
        let segment = draws.segment(rewirer.clone(), candidates, *strategy)?;
        remarks.extend(segment.counters.warnings(segment.decoys.len(), request));
        if !segment.decoys.is_empty() {
            return Ok(outcome(segment, Some(*strategy), remarks));
        }
        if *strategy == StrategyId::Strict {
            strictest = segment.counters;
        }
    }
    let converted = aromatic_as_single(molecule, &mut remarks);
    let converted = converted.as_ref().and_then(|converted| Rewirer::new(converted).ok());
    let rewirer = converted.unwrap_or(rewirer);
    let strategy = StrategyId::AromaticAsSingle;
    let candidates = rewirer.candidates(BondKind::Any);
    let mut segment = draws.segment(rewirer, &candidates, strategy)?;
    remarks.extend(segment.counters.warnings(segment.decoys.len(), request));
    if segment.decoys.is_empty() {
        segment.counters = strictest;
    } else {
        remarks.push(Warning::FallbackUsed);
    }
    Ok(outcome(segment, Some(strategy), remarks))
}

fn aromatic_as_single(molecule: &Molecule, remarks: &mut Vec<Warning>) -> Option<Molecule> {
    match molecule.with_aromatic_bonds_single() {
        Ok(Some(converted)) => {
            remarks.push(Warning::AromaticAsSingle);
            Some(converted)
        }
        Ok(None) => None,
        Err(_) => {
            remarks.push(Warning::AromaticAsSingleFailed);
            None
        }
    }
}

fn outcome(
    segment: Segment,
    strategy: Option<StrategyId>,
    mut warnings: Vec<Warning>,
) -> DecoyOutcome {
    warnings.extend(strategy.map(Warning::DecoyStrategyUsed));
    DecoyOutcome {
        decoys: segment.decoys,
        strategy,
        counters: segment.counters,
        rules: None,
        warnings: Warning::in_order(warnings),
        extent: SearchExtent::Sampled,
    }
}

/// What every strategy draws with.
struct Draws<'a> {
    reference: Option<Fingerprint>,
    request: &'a DecoyRequest,
    keep_going: &'a dyn Fn() -> bool,
}

impl Draws<'_> {
    /// Draws swaps of `candidates` until the requested count or the bound on
    /// attempts is reached.
    fn segment(
        &self,
        mut rewirer: Rewirer<'_>,
        candidates: &[(u32, u32)],
        strategy: StrategyId,
    ) -> Result<Segment, Interrupted> {
        let mut rng = PythonRandom::new(self.request.seed);
        let mut segment = Segment::default();
        let mut pairs = Pairs::of(candidates.len());
        for _ in 0..self.request.count.saturating_mul(200).max(100) {
            if segment.decoys.len() >= self.request.count {
                break;
            }
            segment.counters.attempts += 1;
            let Some((first, second)) = draw(&rewirer, candidates, &mut pairs, &mut rng) else {
                segment.counters.no_candidate_swap += 1;
                continue;
            };
            match pairs.get(first, second) {
                Pair::NotAMolecule => segment.counters.sanitize_fail += 1,
                Pair::Seen => segment.counters.duplicate += 1,
                _ if !(self.keep_going)() => return Err(Interrupted),
                _ => {
                    let swap = swap_of(candidates, first, second);
                    let rewired = rewirer.apply(swap);
                    let outcome = match rewired {
                        Rewired::Invalid(_) => Pair::NotAMolecule,
                        Rewired::New(_) | Rewired::Repeated => Pair::Seen,
                    };
                    pairs.set(first, second, outcome);
                    self.take(rewired, strategy, swap, &mut segment);
                }
            }
        }
        Ok(segment)
    }

    fn take(&self, rewired: Rewired, strategy: StrategyId, swap: BondSwap, into: &mut Segment) {
        match rewired {
            Rewired::Invalid(_) => into.counters.sanitize_fail += 1,
            Rewired::Repeated => into.counters.duplicate += 1,
            Rewired::New(molecule) => {
                let similarity = similarity(&molecule, self.reference.as_ref());
                if self.request.admits(similarity) {
                    into.decoys.push(Decoy::new(*molecule, similarity, strategy, vec![swap]));
                } else {
                    into.counters.hardness_reject += 1;
                }
            }
        }
    }
}

/// Draws two candidates until their swap is admissible, but not for ever.
fn draw(
    rewirer: &Rewirer<'_>,
    candidates: &[(u32, u32)],
    pairs: &mut Pairs,
    rng: &mut PythonRandom,
) -> Option<(usize, usize)> {
    if candidates.len() < 2 {
        return None;
    }
    (0..DRAWS_PER_ATTEMPT).find_map(|_| {
        let first = rng.below(candidates.len());
        let second = rng.below(candidates.len());
        let admissible = match pairs.get(first, second) {
            Pair::Untried if rewirer.allows(swap_of(candidates, first, second)) => true,
            Pair::Untried => {
                pairs.set(first, second, Pair::Forbidden);
                false
            }
            known => known != Pair::Forbidden,
        };
        admissible.then_some((first, second))
    })
}

fn swap_of(candidates: &[(u32, u32)], first: usize, second: usize) -> BondSwap {
    let ((a, b), (c, d)) = (candidates[first], candidates[second]);
    BondSwap { a, b, c, d }
}
