//! Which hydrogens do the atoms of a molfile imply? After RDKit's `Atom.cpp`.

use super::table::{Hydrogens, Order, Table};
use crate::molecule::fast::{hypervalent, of_aromatic};

/// Valences that RDKit permits an element; a last -1 permits any further one.
fn valences(z: i32) -> &'static [i32] {
    match z {
        1 | 9 | 17 | 35 | 55 | 87 => &[1],
        2 | 10 | 18 | 36 | 86 => &[0],
        3 | 11 | 19 | 37 => &[1, -1],
        4 | 8 => &[2],
        5 | 7 | 13 | 31 | 49 => &[3],
        6 | 14 | 32 => &[4],
        12 | 20 | 38 | 56 | 88 => &[2, -1],
        15 | 33 | 51 | 83 => &[3, 5],
        16 | 34 | 52 | 84 => &[2, 4, 6],
        50 | 82 => &[2, 4],
        53 | 85 => &[1, 3, 5],
        54 => &[0, 2, 4, 6],
        _ => &[-1],
    }
}

/// An atom as its valence sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Valence {
    pub z: i32,
    pub charge: i32,
    pub radicals: i32,
    pub aromatic: bool,
    /// Twice the orders of its bonds.
    pub doubled: i32,
}

impl Valence {
    /// The valence that its bonds make.
    fn bonded(self) -> i32 {
        let permitted = valences(self.like());
        let doubled =
            if self.aromatic { of_aromatic(self.doubled, permitted) } else { self.doubled };
        (doubled + 1) / 2
    }

    /// The element with as many electrons, or itself if it permits any valence.
    fn like(self) -> i32 {
        if valences(self.z)[0] == -1 { self.z } else { (self.z - self.charge).clamp(0, 118) }
    }

    /// Hydrogens that it implies.
    pub fn implied(self) -> i32 {
        if self.z == 0 {
            return 0;
        }
        if self.z == 1 {
            return i32::from(self.doubled == 0 && self.radicals == 0 && self.charge == 0);
        }
        let mut like = self.like();
        let default = valences(like)[0];
        if like == 0 || default == -1 {
            return 0;
        }
        let mut used = self.bonded() + self.radicals;
        if hypervalent(self.z, like) {
            like = self.z;
            used -= self.charge;
        }
        if self.aromatic {
            return (default - used).max(0);
        }
        valences(like).iter().find(|&&valence| used <= valence).map_or(0, |valence| valence - used)
    }
}

/// An atom's valence from its bonds, except those to hydrogens that are folded.
pub(super) fn of_written(table: &Table, atom: u32) -> Valence {
    let (it, bonds) = (table.atom(atom), table.neighbors(atom));
    let doubled = |(to, bond): (u32, u32)| {
        let bond = table.bond(bond);
        if table.atom(to).folded { 0 } else { bond.order.doubled(bond.end_of(atom)) }
    };
    Valence {
        z: it.z.into(),
        charge: it.charge.into(),
        radicals: it.radicals.into(),
        aromatic: it.aromatic,
        doubled: bonds.map(doubled).sum(),
    }
}

/// Counts the hydrogens of all atoms, and folds drawn ones into their neighbours.
pub(super) fn count(table: &mut Table) {
    for atom in 0..table.atoms.len() as u32 {
        let valence = of_written(table, atom);
        let hs = match table.atom(atom).hydrogens {
            Hydrogens::Implied => valence.implied(),
            Hydrogens::Exactly(hs) => hs.into(),
            Hydrogens::Valence(wanted) => (i32::from(wanted) - valence.bonded()).max(0),
        };
        table.atoms[atom as usize].hs = u8::try_from(hs).unwrap_or(0);
    }
    for atom in 0..table.atoms.len() as u32 {
        if let Some(heavy) = folds_into(table, atom) {
            table.atoms[atom as usize].folded = true;
            table.atoms[heavy as usize].hs += 1;
        }
    }
}

/// The atom that can count a drawn hydrogen as one of its own.
fn folds_into(table: &Table, atom: u32) -> Option<u32> {
    let it = table.atom(atom);
    if it.z != 1 || it.isotope != 0 || it.charge != 0 || it.radicals != 0 || it.map != 0 {
        return None;
    }
    let &[bond] = it.bonds.as_slice() else { return None };
    let heavy = table.bond(bond).other(atom);
    let usual = matches!(table.atom(heavy).z, 5..=9 | 14..=17 | 33..=35 | 53);
    // Alone beside a double bond it says on which side it is.
    let double = |(_, bond): (u32, u32)| table.bond(bond).order == Order::Double;
    let says_side = table.degree(heavy) == 2 && table.neighbors(heavy).any(double);
    let fits = table.bond(bond).order == Order::Single && table.atom(heavy).hs < 16;
    (usual && fits && !says_side).then_some(heavy)
}
