//! Eigenvalues, features, the self-consistent potential, local densities.

use hetero2::molecule::{Molecule, ParseLimits};
use hetero2::operator::{
    AtomTable, EdgeWeights, GraphOperators, Operator, OperatorSettings, Physics, PotentialScale,
    SymmetricGraph,
};
use hetero2::spectra::features::{OperatorFeatures, StabilityMetrics};
use hetero2::spectra::ldos::LocalDensity;
use hetero2::spectra::scf::{self, ScfResult, ScfSettings, ScfStatus};
use hetero2::spectra::{CpuBackend, ShellProjectors, SpectraBackend};

use crate::Result;
use crate::golden::{Row, Table};
use crate::report::{Section, Tally, Target};

/// Numbers that Python rounds to 8 decimals: half a unit each.
const ROUNDED: f64 = 1.1e-8;

struct Tallies {
    eigenvalues: [Tally; 4],
    features: Tally,
    stability: Tally,
    bond_order: Tally,
    scf_steps: Tally,
    scf_potential: Tally,
    local_atom: [Tally; 2],
    local_weight: [Tally; 2],
}

pub fn compare(molecules: &Table) -> Result<Section> {
    let eigenvalues = |what| Tally::within(what, 1e-10, Target::Differ(0));
    let mut t = Tallies {
        eigenvalues: [
            eigenvalues("eigenvalues of L"),
            eigenvalues("eigenvalues of H"),
            eigenvalues("eigenvalues of W"),
            eigenvalues("eigenvalues of WH"),
        ],
        features: Tally::within("operator features", ROUNDED, Target::Differ(0)),
        stability: Tally::within("spectral metrics", ROUNDED, Target::Differ(0)),
        bond_order: Tally::within(
            "operator features, bond-order weights, γ = 0.28",
            ROUNDED,
            Target::Differ(0),
        ),
        scf_steps: Tally::exact("SCF: converged, iterations", Target::Open),
        scf_potential: Tally::within("SCF: potential V", 1e-8, Target::Open),
        local_atom: ["local DOS under H: atom", "local DOS under WH: atom"]
            .map(|what| Tally::exact(what, Target::Open)),
        local_weight: ["local DOS under H: largest weight", "local DOS under WH: largest weight"]
            .map(|what| Tally::within(what, 1e-8, Target::Open)),
    };
    let backend = CpuBackend::new();
    for row in molecules.rows() {
        let text = row.text("smiles").unwrap_or_default();
        let Ok(molecule) = Molecule::from_smiles(text.as_bytes(), &ParseLimits::default()) else {
            continue;
        };
        if row.list("L_eigs").is_some_and(|values| !values.is_empty()) {
            compare_row(&mut t, row, &molecule, &backend)?;
        }
    }
    let mut tallies = Vec::from(t.eigenvalues);
    tallies.extend([t.features, t.stability, t.bond_order, t.scf_steps, t.scf_potential]);
    tallies.extend(t.local_atom.into_iter().chain(t.local_weight));
    Ok(Section::new("Spectra", ABOUT, tallies))
}

const ABOUT: &str = "\
Operators are built from our own graphs, with weights `bond_order_delta_chi` unless said otherwise. Python's \
SCF and local densities depend on the eigenvectors that LAPACK happens to give where levels are degenerate; ours do not. \
Compared are the rows that are well defined there: no degenerate cut of the SCF, no degenerate level of the local density.";

pub fn settings(
    physics: Physics,
    edge_weights: EdgeWeights,
    scale: f64,
) -> Result<OperatorSettings> {
    Ok(OperatorSettings {
        physics,
        edge_weights,
        potential_scale: PotentialScale::try_from(scale)?,
    })
}

fn compare_row(
    t: &mut Tallies,
    row: Row<'_>,
    molecule: &Molecule,
    backend: &CpuBackend,
) -> Result<()> {
    let table = AtomTable::embedded();
    let plain = settings(Physics::Topological, EdgeWeights::Unweighted, 1.0)?;
    let full = settings(Physics::Both, EdgeWeights::BondOrderDeltaChi, 1.0)?;
    let has_parameters = row.text("op_status") == Some("ok");
    let chosen = if has_parameters { full } else { plain };
    let operators = GraphOperators::build(molecule.graph(), table, &chosen)?;
    let eigenvalues = |view: SymmetricGraph<'_>| -> Result<Vec<f64>> {
        Ok(backend.eigenvalues(&[view])?.get(0).unwrap_or_default().to_vec())
    };
    let columns = ["L", "H", "W", "WH"];
    for (operator, name) in Operator::ALL.into_iter().zip(columns) {
        let Some(view) = operators.view(operator) else { continue };
        let values = eigenvalues(view)?;
        let theirs = row.list(&format!("{name}_eigs")).unwrap_or_default();
        t.eigenvalues[operator as usize].close_lists(row.id(), &theirs, &values);
        if operator == Operator::L {
            let ours = StabilityMetrics::published(&values);
            let ours = [ours.spectral_gap, ours.spectral_entropy, ours.spectral_entropy_norm];
            let names = ["spectral_gap", "spectral_entropy", "spectral_entropy_norm"];
            compare_features(&mut t.stability, row, names.into_iter().zip(ours));
        }
        compare_features(&mut t.features, row, features(name, &values));
    }
    if !has_parameters {
        return Ok(());
    }
    let scaled = settings(Physics::Both, EdgeWeights::BondOrder, 0.28)?;
    let scaled = GraphOperators::build(molecule.graph(), table, &scaled)?;
    for (operator, name) in Operator::ALL.into_iter().zip(columns).skip(1) {
        let Some(view) = scaled.view(operator) else { continue };
        let values = eigenvalues(view)?;
        let found = features(name, &values);
        let named: Vec<(String, Option<f64>)> =
            found.map(|(column, ours)| (format!("bo_g028_{column}"), ours)).collect();
        compare_features(&mut t.bond_order, row, named.iter().map(|(n, v)| (n.as_str(), *v)));
    }
    compare_scf(t, row, &operators, backend)?;
    compare_local(t, row, &operators, backend)
}

/// The features that Python publishes of an operator, by its column names.
fn features(name: &str, values: &[f64]) -> std::vec::IntoIter<(&'static str, Option<f64>)> {
    let found = OperatorFeatures::published(values);
    match name {
        "L" => vec![
            ("L_gap", found.gap),
            ("L_trace", found.trace),
            ("L_entropy_beta", found.entropy_beta),
        ],
        "H" => vec![
            ("H_gap", found.gap),
            ("H_trace", found.trace),
            ("H_entropy_beta", found.entropy_beta),
        ],
        "W" => vec![("W_gap", found.gap), ("W_entropy", found.entropy_beta)],
        _ => vec![("WH_gap", found.gap), ("WH_entropy", found.entropy_beta)],
    }
    .into_iter()
}

fn compare_features<'a>(
    tally: &mut Tally,
    row: Row<'_>,
    ours: impl Iterator<Item = (&'a str, Option<f64>)>,
) {
    for (column, ours) in ours {
        tally.close(row.id(), row.number(column), ours);
    }
}

fn compare_scf(
    t: &mut Tallies,
    row: Row<'_>,
    operators: &GraphOperators,
    backend: &CpuBackend,
) -> Result<()> {
    if row.flag("degenerate_cut_w") {
        return Ok(());
    }
    let solved = self_consistent(operators, backend)?;
    let steps = |converged: bool, iterations: f64| {
        format!("{}, {iterations}", if converged { "converged" } else { "not converged" })
    };
    t.scf_steps.same(
        row.id(),
        steps(row.flag("scfw_converged"), row.number("scfw_iters").unwrap_or(f64::NAN)),
        steps(solved.status == ScfStatus::Converged, solved.trace.len() as f64),
    );
    let theirs = row.list("scfw_V").unwrap_or_default();
    t.scf_potential.close_lists(row.id(), &theirs, &solved.potential);
    Ok(())
}

fn compare_local(
    t: &mut Tallies,
    row: Row<'_>,
    operators: &GraphOperators,
    backend: &CpuBackend,
) -> Result<()> {
    for (place, operator) in [Operator::H, Operator::WH].into_iter().enumerate() {
        let column = |what: &str| format!("ldos_{}_static_{what}", ["H", "WH"][place]);
        let Some(view) = operators.view(operator) else { continue };
        if !row.flag(&column("comparable")) {
            continue;
        }
        let densities = diagonalise(backend, view)?;
        let Some(local) = LocalDensity::of(&densities) else { continue };
        let atom = row.number(&column("atom_idx")).unwrap_or(f64::NAN);
        t.local_atom[place].same(row.id(), atom, local.atom as f64);
        let largest = local.lines.iter().map(|line| line.weight).reduce(f64::max);
        t.local_weight[place].close(row.id(), row.number(&column("max")), largest);
    }
    Ok(())
}

/// The self-consistent potential on the weighted Laplacian.
pub fn self_consistent(operators: &GraphOperators, backend: &CpuBackend) -> Result<ScfResult> {
    let potential = operators.potential().ok_or("operators without a potential")?;
    scf::solve(operators.scf_base(), potential, ScfSettings::default(), |matrix| {
        diagonalise(backend, matrix.view())
    })
}

pub fn diagonalise(backend: &CpuBackend, view: SymmetricGraph<'_>) -> Result<ShellProjectors> {
    let system = backend.eigensystems(&[view])?.into_iter().next();
    Ok(system.ok_or("no eigensystem")?.densities())
}
