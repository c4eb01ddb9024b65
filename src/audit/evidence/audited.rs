//! Library-level figures of the audit, without outcomes.

use hetero2_common::rounding::round8;
use hetero2_contract::evidence::{
    BinFigures, ByHardness, ChanceTest, ControlFigures, ControlName, Discoveries, Equivalence,
    EquivalenceTest, EvidenceReason, Figure, Passes, Power,
};

use super::clusters::Clustered;
use super::discoveries::{DISCOVERY_LEVEL, DiscoveryTable};
use super::interval::{Estimate, Part, TAIL, ratio};
use super::student::{upper_quantile, upper_tail};
use super::table::{ControlUnit, Unit};
use super::verdict::{AuditGrounds, MODERATE_AUC, POWER_REQUIRED, Side};

/// Largest difference of a bin's AUC from 0.5 that does not matter.
pub const EQUIVALENCE_MARGIN: f64 = 0.05;
/// Of the two one-sided tests of equivalence.
const EQUIVALENCE_LEVEL: f64 = 0.05;
/// The 80 % quantile of the normal distribution.
const Z_POWER: f64 = 0.841_621_233_572_914;
/// The 97.5 % quantile.
const Z: f64 = 1.959_963_984_540_054;
/// Largest variance of a value between 0 and 1.
pub(super) const ANY_SHARE: f64 = 0.25;
/// Largest variance of a value between −1 and 1.
const ANY_DIFFERENCE: f64 = 1.0;
/// Bounds of figures.
pub(super) const SHARE: (f64, f64) = (0.0, 1.0);
pub(super) const DIFFERENCE: (f64, f64) = (-1.0, 1.0);

/// The mean AUC of units and what it says of chance.
#[derive(Debug)]
pub(super) struct AuditFigures {
    pub(super) auc: Option<Figure>,
    pub(super) chance: Option<ChanceTest>,
    pub(super) power: Option<Power>,
    /// None where there is no unit.
    pub(super) grounds: Option<AuditGrounds>,
}

/// Where the interval of an estimate lies.
pub(super) fn side(estimate: &Estimate, null: f64) -> Side {
    match estimate.interval(TAIL) {
        Some((low, _)) if low > null => Side::Above,
        Some((_, high)) if high < null => Side::Below,
        _ => Side::Around,
    }
}

/// A figure that is a mean over units; units without a value are left out.
pub(super) fn mean(
    units: &Clustered<'_>,
    of: impl Fn(usize) -> Option<f64>,
    variance_of_random_unit: f64,
) -> Option<Estimate> {
    let part = |unit: usize| {
        let cluster = units.cluster[unit];
        of(unit).map(|numerator| Part { cluster, numerator, denominator: 1.0 })
    };
    let parts: Vec<Part> = (0..units.units.len()).filter_map(part).collect();
    ratio(&parts, units.count, variance_of_random_unit)
}

/// Variance of a unit's AUC under random scores: that of one rank of k + 1,
/// (k + 2) / (12 k).
pub(super) fn random_auc_variance(decoys: f64) -> f64 {
    (decoys + 2.0) / (12.0 * decoys)
}

fn decoys_of(unit: &Unit) -> f64 {
    let pairs: u64 = unit.pairs.pairs.iter().sum();
    let of_pairs = pairs as f64 / unit.rows as f64;
    unit.chance.map_or(of_pairs, |chance| chance.labelings as f64 - 1.0).max(1.0)
}

/// The mean AUC, tested against chance.
///
/// The test's variance is at least that under random scores of independent
/// units, Σ (kᵢ + 2) / (12 kᵢ) / n²; so it holds for few units, too. To that
/// comes the square of `random_weights_spread`: how far functions of structure
/// that know nothing lie from 0.5 whatever the number of units.
pub(super) fn audit_figures(units: &Clustered<'_>, random_weights_spread: f64) -> AuditFigures {
    let random: Vec<f64> =
        units.units.iter().map(|unit| random_auc_variance(decoys_of(unit))).collect();
    let of_unit = random.iter().sum::<f64>() / random.len().max(1) as f64;
    let auc = mean(units, |unit| units.units[unit].auc.mean(), of_unit);
    let Some(auc) = auc else {
        return AuditFigures { auc: None, chance: None, power: None, grounds: None };
    };
    let floor = of_unit / units.units.len() as f64;
    let above = |more: f64| auc.p_above(0.5, floor, more);
    let p_value = above(random_weights_spread * random_weights_spread);
    let excluded = |p: Option<f64>| p.is_some_and(|p| p <= TAIL);
    let better = excluded(p_value);
    let power = power(&auc, floor, units.units.len());
    let grounds = if better {
        AuditGrounds::BetterThanChance
    } else if excluded(above(0.0)) {
        AuditGrounds::NotBeyond(EvidenceReason::NoBetterThanRandomWeights)
    } else {
        let moderate = side(&auc, MODERATE_AUC);
        AuditGrounds::NotBetter {
            power: power.power,
            side: side(&auc, 0.5),
            moderate,
            units_needed: match moderate {
                Side::Below => power.units_needed,
                _ => power.units_needed.max(units_to_exclude(&auc, units.units.len())),
            },
        }
    };
    AuditFigures {
        auc: Some(auc.figure(SHARE)),
        chance: Some(ChanceTest {
            p_value: p_value.map(round8),
            level: TAIL,
            better_than_chance: better,
            degrees_of_freedom: auc.spread.map(|spread| round8(spread.degrees)),
        }),
        power: Some(power),
        grounds: Some(grounds),
    }
}

/// Units at which an interval about the present value would exclude 0.5 or
/// [`MODERATE_AUC`].
fn units_to_exclude(auc: &Estimate, units: usize) -> Option<u64> {
    let (low, high) = auc.interval(TAIL)?;
    let nearest = (auc.value - 0.5).abs().max((auc.value - MODERATE_AUC).abs());
    let times = (high - low) / 2.0 / nearest;
    let needed = (units as f64 * times * times).ceil();
    needed.is_finite().then_some((needed as u64).max(units as u64 + 1))
}

/// Power of the test against chance, were the mean AUC [`MODERATE_AUC`] with
/// the present spread: P(T > t₀.₉₇₅ − (0.6 − 0.5) / SE).
fn power(auc: &Estimate, floor: f64, units: usize) -> Power {
    let effect = MODERATE_AUC - 0.5;
    let (power, units_needed) = auc.spread.map_or((0.0, None), |spread| {
        let error = libm::sqrt(spread.variance.max(floor));
        let critical = upper_quantile(TAIL, spread.degrees);
        let power = upper_tail(critical - effect / error, spread.degrees);
        let times = (Z + Z_POWER) * error / effect;
        let needed = (units as f64 * times * times).ceil();
        (power, needed.is_finite().then_some(needed as u64))
    });
    let enough = power >= POWER_REQUIRED;
    Power {
        at_auc: MODERATE_AUC,
        power: round8(power),
        required: POWER_REQUIRED,
        // The normal formula is too small by the degrees of freedom.
        units_needed: units_needed.map(|n| if enough { n } else { n.max(units as u64 + 1) }),
    }
}

/// Units that pass, against random labels.
pub(super) fn passes(units: &Clustered<'_>) -> Option<Passes> {
    let both = |unit: usize| {
        let unit = units.units[unit];
        unit.passed.mean().zip(unit.expected_pass.mean())
    };
    let observed = mean(units, |unit| both(unit).map(|(seen, _)| seen), ANY_SHARE)?;
    let expected = mean(units, |unit| both(unit).map(|(_, expected)| expected), ANY_SHARE)?;
    let excess = mean(units, |unit| both(unit).map(|(seen, by)| seen - by), ANY_SHARE)?;
    Some(Passes {
        observed: observed.figure(SHARE),
        expected: round8(expected.value),
        excess: excess.figure(DIFFERENCE),
    })
}

/// π̂₁: 1 − #{p > λ} / Σ P₀(p > λ), λ = 0.5 (Storey 2002), unit by unit. It
/// stays below the share of units with a signal, in the mean.
pub(super) fn signal_share(units: &Clustered<'_>) -> Option<Figure> {
    let share = mean(units, |unit| units.units[unit].signal.mean(), ANY_DIFFERENCE)?;
    let figure = share.figure(SHARE);
    Some(Figure { value: figure.value.clamp(0.0, 1.0), ..figure })
}

/// Discoveries among units, each with the p-value of its first row.
pub(super) fn discoveries(units: &Clustered<'_>) -> Option<Discoveries> {
    let mut table = DiscoveryTable::default();
    units.units.iter().filter_map(|unit| unit.chance).for_each(|chance| table.add(chance));
    table.discoveries(DISCOVERY_LEVEL)
}

/// AUC by similarity of the decoys.
pub(super) fn by_hardness(units: &Clustered<'_>) -> ByHardness {
    let [easy, medium, hard] = [0, 1, 2].map(|bin| bin_figures(units, bin));
    ByHardness { easy, medium, hard }
}

fn bin_figures(units: &Clustered<'_>, bin: usize) -> Option<BinFigures> {
    let counts = units.units.iter().zip(&units.cluster);
    let parts: Vec<Part> = counts
        .filter(|(unit, _)| unit.pairs.pairs[bin] > 0)
        .map(|(unit, cluster)| Part {
            cluster: *cluster,
            numerator: unit.pairs.half_wins[bin] as f64 / 2.0,
            denominator: unit.pairs.pairs[bin] as f64,
        })
        .collect();
    let pairs: u64 = units.units.iter().map(|unit| unit.pairs.pairs[bin]).sum();
    let each = pairs as f64 / parts.len().max(1) as f64;
    let auc = ratio(&parts, units.count, random_auc_variance(each.max(1.0)))?;
    Some(BinFigures {
        units: parts.len() as u64,
        pairs,
        auc: auc.figure(SHARE),
        equivalence: equivalence(&auc),
    })
}

/// Two one-sided tests (Schuirmann 1987): whether the AUC is within
/// 0.5 ± [`EQUIVALENCE_MARGIN`].
fn equivalence(auc: &Estimate) -> EquivalenceTest {
    let above = auc.p_above(0.5 - EQUIVALENCE_MARGIN, 0.0, 0.0);
    let below = auc.p_below(0.5 + EQUIVALENCE_MARGIN);
    let p_value = above.zip(below).map(|(above, below)| above.max(below));
    let result = match (p_value, side(auc, 0.5)) {
        (Some(p), _) if p <= EQUIVALENCE_LEVEL => Equivalence::EquivalentToChance,
        (_, Side::Above) => Equivalence::AboveChance,
        (_, Side::Below) => Equivalence::BelowChance,
        (_, Side::Around) => Equivalence::Undecided,
    };
    EquivalenceTest { margin: EQUIVALENCE_MARGIN, p_value: p_value.map(round8), result }
}

/// What a control comes to, and whether the model is above it.
pub(super) struct ControlResult {
    pub(super) figures: ControlFigures,
    /// Where the interval of model minus control lies, about 0; none where the
    /// control scored no unit.
    pub(super) model_is: Option<Side>,
    /// Where the interval of its own mean AUC lies, about 0.5.
    pub(super) is: Side,
}

/// A control on the same units.
pub(super) fn control(units: &Clustered<'_>, index: usize, name: ControlName) -> ControlResult {
    let of = |unit: usize| -> ControlUnit { units.controls[unit][index] };
    let typical = random_auc_variance(20.0);
    let auc = mean(units, |unit| of(unit).auc(), typical);
    let pass_rate = mean(units, |unit| of(unit).pass_rate(), ANY_SHARE);
    let difference = mean(
        units,
        |unit| {
            let model = units.units[unit].auc.mean();
            model.zip(of(unit).auc()).map(|(model, control)| model - control)
        },
        typical,
    );
    let scored = (0..units.units.len()).filter(|unit| of(*unit).auc().is_some());
    ControlResult {
        model_is: difference.map(|estimate| side(&estimate, 0.0)),
        is: auc.map_or(Side::Around, |estimate| side(&estimate, 0.5)),
        figures: ControlFigures {
            name,
            units: scored.count() as u64,
            audit_auc: auc.map(|estimate| estimate.figure(SHARE)),
            pass_rate: pass_rate.map(|estimate| estimate.figure(SHARE)),
            model_minus_control: difference.map(|estimate| estimate.figure(DIFFERENCE)),
        },
    }
}
