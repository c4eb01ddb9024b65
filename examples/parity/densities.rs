//! Density of states of a whole run, and the local ones, under the
//! self-consistent potential, which is what Python's run published.

use std::collections::HashMap;
use std::path::Path;

use hetero2::molecule::{Molecule, ParseLimits};
use hetero2::operator::{AtomTable, EdgeWeights, GraphOperators, Operator, Physics};
use hetero2::spectra::CpuBackend;
use hetero2::spectra::dos::{DosAccumulator, EnergyGrid, GaussianKernel};
use hetero2::spectra::ldos::LocalDensity;
use serde_json::Value;

use crate::Result;
use crate::golden::{Row, Table, csv_rows, text};
use crate::report::{Section, Tally, Target};
use crate::spectra::{diagonalise, self_consistent, settings};

const CURVES: [(Operator, &str); 3] =
    [(Operator::L, "L"), (Operator::H, "H"), (Operator::WH, "WH")];

pub fn compare(golden: &Path, molecules: &Table) -> Result<Section> {
    let golden = golden.join("batch_k2");
    let metadata = text(&golden.join("summary_metadata.json"))?.replace(": NaN", ": null");
    let metadata: Value = serde_json::from_str(&metadata)?;
    let number = |name: &str| metadata[name].as_f64().ok_or("metadata without an energy grid");
    let grid = EnergyGrid::new(number("dos_energy_min")?, number("dos_energy_max")?, 128)?;
    let kernel = GaussianKernel::new(number("dos_eta")?)?.on(&grid);
    let published: HashMap<String, HashMap<String, String>> =
        csv_rows(&golden.join("ldos_summary.csv.gz"))?
            .into_iter()
            .map(|row| (row["id"].clone(), row))
            .collect();
    let mut curves = Vec::new();
    for _ in CURVES {
        curves.push(DosAccumulator::new(grid, number("dos_eta")?)?);
    }
    let mut local = Tally::within("`ldos_summary`: peak energy, peak, entropy", 2e-8, Target::Open);
    let backend = CpuBackend::new();
    for row in molecules.rows() {
        // Only OK rows have a local density.
        let Some(theirs) = published.get(row.id()) else { continue };
        let spectra = spectra_of(row, &backend)?;
        for (curve, spectrum) in curves.iter_mut().zip(&spectra) {
            curve.add_block([spectrum.values()]);
        }
        for ((_, name), spectrum) in CURVES.iter().zip(&spectra).skip(1) {
            let comparable = row.flag(&format!("ldos_{name}_scf_comparable"));
            if !comparable || row.flag("degenerate_cut_w") {
                continue;
            }
            let found = LocalDensity::of(spectrum).and_then(|l| l.summary(&kernel));
            let column = |what: &str| theirs[&format!("{name}_ldos_{what}")].parse().ok();
            local.close(row.id(), column("peak_energy"), found.map(|f| f.peak_energy));
            local.close(row.id(), column("peak_value"), found.map(|f| f.peak_value));
            local.close(row.id(), column("entropy"), found.map(|f| f.entropy));
        }
    }
    let mut tallies = compare_curves(&golden, &curves)?;
    tallies.push(local);
    Ok(Section::new("Densities of states", ABOUT, tallies))
}

const ABOUT: &str = "\
Python's run published them under the self-consistent potential; the curves here are computed with the same potential, \
on Python's energy grid, from all 3,022 OK rows. 90 of 3,209 molecules have a degenerate cut, where Python's potential depends on \
the eigenvectors that LAPACK gave: they are in the curves of H and WH, hence the wider tolerance, and not among the local densities.";

/// Spectra of L, L + V and W + V with the self-consistent V.
fn spectra_of(
    row: Row<'_>,
    backend: &CpuBackend,
) -> Result<Vec<hetero2::spectra::ShellProjectors>> {
    let smiles = row.text("smiles").unwrap_or_default();
    let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default())?;
    let settings = settings(Physics::Both, EdgeWeights::BondOrderDeltaChi, 1.0)?;
    let operators = GraphOperators::build(molecule.graph(), AtomTable::embedded(), &settings)?;
    let potential = self_consistent(&operators, backend)?.potential;
    [(Operator::L, None), (Operator::L, Some(&potential)), (Operator::W, Some(&potential))]
        .into_iter()
        .map(|(operator, potential)| {
            let view = operators.view(operator).ok_or("an operator is missing")?;
            let matrix = match potential {
                Some(potential) => view.with_potential(potential),
                None => view.to_matrix(),
            };
            diagonalise(backend, matrix.view())
        })
        .collect()
}

fn compare_curves(golden: &Path, curves: &[DosAccumulator]) -> Result<Vec<Tally>> {
    let rows = csv_rows(&golden.join("dos_curve.csv"))?;
    let mut tallies = vec![
        Tally::within("`dos_curve`: L", 1e-9, Target::Open),
        Tally::within("`dos_curve`: H", 1e-3, Target::Open),
        Tally::within("`dos_curve`: WH", 1e-3, Target::Open),
    ];
    for ((tally, curve), (_, name)) in tallies.iter_mut().zip(curves).zip(CURVES) {
        for (row, ours) in rows.iter().zip(curve.curve()) {
            let theirs = row[&format!("dos_{name}")].parse().ok();
            tally.close(&format!("energy {}", row["energy"]), theirs, Some(ours));
        }
    }
    Ok(tallies)
}
