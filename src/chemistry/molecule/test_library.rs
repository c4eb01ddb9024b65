//! Molecules for tests that compare own computations with the chemistry crate.

use super::{Molecule, ParseLimits};

/// The molecules of the shipped demo library, and those of the SMILES files in
/// the directory `HETERO2_SMILES`.
pub(super) fn molecules() -> Vec<Molecule> {
    let mut texts = include_str!("../../library/data/demo.smi").to_owned();
    match std::env::var_os("HETERO2_SMILES") {
        None => eprintln!("SKIPPED: HETERO2_SMILES is not set, no further molecules compared"),
        Some(directory) => {
            for file in std::fs::read_dir(directory).unwrap() {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                texts.push('\n');
                texts.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    let limits = ParseLimits::default();
    texts.lines().filter_map(|line| Molecule::from_smiles(line.as_bytes(), &limits).ok()).collect()
}
