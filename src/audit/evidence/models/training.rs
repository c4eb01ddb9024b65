//! Controls that are trained on a training file.

use hetero2_common::random::PythonRandom;
use hetero2_contract::evidence::ControlName;

use super::neighbours::{Neighbour, Neighbours};
use super::ridge::{Design, Ridge, Target};

/// Ridge penalty of the regressions on fingerprints.
const PENALTY: f64 = 10.0;
/// Neighbours whose labels count.
const NEAREST: usize = 5;
/// Regressions on shuffled labels whose mean is the control.
pub const SCRAMBLES: i64 = 5;

/// A training molecule.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingMolecule {
    /// Its fingerprint (ECFP4), as a bit set.
    pub fingerprint: Vec<u64>,
    /// Its value, or 1 and 0 for active and inactive; none where unlabelled.
    pub value: Option<f64>,
}

/// `nn_similarity`, `knn_label`, `ridge_ecfp4` and `y_scrambled`.
#[derive(Debug, Clone)]
pub struct TrainedControls {
    words: usize,
    neighbours: Neighbours,
    labelled: Neighbours,
    values: Vec<f64>,
    ridge: Option<Ridge>,
    scrambled: Vec<Ridge>,
}

impl TrainedControls {
    /// Fits them; labels are shuffled by seeds 1 to [`SCRAMBLES`]. Fingerprints
    /// of another length than the first are left out.
    ///
    /// Cost: about 0.2 s for 10,000 molecules of 60 bits; then 0.4 ms a structure.
    #[must_use]
    pub fn fit(molecules: &[TrainingMolecule]) -> Self {
        let words = molecules.first().map_or(0, |molecule| molecule.fingerprint.len());
        let set = |molecule: &'_ TrainingMolecule| molecule.fingerprint.len() == words;
        let labelled: Vec<(&TrainingMolecule, f64)> = molecules
            .iter()
            .filter(|molecule| set(molecule))
            .filter_map(|m| m.value.filter(|v| v.is_finite()).map(|value| (m, value)))
            .collect();
        let mut design = Design::new(0, words * 64);
        labelled.iter().for_each(|(m, _)| design.push(&[], columns(&m.fingerprint)));
        let values: Vec<f64> = labelled.iter().map(|(_, value)| *value).collect();
        let fit = |values: &[f64]| {
            let target = |(row, value): (usize, &f64)| Target { row, value: *value, weight: 1.0 };
            let targets: Vec<Target> = values.iter().enumerate().map(target).collect();
            Ridge::fit(&design, &targets, PENALTY)
        };
        let enough = values.len() > 1;
        let scrambled = |seed: i64| {
            let mut shuffled = values.clone();
            PythonRandom::new(seed).shuffle(&mut shuffled);
            fit(&shuffled)
        };
        Self {
            words,
            neighbours: Neighbours::new(words, molecules.iter().map(|m| m.fingerprint.as_slice())),
            labelled: Neighbours::new(
                words,
                labelled.iter().map(|(m, _)| m.fingerprint.as_slice()),
            ),
            ridge: enough.then(|| fit(&values)),
            scrambled: if enough { (1..=SCRAMBLES).map(scrambled).collect() } else { Vec::new() },
            values,
        }
    }

    /// The controls that there are: without labels only `nn_similarity`.
    #[must_use]
    pub fn names(&self) -> Vec<ControlName> {
        let mut names = vec![ControlName::NnSimilarity];
        if self.ridge.is_some() {
            names.extend([ControlName::KnnLabel, ControlName::RidgeEcfp4, ControlName::YScrambled]);
        }
        names
    }

    /// A structure's scores, in the order of [`TrainedControls::names`]; none
    /// for a fingerprint of another length, or without training molecules.
    #[must_use]
    pub fn scores(&self, fingerprint: &[u64]) -> Option<Vec<f64>> {
        let nearest = self.neighbours.nearest(fingerprint, 1);
        let mut scores = vec![nearest.first()?.similarity];
        if let Some(ridge) = &self.ridge {
            let mut design = Design::new(0, self.words * 64);
            design.push(&[], columns(fingerprint));
            let scrambled: f64 = self.scrambled.iter().map(|r| r.predict(&design, 0)).sum();
            scores.extend([
                self.label_of(&self.labelled.nearest(fingerprint, NEAREST)),
                ridge.predict(&design, 0),
                scrambled / self.scrambled.len() as f64,
            ]);
        }
        Some(scores)
    }

    /// Mean value of neighbours, by similarity; a little weight for all keeps
    /// it defined.
    fn label_of(&self, nearest: &[Neighbour]) -> f64 {
        let weight = |neighbour: &Neighbour| neighbour.similarity + 1e-6;
        let total: f64 = nearest.iter().map(weight).sum();
        nearest.iter().map(|n| weight(n) * self.values[n.place]).sum::<f64>() / total
    }
}

/// Which bits are set.
fn columns(fingerprint: &[u64]) -> impl Iterator<Item = u32> {
    fingerprint.iter().zip(0u32..).flat_map(|(word, at)| {
        (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::resample::Numbers;

    #[test]
    fn labels_are_learned_and_shuffled_ones_are_not() {
        let mut numbers = Numbers::new(11);
        let mut molecule = |_| {
            let word = numbers.next() & numbers.next();
            let fingerprint = vec![word, numbers.next() & numbers.next()];
            TrainingMolecule { fingerprint, value: Some((word & 1) as f64) }
        };
        let all: Vec<TrainingMolecule> = (0..600).map(&mut molecule).collect();
        let (train, test) = all.split_at(400);
        let controls = TrainedControls::fit(train);
        assert_eq!(controls.names().len(), 4);
        let mean = |control: usize, label: f64| {
            let of = test.iter().filter(|m| m.value == Some(label));
            let scores: Vec<f64> =
                of.map(|m| controls.scores(&m.fingerprint).unwrap()[control]).collect();
            scores.iter().sum::<f64>() / scores.len() as f64
        };
        let gain = |control| mean(control, 1.0) - mean(control, 0.0);
        assert!(gain(2) > 0.5, "ridge {}", gain(2));
        assert!(gain(1) > 0.0, "neighbours {}", gain(1));
        assert!(gain(3).abs() < 0.15, "shuffled {}", gain(3));
        assert_eq!(controls.scores(&train[5].fingerprint).unwrap()[0], 1.0);
    }

    #[test]
    fn without_labels_there_is_similarity_only() {
        let molecule = TrainingMolecule { fingerprint: vec![3], value: None };
        let controls = TrainedControls::fit(&[molecule]);
        assert_eq!(controls.names(), [ControlName::NnSimilarity]);
        assert_eq!(controls.scores(&[1]), Some(vec![0.5]));
        assert_eq!((controls.scores(&[1, 2]), TrainedControls::fit(&[]).scores(&[])), (None, None));
    }
}
