//! What a decoy of set v2 may look like, given its original.
//!
//! It must not know how candidates come about.

use std::cell::RefCell;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::environment::{Commonness, EnvironmentTable};
use crate::molecule::{
    BondSwap, Molecule, MoleculeError, Preview, RewiredMolecule, RingBonds, Rings, Sketch,
};
use hetero2_contract::{CountedWarning, Warning};

/// Rings of these sizes may come and go.
const COMMON_RINGS: std::ops::RangeInclusive<usize> = 5..=8;

/// A rule of decoy set v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// As many fragments as the original.
    Fragments,
    /// Its formula, with hydrogens and charge.
    Formula,
    /// No more rings of any size below 5 or above 8 than the original has.
    Rings,
    /// No environment rarer than the rarest of the original.
    Environments,
    /// Another molecule than the original and the other decoys, stereo marks
    /// apart.
    Stereoisomer,
    /// Another fingerprint than the original's.
    SameFingerprint,
}

/// How many candidates each rule of decoy set v2 turned away; the first rule
/// against a candidate counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct RuleCounters {
    /// Another number of fragments than the original.
    pub fragments: u64,
    /// Another formula.
    pub formula: u64,
    /// A ring below 5 or above 8 members that the original has not.
    pub rings: u64,
    /// An environment rarer than the rarest of the original.
    pub environments: u64,
    /// A stereoisomer of the original or of another decoy.
    pub stereoisomers: u64,
    /// The fingerprint of the original.
    pub same_fingerprint: u64,
}

impl RuleCounters {
    pub(super) fn count(&mut self, rule: Rule) {
        *match rule {
            Rule::Fragments => &mut self.fragments,
            Rule::Formula => &mut self.formula,
            Rule::Rings => &mut self.rings,
            Rule::Environments => &mut self.environments,
            Rule::Stereoisomer => &mut self.stereoisomers,
            Rule::SameFingerprint => &mut self.same_fingerprint,
        } += 1;
    }

    /// A remark for each rule that turned something away.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Warning> {
        let counts: [(CountedWarning, u64); 6] = [
            (Warning::RuleFragments, self.fragments),
            (Warning::RuleFormula, self.formula),
            (Warning::RuleRings, self.rings),
            (Warning::RuleEnvironments, self.environments),
            (Warning::RuleStereoisomers, self.stereoisomers),
            (Warning::RuleSameFingerprint, self.same_fingerprint),
        ];
        let counts = counts.into_iter().filter(|&(_, count)| count > 0);
        counts.map(|(warning, count)| warning(count))
    }
}

/// The rules for one original.
pub(super) struct Rules {
    fragments: usize,
    formula: String,
    hydrogens_and_charge: Option<(u32, i32)>,
    /// Sizes of its rings outside [`COMMON_RINGS`], ascending.
    uncommon_rings: Vec<usize>,
    own: FxHashSet<u32>,
    rarest: Commonness,
    /// Environments that were met, and whether they are admitted.
    met: RefCell<FxHashMap<u32, bool>>,
}

/// What was found of a molecule that every rule admits.
pub(super) struct Verified {
    /// Its canonical SMILES without stereo marks.
    pub flat: String,
}

impl Rules {
    /// # Errors
    /// [`MoleculeError`] where the original's rings or environments cannot be
    /// counted.
    pub(super) fn of(molecule: &Molecule) -> Result<Self, MoleculeError> {
        let environments = molecule.environments()?;
        let rarest = EnvironmentTable::embedded().rarest(&environments);
        Ok(Self {
            fragments: molecule.component_count(),
            formula: molecule.formula()?,
            hydrogens_and_charge: molecule.hydrogens_and_charge(),
            uncommon_rings: uncommon(molecule.ring_sizes()?),
            own: environments.iter().map(|environment| environment.id).collect(),
            rarest: rarest.unwrap_or(Commonness::UNKNOWN),
            met: RefCell::default(),
        })
    }

    /// Environments that are the original's own, or in the reference table and
    /// no rarer there than the rarest of the original's.
    fn admits_environment(&self, id: u32) -> bool {
        *self.met.borrow_mut().entry(id).or_insert_with(|| {
            let commonness = EnvironmentTable::embedded().commonness(id);
            let common = commonness > Commonness::UNKNOWN && commonness >= self.rarest;
            common || self.own.contains(&id)
        })
    }

    /// The graph that `swap` makes of `from`, if the rules admit it as far as a
    /// graph shows; `None` where it makes none. `preview` looks at `from`.
    pub(super) fn screen(
        &self,
        from: &Sketch,
        preview: Option<&mut Preview<'_>>,
        swap: BondSwap,
    ) -> Result<Option<Sketch>, Rule> {
        let made = match preview {
            None => from.swapped(swap),
            Some(preview) => {
                if !preview.look_at(swap) {
                    return Ok(None);
                }
                if preview.fragments() != self.fragments {
                    return Err(Rule::Fragments);
                }
                if !preview.rings_made().all(|size| self.knows_ring(size)) {
                    return Err(Rule::Rings);
                }
                let changed = preview.ring_bonds() == RingBonds::Changed;
                let made = changed.then(|| from.swapped(swap)).flatten();
                if preview.surely_breaks(made.as_ref(), |id| self.admits_environment(id)) {
                    return Err(Rule::Environments);
                }
                made.or_else(|| from.swapped(swap))
            }
        };
        let Some(made) = made else { return Ok(None) };
        self.admits_link(&made)?;
        self.screen_environments(&made)?;
        self.screen_rings(&made)?;
        Ok(Some(made))
    }

    /// Whether a ring of this size may be made, if it is one.
    fn knows_ring(&self, size: Option<usize>) -> bool {
        size.is_none_or(|size| {
            COMMON_RINGS.contains(&size) || self.uncommon_rings.binary_search(&size).is_ok()
        })
    }

    /// Whether a molecule may be linked to another by chains: fragments, and
    /// rings as far as its last swap shows.
    fn admits_link(&self, sketch: &Sketch) -> Result<(), Rule> {
        if sketch.fragments() != self.fragments {
            return Err(Rule::Fragments);
        }
        let Some(&BondSwap { a, b, c, d }) = sketch.swaps().last() else { return Ok(()) };
        let made = [(a, d), (c, b)];
        let rings = made
            .iter()
            .all(|&(a, b)| b == BondSwap::HYDROGEN || self.knows_ring(sketch.smallest_ring(a, b)));
        if rings { Ok(()) } else { Err(Rule::Rings) }
    }

    fn screen_rings(&self, sketch: &Sketch) -> Result<(), Rule> {
        if sketch.rings() == Rings::Kept {
            return Ok(());
        }
        let sizes = sketch.ring_sizes().map_err(|_| Rule::Rings)?;
        let admitted = is_part_of(&uncommon(sizes), &self.uncommon_rings);
        if admitted { Ok(()) } else { Err(Rule::Rings) }
    }

    fn screen_environments(&self, sketch: &Sketch) -> Result<(), Rule> {
        let touched = sketch.swaps().iter().flat_map(|swap| swap.atoms());
        let near = touched.filter_map(|atom| sketch.close_environment(atom));
        let mut admitted = near.into_iter().all(|id| self.admits_environment(id));
        if admitted {
            // Larger molecules are judged once they are made.
            let _ = sketch.environments(|id| {
                admitted = admitted && self.admits_environment(id);
            });
        }
        if admitted { Ok(()) } else { Err(Rule::Environments) }
    }

    /// Judges a molecule as it was sanitised, its rings by its graph if there
    /// is one. A molecule of which something cannot be counted breaks the rule
    /// that asks for it.
    pub(super) fn verify(
        &self,
        rewired: &RewiredMolecule,
        sketch: Option<&Sketch>,
    ) -> Result<Verified, Rule> {
        let molecule = rewired.molecule().map_err(|_| Rule::Formula)?;
        if molecule.component_count() != self.fragments {
            return Err(Rule::Fragments);
        }
        // No swap changes which elements there are.
        let same = match (molecule.hydrogens_and_charge(), self.hydrogens_and_charge) {
            (Some(found), Some(wanted)) => found == wanted,
            _ => molecule.formula().is_ok_and(|formula| formula == self.formula),
        };
        if !same {
            return Err(Rule::Formula);
        }
        match sketch {
            Some(sketch) => self.screen_rings(sketch)?,
            None => {
                let sizes = molecule.ring_sizes().map_err(|_| Rule::Rings)?;
                if !is_part_of(&uncommon(sizes), &self.uncommon_rings) {
                    return Err(Rule::Rings);
                }
            }
        }
        let environments = molecule.environments().map_err(|_| Rule::Environments)?;
        if !environments.iter().all(|found| self.admits_environment(found.id)) {
            return Err(Rule::Environments);
        }
        let flat = rewired.smiles_without_stereo().map_err(|_| Rule::Stereoisomer)?;
        Ok(Verified { flat })
    }
}

/// Sizes outside [`COMMON_RINGS`].
fn uncommon(mut sizes: Vec<usize>) -> Vec<usize> {
    sizes.retain(|size| !COMMON_RINGS.contains(size));
    sizes
}

/// Whether `part` has no size more often than `whole`; both ascend.
fn is_part_of(part: &[usize], whole: &[usize]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|size| rest.by_ref().any(|other| other == size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::molecule::ParseLimits;

    fn molecule(smiles: &str) -> Molecule {
        Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap()
    }

    /// What the rules for `original` say of `decoy`.
    fn judged(original: &str, decoy: &str) -> Option<Rule> {
        let rules = Rules::of(&molecule(original)).unwrap();
        rules.verify(&RewiredMolecule::from(molecule(decoy)), None).err()
    }

    #[test]
    fn each_rule_turns_away_what_breaks_it_alone() {
        assert_eq!(judged("CC(=O)Oc1ccccc1C(=O)O", "COC(=O)c1ccccc1C(=O)O"), None);
        assert_eq!(judged("CCCCO", "CC.CCO"), Some(Rule::Fragments));
        assert_eq!(judged("CCCCO", "CCCC=O"), Some(Rule::Formula));
        assert_eq!(judged("CC[NH3+]", "CCN"), Some(Rule::Formula));
        // Six- to five-membered is common, to three-membered is not …
        assert_ne!(judged("C1CCCCC1", "CC1CCCC1"), Some(Rule::Rings));
        assert_eq!(judged("C1CCCCC1", "CCCC1CC1"), Some(Rule::Rings));
        // … unless the original has one.
        assert_ne!(judged("CCCC1CC1", "CCC1CC1C"), Some(Rule::Rings));
        assert_eq!(judged("COCCOC", "COOCCC"), Some(Rule::Environments));
    }

    #[test]
    fn looking_at_a_swap_finds_what_making_it_finds() {
        let (mut looked, mut admitted) = (0, 0);
        for smiles in [
            "CC(=O)Oc1ccccc1C(=O)O",
            "CN1CCC(CC1)Oc1ccc(F)cc1NC(=O)C1CC1",
            "C1CC2CCC1C2CO",
            "CC[NH+](CC)CCOC(=O)c1ccc(N)cc1",
            "OCC1OC(O)C(O)C(O)C1O",
            "CCO",
            "CC.CCO",
        ] {
            let molecule = molecule(smiles);
            let rules = Rules::of(&molecule).unwrap();
            let sketch = Sketch::of(&molecule).unwrap();
            let mut preview = Preview::of(&sketch).unwrap();
            let bonds = sketch.single_bonds();
            let pairs = bonds.iter().flat_map(|&(a, b)| {
                bonds.iter().flat_map(move |&(c, d)| {
                    [BondSwap { a, b, c, d }, BondSwap { a, b, c: d, d: c }]
                })
            });
            for swap in pairs.chain(sketch.hydrogen_swaps()) {
                let graph = |made: Option<Sketch>| made.map(|made| made.swaps().to_vec());
                let quick = rules.screen(&sketch, Some(&mut preview), swap).map(graph);
                let slow = rules.screen(&sketch, None, swap).map(graph);
                assert_eq!(quick, slow, "{smiles} {swap:?}");
                looked += 1;
                admitted += usize::from(matches!(quick, Ok(Some(_))));
            }
        }
        assert!(looked > 1_500 && admitted > 20, "{admitted} of {looked}");
    }

    #[test]
    fn rings_are_compared_as_multisets() {
        assert!(is_part_of(&[], &[]));
        assert!(is_part_of(&[3, 9], &[3, 4, 9]));
        assert!(!is_part_of(&[3, 3], &[3, 4]));
        assert!(!is_part_of(&[9], &[]));
        assert_eq!(uncommon(vec![3, 4, 5, 6, 8, 9, 12]), [3, 4, 9, 12]);
    }
}
