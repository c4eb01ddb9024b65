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
