//! What a budget buys: hits among the first K labelled units, by the model's
//! score, by the same among PASS, by each control, and at random.

use hetero2_common::rounding::round8;
use hetero2_contract::evidence::{
    AuditEffect, BudgetResult, COST_LIFT_V2_SCHEMA, ControlBudget, CostLiftV2, Figure,
};

use super::clusters::Clustered;
use super::interval::TAIL;
use super::ranked::Ranking;
use super::resample::{self, percentiles, resamples};
use super::roc::{Class, Item};
use super::row::{Outcome, Training};
use super::table::{EvidenceTable, UnitOutcome};

impl EvidenceTable {
    /// `cost_lift.v2` for a budget of `budget` molecules: over labelled units
    /// that do not stand in the training file, with a seeded bootstrap over
    /// clusters. That no unit passed is a result, not an error.
    #[must_use]
    pub fn cost_lift(&self, budget: u64) -> CostLiftV2 {
        let units = Clustered::of(&self.labelled);
        let counted: Vec<(usize, Class)> = (0..units.units.len())
            .filter(|place| units.units[*place].training == Training::Apart)
            .filter_map(|place| match units.units[place].outcome() {
                UnitOutcome::Known(Outcome::Active) => Some((place, Class::Active)),
                UnitOutcome::Known(Outcome::Inactive) => Some((place, Class::Inactive)),
                UnitOutcome::Unknown | UnitOutcome::Disagreeing => None,
            })
            .collect();
        let ranking = |value: &dyn Fn(usize) -> f64| {
            let item = |(place, class): &(usize, Class)| {
                let value = value(*place);
                let cluster = units.cluster[*place];
                value.is_finite().then_some(Item { cluster, class: *class, value })
            };
            Ranking::new(&counted.iter().filter_map(item).collect::<Vec<_>>())
        };
        let passed = |place: usize| units.units[place].passed.mean().is_some_and(|p| p > 0.5);
        let score = |place: usize| units.units[place].score;
        let random = ranking(&|_| 0.0);
        let by_score = ranking(&score);
        let among_pass = ranking(&|place| if passed(place) { score(place) } else { f64::NAN });
        let by_control: Vec<Ranking> = (0..self.controls.len())
            .map(|index| ranking(&|place| units.controls[place][index].score))
            .collect();
        let (_, hits) = random.totals(None);
        let (number_passed, _) = among_pass.totals(None);
        let result = |ranking: &Ranking| budget_result(ranking, budget, units.count);
        let audit_gain =
            (number_passed > 0.0).then(|| gain(&among_pass, &by_score, budget, units.count));
        let effect = match audit_gain {
            None => AuditEffect::NothingPassed,
            Some(Figure { low: Some(low), .. }) if low > 0.0 => AuditEffect::Gains,
            Some(Figure { high: Some(high), .. }) if high < 0.0 => AuditEffect::Costs,
            Some(_) => AuditEffect::Undecided,
        };
        let (by_score, among_pass_result) =
            (result(&by_score), (number_passed > 0.0).then(|| result(&among_pass)));
        CostLiftV2 {
            report_schema: COST_LIFT_V2_SCHEMA.to_owned(),
            budget,
            units: counted.len() as u64,
            hits: hits as u64,
            passed: number_passed as u64,
            intervals: resample::METHOD.to_owned(),
            random: result(&random),
            sentence: sentence(effect, audit_gain, among_pass_result.as_ref()),
            by_score,
            by_score_among_pass: among_pass_result,
            by_control: self
                .controls
                .iter()
                .zip(&by_control)
                .map(|(control, ranking)| ControlBudget {
                    control: *control,
                    result: result(ranking),
                })
                .collect(),
            audit_gain,
            effect,
        }
    }
}

/// Units selected and their hits.
fn select(ranking: &Ranking, budget: f64, times: Option<&[u32]>) -> (f64, f64) {
    let (units, _) = ranking.totals(times);
    let selected = budget.min(units);
    (selected, ranking.hits_at(&[selected], times)[0])
}

fn rate(selected: f64, hits: f64) -> f64 {
    if selected > 0.0 { hits / selected } else { 0.0 }
}

fn figure(value: f64, samples: Vec<f64>) -> Figure {
    let ends = percentiles(samples, TAIL);
    Figure {
        value: round8(value),
        low: ends.map(|(low, _)| round8(low)),
        high: ends.map(|(_, high)| round8(high)),
    }
}

/// The resamples of an interval; none of fewer than two clusters.
fn samples(clusters: u32, of: impl Fn(&[u32]) -> f64) -> Vec<f64> {
    if clusters < 2 {
        return Vec::new();
    }
    resamples(clusters).map(|times| of(&times)).collect()
}

fn budget_result(ranking: &Ranking, budget: u64, clusters: u32) -> BudgetResult {
    let (selected, hits) = select(ranking, budget as f64, None);
    let resampled = samples(clusters, |times| {
        let (selected, hits) = select(ranking, budget as f64, Some(times));
        rate(selected, hits)
    });
    // Of nothing there is no rate, and no interval.
    let resampled = if selected > 0.0 { resampled } else { Vec::new() };
    BudgetResult {
        selected: selected as u64,
        hits: round8(hits),
        hit_rate: figure(rate(selected, hits), resampled),
    }
}

/// Hit rate among PASS minus hit rate by score, for as many units.
fn gain(among_pass: &Ranking, by_score: &Ranking, budget: u64, clusters: u32) -> Figure {
    let gain = |times: Option<&[u32]>| {
        let (selected, hits) = select(among_pass, budget as f64, times);
        let (_, without) = select(by_score, selected, times);
        rate(selected, hits) - rate(selected, without)
    };
    figure(gain(None), samples(clusters, |times| gain(Some(times))))
}

fn sentence(effect: AuditEffect, gain: Option<Figure>, pass: Option<&BudgetResult>) -> String {
    let (Some(gain), Some(pass)) = (gain, pass) else {
        return "No labelled molecule passed the audit, so there is nothing to choose among PASS."
            .to_owned();
    };
    let each = |share: f64| share * pass.selected as f64;
    let range = match (gain.low, gain.high) {
        (Some(low), Some(high)) => {
            format!(" (95 % interval {:+.1} to {:+.1})", each(low), each(high))
        }
        _ => String::new(),
    };
    let hits = format!("{:+.1} hits among {} molecules{range}", each(gain.value), pass.selected);
    match effect {
        AuditEffect::Gains => format!("Choosing among PASS gains hits: {hits}."),
        AuditEffect::Costs => format!("Choosing among PASS costs hits: {hits}."),
        _ => {
            format!("Choosing among PASS neither gains nor costs hits beyond its interval: {hits}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::simulations::{audited, key};
    use crate::evidence::{EvidenceRow, Scaffold};

    /// Sixty units; the first third active and with the highest scores. Those
    /// of `passing` win against their decoy.
    fn table(passing: impl Fn(u64) -> bool) -> EvidenceTable {
        let mut table = EvidenceTable::new(&[]);
        for unit in 0..60 {
            let score = 100.0 - unit as f64;
            let decoy = if passing(unit) { 0.0 } else { 1_000.0 };
            let keys = [key(1, unit)];
            let row = audited(unit, key(2, unit), Scaffold::Acyclic, &keys, score, &[decoy]);
            let outcome = Some(if unit < 20 { Outcome::Active } else { Outcome::Inactive });
            table.add(&EvidenceRow { outcome, ..row });
        }
        table
    }

    #[test]
    fn the_audit_gains_or_costs() {
        let costs = table(|unit| unit >= 30).cost_lift(10);
        assert_eq!((costs.by_score.hits, costs.by_score.selected), (10.0, 10));
        assert_eq!(costs.effect, AuditEffect::Costs);
        assert_eq!(costs.audit_gain.unwrap().value, -1.0);
        assert!(costs.sentence.starts_with("Choosing among PASS costs hits: -10.0 hits among 10"));
        assert!((costs.random.hits - 10.0 / 3.0).abs() < 1e-8);
        let gains = table(|unit| unit < 20).cost_lift(40);
        // Twenty pass, as many by score are the same ones.
        assert_eq!(gains.by_score_among_pass.as_ref().unwrap().selected, 20);
        assert_eq!(gains.effect, AuditEffect::Undecided);
    }

    #[test]
    fn that_nothing_passed_is_a_result() {
        let none = table(|_| false).cost_lift(10);
        assert_eq!((none.effect, none.passed), (AuditEffect::NothingPassed, 0));
        assert!(none.by_score_among_pass.is_none() && none.sentence.contains("No labelled"));
        let empty = EvidenceTable::new(&[]).cost_lift(5);
        assert_eq!((empty.units, empty.by_score.selected), (0, 0));
    }
}
