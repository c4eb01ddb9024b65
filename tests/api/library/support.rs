//! What the tests of the reader share.

use std::path::{Path, PathBuf};

use hetero2::library::{LibraryError, ReadOptions, Record, Source};
use hetero2::molecule::{Molecule, ParseLimits};

/// A library of the repository.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/libraries").join(name)
}

/// Opens a library of the repository.
pub fn open(name: &str) -> Source {
    Source::open(&fixture(name), &ReadOptions::default()).unwrap()
}

/// All records.
pub fn read(source: Source) -> Vec<Record> {
    source.collect::<Result<_, _>>().unwrap()
}

/// All records of a text.
pub fn read_bytes(text: &[u8], name: &str) -> Vec<Record> {
    read(
        Source::from_reader(std::io::Cursor::new(text.to_vec()), name, ReadOptions::default())
            .unwrap(),
    )
}

/// Why a text cannot be opened.
pub fn open_error(text: &[u8], name: &str) -> LibraryError {
    Source::from_reader(std::io::Cursor::new(text.to_vec()), name, ReadOptions::default())
        .unwrap_err()
}

/// `(id, SMILES)` of each record.
pub fn pairs(records: &[Record]) -> Vec<(&str, &str)> {
    records.iter().map(|r| (r.id.as_str(), std::str::from_utf8(&r.smiles).unwrap())).collect()
}

/// Canonical form of a SMILES.
pub fn canonical(smiles: &[u8]) -> String {
    let molecule = Molecule::from_smiles(smiles, &ParseLimits::default()).unwrap();
    molecule.canonical_smiles().to_owned()
}

/// A small generator, so that a failing case can be repeated.
pub struct Random(pub u64);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}
