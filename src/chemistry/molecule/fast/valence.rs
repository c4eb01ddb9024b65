//! Valences, implied hydrogens and radicals, after RDKit's `Atom.cpp` and
//! `MolOps.cpp`, for the elements and charges of plain molecules.

use super::graph::{Atom, FlatMol, Order};

/// Valences that RDKit permits an element; the first is the default one.
pub(super) const fn valences(z: i32) -> &'static [i32] {
    match z {
        4 => &[2],
        5 | 7 | 13 => &[3],
        6 | 14 | 32 => &[4],
        8 => &[2],
        9 | 17 | 35 => &[1],
        15 | 33 | 51 => &[3, 5],
        16 | 34 | 52 => &[2, 4, 6],
        53 => &[1, 3, 5],
        54 => &[0, 2, 4, 6],
        _ => &[0],
    }
}

/// Electrons of the outer shell.
pub(super) fn outer_electrons(z: u8) -> i32 {
    match z {
        5 => 3,
        6 | 14 => 4,
        7 | 15 | 33 => 5,
        8 | 16 | 34 | 52 => 6,
        _ => 7,
    }
}

const DEFAULT_VALENCES: [i32; 55] = {
    let mut list = [0; 55];
    let mut z = 0;
    while z < list.len() {
        list[z] = valences(z as i32)[0];
        z += 1;
    }
    list
};

pub(super) fn default_valence(z: i32) -> i32 {
    DEFAULT_VALENCES.get(z as usize).copied().unwrap_or(0)
}

fn last(list: &[i32]) -> i32 {
    list.last().copied().unwrap_or(0)
}

/// The element that has as many electrons.
fn isoelectronic(z: u8, charge: i8) -> i32 {
    i32::from(z) - i32::from(charge)
}

/// Whether an anion keeps the valences of its own element; `like` is the one with
/// as many electrons.
pub(in crate::molecule) fn hypervalent(z: i32, like: i32) -> bool {
    (like > 16 && matches!(z, 15 | 16)) || (like > 34 && matches!(z, 33 | 34))
}

/// Twice the valence that is meant by the doubled orders of an aromatic atom's bonds, each
/// of which counts one and a half: a permitted one that is near below.
pub(in crate::molecule) fn of_aromatic(doubled: i32, permitted: &[i32]) -> i32 {
    // A negative one permits any.
    if permitted[0] < 0 || doubled <= 2 * permitted[0] {
        return doubled;
    }
    let fitting = permitted.iter().take_while(|&&valence| 2 * valence <= doubled);
    let nearest = fitting.last().copied().unwrap_or(permitted[0]);
    if nearest >= 0 && doubled - 2 * nearest <= 3 { 2 * nearest } else { doubled }
}

impl Atom {
    /// Whether SMILES writes the atom in brackets.
    pub(super) fn needs_bracket(&self) -> bool {
        let organic = matches!(self.z, 5..=9 | 15..=17 | 35 | 53);
        !organic
            || self.charge != 0
            || self.radicals != 0
            || self.chiral_tag.is_some()
            || (matches!(self.z, 7 | 15) && self.aromatic && self.explicit_hs != 0)
            || (self.total_hs() != 0 && self.total_valence() != default_valence(i32::from(self.z)))
    }

    /// Whether hydrogens that a bracket counts will be implied when it is
    /// written, or atoms lack some.
    pub(super) fn loses_bracket(&self) -> bool {
        self.radicals != 0 || (self.no_implicit && !self.needs_bracket())
    }
}

impl FlatMol {
    /// Twice the orders of an atom's bonds and counted hydrogens.
    fn doubled_valence(&self, index: u32) -> i32 {
        let bonds =
            self.neighbors(index).iter().map(|neighbor| self.bonds[neighbor.bond as usize].order);
        let counted = i32::from(self.atoms[index as usize].explicit_hs);
        bonds.map(Order::doubled).sum::<i32>() + 2 * counted
    }

    /// The valence that bonds and counted hydrogens make; `None` if `strict`
    /// and more than the element permits.
    fn explicit_valence(&self, index: u32, strict: bool) -> Option<i32> {
        let atom = &self.atoms[index as usize];
        let mut doubled = self.doubled_valence(index);
        let like = isoelectronic(atom.z, atom.charge);
        let permitted = valences(like);
        if atom.aromatic {
            doubled = of_aromatic(doubled, permitted);
        }
        let valence = (doubled + 1) / 2;
        if strict {
            let own = hypervalent(i32::from(atom.z), like);
            let most = last(if own { valences(i32::from(atom.z)) } else { permitted });
            let offset = if own { -i32::from(atom.charge) } else { 0 };
            if valence + offset > most {
                return None;
            }
        }
        Some(valence)
    }

    /// Hydrogens that the explicit valence leaves room for; `None` if `strict`
    /// and no permitted valence fits.
    fn implied_hs(&self, index: u32, strict: bool) -> Option<i32> {
        let atom = &self.atoms[index as usize];
        if atom.no_implicit {
            return Some(0);
        }
        let mut used = atom.explicit_valence + i32::from(atom.radicals);
        let mut like = isoelectronic(atom.z, atom.charge);
        let default = default_valence(like);
        if hypervalent(i32::from(atom.z), like) {
            like = i32::from(atom.z);
            used -= i32::from(atom.charge);
        }
        let permitted = valences(like);
        if atom.aromatic {
            if used <= default {
                return Some(default - used);
            }
            return (!strict || permitted.contains(&used)).then_some(0);
        }
        match permitted.iter().find(|&&valence| used <= valence) {
            Some(valence) => Some(valence - used),
            None => (!strict).then_some(0),
        }
    }

    /// Computes both for one atom.
    pub(super) fn update_valence(&mut self, index: u32, strict: bool) -> Option<()> {
        let doubled = self.doubled_valence(index);
        let atom = &mut self.atoms[index as usize];
        let valence = (doubled + 1) / 2;
        let left = default_valence(i32::from(atom.z)) - valence - i32::from(atom.radicals);
        if atom.charge == 0 && left >= 0 {
            atom.explicit_valence = valence;
            atom.implicit_hs = if atom.no_implicit { 0 } else { left };
            return Some(());
        }
        self.update_unusual(index, strict)
    }

    fn update_unusual(&mut self, index: u32, strict: bool) -> Option<()> {
        self.atoms[index as usize].explicit_valence = self.explicit_valence(index, strict)?;
        self.atoms[index as usize].implicit_hs = self.implied_hs(index, strict)?;
        Some(())
    }

    /// Computes both for all atoms, and checks them.
    pub(super) fn update_valences(&mut self) -> Option<()> {
        (0..self.atoms.len() as u32).try_for_each(|index| {
            self.update_valence(index, true)?;
            (!self.needs_clean_up(index)).then_some(())
        })
    }

    /// Whether RDKit would rewrite the molecule before it looks at valences:
    /// nitro groups written with five bonds, phosphorus ylides, chlorates. The
    /// chemistry crate also refuses neutral oxygen with too many bonds. The atom
    /// has a valence that its element permits.
    pub(super) fn needs_clean_up(&self, index: u32) -> bool {
        let atom = &self.atoms[index as usize];
        if atom.charge != 0 {
            return false;
        }
        match atom.z {
            15 => atom.explicit_valence == 5 && self.degree(index) == 3,
            53 => matches!(atom.explicit_valence, 3 | 5),
            8 => atom.aromatic && self.bonded(index) > 2,
            _ => false,
        }
    }

    /// Orders of the bonds, aromatic ones as single, and counted hydrogens.
    fn bonded(&self, index: u32) -> i32 {
        let bonds =
            self.neighbors(index).iter().map(|neighbor| self.bonds[neighbor.bond as usize].order);
        bonds.map(|order| order.doubled() / 2).sum::<i32>()
            + i32::from(self.atoms[index as usize].explicit_hs)
    }

    /// Radical electrons of atoms that imply no hydrogens.
    pub(super) fn assign_radicals(&mut self) {
        for index in 0..self.atoms.len() {
            let atom = self.atoms[index];
            if !atom.no_implicit {
                continue;
            }
            let total = self.doubled_valence(index as u32) / 2;
            let (outer, charge) = (outer_electrons(atom.z), i32::from(atom.charge));
            let mut radicals = 8 - outer - total + charge;
            if radicals < 0 {
                radicals = 0;
                let list = valences(i32::from(atom.z));
                if list.len() > 1 {
                    let free = |valence: &i32| valence - total + charge;
                    radicals = list.iter().map(free).find(|&free| free >= 0).unwrap_or(0);
                }
            }
            let unshared = outer - total - charge;
            if unshared >= 0 {
                radicals = radicals.min(unshared);
            }
            self.atoms[index].radicals = radicals.max(0) as u8;
        }
    }

    /// Counts hydrogens that aromaticity leaves no valence for (`adjustHs`),
    /// and checks valences again. Those of atoms that neither were nor are
    /// aromatic have not changed.
    pub(super) fn adjust_hydrogens(&mut self) -> Option<()> {
        for index in 0..self.atoms.len() as u32 {
            let atom = self.atoms[index as usize];
            if !atom.aromatic && !atom.was_aromatic {
                continue;
            }
            if self.update_valence(index, true).is_some()
                && self.atoms[index as usize].implicit_hs >= atom.implicit_hs
            {
                continue;
            }
            self.update_valence(index, false)?;
            let left = self.atoms[index as usize].implicit_hs;
            if left < atom.implicit_hs {
                self.atoms[index as usize].explicit_hs += (atom.implicit_hs - left) as u8;
            }
            self.update_valence(index, true)?;
        }
        Some(())
    }
}
