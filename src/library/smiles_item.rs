//! Whether a SMILES among the data items of an SDF record is another molecule
//! than its molfile. Knows nothing of files.

use hetero2_chemistry::molecule::{MolecularGraph, ParseLimits};

/// Molecules are compared up to this many heavy atoms.
const MAX_ATOMS: usize = 200;
/// Longest item that is compared, in bytes.
pub(super) const MAX_BYTES: usize = 4_096;

/// The canonical SMILES of `item` where it is another molecule than `drawn`, the
/// SMILES of the molfile; `None` where it is the same, or either is no molecule
/// of at most 200 heavy atoms. An item without stereochemistry does not contradict
/// a molfile that has some. `canonical` is the canonical SMILES of `drawn`, where
/// that is known. Costs as much as reading one molecule, or up to three where they
/// differ.
///
/// ```
/// use hetero2_library::differing_item;
///
/// assert_eq!(differing_item(b"CCO", "OCC", None), None);
/// assert_eq!(differing_item(b"C[C@H](N)C#N", "CC(N)C#N", None), None);
/// assert_eq!(differing_item(b"CCO", "COC", None), Some("COC".to_owned()));
/// ```
#[must_use]
pub fn differing_item(drawn: &[u8], item: &str, canonical: Option<&str>) -> Option<String> {
    let read = |smiles: &[u8]| {
        MolecularGraph::from_smiles(smiles, &ParseLimits::with_max_heavy_atoms(MAX_ATOMS)).ok()
    };
    let item_read = read(item.as_bytes())?;
    if canonical == Some(item_read.canonical_smiles.as_str()) {
        return None;
    }
    let is_item = |read: &MolecularGraph| read.canonical_smiles == item_read.canonical_smiles;
    let marks = b"@/\\";
    let is_flat = !item.bytes().any(|byte| marks.contains(&byte));
    let flat = || drawn.iter().copied().filter(|byte| !marks.contains(byte)).collect::<Vec<_>>();
    let same = is_item(&read(drawn)?) || is_flat && read(&flat()).as_ref().is_some_and(is_item);
    (!same).then_some(item_read.canonical_smiles)
}
