//! Molfiles (MDL connection tables, V2000 and V3000) to SMILES text.
//!
//! The file is read into atoms and bonds as drawn ([`table`]); tetrahedral
//! centres come from coordinates or wedges ([`tetrahedral`]), double bonds from
//! coordinates ([`double_bonds`]), implied hydrogens from RDKit's valences
//! ([`hydrogens`]). Which of the centres are any is for the reader of the SMILES to
//! say: it drops those whose neighbours are the same.

mod double_bonds;
mod element;
mod geometry;
mod hydrogens;
mod meaning;
mod table;
#[cfg(test)]
mod tests;
mod tetrahedral;
mod v2000;
mod v3000;
mod write;

use self::table::Table;

/// Largest molfile that is read, in bytes (about 100,000 atoms).
const MAX_BYTES: usize = 32 << 20;
/// Most atoms, and most bonds, that are read.
const MAX_ITEMS: usize = 200_000;

/// Why a molfile gives no SMILES.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MolfileError {
    /// The text is no valid molfile.
    #[error("invalid molfile: {0}")]
    Syntax(String),
    /// The molfile is longer than the limit.
    #[error("molfile of {bytes} bytes, at most {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The molfile is a query (an atom list, an atom or bond of several kinds,
    /// a condition on an atom), which stands for no single molecule.
    #[error("a query, not a molecule: {0}")]
    Query(String),
    /// The molfile has a bond that is none of SMILES: of order zero, a hydrogen bond, or
    /// one to several atoms at once.
    #[error("a bond that is not supported: {0}")]
    UnsupportedBond(String),
    /// The molfile has a stereocentre that is not tetrahedral, or stereo bonds that no
    /// SMILES can write.
    #[error("stereochemistry that is not supported: {0}")]
    UnsupportedStereo(String),
}

/// The SMILES of a molfile, V2000 or V3000, without data items: its graph as
/// it stands, neither sanitised nor canonical, in time linear in the atoms.
///
/// Stereochemistry of atoms is that of the coordinates where they are
/// three-dimensional, else that of wedges; that of double bonds comes from the
/// coordinates. A bond drawn wiggly or crossed says that it is unknown. A molfile without atoms
/// gives an empty text.
///
/// # Errors
/// [`MolfileError`] says what is wrong with the molfile.
pub fn smiles_from_molfile(block: &str) -> Result<String, MolfileError> {
    if block.len() > MAX_BYTES {
        return Err(MolfileError::TooLarge { bytes: block.len(), limit: MAX_BYTES });
    }
    let mut table = read(block)?;
    if table.atoms.is_empty() {
        return Ok(String::new());
    }
    table.finish()?;
    let centres = tetrahedral::centres(&table)?;
    let directions = double_bonds::directions(&table)?;
    Ok(write::smiles(&table, &centres, &directions))
}

fn read(block: &str) -> Result<Table, MolfileError> {
    let mut lines = block.lines();
    let header = lines.by_ref().take(3).count();
    let counts = lines.next().filter(|_| header == 3);
    let counts = counts.ok_or_else(|| syntax("it ends before its counts line"))?;
    let version = counts.trim_end().to_ascii_uppercase();
    if version.ends_with("V3000") { v3000::read(lines) } else { v2000::read(counts, lines) }
}

fn syntax(what: impl Into<String>) -> MolfileError {
    MolfileError::Syntax(what.into())
}
