//! What symbols, codes and data groups mean, in either version of the format.

use super::element::{self, Symbol};
use super::table::{Atom, Hydrogens, Order, Table};
use super::{MolfileError, syntax};

/// Data of a group of atoms, as far as it changes the molecule.
#[derive(Debug, Default)]
pub(super) struct DataGroup {
    pub atoms: Vec<u32>,
    pub field: String,
    pub query: bool,
    pub data: Vec<String>,
}

/// An atom of this symbol.
pub(super) fn with_symbol(name: &str, index: usize) -> Result<Atom, MolfileError> {
    match element::symbol(name) {
        Some(Symbol::Element { z, isotope }) => Ok(Atom { z, isotope, ..Atom::default() }),
        Some(Symbol::Dummy { number }) => Ok(Atom { isotope: number, ..Atom::default() }),
        Some(Symbol::Query) => {
            Err(MolfileError::Query(format!("the symbol `{}` of atom {index}", cut(name))))
        }
        None => Err(syntax(format!("`{}` of atom {index} is no element", cut(name)))),
    }
}

/// The order of a bond of this type.
pub(super) fn order(kind: u32, index: usize) -> Result<Order, MolfileError> {
    let unsupported = |what: &str| Err(MolfileError::UnsupportedBond(format!("{what}, {index}")));
    match kind {
        1 => Ok(Order::Single),
        2 => Ok(Order::Double),
        3 => Ok(Order::Triple),
        4 => Ok(Order::Aromatic),
        9 => Ok(Order::Dative),
        0 => unsupported("a bond of order zero"),
        10 => unsupported("a hydrogen bond"),
        5..=8 => Err(MolfileError::Query(format!("a bond of several orders, {index}"))),
        _ => Err(syntax(format!("bond {index} has the unknown type {kind}"))),
    }
}

/// Unpaired electrons of a radical code.
pub(super) fn unpaired(code: u8) -> Result<u8, MolfileError> {
    match code {
        0 => Ok(0),
        2 => Ok(1),
        1 | 3 => Ok(2),
        _ => Err(syntax(format!("the unknown radical {code}"))),
    }
}

/// Does to the molecule what data groups say.
pub(super) fn apply(
    table: &mut Table,
    groups: impl IntoIterator<Item = DataGroup>,
) -> Result<(), MolfileError> {
    for group in groups {
        if group.query {
            return Err(MolfileError::Query("a SMARTS on an atom".into()));
        }
        if group.field.eq_ignore_ascii_case("MRV_IMPLICIT_H") {
            let hydrogens = |data: &String| data.strip_prefix("IMPL_H").map(|n| n.trim().parse());
            let Some(Ok(hs)) = group.data.iter().find_map(hydrogens) else { continue };
            for &index in &group.atoms {
                let aromatic = |atom: &Atom| {
                    atom.bonds
                        .iter()
                        .any(|&bond| table.bonds[bond as usize].order == Order::Aromatic)
                };
                if table.atoms.get(index as usize).is_some_and(aromatic) {
                    table.atoms[index as usize].hydrogens = Hydrogens::Exactly(hs);
                }
            }
        }
    }
    Ok(())
}

/// The beginning of a text, as messages show it.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(20).flat_map(char::escape_debug).collect()
}
