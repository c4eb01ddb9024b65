//! The scale suite: counts of states of chains, rings and polymers of 20 to a
//! million atoms. First whether they are right, then what they cost.

use std::f64::consts::PI;

use hetero2_spectra::large::Count;
use serde::Serialize;

use super::error::SuiteError;
use super::fact::Facts;
use super::folder::SuiteFolder;
use crate::bench::{ScaleBench, ScaleMeasurement, ScaleResult, exponent};
use crate::density::{NamedGraph, Shape};

/// Atoms of the largest graph.
pub(super) const ATOMS: u64 = 1_000_000;
/// The sizes up to it.
const SIZES: [u32; 8] = [20, 100, 500, 1000, 4000, 10_000, 100_000, 1_000_000];
/// The largest graph that is diagonalised.
const DENSE: u32 = 4000;
const ENERGIES: u32 = 256;
const REPEATS: u32 = 3;
/// What is asked of the costs.
const TIMES_DENSE: f64 = 100.0;
const SECONDS: f64 = 5.0;
const EXPONENT: f64 = 1.1;
/// Smaller graphs have fewer states than there are energies, and are not counted.
const FEWEST: u32 = 1000;
/// How far rounding may move an eigenvalue of the dense kernel or a closed form.
const ROUNDING: f64 = 1e-11;
/// What stands for a cost where counts were wrong.
const NOT_VALID: &str = "NOT_VALID_DUE_TO_CORRECTNESS";

/// What `scale.json` says.
#[derive(Serialize)]
struct Costs<'a> {
    schema_version: &'static str,
    measurements: &'a [ScaleMeasurement],
    /// Of energies chosen where states are, against even ones at an equal bound on the error.
    chosen_energies: Vec<Chosen>,
    exponent_polymers: Option<f64>,
    exponent_rings: Option<f64>,
}

/// Whether choosing energies pays for one graph.
#[derive(Serialize)]
struct Chosen {
    graph: NamedGraph,
    energies: usize,
    even_energies: u32,
    seconds: f64,
    even_seconds: f64,
    verdict: &'static str,
}

impl Chosen {
    fn of(m: &ScaleMeasurement, valid: bool) -> Self {
        let seconds = m.count_s.min;
        // Twice is what is worth to be said.
        let verdict = match m.chosen_energies * 2 <= m.energies as usize && m.chosen_s < seconds {
            _ if !valid => NOT_VALID,
            _ if m.atoms < FEWEST => "NOT_COUNTED_TOO_SMALL",
            true => "PASS",
            false => "FAIL",
        };
        Self {
            graph: m.graph,
            energies: m.chosen_energies,
            even_energies: m.energies,
            seconds: m.chosen_s,
            even_seconds: seconds,
            verdict,
        }
    }
}

pub(super) fn run(work: &mut SuiteFolder<'_>, atoms: u64) -> Result<Facts, SuiteError> {
    let bench = ScaleBench { energies: ENERGIES, dense_up_to: DENSE, repeats: REPEATS, gpu: None };
    let largest = u32::try_from(atoms).unwrap_or(u32::MAX);
    let mut sizes: Vec<u32> = SIZES.into_iter().filter(|&size| size < largest).collect();
    sizes.push(largest);
    let (mut facts, mut measurements) = (Facts::default(), Vec::new());
    for shape in Shape::ALL {
        for &atoms in &sizes {
            let found = bench.measure(NamedGraph { shape, atoms })?;
            correctness(&mut facts, &found);
            measurements.push(found.measurement);
        }
    }
    let valid = facts.all_hold();
    let polymers = exponent(&measurements, |shape| !shape.has_rings());
    let rings = exponent(&measurements, Shape::has_rings);
    costs(&mut facts, &measurements, (polymers, rings));
    work.document(
        "scale.json",
        &Costs {
            schema_version: "hetero2_scale.v1",
            measurements: &measurements,
            chosen_energies: measurements.iter().map(|m| Chosen::of(m, valid)).collect(),
            exponent_polymers: polymers,
            exponent_rings: rings,
        },
    )?;
    Ok(facts)
}

/// At how many energies the count is right.
fn correctness(facts: &mut Facts, found: &ScaleResult) {
    let graph = found.measurement.graph;
    if let Some(values) = &found.eigenvalues {
        let below = |energy: f64| values.partition_point(|&value| value < energy) as u64;
        let right = found.counts.iter().filter(|count| lies(count, below)).count();
        facts.equal(format!("{graph}: counts of the dense kernel"), ENERGIES as usize, right);
    }
    if let Some(values) = &found.eigenvalues {
        let below = |energy: f64| values.partition_point(|&value| value < energy) as u64;
        let right = found.chosen.iter().filter(|count| lies(count, below)).count();
        let name = format!("{graph}: counts of the dense kernel at chosen energies");
        facts.equal(name, found.chosen.len(), right);
    }
    let closed: fn(u64, f64) -> u64 = match graph.shape {
        Shape::Chain => path_below,
        Shape::Ring if graph.atoms > 2 => cycle_below,
        _ => {
            let all = found.counts.last().map_or(0, |count| count.below);
            let ascends = found.counts.is_sorted_by_key(|count| count.below);
            let text = if ascends { "all, ascending" } else { "not ascending" };
            let name = format!("{graph}: states below the upper bound");
            let expected = format!("{} all, ascending", graph.atoms);
            return facts.equal(name, expected, format!("{all} {text}"));
        }
    };
    let below = |energy: f64| closed(graph.atoms.into(), energy);
    let right = found.counts.iter().filter(|count| lies(count, below)).count();
    facts.equal(format!("{graph}: counts of the closed form"), ENERGIES as usize, right);
}

/// Whether a count is what its slack permits.
fn lies(count: &Count, below: impl Fn(f64) -> u64) -> bool {
    let reach = count.slack + ROUNDING;
    (below(count.energy - reach)..=below(count.energy + reach)).contains(&count.below)
}

/// Eigenvalues `2 − 2 cos(πk/n)`, `k` from 0 to `n − 1`, below an energy.
fn path_below(n: u64, energy: f64) -> u64 {
    if energy <= 0.0 {
        return 0;
    }
    let turns = n as f64 * (1.0 - energy / 2.0).clamp(-1.0, 1.0).acos() / PI;
    (turns.ceil() as u64).min(n)
}

/// Eigenvalues `2 − 2 cos(2πk/n)`, `k` from 0 to `n − 1`, below an energy.
fn cycle_below(n: u64, energy: f64) -> u64 {
    if energy <= 0.0 {
        return 0;
    }
    if energy > 4.0 {
        return n;
    }
    let turns = n as f64 * (1.0 - energy / 2.0).clamp(-1.0, 1.0).acos() / (2.0 * PI);
    (2 * (turns.ceil() as u64) - 1).min(n)
}

fn costs(
    facts: &mut Facts,
    measurements: &[ScaleMeasurement],
    (polymers, rings): (Option<f64>, Option<f64>),
) {
    let valid = facts.all_hold();
    let mut cost = |name: String, expected: String, found: String, holds: bool| {
        let found = if valid { found } else { NOT_VALID.into() };
        facts.holds(name, expected, found, holds && valid);
    };
    for m in measurements.iter().filter(|m| m.atoms == DENSE) {
        if let Some(times) = m.times_dense {
            cost(
                format!("{}: times as fast as the dense kernel", m.graph),
                format!("at least {TIMES_DENSE}"),
                format!("{times:.0}"),
                times >= TIMES_DENSE,
            );
        }
    }
    for m in measurements.iter().filter(|m| u64::from(m.atoms) == ATOMS) {
        let seconds = m.total_s.median;
        cost(
            format!("{}: seconds for {ENERGIES} energies, one thread", m.graph),
            format!("below {SECONDS}"),
            format!("{seconds:.2}"),
            seconds < SECONDS,
        );
    }
    for (name, found) in [("polymers", polymers), ("rings", rings)] {
        if let Some(found) = found {
            cost(
                format!("{name}: exponent of time with atoms"),
                format!("at most {EXPONENT}"),
                format!("{found:.3}"),
                found <= EXPONENT,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_count_what_they_say() {
        for n in [3_u64, 4, 7, 20] {
            for energy in [-0.1, 0.05, 0.9, 1.7, 2.3, 3.1, 3.999, 4.5] {
                let value = |turn: f64| 2.0 - 2.0 * turn.cos();
                let path = (0..n).filter(|&k| value(PI * k as f64 / n as f64) < energy);
                let cycle = (0..n).filter(|&k| value(2.0 * PI * k as f64 / n as f64) < energy);
                assert_eq!(path_below(n, energy), path.count() as u64, "path {n} {energy}");
                assert_eq!(cycle_below(n, energy), cycle.count() as u64, "cycle {n} {energy}");
            }
        }
    }
}
