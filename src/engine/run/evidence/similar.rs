//! Pairs of similar molecules with different outcomes.

use rayon::prelude::*;

use hetero2_audit::evidence::{Key, Outcome};
use hetero2_chemistry::molecule::Fingerprint;

/// Least similarity (Tanimoto, ECFP4) of an activity cliff.
const SIMILAR: f64 = 0.6;

/// A molecule with a known outcome.
#[derive(Clone)]
pub(super) struct Labelled {
    pub unit: Key,
    pub outcome: Outcome,
    pub fingerprint: Fingerprint,
}

/// The pairs of an active and an inactive molecule that are similar, each once,
/// in ascending order.
pub(super) fn cliffs(labelled: &[Labelled]) -> Vec<(Key, Key)> {
    let of = |outcome: Outcome| labelled.iter().filter(move |one| one.outcome == outcome);
    let actives: Vec<&Labelled> = of(Outcome::Active).collect();
    let inactives: Vec<&Labelled> = of(Outcome::Inactive).collect();
    let mut pairs: Vec<(Key, Key)> = actives
        .par_iter()
        .flat_map_iter(|active| {
            let similar = inactives.iter().filter(|inactive| {
                inactive.unit != active.unit
                    && active.fingerprint.tanimoto(&inactive.fingerprint) >= SIMILAR
            });
            similar.map(|inactive| (active.unit, inactive.unit)).collect::<Vec<_>>()
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
