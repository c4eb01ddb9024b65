//! Operators, features, SCF, DOS and local DOS against the golden results of
//! the Python implementation, row by row. Needs HETERO2_GOLDEN.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

use super::solver::{eigenvalues, shells};
use super::table::{Row, for_each_operator_row, golden_dir};
use flate2::read::GzDecoder;
use hetero2::operator::{
    AtomTable, EdgeWeights, GraphOperators, Operator, OperatorSettings, Physics, PotentialScale,
};
use hetero2::rounding::round8;
use hetero2::spectra::dos::{
    DosAccumulator, EnergyGrid, EnergyRange, GRID_POINTS, GaussianKernel, KERNEL_WIDTH,
};
use hetero2::spectra::features::{OperatorFeatures, StabilityMetrics};
use hetero2::spectra::ldos::LocalDensity;
use hetero2::spectra::scf::{ScfAudit, ScfAuditRow, ScfSettings, ScfStatus, solve};

/// The largest deviation seen of a quantity, and where.
#[derive(Default)]
struct Worst {
    deviation: f64,
    place: String,
    compared: u64,
}

impl Worst {
    fn compare(&mut self, got: f64, want: f64, place: impl FnOnce() -> String) {
        let deviation = (got - want).abs();
        self.compared += 1;
        if deviation > self.deviation || deviation.is_nan() {
            self.deviation = deviation;
            self.place = place();
        }
    }

    fn compare_all(&mut self, got: &[f64], want: &[f64], place: impl Fn() -> String) {
        assert_eq!(got.len(), want.len(), "{}", place());
        got.iter().zip(want).for_each(|(&g, &w)| self.compare(g, w, &place));
    }

    fn within(&self, what: &str, limit: f64) {
        let Self { deviation, place, compared } = self;
        eprintln!("{what}: {compared} values, largest deviation {deviation:e} at {place}");
        assert!(*compared > 0 && *deviation <= limit, "{what}: {deviation:e} at {place}");
    }
}

fn build(row: Row<'_>, edge_weights: EdgeWeights, gamma: f64) -> GraphOperators {
    let settings = OperatorSettings {
        physics: Physics::Both,
        edge_weights,
        potential_scale: PotentialScale::try_from(gamma).unwrap(),
    };
    GraphOperators::build(&row.graph(), AtomTable::embedded(), &settings).unwrap()
}

fn id(row: Row<'_>) -> String {
    row.text("id").unwrap()
}

#[test]
fn eigenvalues_of_built_operators() {
    let Some(dir) = golden_dir() else { return };
    let mut worst = Worst::default();
    for_each_operator_row(&dir, |row| {
        let operators = build(row, EdgeWeights::BondOrderDeltaChi, 1.0);
        for operator in Operator::ALL {
            let want = row.list(&format!("{operator}_eigs"));
            let got = eigenvalues(operators.view(operator).unwrap());
            worst.compare_all(&got, &want, || format!("{} {operator}", id(row)));
        }
    });
    worst.within("eigenvalues", 1e-10);
}

#[test]
fn features_of_golden_eigenvalues() {
    let Some(dir) = golden_dir() else { return };
    let mut worst = Worst::default();
    let mut exact = 0;
    for_each_operator_row(&dir, |row| {
        let mut check = |name: &str, got: Option<f64>| match (got, row.number(name)) {
            (Some(got), Some(want)) => {
                exact += u64::from(got == round8(want));
                worst.compare(got, want, || format!("{} {name}", id(row)));
            }
            (got, want) => assert_eq!(got, want, "{} {name}", id(row)),
        };
        for operator in Operator::ALL {
            let f = OperatorFeatures::published(&row.list(&format!("{operator}_eigs")));
            let entropy = if operator.is_weighted() { "entropy" } else { "entropy_beta" };
            check(&format!("{operator}_gap"), f.gap);
            check(&format!("{operator}_{entropy}"), f.entropy_beta);
            if !operator.is_weighted() {
                check(&format!("{operator}_trace"), f.trace);
            }
        }
        let metrics = StabilityMetrics::published(&row.list("L_eigs"));
        check("spectral_gap", metrics.spectral_gap);
        check("spectral_entropy", metrics.spectral_entropy);
        check("spectral_entropy_norm", metrics.spectral_entropy_norm);
    });
    eprintln!("features: {exact} of {} equal to the rounded golden value", worst.compared);
    worst.within("features", 1.1e-8);
}

#[test]
fn bond_order_weights_and_potential_scale() {
    let Some(dir) = golden_dir() else { return };
    let mut worst = Worst::default();
    for_each_operator_row(&dir, |row| {
        let operators = build(row, EdgeWeights::BondOrder, 0.28);
        for operator in [Operator::H, Operator::W, Operator::WH] {
            let f = OperatorFeatures::published(&eigenvalues(operators.view(operator).unwrap()));
            let entropy = if operator.is_weighted() { "entropy" } else { "entropy_beta" };
            for (name, got) in [("gap", f.gap), (entropy, f.entropy_beta)] {
                let name = format!("bo_g028_{operator}_{name}");
                match (got, row.number(&name)) {
                    (Some(got), Some(want)) => {
                        worst.compare(got, want, || format!("{} {name}", id(row)));
                    }
                    (got, want) => assert_eq!(got, want, "{} {name}", id(row)),
                }
            }
        }
    });
    worst.within("bond order, γ = 0.28", 1.1e-8);
}

/// Rows whose golden SCF does not depend on the basis inside a shell must
/// agree; of the others the test reports how many do.
fn check_scf(prefix: &str, flag: &str, edge_weights: EdgeWeights) {
    let Some(dir) = golden_dir() else { return };
    let (mut v, mut rho, mut residual) = (Worst::default(), Worst::default(), Worst::default());
    let (mut flagged, mut flagged_converged, mut flagged_before) = (0, 0, 0);
    for_each_operator_row(&dir, |row| {
        let operators = build(row, edge_weights, 1.0);
        let potential = operators.potential().unwrap();
        let result =
            solve(operators.scf_base(), potential, ScfSettings::default(), shells).unwrap();
        let converged = result.status == ScfStatus::Converged;
        let golden_converged = row.number(&format!("{prefix}_converged")) == Some(1.0);
        if row.number(flag) == Some(1.0) {
            flagged += 1;
            flagged_converged += u32::from(converged);
            flagged_before += u32::from(golden_converged);
            return;
        }
        let place = || id(row);
        assert_eq!(converged, golden_converged, "{}", place());
        let iters = row.number(&format!("{prefix}_iters")).unwrap();
        assert_eq!(result.trace.len() as f64, iters, "{}", place());
        let trace: Vec<f64> = result.trace.iter().map(|t| t.residual_inf).collect();
        v.compare_all(&result.potential, &row.list(&format!("{prefix}_V")), place);
        rho.compare_all(&result.density, &row.list(&format!("{prefix}_rho")), place);
        residual.compare_all(&trace, &row.list(&format!("{prefix}_trace_residual")), place);
    });
    eprintln!(
        "{prefix}: {flagged} rows flagged as basis dependent; {flagged_before} converged there, \
         {flagged_converged} converge here"
    );
    v.within("V", 1e-8);
    rho.within("rho", 1e-8);
    // Looser: on the way a level may cross another so closely that the last
    // bits of the matrix show up here, and be gone again at the end.
    residual.within("residuals", 1e-7);
}

#[test]
fn scf_on_weighted_laplacian() {
    check_scf("scfw", "degenerate_cut_w", EdgeWeights::BondOrderDeltaChi);
}

#[test]
fn scf_on_unweighted_laplacian() {
    check_scf("scfu", "degenerate_cut_u", EdgeWeights::Unweighted);
}

#[test]
fn local_density_of_comparable_rows() {
    let Some(dir) = golden_dir() else { return };
    for case in ["H_static", "WH_static", "H_scf", "WH_scf"] {
        let (operator, potential) = case.split_once('_').unwrap();
        let base = if operator == "H" { Operator::L } else { Operator::W };
        let mut worst = Worst::default();
        let (mut rows, mut ties) = (0, 0);
        for_each_operator_row(&dir, |row| {
            let comparable = row.number(&format!("ldos_{case}_comparable")) == Some(1.0);
            let flagged = row.number("degenerate_cut_w") == Some(1.0) && potential == "scf";
            if !comparable || flagged {
                return;
            }
            let operators = build(row, EdgeWeights::BondOrderDeltaChi, 1.0);
            let v = match potential {
                "scf" => row.list("scfw_V"),
                _ => operators.potential().unwrap().to_vec(),
            };
            let matrix = operators.view(base).unwrap().with_potential(&v);
            let local = LocalDensity::of(&shells(&matrix).unwrap()).unwrap();
            rows += 1;
            let want_atom = row.number(&format!("ldos_{case}_atom_idx")).unwrap() as usize;
            if local.atom != want_atom {
                ties += 1;
                return;
            }
            let weights: Vec<f64> = local.lines.iter().map(|line| line.weight).collect();
            worst.compare_all(&weights, &row.list(&format!("ldos_{case}_weights")), || id(row));
        });
        eprintln!("ldos {case}: {rows} rows, {ties} another atom");
        assert_eq!(ties, 0);
        worst.within("weights", 1e-8);
    }
}

#[test]
fn curves_of_single_molecules() {
    let Some(dir) = golden_dir() else { return };
    let file = File::open(dir.join("dos_adaptive.jsonl.gz")).unwrap();
    let (mut dos, mut ldos) = (Worst::default(), Worst::default());
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let case: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let list = |name: &str| -> Vec<f64> {
            case[name].as_array().into_iter().flatten().map(|v| v.as_f64().unwrap()).collect()
        };
        let place = || case["id"].to_string();
        let (ends, eigs, weights) = (list("grid"), list("eigs"), list("ldos_weights"));
        let grid = EnergyGrid::new(ends[0], ends[1], ends[2] as u32).unwrap();
        let width = case["cfg"]["eta"].as_f64().unwrap();
        let mut curve = DosAccumulator::new(grid, width).unwrap();
        curve.add_block([eigs.as_slice()]);
        dos.compare_all(&curve.curve(), &list("dos"), place);
        if weights.len() == eigs.len() && !case["ldos"].is_null() {
            let kernel = GaussianKernel::new(width).unwrap().on(&grid);
            let mut local = vec![0.0; grid.len()];
            kernel.add_lines(eigs.iter().copied().zip(weights.iter().copied()), &mut local);
            ldos.compare_all(&local, &list("ldos"), place);
        }
    }
    dos.within("DOS", 1e-12);
    ldos.within("local DOS", 1e-12);
}

#[test]
fn run_curves_and_scf_audit_of_the_batch() {
    let Some(dir) = golden_dir() else { return };
    let batch = dir.join("batch_k2");
    let table = |name: &str| {
        let file = File::open(batch.join(name)).unwrap();
        csv::Reader::from_reader(GzDecoder::new(file))
            .into_deserialize::<HashMap<String, String>>()
            .map(|record| record.unwrap())
            .collect::<Vec<_>>()
    };
    let ok: HashSet<String> = table("summary.csv.gz")
        .into_iter()
        .filter(|record| record["status"] == "OK")
        .map(|mut record| record.remove("id").unwrap())
        .collect();
    let want_audit: HashMap<String, _> =
        table("scf_audit_metrics.csv.gz").into_iter().map(|r| (r["mol_id"].clone(), r)).collect();

    let mut range = EnergyRange::default();
    let mut spectra: [Vec<Vec<f64>>; 3] = Default::default();
    let mut audit = ScfAudit::default();
    let mut delta_v = Worst::default();
    let mut locals = Vec::new();
    for_each_operator_row(&dir, |row| {
        if !ok.contains(&id(row)) {
            return;
        }
        for (k, column) in ["L_eigs", "Hscf_eigs", "WHscf_eigs"].into_iter().enumerate() {
            let eigenvalues: Vec<f64> = row.list(column).into_iter().map(round8).collect();
            range.observe(&eigenvalues);
            spectra[k].push(eigenvalues);
        }
        let operators = build(row, EdgeWeights::BondOrderDeltaChi, 1.0);
        let potential = operators.potential().unwrap();
        let result =
            solve(operators.scf_base(), potential, ScfSettings::default(), shells).unwrap();
        let got = ScfAuditRow::of(&result).unwrap();
        audit.add(&id(row), &got);
        for operator in [Operator::H, Operator::WH] {
            let name = format!("ldos_{operator}_scf_comparable");
            if row.number(&name) != Some(1.0) || row.number("degenerate_cut_w") == Some(1.0) {
                continue;
            }
            let base = if operator == Operator::H { Operator::L } else { Operator::W };
            let matrix = operators.view(base).unwrap().with_potential(&result.potential);
            let local = LocalDensity::of(&shells(&matrix).unwrap()).unwrap();
            locals.push((id(row), operator, local));
        }
        if row.number("degenerate_cut_w") != Some(1.0) {
            let want = &want_audit[&id(row)];
            let number = |name: &str| want[name].parse::<f64>().unwrap();
            delta_v.compare(got.delta_v_max, number("deltaV_max"), || id(row));
            delta_v.compare(got.delta_v_p95, number("deltaV_p95"), || id(row));
            delta_v.compare(got.residual_init, number("residual_init"), || id(row));
            delta_v.compare(got.residual_final, number("residual_final"), || id(row));
        }
    });
    delta_v.within("audit rows", 1.1e-8);
    eprintln!("{:?}\n{:#?}", audit.verdict(), audit.all.stats());

    let grid = range.grid(GRID_POINTS, KERNEL_WIDTH).unwrap().unwrap();
    let curves = spectra.map(|rows| {
        let mut dos = DosAccumulator::new(grid, KERNEL_WIDTH).unwrap();
        for block in rows.chunks(4096) {
            dos.add_block(block.iter().map(Vec::as_slice));
        }
        dos.curve()
    });
    let mut worst = Worst::default();
    let mut reader = csv::Reader::from_path(batch.join("dos_curve.csv")).unwrap();
    for (k, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let want = |column: usize| record[column].parse::<f64>().unwrap();
        worst.compare(grid.energy(k), want(0), || format!("energy {k}"));
        for (c, curve) in curves.iter().enumerate() {
            worst.compare(curve[k], want(c + 1), || format!("curve {c} at {k}"));
        }
    }
    worst.within("run DOS from published eigenvalues", 1.1e-8);

    let want: HashMap<String, _> =
        table("ldos_summary.csv.gz").into_iter().map(|r| (r["id"].clone(), r)).collect();
    let kernel = GaussianKernel::new(KERNEL_WIDTH).unwrap().on(&grid);
    let mut worst = Worst::default();
    for (id, operator, local) in &locals {
        let got = local.summary(&kernel).unwrap();
        let want = |name: &str| want[id][&format!("{operator}_{name}")].parse::<f64>().unwrap();
        let place = || format!("{id} {operator}");
        assert_eq!(local.atom as f64, want("atom_idx"), "{}", place());
        worst.compare(got.peak_energy, want("ldos_peak_energy"), place);
        worst.compare(got.peak_value, want("ldos_peak_value"), place);
        worst.compare(got.entropy, want("ldos_entropy"), place);
    }
    // The grid here comes from rounded eigenvalues, so energies move by up to
    // 5e-9, which the slope of the kernel turns into a few 1e-7.
    worst.within("local DOS summaries", 1e-6);
}

/// Molecules of the repository's own fixture: the pilots, some of each source,
/// one that is not connected and one whose SCF does not converge.
///
/// With `HETERO2_WRITE_FIXTURES` set, the fixture is written again.
#[test]
fn the_fixture_is_a_slice_of_the_golden_results() {
    use serde_json::json;
    let Some(dir) = golden_dir() else { return };
    let mut lines = Vec::new();
    let mut taken: HashMap<String, u32> = HashMap::new();
    for_each_operator_row(&dir, |row| {
        let flag = |name: &str| row.number(name) == Some(1.0);
        let graph = row.graph();
        let n = graph.atomic_numbers.len();
        let class = match (n, flag("scfw_converged"), flag("degenerate_cut_w")) {
            (31.., ..) => return,
            (_, false, false) => "open".to_owned(),
            _ if row.number("n_components") > Some(1.0) => "disconnected".to_owned(),
            _ => row.text("source").unwrap(),
        };
        let limit = if class == "pilot" { 10 } else { 2 };
        let count = taken.entry(class).or_default();
        *count += 1;
        if *count > limit {
            return;
        }
        let bonds: Vec<_> = graph.bonds.iter().map(|b| (b.i, b.j, b.doubled_order)).collect();
        let numbers = |names: &[&str]| -> serde_json::Map<String, serde_json::Value> {
            names.iter().map(|&name| (name.to_owned(), json!(row.number(name)))).collect()
        };
        lines.push(json!({
            "id": id(row), "z": graph.atomic_numbers, "bonds": bonds,
            "L": row.list("L_eigs"), "H": row.list("H_eigs"),
            "W": row.list("W_eigs"), "WH": row.list("WH_eigs"),
            "features": numbers(&[
                "L_gap", "L_trace", "L_entropy_beta", "H_gap", "H_trace", "H_entropy_beta",
                "W_gap", "W_entropy", "WH_gap", "WH_entropy",
                "spectral_gap", "spectral_entropy", "spectral_entropy_norm",
            ]),
            "scf": {
                "comparable": !flag("degenerate_cut_w"), "converged": flag("scfw_converged"),
                "v": row.list("scfw_V"), "rho": row.list("scfw_rho"),
                "residuals": row.list("scfw_trace_residual"),
            },
            "local": {
                "comparable": flag("ldos_WH_static_comparable"),
                "atom": row.number("ldos_WH_static_atom_idx").unwrap() as u64,
                "weights": row.list("ldos_WH_static_weights"),
            },
        }));
    });
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/spectra.jsonl");
    if std::env::var_os("HETERO2_WRITE_FIXTURES").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}
