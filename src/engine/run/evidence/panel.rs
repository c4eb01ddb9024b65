//! The controls of one molecule and its decoys.

use hetero2_audit::evidence::models::{Features, SeparabilityUnit};
use hetero2_audit::evidence::{ControlAudit, Key, Scaffold};
use hetero2_chemistry::control_scores;
use hetero2_chemistry::molecule::{Fingerprint, Molecule, ParseLimits};
use hetero2_common::rounding::round8;
use hetero2_contract::controls::{ControlCell, ControlRow};
use hetero2_contract::evidence::ControlName;
use hetero2_contract::rows::{DecoyRow, MoleculeRow};

use super::training::TrainingSet;

/// Controls that cost more than all others together are audited against this
/// many decoys of a molecule, the first ones …
const COSTLY_DECOYS: usize = 2;
const COSTLY: [ControlName; 3] = [ControlName::Logp, ControlName::Tpsa, ControlName::SaScore];
/// … and the one that costs more than these together against this many.
const DEAREST_DECOYS: usize = 1;
const DEAREST: ControlName = ControlName::Qed;
/// Controls that need nothing but the molecule and cost little.
const CHEAP: [ControlName; 5] = [
    ControlName::Constant,
    ControlName::HeavyAtoms,
    ControlName::Fragments,
    ControlName::RingSize,
    ControlName::EnvironmentCommonness,
];

/// Descriptors that the classifier of originals and decoys sees.
const SEEN: [ControlName; 7] = [
    ControlName::HeavyAtoms,
    ControlName::Logp,
    ControlName::Tpsa,
    ControlName::SaScore,
    ControlName::Fragments,
    ControlName::RingSize,
    ControlName::EnvironmentCommonness,
];

/// How much of the panel a molecule gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// Its scaffold, and whether it stands in the training file.
    Grouping,
    /// Also what every control says of the molecule itself.
    Scores,
    /// Also what controls say of its decoys.
    Controls,
}

/// A molecule's row of the panel, and what is not stored of it.
pub(super) struct Described {
    pub row: ControlRow,
    pub fingerprint: Option<Fingerprint>,
    /// What the classifier of originals and decoys sees.
    pub separable: Option<SeparabilityUnit>,
    /// Similarity to the nearest training molecule, 0 to 1.
    pub nearest: Option<f64>,
    /// Whether its scaffold stands in the training file.
    pub scaffold_known: bool,
}

/// Describes a molecule that was audited.
pub(super) fn describe(
    molecule: &MoleculeRow,
    decoys: &[DecoyRow],
    extent: Extent,
    training: Option<&TrainingSet>,
) -> Option<Described> {
    let original = read(molecule.canonical_smiles.as_deref()?)?;
    let fingerprint = original.fingerprint().ok();
    let scaffold = original.scaffold().ok().flatten();
    let mut row = ControlRow {
        row: molecule.row,
        molecule_id: molecule.id.clone(),
        scaffold,
        in_training: training.map(|training| training.contains(&original)),
        cells: [None; ControlName::ALL.len()],
    };
    let mut separable = None;
    if extent >= Extent::Scores {
        let decoys = if extent == Extent::Controls { decoys } else { &[] };
        let decoys: Vec<Molecule> =
            decoys.iter().filter_map(|decoy| read(&decoy.decoy_smiles)).collect();
        let own = control_scores(&ALL, &original);
        let others: Vec<Scores> = decoys
            .iter()
            .enumerate()
            .map(|(place, decoy)| control_scores(of_decoy(place), decoy))
            .collect();
        for control in ALL {
            // A decoy beyond what a control models has no score, and is left out
            // of its AUC.
            let of_decoys = others.iter().filter_map(|scores| scores[control as usize]);
            row.cells[control as usize] =
                own[control as usize].and_then(|score| audited(score, of_decoys));
        }
        if extent == Extent::Controls {
            let few = decoys.len().min(COSTLY_DECOYS);
            let seen = (&decoys[..few], &others[..few]);
            separable = features((&original, &own), row.scaffold.as_deref(), seen);
        }
        if let Some((training, fingerprint)) = training.zip(fingerprint.as_ref()) {
            add_training(&mut row, training, fingerprint, &decoys);
        }
    }
    let nearest = training.zip(fingerprint.as_ref());
    Some(Described {
        nearest: nearest.and_then(|(training, own)| training.nearest(own)),
        scaffold_known: training.is_some_and(|training| {
            row.scaffold.as_deref().is_some_and(|scaffold| training.has_scaffold(scaffold))
        }),
        row,
        fingerprint,
        separable,
    })
}

/// A molecule of which an earlier pack says all but its fingerprint.
pub(super) fn known(molecule: &MoleculeRow, stored: &ControlRow) -> Option<Described> {
    let original = read(molecule.canonical_smiles.as_deref()?)?;
    Some(Described {
        row: stored.clone(),
        fingerprint: original.fingerprint().ok(),
        separable: None,
        nearest: None,
        scaffold_known: false,
    })
}

fn read(smiles: &str) -> Option<Molecule> {
    Molecule::from_canonical_smiles(smiles, &ParseLimits::default()).ok()
}

/// What controls say of one structure, in the order of [`ControlName::ALL`].
type Scores = [Option<f64>; ControlName::ALL.len()];

/// Every control that needs nothing but the molecule, the cheapest first.
const ALL: [ControlName; 9] =
    [CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3], CHEAP[4], COSTLY[0], COSTLY[1], COSTLY[2], DEAREST];

/// The controls that are audited against the decoy at a place.
fn of_decoy(place: usize) -> &'static [ControlName] {
    let all = match place {
        _ if place < DEAREST_DECOYS => ALL.len(),
        _ if place < COSTLY_DECOYS => CHEAP.len() + COSTLY.len(),
        _ => CHEAP.len(),
    };
    &ALL[..all]
}

/// A control from its scores.
pub(super) fn audited(original: f64, decoys: impl Iterator<Item = f64>) -> Option<ControlCell> {
    let decoys: Vec<f64> = decoys.map(round8).collect();
    let score = round8(original);
    let audit = ControlAudit::of(score, decoys.iter().copied());
    let auc = audit.map(|audit| round8(audit.auc));
    Some(ControlCell { score, auc, decoys: u32::try_from(decoys.len()).unwrap_or(u32::MAX) })
}

/// Controls that know the training molecules.
fn add_training(
    row: &mut ControlRow,
    training: &TrainingSet,
    original: &Fingerprint,
    decoys: &[Molecule],
) {
    let prints: Vec<Fingerprint> =
        decoys.iter().filter_map(|decoy| decoy.fingerprint().ok()).collect();
    let others: Vec<_> = prints.iter().map(|print| training.scores(print)).collect();
    for (place, (control, score)) in training.scores(original).into_iter().enumerate() {
        let of_decoys = others.iter().filter_map(|scores| Some(scores.get(place)?.1));
        row.cells[control as usize] = audited(score, of_decoys);
    }
}

/// What the classifier of originals and decoys sees of a molecule and of those
/// decoys that costly controls are audited against.
fn features(
    (original, own): (&Molecule, &Scores),
    scaffold: Option<&str>,
    (decoys, others): (&[Molecule], &[Scores]),
) -> Option<SeparabilityUnit> {
    let of = |molecule: &Molecule, scores: &Scores| {
        Some(Features {
            descriptors: SEEN
                .iter()
                .map(|control| scores[*control as usize])
                .collect::<Option<_>>()?,
            environments: molecule.fingerprint().ok()?.on_bits().collect(),
        })
    };
    let key = |molecule: &Molecule| Key::of(molecule.canonical_smiles());
    Some(SeparabilityUnit {
        unit: key(original),
        scaffold: scaffold.map_or(Scaffold::Acyclic, |scaffold| Scaffold::Of(Key::of(scaffold))),
        original: of(original, own)?,
        decoys: decoys
            .iter()
            .zip(others)
            .filter_map(|(decoy, scores)| Some((key(decoy), of(decoy, scores)?)))
            .collect(),
    })
}
