//! `spectrum`: states of named graphs, molecules and Matrix Market files.

use std::f64::consts::PI;
use std::path::Path;

use serde_json::Value;

use crate::support::{call, hetero2, scratch, write};

fn spectrum(graph: &str, more: &[&str]) -> Value {
    let mut command = hetero2();
    command.args(["--json", "spectrum", graph]).args(more);
    let done = call(&mut command).expect_code(0);
    serde_json::from_str(&done.stdout).unwrap()
}

/// Energies and states below, as CSV says.
fn table(path: &Path) -> Vec<(f64, u64)> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let mut cells = line.split(',');
        let energy = cells.next().unwrap().parse().unwrap();
        (energy, cells.next().unwrap().parse().unwrap())
    });
    rows.collect()
}

#[test]
fn a_chain_and_a_ring_have_the_states_of_their_closed_forms() {
    let scratch = scratch();
    let n = 30_000_u32;
    for (name, turn) in [("chain", PI), ("ring", 2.0 * PI)] {
        let csv = scratch.path().join(format!("{name}.csv"));
        let svg = scratch.path().join(format!("{name}.svg"));
        let files = ["--csv", csv.to_str().unwrap(), "--svg", svg.to_str().unwrap()];
        let grid = ["--operator", "L", "--energies", "61", "--from", "0.0123", "--to", "3.9977"];
        let found = spectrum(&format!("{name}:{n}"), &[&files[..], &grid].concat());
        assert_eq!(found["order"], n);
        let second = 2.0 - 2.0 * (turn / f64::from(n)).cos();
        assert!((found["gap"].as_f64().unwrap() - second).abs() < 1e-10, "{found}");
        let values: Vec<f64> =
            (0..n).map(|k| 2.0 - 2.0 * (turn * f64::from(k) / f64::from(n)).cos()).collect();
        for (energy, below) in table(&csv) {
            let expected = values.iter().filter(|&&value| value < energy).count() as u64;
            assert_eq!(below, expected, "{name} below {energy}");
        }
        let svg = std::fs::read_to_string(&svg).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("share of the states below"));
    }
}

#[test]
fn a_molecule_and_its_matrix_have_the_same_states() {
    let scratch = scratch();
    let text = "%%MatrixMarket matrix coordinate real symmetric\n3 3 5\n1 1 1\n2 2 2\n3 3 0\n\
                2 1 -1\n3 2 -1\n";
    let file = write(scratch.path(), "ethanol.mtx", text);
    let of_file = spectrum(file.to_str().unwrap(), &[]);
    let of_smiles = spectrum("CCO", &[]);
    assert_eq!(of_file["points"], of_smiles["points"]);
    assert_eq!(of_file["operator"], Value::Null);
    assert_eq!(of_smiles["operator"], "H");
    let again = spectrum("CCO", &["--threads", "2"]);
    assert_eq!(again, of_smiles);
}

#[test]
fn what_has_no_spectrum_says_why() {
    let scratch = scratch();
    let file = write(scratch.path(), "bad.mtx", "%%MatrixMarket matrix array real general\n");
    let taken = write(scratch.path(), "taken.csv", "precious");
    for (arguments, words) in [
        (vec!["chain:0"], "chain:N, ring:N"),
        (vec!["cube:8"], "chain:N, ring:N"),
        (vec!["C1CC"], "C1CC"),
        (vec!["missing.mtx"], "missing.mtx"),
        (vec![file.to_str().unwrap()], "%%MatrixMarket matrix coordinate"),
        (vec!["CCO", "--operator", "w"], "--edge-weights"),
        (vec!["CCO", "--from", "1", "--to", "1"], "make no grid"),
        (vec!["CCO", "--csv", taken.to_str().unwrap()], "--force"),
    ] {
        let done = call(hetero2().arg("spectrum").args(&arguments)).expect_code(2);
        assert!(done.stderr.contains(words), "{arguments:?}: {}", done.stderr);
    }
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "precious");
}

#[test]
fn a_graph_with_fill_is_estimated_with_errors() {
    let counted = spectrum("styrene:800", &["--energies", "9", "--from", "-0.5", "--to", "6.5"]);
    let estimated = spectrum(
        "styrene:800",
        &[
            "--energies",
            "9",
            "--from",
            "-0.5",
            "--to",
            "6.5",
            "--method",
            "estimated",
            "--seed",
            "3",
        ],
    );
    assert_eq!((&counted["method"], &estimated["method"]), (&"exact".into(), &"estimated".into()));
    let below = |found: &Value, key: &str| -> Vec<f64> {
        let points = found["points"].as_array().unwrap();
        points.iter().map(|point| point[key].as_f64().unwrap()).collect()
    };
    let errors = below(&estimated, "error");
    for ((a, b), error) in
        below(&counted, "below").iter().zip(below(&estimated, "below")).zip(errors)
    {
        // Energies in gaps, but for the width that states are smeared by.
        assert!((a - b).abs() < 5.0 * error + 40.0, "{a} {b} ± {error}");
    }
}

/// A polymer goes through a run; its row says which features are what.
#[test]
fn a_run_without_a_bound_on_atoms_takes_a_polymer() {
    let scratch = scratch();
    let dir = scratch.path();
    let text = format!(
        "CCO ethanol\n{} polymer\n{} odd\n",
        "CC(c1ccccc1)".repeat(1500),
        "C[Hg]".repeat(6000)
    );
    let library = write(dir, "library.smi", &text);
    let pack = |name: &str, threads: &str| {
        let out = dir.join(name);
        let mut command = hetero2();
        command.arg("run").arg(&library).arg("--out").arg(&out);
        command.args([
            "--max-atoms",
            "0",
            "--decoys",
            "0",
            "--backend",
            "cpu",
            "--threads",
            threads,
        ]);
        call(&mut command).expect_code(0);
        (crate::support::verify(&out.join("pack")), out.join("pack"))
    };
    let (digest, pack_of_one) = pack("one", "1");
    assert_eq!(digest, pack("two", "2").0);
    let rows = crate::support::table(&pack_of_one.join("summary.csv"));
    let outcomes: Vec<&str> = rows.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(outcomes, ["OK", "OK", "SKIP"]);
    let number = |name: &str| rows[1][name].parse::<f64>().unwrap();
    assert_eq!(number("L_trace"), 2.0 * 13_499.0);
    // A chain of 3,000 whose second atoms weigh seven times as much.
    assert!(number("spectral_gap") > 1e-8 && number("spectral_gap") < 1e-5);
    assert!(number("L_entropy_beta") > 8.0 && number("L_entropy_beta") < 12_000_f64.ln());
    let warnings = table_of_warnings(&pack_of_one);
    assert!(warnings[0].is_empty());
    assert!(warnings[1][0].starts_with("large_graph:exact spectral_gap,L_gap"), "{warnings:?}");
}

fn table_of_warnings(pack: &Path) -> Vec<Vec<String>> {
    use hetero2::pack::rows::MoleculeRow;
    use hetero2::pack::tables::TableReader;
    let rows = TableReader::<MoleculeRow>::open(&pack.join("summary.parquet")).unwrap();
    rows.flat_map(|rows| rows.unwrap())
        .map(|row| row.warnings.iter().map(ToString::to_string).collect())
        .collect()
}
