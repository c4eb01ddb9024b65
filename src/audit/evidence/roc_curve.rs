//! The ROC curves of the model and of each control over labelled units, as they
//! are drawn: what share of the actives is found at what share of the inactives.

use hetero2_contract::evidence::ControlName;

use super::clusters::Clustered;
use super::row::{Outcome, Training};
use super::table::{EvidenceTable, UnitOutcome};

/// Most points of a curve; more could not be drawn apart.
const MAX_POINTS: usize = 257;

/// A ROC curve.
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurve {
    /// The control whose scores these are; none for the model's.
    pub control: Option<ControlName>,
    /// Shares of the inactives and of the actives that score at least so high, by
    /// falling score, from (0, 0) to (1, 1). Equal scores are one step.
    pub points: Vec<(f64, f64)>,
}

impl EvidenceTable {
    /// The curve of the model and of each control, over labelled units that do not
    /// stand in the training file; none where one class is missing.
    #[must_use]
    pub fn roc_curves(&self) -> Vec<RocCurve> {
        let units = Clustered::of(&self.labelled);
        let counted: Vec<(usize, Outcome)> = (0..units.units.len())
            .filter(|place| units.units[*place].training == Training::Apart)
            .filter_map(|place| match units.units[place].outcome() {
                UnitOutcome::Known(outcome) => Some((place, outcome)),
                UnitOutcome::Unknown | UnitOutcome::Disagreeing => None,
            })
            .collect();
        let curve = |control, score: &dyn Fn(usize) -> f64| {
            let scores: Vec<(f64, Outcome)> =
                counted.iter().map(|(place, outcome)| (score(*place), *outcome)).collect();
            Some(RocCurve { control, points: points(scores)? })
        };
        let model = curve(None, &|place| units.units[place].score);
        let controls = self.controls.iter().enumerate().filter_map(|(index, name)| {
            curve(Some(*name), &|place| units.controls[place][index].score)
        });
        model.into_iter().chain(controls).collect()
    }
}

/// The curve of some scores; those that are not finite are left out.
fn points(mut scores: Vec<(f64, Outcome)>) -> Option<Vec<(f64, f64)>> {
    scores.retain(|(score, _)| score.is_finite());
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let actives = scores.iter().filter(|(_, outcome)| *outcome == Outcome::Active).count();
    let inactives = scores.len() - actives;
    if actives == 0 || inactives == 0 {
        return None;
    }
    let (mut found, mut wrong) = (0, 0);
    let mut steps = vec![(0.0, 0.0)];
    // Both zeros are one score.
    for equal in scores.chunk_by(|a, b| a.0 == b.0) {
        let active = equal.iter().filter(|(_, outcome)| *outcome == Outcome::Active).count();
        found += active;
        wrong += equal.len() - active;
        steps.push((wrong as f64 / inactives as f64, found as f64 / actives as f64));
    }
    let last = steps.len() - 1;
    if last < MAX_POINTS {
        return Some(steps);
    }
    let places = (0..MAX_POINTS).map(|point| point * last / (MAX_POINTS - 1));
    Some(places.map(|place| steps[place]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Active, Inactive};

    #[test]
    fn equal_scores_are_one_step_and_what_has_no_score_is_left_out() {
        let scores = vec![
            (1.0, Inactive),
            (3.0, Active),
            (2.0, Active),
            (2.0, Inactive),
            (f64::NAN, Active),
        ];
        let expected = vec![(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)];
        assert_eq!(points(scores), Some(expected));
        assert_eq!(points(vec![(1.0, Active)]), None);
    }

    #[test]
    fn long_curves_keep_their_ends() {
        let outcome = |i: u32| if i.is_multiple_of(3) { Active } else { Inactive };
        let found = points((0..5_000).map(|i| (f64::from(i), outcome(i))).collect()).unwrap();
        assert_eq!((found.len(), found[0], found[256]), (257, (0.0, 0.0), (1.0, 1.0)));
        assert!(found.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
    }
}
