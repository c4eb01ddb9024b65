//! Rewiring in flat arrays must give what the chemistry crate gives.

use super::*;
use crate::molecule::test_library;
use hetero2_common::random::PythonRandom;

/// Swaps tried per molecule and kind of bonds.
const SWAPS: usize = 12;

/// The same without own fingerprints.
fn by_crate(rewired: Rewired) -> Result<Option<(String, Option<Fingerprint>)>, SanitizeError> {
    let outcome = outcome(rewired)?.map(|(smiles, _)| {
        let fingerprint = Fingerprint::by_crate(&parse(&smiles).unwrap());
        (smiles, fingerprint.ok())
    });
    Ok(outcome)
}

fn outcome(rewired: Rewired) -> Result<Option<(String, Option<Fingerprint>)>, SanitizeError> {
    match rewired {
        Rewired::New(new) => Ok(Some((new.canonical_smiles().to_owned(), new.fingerprint().ok()))),
        Rewired::Repeated => Ok(None),
        Rewired::Invalid(error) => Err(error),
    }
}

/// Both ways to rewire a molecule, side by side.
struct BothWays<'a> {
    own: Rewirer<'a>,
    general: Rewirer<'a>,
    /// Swaps compared, and those done without the chemistry crate.
    total: usize,
    without: usize,
}

impl<'a> BothWays<'a> {
    fn of(molecule: &'a Molecule) -> Self {
        let own = Rewirer::new(molecule).unwrap();
        let general = Rewirer::general(molecule).unwrap();
        Self { own, general, total: 0, without: 0 }
    }

    fn candidates(&self, kind: BondKind) -> Vec<(u32, u32)> {
        let candidates = self.own.candidates(kind);
        assert_eq!(candidates, self.general.candidates(kind), "{:?}", self.own.molecule);
        candidates
    }

    fn compare(&mut self, (a, b): (u32, u32), (c, d): (u32, u32)) {
        let swap = BondSwap { a, b, c, d };
        if !self.own.allows(swap) {
            return;
        }
        self.total += 1;
        if let Some(plain) = &self.own.fast {
            let rewired = plain.rewired(&swap.broken(), &swap.made(), &[]);
            let numbered = || rewired.canonicalized_in(&label(&rewired.coloured()));
            self.without += usize::from(rewired.canonicalized().or_else(numbered).is_some());
        }
        let (own, general) = (self.own.apply(swap), self.general.apply(swap));
        let (mut own, mut general) = (outcome(own), by_crate(general));
        for found in [&mut own, &mut general] {
            // Where the crate's aromaticity depends on its numbering, so does its fingerprint.
            if let Ok(Some((smiles, fingerprint))) = found
                && smiles.split('.').any(|part| fast::of_relevant_rings(part).is_some())
            {
                *fingerprint = None;
            }
        }
        assert_eq!(own, general, "{:?} {swap:?}", self.own.molecule);
    }
}

#[test]
fn own_and_general_rewiring_agree() {
    let mut rng = PythonRandom::new(17);
    let (mut without, mut total) = (0, 0);
    let kinds = [BondKind::Strict, BondKind::AromaticEnds, BondKind::RingBonds, BondKind::Any];
    for molecule in test_library::molecules() {
        let mut both = BothWays::of(&molecule);
        for kind in kinds {
            let candidates = both.candidates(kind);
            if candidates.len() < 2 {
                continue;
            }
            for _ in 0..SWAPS {
                let (&first, &second) = (rng.choice(&candidates), rng.choice(&candidates));
                both.compare(first, second);
            }
        }
        without += both.without;
        total += both.total;
    }
    println!("{without} of {total} swaps without the chemistry crate");
    assert!(without as f64 > 0.5 * total as f64, "{without} of {total}");
}

#[test]
fn directions_are_rewired_as_by_the_chemistry_crate() {
    let (mut without, mut total) = (0, 0);
    for text in [
        "F/C(Cl)=C(/Br)CCO",
        "CC/C(C)=N/NC(=O)CF",
        "OC/C=C/C=C\\CN",
        "CC/C=C/C(/C=C\\F)=C(/F)CO",
        "OC1CCC/C1=C/CN",
        "O=C1CCC/C=C/CCCCC/C=C\\CO1",
        "NCc1ccccc1/C=C/c1ccc(CO)cc1",
        "C/N=c1\\sccn1CCO",
        "C[C@H](O)/C=C/[C@@H](N)CC",
        "CC/C=C/C[C@@H]1OC(=O)C[C@H]1C",
    ] {
        let molecule = Molecule::from_smiles(text.as_bytes(), &Default::default()).unwrap();
        let mut both = BothWays::of(&molecule);
        assert!(both.own.fast.is_some(), "{text}");
        let candidates = both.candidates(BondKind::Any);
        for (at, &first) in candidates.iter().enumerate() {
            for &(c, d) in &candidates[..at] {
                both.compare(first, (c, d));
                both.compare(first, (d, c));
            }
        }
        without += both.without;
        total += both.total;
    }
    assert!(without as f64 > 0.8 * total as f64, "{without} of {total}");
}
