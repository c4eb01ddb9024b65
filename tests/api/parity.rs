//! A slice of the golden rows of the Python implementation: molecules,
//! eigenvalues, and a whole run with two published decoys a molecule.
//! `docs/parity.md` reports on all rows; `examples/parity` made this slice.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read;

use hetero2::decoy::{
    Decoy, DecoyHash, DecoyRequest, DecoySet, DecoyStrategy, HardnessBin, StrategyId, generate,
};
use hetero2::molecule::{Molecule, ParseLimits};
use hetero2::operator::{
    AtomTable, EdgeWeights, GraphOperators, Operator, OperatorSettings, Physics,
};
use hetero2::run::{LibraryInput, RunConfig, RunRequest, SeedStrategy, Silent};
use hetero2::spectra::{CpuBackend, SpectraBackend, SymmetricGraph};
use serde::Deserialize;

/// Rows of the slice; a fixture that lost some must not pass.
const ROWS: usize = 134;

#[derive(Deserialize)]
struct Golden {
    id: String,
    smiles: String,
    summary: HashMap<String, String>,
    /// Hash, Tanimoto and bin of each decoy.
    decoys: Vec<(String, String, String)>,
    molecule: Option<GoldenMolecule>,
    #[serde(default)]
    eigenvalues: HashMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct GoldenMolecule {
    canonical_smiles: String,
    rings: [f64; 2],
    descriptors: [f64; 6],
}

fn slice() -> Vec<Golden> {
    let packed = include_bytes!("../../fixtures/parity/rows.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let rows: Vec<Golden> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), ROWS);
    rows
}

fn read(golden: &Golden) -> Option<Molecule> {
    Molecule::from_smiles(golden.smiles.as_bytes(), &ParseLimits::default()).ok()
}

#[test]
fn molecules_are_those_of_rdkit() {
    for golden in slice() {
        let molecule = read(&golden);
        assert_eq!(molecule.is_some(), golden.molecule.is_some(), "{}", golden.id);
        let (Some(ours), Some(theirs)) = (molecule, golden.molecule) else { continue };
        assert_eq!(ours.canonical_smiles(), theirs.canonical_smiles, "{}", golden.id);
        let rings = ours.rings().unwrap();
        let rings: [f64; 2] = [rings.rings.into(), rings.aromatic_rings.into()];
        assert_eq!(rings, theirs.rings, "{}", golden.id);
        let d = ours.descriptors().unwrap();
        let found: [f64; 6] = [d.mw, d.logp, d.tpsa, d.hbd.into(), d.hba.into(), d.qed];
        for (ours, theirs) in found.into_iter().zip(theirs.descriptors) {
            assert!((ours - theirs).abs() <= 1e-9, "{}: {found:?}", golden.id);
        }
    }
}

#[test]
fn eigenvalues_are_those_of_lapack() {
    let backend = CpuBackend::new();
    let mut compared = 0;
    for golden in slice() {
        let Some(molecule) = read(&golden) else { continue };
        let full = golden.eigenvalues.contains_key("WH");
        let settings = OperatorSettings {
            physics: if full { Physics::Both } else { Physics::Topological },
            edge_weights: match full {
                true => EdgeWeights::BondOrderDeltaChi,
                false => EdgeWeights::Unweighted,
            },
            ..OperatorSettings::default()
        };
        let table = AtomTable::embedded();
        let operators = GraphOperators::build(molecule.graph(), table, &settings).unwrap();
        for (operator, name) in Operator::ALL.into_iter().zip(["L", "H", "W", "WH"]) {
            let Some(theirs) = golden.eigenvalues.get(name) else { continue };
            let view = operators.view(operator).unwrap();
            let graph = SymmetricGraph {
                n: view.n,
                edges: view.edges,
                off_diagonal: view.off_diagonal,
                diagonal: view.diagonal,
            };
            let found = backend.eigenvalues(&[graph]).unwrap();
            let ours = found.get(0).unwrap();
            assert_eq!(ours.len(), theirs.len(), "{} {name}", golden.id);
            for (ours, theirs) in ours.iter().zip(theirs) {
                // The slice has 11 decimals.
                assert!((ours - theirs).abs() <= 1e-10, "{} {name}", golden.id);
            }
            compared += 1;
        }
    }
    assert!(compared >= 150, "only {compared} spectra compared");
}

#[test]
fn decoys_are_those_of_the_python_implementation() {
    let mut compared = 0;
    for golden in slice().iter().filter(|golden| golden.summary["status"] == "OK") {
        let request = DecoyRequest {
            count: 2,
            seed: golden.summary["seed_used"].parse().unwrap(),
            set: DecoySet::V1,
            strategy: DecoyStrategy::Published,
            hardness: None,
        };
        let outcome = generate(&read(golden).unwrap(), &request);
        let strategy = outcome.strategy.map(StrategyId::name);
        assert_eq!(strategy, golden.summary.get("decoy_strategy_used").map(String::as_str));
        assert_eq!(outcome.decoys.len(), golden.decoys.len(), "{}", golden.id);
        for (hash, tanimoto, bin) in &golden.decoys {
            let is_it = |decoy: &&Decoy| DecoyHash::of_smiles(decoy.smiles()).to_string() == *hash;
            let decoy = outcome.decoys.iter().find(is_it);
            let similarity = decoy.and_then(Decoy::tanimoto).unwrap_or(f64::NAN);
            assert_eq!(format!("{similarity:.6}"), *tanimoto, "{} {hash}", golden.id);
            assert_eq!(HardnessBin::of(Some(similarity)).as_str(), bin, "{} {hash}", golden.id);
            compared += 1;
        }
    }
    assert!(compared >= 200, "only {compared} decoys compared");
}

/// Columns that hold the same text in both programs.
const EXACT: [&str; 8] = [
    "status",
    "reason",
    "verdict",
    "decoy_strategy_used",
    "seed_used",
    "n_decoys",
    "n_decoys_scored",
    "physics_mode_used",
];

/// Columns of numbers, which Python publishes in full and we to 8 decimals.
const NUMBERS: [&str; 16] = [
    "gate",
    "slack",
    "margin",
    "spectral_gap",
    "spectral_entropy",
    "spectral_entropy_norm",
    "L_gap",
    "L_trace",
    "L_entropy_beta",
    "H_gap",
    "H_trace",
    "H_entropy_beta",
    "W_gap",
    "W_entropy",
    "WH_gap",
    "WH_entropy",
];

#[test]
fn a_whole_run_gives_the_published_summary() {
    let golden = slice();
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library.csv");
    let text = golden.iter().fold("id,smiles\n".to_owned(), |mut text, row| {
        let _ = writeln!(text, "{},\"{}\"", row.id, row.smiles.replace('"', "\"\""));
        text
    });
    std::fs::write(&library, text).unwrap();
    let config = RunConfig {
        decoys: 2,
        seed_strategy: SeedStrategy::PerRow,
        decoy_strategy: DecoyStrategy::Published,
        physics: Physics::Both,
        edge_weights: EdgeWeights::BondOrderDeltaChi,
        ..RunConfig::default()
    };
    let request = RunRequest::new(LibraryInput::File(library), folder.path().join("run"), config);
    let report = hetero2::run::run(&request, &Silent).unwrap();
    let mut reader = csv::Reader::from_path(report.pack.join("summary.csv")).unwrap();
    let ours: Vec<HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(ours.len(), golden.len());
    for (ours, golden) in ours.iter().zip(&golden) {
        assert_eq!(ours["id"], golden.id);
        for column in EXACT {
            let theirs = golden.summary.get(column).map_or("", String::as_str);
            // The text of a Python exception.
            let theirs = if theirs.contains("Error(") { "no_heavy_atoms" } else { theirs };
            assert_eq!(ours[column], theirs, "{} {column}", golden.id);
        }
        for column in NUMBERS {
            let number = |text: Option<&String>| text.and_then(|text| text.parse::<f64>().ok());
            let pair = (number(ours.get(column)), number(golden.summary.get(column)));
            let equal = match pair {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1.1e-8,
                (ours, theirs) => ours == theirs,
            };
            assert!(equal, "{} {column}: {pair:?}", golden.id);
        }
    }
}
