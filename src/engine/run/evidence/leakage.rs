//! How much of a library its model has seen: overlap with the training file.

use std::collections::BTreeMap;

use hetero2_audit::ActiveIf;
use hetero2_audit::evidence::{Key, Outcome};
use hetero2_chemistry::molecule::Fingerprint;
use hetero2_common::rounding::round8;
use hetero2_contract::controls::InTraining;
use hetero2_contract::evidence::Leakage;

use super::panel::Described;
use super::similar::Labelled;
use super::training::TrainingSet;

/// Thresholds of distance that AVE bias is averaged over.
const THRESHOLDS: usize = 100;

/// What is known of each unit's overlap.
#[derive(Default)]
pub(super) struct Overlap(BTreeMap<Key, Unit>);

#[derive(Clone, Copy)]
struct Unit {
    in_training: InTraining,
    nearest: Option<f64>,
    scaffold_known: bool,
    labelled: bool,
}

impl Overlap {
    /// Takes a row in.
    pub fn add(&mut self, unit: Key, outcome: Option<Outcome>, found: &Described) {
        let Some(in_training) = found.row.in_training else { return };
        let unit = self.0.entry(unit).or_insert(Unit {
            in_training,
            nearest: found.nearest,
            scaffold_known: found.scaffold_known,
            labelled: false,
        });
        unit.labelled |= outcome.is_some();
    }

    /// Takes in other rows.
    pub fn merge(&mut self, later: Self) {
        for (key, unit) in later.0 {
            self.0.entry(key).or_insert(unit).labelled |= unit.labelled;
        }
    }

    /// The figures of all rows.
    pub fn leakage(
        &self,
        training: &TrainingSet,
        rule: Option<&ActiveIf>,
        labelled: &[Labelled],
    ) -> Leakage {
        let units = || self.0.values();
        let count = |wanted: &dyn Fn(&Unit) -> bool| units().filter(|unit| wanted(unit)).count();
        let seen = |unit: &Unit| unit.in_training != InTraining::No;
        let mut nearest: Vec<f64> = units().filter_map(|unit| unit.nearest).collect();
        nearest.sort_unstable_by(f64::total_cmp);
        let quantile = |share: f64| {
            let last = nearest.len().checked_sub(1)?;
            nearest.get((share * last as f64).round() as usize).copied().map(round8)
        };
        let known = count(&|unit| unit.scaffold_known);
        Leakage {
            training_molecules: training.len() as u64,
            duplicates: count(&|unit| unit.in_training == InTraining::Exactly) as u64,
            duplicates_without_stereo: count(&seen) as u64,
            nearest_similarity_median: quantile(0.5),
            nearest_similarity_p90: quantile(0.9),
            scaffold_overlap: (!self.0.is_empty())
                .then(|| round8(known as f64 / self.0.len() as f64)),
            ave_bias: ave_bias(training, rule, labelled).map(round8),
            labelled_left_out: count(&|unit| unit.labelled && seen(unit)) as u64,
        }
    }
}

/// Asymmetric validation embedding bias (Wallach and Heifets 2018): how much
/// nearer actives are to training actives than to training inactives, plus the
/// same of inactives; 0 where neighbours say nothing.
fn ave_bias(training: &TrainingSet, rule: Option<&ActiveIf>, labelled: &[Labelled]) -> Option<f64> {
    let classes = training.classes(rule)?;
    let of_class = |class: Outcome| -> Vec<&Fingerprint> {
        let prints = training.labelled().map(|(print, _)| print).zip(&classes);
        prints.filter(|(_, found)| **found == Some(class)).map(|(print, _)| print).collect()
    };
    let (actives, inactives) = (of_class(Outcome::Active), of_class(Outcome::Inactive));
    // Mean share of thresholds of distance within which a molecule has a
    // neighbour in the training class.
    let closeness = |class: Outcome, others: &[&Fingerprint]| -> Option<f64> {
        let mut sum = 0_usize;
        let mut molecules = 0_usize;
        for one in labelled.iter().filter(|one| one.outcome == class) {
            let near = others.iter().map(|other| other.tanimoto(&one.fingerprint)).reduce(f64::max);
            let distance = 1.0 - near?;
            sum += (0..THRESHOLDS)
                .filter(|step| (*step as f64 + 1.0) / THRESHOLDS as f64 >= distance)
                .count();
            molecules += 1;
        }
        (molecules > 0).then(|| sum as f64 / (molecules * THRESHOLDS) as f64)
    };
    Some(
        closeness(Outcome::Active, &actives)? - closeness(Outcome::Active, &inactives)?
            + closeness(Outcome::Inactive, &inactives)?
            - closeness(Outcome::Inactive, &actives)?,
    )
}
