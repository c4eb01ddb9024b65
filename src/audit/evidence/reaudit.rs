//! A pack's audit with other scores: does a policy stop scores that say
//! nothing?

use std::collections::BTreeMap;

use hetero2_contract::evidence::{AcceptPolicy, ControlName, Evidence, Specificity};
use hetero2_contract::{HardnessBin, Verdict};

use super::acceptance::passes_policy;
use super::given::{Given, OutcomesGiven};
use super::row::{
    ControlAudit, EvidenceRow, Key, Outcome, PairCounts, RowChance, Scaffold, Training,
};
use super::table::EvidenceTable;
use crate::binomial::Distribution;
use crate::hardness::ScoredPair;
use hetero2_common::random::PythonRandom;

/// Permutations of a pack's own scores.
pub const SPECIFICITY_PERMUTATIONS: u32 = 20;
/// Units that are audited again: those with the smallest keys.
pub const MAX_REAUDITED_UNITS: usize = 1 << 13;
/// How often a score that says nothing may pass …
const PASS_RATE: f64 = 0.05;
/// … and how often a policy that keeps to this is stopped all the same, at
/// most.
const FALSE_STOP: f64 = 0.02;

/// A decoy of a row, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReauditDecoy {
    /// Its key.
    pub key: Key,
    /// Its score in the pack.
    pub score: f64,
    /// Its similarity.
    pub bin: HardnessBin,
}

/// A row of a pack, with its scored decoys.
#[derive(Debug, Clone, PartialEq)]
pub struct ReauditRow {
    /// Its place in the library.
    pub row: u64,
    /// Its molecule.
    pub unit: Key,
    /// Its scaffold.
    pub scaffold: Scaffold,
    /// The original's score in the pack.
    pub score: f64,
    /// Its scored decoys.
    pub decoys: Vec<ReauditDecoy>,
    /// What is known of the molecule.
    pub outcome: Option<Outcome>,
    /// Whether it stands in the training file.
    pub training: Training,
    /// The controls, as in the pack.
    pub controls: Vec<Option<ControlAudit>>,
}

/// Rows that are audited again with other scores.
#[derive(Debug, Clone)]
pub struct Reaudit {
    controls: Vec<ControlName>,
    units: BTreeMap<Key, Vec<ReauditRow>>,
}

impl Reaudit {
    /// Without rows yet; `controls` in the order that rows give them in.
    #[must_use]
    pub fn new(controls: &[ControlName]) -> Self {
        Self { controls: controls.to_vec(), units: BTreeMap::new() }
    }

    /// Whether rows of this unit would be kept as things stand.
    #[must_use]
    pub fn wants(&self, unit: Key) -> bool {
        self.units.len() < MAX_REAUDITED_UNITS
            || self.units.last_key_value().is_some_and(|(last, _)| unit <= *last)
    }

    /// Takes a row in; one without scored decoys is left out.
    pub fn add(&mut self, row: ReauditRow) {
        if row.decoys.is_empty() || !self.wants(row.unit) {
            return;
        }
        self.units.entry(row.unit).or_default().push(row);
        if self.units.len() > MAX_REAUDITED_UNITS {
            self.units.pop_last();
        }
    }

    /// How often a constant and permutations of the scores pass a policy.
    ///
    /// Scores are permuted among distinct structures, originals and decoys
    /// alike, so that a structure keeps one score and nothing else of the
    /// score is left. Up to `allowed` of the permutations may pass: more have
    /// a probability of at most 0.02 where each passes with 0.05.
    #[must_use]
    pub fn specificity(&self, policy: AcceptPolicy, outcomes: OutcomesGiven) -> Specificity {
        let scores = self.structures();
        let keys: Vec<Key> = scores.keys().copied().collect();
        let mut values: Vec<f64> = scores.values().copied().collect();
        let constant = scores.keys().map(|key| (*key, 0.0)).collect();
        let mut passed = 0;
        for seed in 1..=SPECIFICITY_PERMUTATIONS {
            PythonRandom::new(i64::from(seed)).shuffle(&mut values);
            let permuted = keys.iter().copied().zip(values.iter().copied()).collect();
            let verdict = self.audit(&permuted, outcomes).verdict;
            passed += u32::from(passes_policy(policy, verdict));
        }
        Specificity {
            permutations: SPECIFICITY_PERMUTATIONS,
            passed,
            allowed: allowed(),
            constant: self.audit(&constant, outcomes).verdict,
            units: self.units.len() as u64,
        }
    }

    /// Each structure's score: the first that is met.
    fn structures(&self) -> BTreeMap<Key, f64> {
        let mut scores = BTreeMap::new();
        for row in self.units.values().flatten() {
            scores.entry(row.unit).or_insert(row.score);
            for decoy in &row.decoys {
                scores.entry(decoy.key).or_insert(decoy.score);
            }
        }
        scores
    }

    /// The evidence with these scores in place of the pack's.
    fn audit(&self, scores: &BTreeMap<Key, f64>, outcomes: OutcomesGiven) -> Evidence {
        let mut table = EvidenceTable::new(&self.controls);
        let score = |key: &Key, pack: f64| scores.get(key).copied().unwrap_or(pack);
        for row in self.units.values().flatten() {
            let original = score(&row.unit, row.score);
            let (mut pairs, mut as_high, mut half_wins) = (PairCounts::default(), 1, 0);
            let mut keys = Vec::with_capacity(row.decoys.len());
            for decoy in &row.decoys {
                let pair = ScoredPair { original, decoy: score(&decoy.key, decoy.score) };
                pairs.add(decoy.bin, pair);
                as_high += u64::from(pair.half_wins() < 2);
                half_wins += pair.half_wins();
                keys.push(decoy.key);
            }
            let decoys = row.decoys.len() as u64;
            table.add(&EvidenceRow {
                row: row.row,
                unit: row.unit,
                scaffold: row.scaffold,
                decoys: &keys,
                score: original,
                auc: half_wins as f64 / (2 * decoys) as f64,
                verdict: if as_high == 1 { Verdict::Pass } else { Verdict::Fail },
                chance: Some(RowChance { labelings: decoys + 1, as_high, passing: 1 }),
                pairs,
                outcome: row.outcome,
                training: row.training,
                controls: &row.controls,
            });
        }
        table.conclude(&Given { outcomes, ..Given::default() })
    }
}

/// The smallest number that is exceeded with a probability of at most
/// [`FALSE_STOP`].
fn allowed() -> u32 {
    let passes = Distribution::binomial(u64::from(SPECIFICITY_PERMUTATIONS), PASS_RATE);
    let few = |count: &u32| passes.at_least(u64::from(*count) + 1) <= FALSE_STOP;
    (0..SPECIFICITY_PERMUTATIONS).find(few).unwrap_or(SPECIFICITY_PERMUTATIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::resample::Numbers;
    use crate::evidence::simulations::{key, uniform};

    /// A pack of a score that beats all decoys, with half of the molecules
    /// active.
    fn pack(outcomes: OutcomesGiven) -> Reaudit {
        let mut numbers = Numbers::new(8);
        let mut reaudit = Reaudit::new(&[ControlName::Constant]);
        for unit in 0..120 {
            let active = unit % 2 == 0;
            let score = |d: u64, numbers: &mut Numbers| ReauditDecoy {
                key: key(6, unit * 100 + d),
                score: uniform(numbers),
                bin: HardnessBin::Hard,
            };
            reaudit.add(ReauditRow {
                row: unit,
                unit: key(5, unit),
                scaffold: Scaffold::Acyclic,
                score: 2.0 + uniform(&mut numbers),
                decoys: (0..20).map(|d| score(d, &mut numbers)).collect(),
                outcome: (outcomes == OutcomesGiven::Yes).then_some(if active {
                    Outcome::Active
                } else {
                    Outcome::Inactive
                }),
                training: Training::Apart,
                controls: vec![Some(ControlAudit { score: 0.0, auc: 0.5, verdict: Verdict::Fail })],
            });
        }
        reaudit
    }

    #[test]
    fn permuted_scores_pass_no_oftener_than_chance() {
        assert_eq!(allowed(), 3);
        for (policy, outcomes) in
            [(AcceptPolicy::Screen, OutcomesGiven::No), (AcceptPolicy::Model, OutcomesGiven::Yes)]
        {
            let found = pack(outcomes).specificity(policy, outcomes);
            assert!(found.passed <= found.allowed, "{found:?}");
            assert!(!passes_policy(policy, found.constant), "{found:?}");
            assert_eq!((found.permutations, found.units), (20, 120));
        }
    }

    #[test]
    fn without_permutation_the_verdict_is_the_packs() {
        let pack = pack(OutcomesGiven::No);
        let evidence = pack.audit(&pack.structures(), OutcomesGiven::No);
        assert_eq!(evidence.verdict.as_str(), "NOT_REFUTED");
        assert_eq!(evidence.audit_auc.unwrap().value, 1.0);
        assert_eq!(evidence.plausibility_suffices, Some(false));
    }

    #[test]
    fn a_policy_that_everything_passes_is_found_out() {
        let found = pack(OutcomesGiven::No).specificity(AcceptPolicy::Complete, OutcomesGiven::No);
        assert_eq!(found.passed, 20);
    }
}
