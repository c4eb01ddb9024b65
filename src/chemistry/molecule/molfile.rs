//! Molfiles (MDL connection tables, V2000 and V3000) to SMILES text.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chematic::mol::{parse_mol, parse_mol_v3000};
use chematic::smiles as cs;

/// Largest molfile that is read, in bytes (about 100,000 atoms).
const MAX_BYTES: usize = 32 << 20;

/// Molfiles beyond this many bytes are read on a thread with a stack of its
/// own: the crate's writer calls itself once per atom of a chain.
const LARGE_BYTES: usize = 16 << 10;
/// Shortest line of an atom, in bytes.
const ATOM_BYTES: usize = 16;
/// Most atoms that the crate reads.
const MAX_ATOMS: usize = 100_000;
/// Stack for one atom, in bytes, and for everything else.
const ATOM_STACK: usize = 2 << 10;
const BASE_STACK: usize = 4 << 20;

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
    /// The reader failed on this molfile (a defect of it, or no memory left).
    #[error("the molfile reader failed on it")]
    Internal,
}

/// The SMILES of a molfile, V2000 or V3000, without data items: its graph as
/// it stands, neither sanitised nor canonical, in time linear in the atoms.
///
/// Stereochemistry is read from wedges, and that of double bonds from the
/// coordinates. A molfile without atoms gives an empty text.
///
/// # Errors
/// [`MolfileError`] says what is wrong with the molfile.
pub fn smiles_from_molfile(block: &str) -> Result<String, MolfileError> {
    if block.len() > MAX_BYTES {
        return Err(MolfileError::TooLarge { bytes: block.len(), limit: MAX_BYTES });
    }
    if block.len() <= LARGE_BYTES {
        return convert_caught(block);
    }
    let atoms = (block.len() / ATOM_BYTES).min(MAX_ATOMS);
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("molfile".into())
            .stack_size(BASE_STACK + atoms * ATOM_STACK)
            .spawn_scoped(scope, || convert_caught(block))
            .map_err(|_| MolfileError::Internal)?
            .join()
            .unwrap_or(Err(MolfileError::Internal))
    })
}

/// Molfiles come from anywhere, and the parser indexes into their columns.
fn convert_caught(block: &str) -> Result<String, MolfileError> {
    catch_unwind(AssertUnwindSafe(|| convert(block))).unwrap_or(Err(MolfileError::Internal))
}

fn convert(block: &str) -> Result<String, MolfileError> {
    let counts = block.lines().nth(3).unwrap_or_default();
    let parsed = if counts.trim_end().ends_with("V3000") {
        parse_mol_v3000(block)
    } else {
        parse_mol(block)
    };
    let (model, _) = parsed.map_err(|error| MolfileError::Syntax(error.to_string()))?;
    if model.atom_count() == 0 {
        return Ok(String::new());
    }
    // Not the canonical SMILES: whoever reads it sanitises and canonicalises,
    // under limits that this text conversion does not need.
    Ok(cs::write(&model))
}
