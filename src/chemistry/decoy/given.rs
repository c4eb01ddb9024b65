//! Decoy set `given`: structures that somebody else chose for a molecule.

use std::collections::HashSet;

use super::record::{Decoy, DecoyCounters, similarity};
use super::{DecoyOutcome, DecoyRequest, SearchExtent, StrategyId, Warning};
use crate::molecule::{Molecule, ParseLimits, RewiredMolecule};

/// The decoys among the SMILES in `listed`, in their order and at most as many
/// as are asked for. Left out are those that cannot be read, the molecule itself,
/// repeated ones, and those outside the range of hard mode; warnings count them.
///
/// ```
/// use hetero2_chemistry::decoy::{DecoyRequest, DecoySet, DecoyStrategy, of_given};
/// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
///
/// let ethanol = Molecule::from_smiles(b"CCO", &ParseLimits::default())?;
/// let (set, strategy) = (DecoySet::Given, DecoyStrategy::Exhaustive);
/// let request = DecoyRequest { count: 5, seed: 0, set, strategy, hardness: None };
/// let outcome = of_given(&ethanol, ["OCC", "CCN", "NCC", "C1"], &request);
/// assert_eq!(outcome.decoys.len(), 1);
/// assert_eq!(outcome.decoys[0].smiles(), "CCN");
/// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
/// ```
#[must_use]
pub fn of_given<'a>(
    molecule: &Molecule,
    listed: impl IntoIterator<Item = &'a str>,
    request: &DecoyRequest,
) -> DecoyOutcome {
    let mut seen = HashSet::from([molecule.canonical_smiles().to_owned()]);
    let reference = molecule.fingerprint().ok();
    let mut counters = DecoyCounters::default();
    let mut warnings = Vec::new();
    let mut decoys = Vec::new();
    let mut unreadable = 0;
    let mut extent = None;
    for smiles in listed {
        if decoys.len() >= request.count {
            extent = Some(SearchExtent::CountReached);
            break;
        }
        counters.attempts += 1;
        let read = match Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()) {
            Ok(read) => read,
            Err(error) => {
                if unreadable == 0 {
                    warnings.push(Warning::UnreadableDecoy(format!("{smiles}: {error}")));
                }
                unreadable += 1;
                continue;
            }
        };
        if !seen.insert(read.canonical_smiles().to_owned()) {
            counters.duplicate += 1;
            continue;
        }
        let decoy = RewiredMolecule::from(read);
        let similarity = similarity(&decoy, reference.as_ref());
        if !request.admits(similarity) {
            counters.hardness_reject += 1;
            continue;
        }
        decoys.push(Decoy::new(decoy, similarity, StrategyId::Given, Vec::new()));
    }
    let distinct = decoys.len();
    if unreadable > 0 {
        warnings.push(Warning::UnreadableDecoys(unreadable));
    }
    warnings.extend((distinct > 0).then_some(Warning::DecoyStrategyUsed(StrategyId::Given)));
    warnings.extend(counters.warnings(distinct, request));
    DecoyOutcome {
        strategy: (distinct > 0).then_some(StrategyId::Given),
        decoys,
        counters,
        rules: None,
        warnings: Warning::in_order(warnings),
        extent: extent.unwrap_or(SearchExtent::Exhausted { distinct }),
    }
}
