//! Which molecules are cages, and how many swaps of one are worth trying.
//!
//! Every swap of a cage is costly: its many equally short rings have to be
//! found, and its symmetries broken, before it has a canonical SMILES. The
//! Gray graph took 24 s, Tutte's 12-cage minutes. The bound counts swaps, not
//! seconds, so that results do not depend on the machine.

use crate::molecule::Molecule;

/// Bound on swaps times atoms times the cube of independent rings.
const MAX_WORK: usize = 600_000_000;

/// More than one independent ring for so many atoms makes a cage; drug-like
/// molecules and polymers have fewer than one for four.
const ATOMS_PER_RING: usize = 3;

/// Most swaps of a molecule that has more than a third as many independent
/// rings as atoms; `None` for others, whose swaps are cheap.
pub(super) fn most_swaps(molecule: &Molecule) -> Option<usize> {
    let atoms = molecule.atom_count();
    let rings = (molecule.bonds().len() + molecule.component_count()).saturating_sub(atoms);
    (rings * ATOMS_PER_RING > atoms).then(|| (MAX_WORK / (atoms * rings.pow(3))).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::molecule::ParseLimits;

    fn most(smiles: &str) -> Option<usize> {
        most_swaps(&Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap())
    }

    #[test]
    fn only_cages_are_bounded() {
        assert_eq!(most("CC(=O)Oc1ccccc1C(=O)O"), None);
        assert_eq!(most("C1C2CC3CC1CC(C2)C3"), None, "adamantane");
        assert_eq!(most("C1CC2CCC1C2.C"), None);
        // Cubane has 24 swaps; the bound is far above.
        assert_eq!(most("C12C3C4C1C5C2C3C45"), Some(600_000));
    }
}
