//! Spectral fingerprints: those of an independent implementation
//! (`benches/usefulness/fingerprint.py`), with every instruction set.

use std::fs;
use std::path::Path;

use hetero2::molecule::{MolecularGraph, ParseLimits};
use hetero2::operator::{
    ATOM_CLASSES, AtomClasses, AtomTable, EdgeWeights, GraphOperators, Operator, OperatorSettings,
    Physics,
};
use hetero2::pack::rows;
use hetero2::spectra::fingerprint::{
    FINGERPRINT_CLASSES, FINGERPRINT_LENGTH, FINGERPRINT_SCHEMA, fingerprint,
};
use hetero2::spectra::{CpuBackend, Isa, SpectraBackend};

/// SMILES and fingerprint in hexadecimal digits.
fn reference() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("fixtures/fingerprint/reference.tsv")).unwrap();
    let mut lines = text.lines().map(|line| line.split_once('\t').unwrap());
    assert_eq!(lines.next().unwrap().1, FINGERPRINT_SCHEMA);
    lines.map(|(smiles, digits)| (smiles.to_owned(), digits.to_owned())).collect()
}

fn digits(smiles: &str, backend: &CpuBackend) -> String {
    let read = MolecularGraph::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
    let settings = OperatorSettings {
        physics: Physics::Both,
        edge_weights: EdgeWeights::BondOrderDeltaChi,
        ..OperatorSettings::default()
    };
    let operators = GraphOperators::build(&read.graph, AtomTable::embedded(), &settings).unwrap();
    let spectra = [Operator::H, Operator::WH].map(|operator| {
        let mut found = backend.shell_projectors(&[operators.view(operator).unwrap()]).unwrap();
        found.remove(0)
    });
    let found = fingerprint(&spectra, AtomClasses::of(&read.graph).bits()).unwrap();
    found.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_are_those_of_the_reference_with_every_instruction_set() {
    let reference = reference();
    assert!(reference.len() > 10);
    for backend in Isa::ALL.into_iter().filter_map(CpuBackend::with_isa) {
        for (smiles, expected) in &reference {
            assert_eq!(&digits(smiles, &backend), expected, "{smiles}, {:?}", backend.isa());
        }
    }
}

#[test]
fn rooms_agree_on_the_layout() {
    assert_eq!(rows::FINGERPRINT_LENGTH, FINGERPRINT_LENGTH);
    assert_eq!(ATOM_CLASSES, FINGERPRINT_CLASSES);
}
