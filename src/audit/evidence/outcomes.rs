//! What outcomes say of the model and of each control, on the same units.

use std::collections::HashMap;

use hetero2_common::rounding::round8;
use hetero2_contract::evidence::{
    ByClass, ClassFigures, ControlName, ControlOutcomes, Difference, EnrichmentFigure, Figure,
    Outcomes, ScorerOutcomes,
};

use super::audited::{ANY_SHARE, DIFFERENCE, SHARE, side};
use super::clusters::Clustered;
use super::interval::{Estimate, Influence, Part, TAIL, ratio};
use super::ranked::Ranking;
use super::resample::{percentiles, resamples};
use super::roc::{self, Class, Item, TwoClass};
use super::row::{Key, Outcome, Training};
use super::table::UnitOutcome;
use super::verdict::{MIN_PER_CLASS, OutcomeGrounds};
use crate::ranking::ENRICHMENT_FRACTIONS;

/// Variance of a uniform value between 0 and 1.
const UNIFORM: f64 = 1.0 / 12.0;

/// What outcomes come to.
pub(super) struct OutcomeResult {
    pub(super) outcomes: Outcomes,
    pub(super) grounds: OutcomeGrounds,
}

/// One score of the labelled units: of the molecule, and its audit.
struct Column {
    /// NaN where there is none.
    score: Vec<f64>,
    auc: Vec<Option<f64>>,
}

/// The units that count, by their place among the clustered ones.
struct Labelled<'a> {
    units: &'a Clustered<'a>,
    places: Vec<usize>,
    classes: Vec<Class>,
}

impl Labelled<'_> {
    fn cluster(&self, index: usize) -> u32 {
        self.units.cluster[self.places[index]]
    }

    fn model(&self) -> Column {
        let unit = |place: &usize| self.units.units[*place];
        Column {
            score: self.places.iter().map(|place| unit(place).score).collect(),
            auc: self.places.iter().map(|place| unit(place).auc.mean()).collect(),
        }
    }

    fn control(&self, index: usize) -> Column {
        let unit = |place: &usize| self.units.controls[*place][index];
        Column {
            score: self.places.iter().map(|place| unit(place).score).collect(),
            auc: self.places.iter().map(|place| unit(place).auc()).collect(),
        }
    }

    /// Labelled units with a value.
    fn items(&self, value: impl Fn(usize) -> Option<f64>) -> Vec<Item> {
        let item = |index: usize| {
            let (cluster, class) = (self.cluster(index), self.classes[index]);
            value(index).filter(|v| v.is_finite()).map(|value| Item { cluster, class, value })
        };
        (0..self.places.len()).filter_map(item).collect()
    }

    fn count(&self, class: Class) -> u64 {
        self.classes.iter().filter(|c| **c == class).count() as u64
    }
}

/// Compares the model and each control with outcomes. Units whose molecule
/// stands in the training file are left out, as are those with both labels.
pub(super) fn outcomes(
    units: &Clustered<'_>,
    controls: &[ControlName],
    cliffs: &[(Key, Key)],
) -> OutcomeResult {
    let mut labelled = Labelled { units, places: Vec::new(), classes: Vec::new() };
    let (mut left_out, mut disagree) = ([0u64; 2], 0);
    for (place, unit) in units.units.iter().enumerate() {
        let class = match unit.outcome() {
            UnitOutcome::Known(Outcome::Active) => Class::Active,
            UnitOutcome::Known(Outcome::Inactive) => Class::Inactive,
            UnitOutcome::Disagreeing => {
                disagree += 1;
                continue;
            }
            UnitOutcome::Unknown => continue,
        };
        if unit.training == Training::Contained {
            left_out[class as usize] += 1;
            continue;
        }
        labelled.places.push(place);
        labelled.classes.push(class);
    }
    let pairs = cliff_pairs(&labelled, cliffs);
    let model = labelled.model();
    let all: Vec<Column> = (0..controls.len()).map(|index| labelled.control(index)).collect();
    let enrichment = enrichments(&labelled, std::iter::once(&model).chain(&all));
    let mut enrichment = enrichment.into_iter();
    let mut scorer = |column: &Column| {
        scorer_outcomes(&labelled, column, &pairs, enrichment.next().unwrap_or_default())
    };
    let (model_outcomes, contrast) = scorer(&model);
    let control_outcomes: Vec<ControlOutcomes> = controls
        .iter()
        .zip(&all)
        .map(|(name, column)| ControlOutcomes { name: *name, figures: scorer(column).0 })
        .collect();
    let differences = differences(&labelled, &model, controls, &all);
    let roc_items = labelled.items(|index| Some(model.score[index]));
    let roc_auc = roc::roc_auc(&roc_items, units.count)
        .map(|figure| roc::estimate(&roc_items, &figure, UNIFORM));
    let (actives, inactives) = (labelled.count(Class::Active), labelled.count(Class::Inactive));
    let enough = |left_out: [u64; 2]| {
        actives + left_out[0] >= MIN_PER_CLASS && inactives + left_out[1] >= MIN_PER_CLASS
    };
    let spread = |estimate: Option<Estimate>| estimate.filter(|e| e.spread.is_some());
    let grounds = match (spread(roc_auc), spread(contrast)) {
        _ if !enough([0; 2]) && enough(left_out) => OutcomeGrounds::Leakage,
        _ if !enough([0; 2]) => OutcomeGrounds::TooFew,
        (Some(_), Some(_)) if differences.is_empty() => OutcomeGrounds::NoControls,
        (Some(roc_auc), Some(contrast)) => OutcomeGrounds::Enough {
            roc_auc: side(&roc_auc, 0.5),
            contrast: side(&contrast, 0.0),
            not_above: differences.iter().filter(|d| !d.above).map(|d| d.control).collect(),
        },
        _ => OutcomeGrounds::TooFew,
    };
    let by_class = ByClass {
        active: class_figures(&labelled, Class::Active),
        inactive: class_figures(&labelled, Class::Inactive),
    };
    let outcomes = Outcomes {
        actives,
        inactives,
        left_out_in_training: left_out.iter().sum(),
        labels_disagree: disagree,
        model: model_outcomes,
        controls: control_outcomes,
        differences,
        by_class,
    };
    OutcomeResult { outcomes, grounds }
}

fn scorer_outcomes(
    labelled: &Labelled<'_>,
    column: &Column,
    pairs: &[(usize, usize)],
    enrichment: Vec<EnrichmentFigure>,
) -> (ScorerOutcomes, Option<Estimate>) {
    let clusters = labelled.units.count;
    let audited = labelled.items(|index| column.auc[index]);
    let scored = labelled.items(|index| Some(column.score[index]));
    let of = |items: &[Item], figure: Option<TwoClass>| {
        figure.map(|figure| roc::estimate(items, &figure, UNIFORM))
    };
    let contrast = of(&audited, roc::contrast(&audited, clusters));
    let roc_auc = of(&scored, roc::roc_auc(&scored, clusters));
    let (cliffs, cliff_pairs) = cliff_figure(labelled, column, pairs);
    let figures = ScorerOutcomes {
        contrast: contrast.map(|estimate| estimate.figure(DIFFERENCE)),
        roc_auc: roc_auc.map(|estimate| estimate.figure(SHARE)),
        bedroc: roc::bedroc(&scored, clusters).map(|estimate| estimate.figure(SHARE)),
        enrichment,
        cliffs,
        cliff_pairs,
    };
    (figures, contrast)
}

/// The model's ROC AUC minus each control's, over units that both scored, with
/// Holm's (1979) correction over the controls. Controls that scored no unit are
/// left out.
fn differences(
    labelled: &Labelled<'_>,
    model: &Column,
    names: &[ControlName],
    controls: &[Column],
) -> Vec<Difference> {
    let clusters = labelled.units.count;
    let scored = |(_, control): &(&ControlName, &Column)| {
        control.score.iter().any(|score| score.is_finite())
    };
    let (names, controls): (Vec<&ControlName>, Vec<&Column>) =
        names.iter().zip(controls).filter(scored).unzip();
    let estimates: Vec<Option<Estimate>> = controls
        .iter()
        .map(|control| {
            let both = |index: usize| control.score[index].is_finite();
            let of_model = labelled.items(|index| both(index).then_some(model.score[index]));
            let of_control = labelled.items(|index| both(index).then_some(control.score[index]));
            let a = roc::roc_auc(&of_model, clusters)?;
            let b = roc::roc_auc(&of_control, clusters)?;
            Some(roc::estimate(&of_model, &roc::minus(&a, &b), UNIFORM))
        })
        .collect();
    let p_values: Vec<Option<f64>> =
        estimates.iter().map(|e| e.as_ref().and_then(|e| e.p_above(0.0, 0.0, 0.0))).collect();
    let adjusted = holm(&p_values);
    let rows = names.iter().zip(&estimates).zip(p_values.iter().zip(&adjusted));
    rows.map(|((control, estimate), (p_value, p_holm))| Difference {
        control: **control,
        difference: estimate
            .map_or(Figure { value: 0.0, low: None, high: None }, |e| e.figure(DIFFERENCE)),
        p_value: p_value.map(round8),
        p_holm: p_holm.map(round8),
        above: p_holm.is_some_and(|p| p <= TAIL),
    })
    .collect()
}

/// p-values after Holm (1979); those that are missing count as 1.
fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let count = p_values.len();
    let mut order: Vec<usize> = (0..count).collect();
    let p = |index: &usize| p_values[*index].unwrap_or(1.0);
    order.sort_by(|a, b| p(a).total_cmp(&p(b)).then(a.cmp(b)));
    let mut adjusted = vec![None; count];
    let mut largest = 0.0f64;
    for (rank, index) in order.iter().enumerate() {
        largest = largest.max((p(index) * (count - rank) as f64).min(1.0));
        adjusted[*index] = p_values[*index].map(|_| largest);
    }
    adjusted
}

/// Pairs of labelled units of different classes, the active first.
fn cliff_pairs(labelled: &Labelled<'_>, cliffs: &[(Key, Key)]) -> Vec<(usize, usize)> {
    let keys = labelled.places.iter().map(|place| labelled.units.units[*place].key);
    let places: HashMap<Key, usize> = keys.zip(0..).collect();
    let pair = |(a, b): &(Key, Key)| {
        let (a, b) = (*places.get(a)?, *places.get(b)?);
        match (labelled.classes[a], labelled.classes[b]) {
            (Class::Active, Class::Inactive) => Some((a, b)),
            (Class::Inactive, Class::Active) => Some((b, a)),
            _ => None,
        }
    };
    cliffs.iter().filter_map(pair).collect()
}

/// How often the active of a pair scores higher, ties one half. Without a
/// cluster, without the pairs that it is part of.
fn cliff_figure(
    labelled: &Labelled<'_>,
    column: &Column,
    pairs: &[(usize, usize)],
) -> (Option<Figure>, u64) {
    let clusters = labelled.units.count as usize;
    let mut touched = vec![(0.0, 0.0); clusters];
    let mut wins = Vec::with_capacity(pairs.len());
    for &(active, inactive) in pairs {
        let (high, low) = (column.score[active], column.score[inactive]);
        if !high.is_finite() || !low.is_finite() {
            continue;
        }
        let win = f64::from(u8::from(high > low)) + 0.5 * f64::from(u8::from(high == low));
        let (a, b) = (labelled.cluster(active), labelled.cluster(inactive));
        wins.push((win, a, b));
        for cluster in std::iter::once(a).chain((a != b).then_some(b)) {
            touched[cluster as usize].0 += win;
            touched[cluster as usize].1 += 1.0;
        }
    }
    if wins.is_empty() {
        return (None, 0);
    }
    let count = wins.len() as f64;
    let total: f64 = wins.iter().map(|(win, ..)| win).sum();
    let value = total / count;
    let without: Vec<f64> = touched
        .iter()
        .map(|(win, pairs)| if *pairs < count { (total - win) / (count - pairs) } else { f64::NAN })
        .collect();
    let influences = wins.iter().flat_map(|(win, a, b)| {
        let half =
            |cluster| Influence { cluster, psi: (win - value) / count / 2.0, weight: 0.5 / count };
        [half(*a), half(*b)]
    });
    let estimate = Estimate::over_clusters(value, influences, &without, ANY_SHARE / count);
    (Some(estimate.figure(SHARE)), wins.len() as u64)
}

/// Enrichment of each column: hits among the first rows over those of as many
/// random ones, with a bootstrap over clusters.
fn enrichments<'a>(
    labelled: &Labelled<'_>,
    columns: impl Iterator<Item = &'a Column>,
) -> Vec<Vec<EnrichmentFigure>> {
    let rankings: Vec<Ranking> = columns
        .map(|column| Ranking::new(&labelled.items(|index| Some(column.score[index]))))
        .collect();
    let mut samples = vec![[const { Vec::new() }; ENRICHMENT_FRACTIONS.len()]; rankings.len()];
    if labelled.units.count > 1 {
        for times in resamples(labelled.units.count) {
            for (ranking, samples) in rankings.iter().zip(&mut samples) {
                for (found, at) in ranking.enrichment(Some(&times)).zip(samples) {
                    at.extend(found.map(|found| found.factor));
                }
            }
        }
    }
    let of_ranking = |(ranking, samples): (&Ranking, [Vec<f64>; 3])| {
        let found = ranking.enrichment(None).zip(samples).zip(ENRICHMENT_FRACTIONS);
        found
            .filter_map(|((found, samples), fraction)| {
                let found = found?;
                let ends = percentiles(samples, TAIL);
                Some(EnrichmentFigure {
                    fraction,
                    selected: found.selected,
                    factor: Figure {
                        value: round8(found.factor),
                        low: ends.map(|(low, _)| round8(low)),
                        high: ends.map(|(_, high)| round8(high)),
                    },
                    factor_max: round8(found.factor_max),
                })
            })
            .collect()
    };
    rankings.iter().zip(samples).map(of_ranking).collect()
}

fn class_figures(labelled: &Labelled<'_>, class: Class) -> Option<ClassFigures> {
    let mean = |of: &dyn Fn(usize) -> Option<f64>| {
        let members = (0..labelled.places.len()).filter(|i| labelled.classes[*i] == class);
        let part = |index: usize| {
            of(labelled.places[index]).map(|numerator| Part {
                cluster: labelled.cluster(index),
                numerator,
                denominator: 1.0,
            })
        };
        let parts: Vec<Part> = members.filter_map(part).collect();
        ratio(&parts, labelled.units.count, ANY_SHARE)
    };
    let units = &labelled.units.units;
    Some(ClassFigures {
        units: labelled.count(class),
        audit_auc: mean(&|place| units[place].auc.mean())?.figure(SHARE),
        pass_rate: mean(&|place| units[place].passed.mean()).map(|e| e.figure(SHARE)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_multiplies_by_what_is_left() {
        let adjusted = holm(&[Some(0.01), Some(0.04), None, Some(0.001)]);
        assert_eq!(adjusted, [Some(0.03), Some(0.08), None, Some(0.004)]);
        assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
    }
}
