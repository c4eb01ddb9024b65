//! Decoy set `matched`: real molecules with the properties of the original and
//! another structure (DUD-E; Mysinger, Carchia, Irwin and Shoichet 2012).
//!
//! Properties are kept as whole numbers, so that what matches does not depend on
//! how a sum was rounded.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use sha2::{Digest as _, Sha256};

use super::record::{Decoy, DecoyCounters, Similarity};
use super::{DecoyOutcome, DecoyRequest, SearchExtent, StrategyId, Warning};
use crate::molecule::{Fingerprint, Molecule, MoleculeError, ParseLimits, RewiredMolecule};

/// What decoys are matched on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Properties {
    /// Formal charge.
    pub charge: i16,
    /// Heavy atoms.
    pub heavy_atoms: i16,
    /// Crippen log P, hundredths.
    pub logp: i32,
    /// Topological polar surface area, tenths of a square ångström.
    pub tpsa: i32,
    /// Hydrogen-bond donors.
    pub hbd: i16,
    /// Hydrogen-bond acceptors.
    pub hba: i16,
    /// Rotatable bonds.
    pub rotatable_bonds: i16,
}

/// By how much properties may differ, both ways.
type Window = Properties;

/// The windows that are tried, one after the other, until there are enough
/// decoys; in the last one the charge may differ by 1.
pub const WINDOWS: [Properties; 6] = [
    window(0, 1, 40, 50, 0, 1, 1),
    window(0, 2, 60, 80, 1, 1, 1),
    window(0, 3, 90, 120, 1, 2, 2),
    window(0, 4, 130, 160, 2, 2, 3),
    window(0, 6, 180, 220, 2, 3, 4),
    window(1, 8, 250, 300, 3, 4, 5),
];

/// Most similar (Tanimoto, ECFP4) that a decoy may be to its original, unless
/// hard mode says otherwise.
pub const MAX_SIMILARITY: f64 = 0.35;

/// Most molecules of the pool that are compared with one original.
const MAX_COMPARED: usize = 2_000;

const fn window(
    charge: i16,
    heavy_atoms: i16,
    logp: i32,
    tpsa: i32,
    hbd: i16,
    hba: i16,
    rotatable_bonds: i16,
) -> Window {
    Properties { charge, heavy_atoms, logp, tpsa, hbd, hba, rotatable_bonds }
}

impl Properties {
    /// The properties of a molecule.
    ///
    /// # Errors
    /// [`MoleculeError`] where the chemistry model cannot describe it.
    pub fn of(molecule: &Molecule) -> Result<Self, MoleculeError> {
        let small = |n: u64| i16::try_from(n).unwrap_or(i16::MAX);
        Ok(Self {
            charge: i16::try_from(molecule.formal_charge()?).unwrap_or(i16::MAX),
            heavy_atoms: small(molecule.heavy_atom_count() as u64),
            logp: (100.0 * molecule.logp()?).round() as i32,
            tpsa: (10.0 * molecule.tpsa()?).round() as i32,
            hbd: small(molecule.hbd()?.into()),
            hba: small(molecule.hba()?.into()),
            rotatable_bonds: small(molecule.rotatable_bonds()?.into()),
        })
    }

    fn matches(&self, other: &Self, window: &Window) -> bool {
        self.charge.abs_diff(other.charge) <= window.charge.unsigned_abs()
            && self.heavy_atoms.abs_diff(other.heavy_atoms) <= window.heavy_atoms.unsigned_abs()
            && self.logp.abs_diff(other.logp) <= window.logp.unsigned_abs()
            && self.tpsa.abs_diff(other.tpsa) <= window.tpsa.unsigned_abs()
            && self.hbd.abs_diff(other.hbd) <= window.hbd.unsigned_abs()
            && self.hba.abs_diff(other.hba) <= window.hba.unsigned_abs()
            && self.rotatable_bonds.abs_diff(other.rotatable_bonds)
                <= window.rotatable_bonds.unsigned_abs()
    }
}

/// A molecule of a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct PoolMolecule {
    /// What is matched.
    pub properties: Properties,
    /// Its canonical SMILES.
    pub smiles: String,
}

impl PoolMolecule {
    /// The pool's entry of a molecule; `None` for one of several fragments, which
    /// no pool takes.
    ///
    /// # Errors
    /// Those of [`Properties::of`].
    pub fn of(molecule: &Molecule) -> Result<Option<Self>, MoleculeError> {
        if molecule.component_count() != 1 {
            return Ok(None);
        }
        let smiles = molecule.canonical_smiles().to_owned();
        Ok(Some(Self { properties: Properties::of(molecule)?, smiles }))
    }
}

/// Molecules to choose decoys from, by their properties. Memory: 50 bytes a
/// molecule and its SMILES.
#[derive(Debug, Clone, Default)]
pub struct DecoyPool {
    /// Ascending, each once: by charge, heavy atoms, log P, and so on.
    molecules: Vec<PoolMolecule>,
}

impl DecoyPool {
    /// A pool of these molecules; their order and repeated ones do not matter.
    #[must_use]
    pub fn new(mut molecules: Vec<PoolMolecule>) -> Self {
        molecules.sort_unstable();
        molecules.dedup();
        Self { molecules }
    }

    /// The molecules, in the order of the pool.
    #[must_use]
    pub fn molecules(&self) -> &[PoolMolecule] {
        &self.molecules
    }

    /// Molecules whose properties match those of an original in a window. Only
    /// those near in charge, heavy atoms and log P are looked at.
    fn matching<'a>(
        &'a self,
        wanted: &'a Properties,
        window: &'a Window,
    ) -> impl Iterator<Item = &'a PoolMolecule> {
        let around = |centre: i16, by: i16| -> RangeInclusive<i16> {
            centre.saturating_sub(by)..=centre.saturating_add(by)
        };
        let slabs = around(wanted.charge, window.charge).flat_map(move |charge| {
            around(wanted.heavy_atoms, window.heavy_atoms).map(move |atoms| (charge, atoms))
        });
        slabs.flat_map(move |(charge, atoms)| {
            let key = |molecule: &PoolMolecule| {
                let Properties { charge, heavy_atoms, logp, .. } = molecule.properties;
                (charge, heavy_atoms, logp)
            };
            let low = wanted.logp.saturating_sub(window.logp);
            let high = wanted.logp.saturating_add(window.logp);
            let start = self.molecules.partition_point(|m| key(m) < (charge, atoms, low));
            let end = self.molecules.partition_point(|m| key(m) <= (charge, atoms, high));
            let near = self.molecules[start..end.max(start)].iter();
            near.filter(move |molecule| molecule.properties.matches(wanted, window))
        })
    }

    /// Decoys of `molecule`: those that match in the narrowest window first, in
    /// an order that the seed and their structures decide. None is the molecule,
    /// a stereoisomer of it or of another decoy.
    #[must_use]
    pub fn decoys(&self, molecule: &Molecule, request: &DecoyRequest) -> DecoyOutcome {
        let (decoys, counters) = (Vec::new(), DecoyCounters::default());
        let mut search = Search { request, decoys, counters, too_similar: 0 };
        let extent = search.run(self, molecule);
        let Search { decoys, counters, too_similar, .. } = search;
        let distinct = decoys.len();
        let strategy = (distinct > 0).then_some(StrategyId::Matched);
        let mut warnings: Vec<Warning> =
            strategy.map(Warning::DecoyStrategyUsed).into_iter().collect();
        warnings.extend((too_similar > 0).then_some(Warning::SimilarPoolMolecules(too_similar)));
        warnings.extend(counters.warnings(distinct, request));
        DecoyOutcome {
            strategy,
            decoys,
            counters,
            rules: None,
            warnings: Warning::in_order(warnings),
            extent: extent.unwrap_or(SearchExtent::Exhausted { distinct }),
        }
    }
}

struct Search<'a> {
    request: &'a DecoyRequest,
    decoys: Vec<Decoy>,
    counters: DecoyCounters,
    /// Compared and too similar, hard mode apart.
    too_similar: u64,
}

impl Search<'_> {
    fn run(&mut self, pool: &DecoyPool, molecule: &Molecule) -> Option<SearchExtent> {
        let (Ok(wanted), Ok(print)) = (Properties::of(molecule), molecule.fingerprint()) else {
            return None;
        };
        let Ok(flat) = molecule.smiles_without_stereo() else { return None };
        let mut flat = HashSet::from([flat]);
        let mut compared = 0;
        for (number, window) in WINDOWS.iter().enumerate() {
            let narrower = number.checked_sub(1).map(|before| &WINDOWS[before]);
            let new = |found: &&PoolMolecule| {
                narrower.is_none_or(|before| !found.properties.matches(&wanted, before))
            };
            let found = pool.matching(&wanted, window).filter(new);
            let mut found: Vec<([u8; 8], &PoolMolecule)> =
                found.map(|found| (self.rank(&found.smiles), found)).collect();
            found.sort_unstable();
            for (_, found) in found {
                if self.decoys.len() >= self.request.count {
                    return Some(SearchExtent::CountReached);
                }
                if compared == MAX_COMPARED {
                    return Some(SearchExtent::Truncated { swaps_tried: compared });
                }
                compared += 1;
                self.counters.attempts += 1;
                self.take(found, &print, &mut flat);
            }
        }
        None
    }

    /// What puts the molecules of a window into an order.
    fn rank(&self, smiles: &str) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update(self.request.seed.to_le_bytes());
        hash.update(smiles.as_bytes());
        let digest = hash.finalize();
        let mut rank = [0; 8];
        rank.copy_from_slice(&digest[..8]);
        rank
    }

    fn take(&mut self, found: &PoolMolecule, print: &Fingerprint, flat: &mut HashSet<String>) {
        let Ok(read) = Molecule::from_smiles(found.smiles.as_bytes(), &ParseLimits::default())
        else {
            self.counters.sanitize_fail += 1;
            return;
        };
        let Ok(other) = read.fingerprint() else {
            self.counters.sanitize_fail += 1;
            return;
        };
        let similarity = Similarity::between(print, &other);
        match self.request.hardness {
            Some(range) if !range.contains(similarity.tanimoto()) => {
                self.counters.hardness_reject += 1;
                return;
            }
            None if similarity.tanimoto() > MAX_SIMILARITY => {
                self.too_similar += 1;
                return;
            }
            _ => {}
        }
        // One whose bare form cannot be written may be a stereoisomer.
        if !read.smiles_without_stereo().is_ok_and(|bare| flat.insert(bare)) {
            self.counters.duplicate += 1;
            return;
        }
        let decoy = RewiredMolecule::from(read);
        self.decoys.push(Decoy::new(decoy, Some(similarity), StrategyId::Matched, Vec::new()));
    }
}
