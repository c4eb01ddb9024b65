//! The rows of a run gathered for its conclusion, and the conclusion.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use hetero2_audit::evidence::models::{SeparabilityFit, SeparabilityUnit, UnitSeparability};
use hetero2_audit::evidence::{Given, Key, MAX_UNITS, Outcome, OutcomesGiven, RocCurve};
use hetero2_audit::{ActiveIf, Truth, TruthLabel};
use hetero2_contract::Status;
use hetero2_contract::controls::{ControlCell, ControlRow};
use hetero2_contract::evidence::{ControlName, CostLiftV2, Evidence, Separability};
use hetero2_contract::rows::{DecoyRow, MoleculeRow};
use hetero2_evidence::conclusion::Gathered;

use super::leakage::Overlap;
use super::panel::{Described, Extent, audited, describe, known};
use super::similar::Labelled;
use super::training::TrainingSet;

/// Molecules that controls are audited on, of all and of those with a known
/// outcome …
const MAX_PANEL: u64 = 256;
/// … and those with a known outcome that controls score, without their decoys.
const MAX_LABELLED: u64 = 4_096;

/// Columns of hashed environments: bits of a fingerprint.
const ENVIRONMENTS: u32 = 2_048;

/// What the conclusion of a run takes besides its rows.
pub(crate) struct EvidenceRun<'a> {
    outcomes: Option<&'a Truth>,
    rule: Option<ActiveIf>,
    training: Option<TrainingSet>,
    /// What an earlier pack of the same molecules, decoys and outcomes has.
    stored: Option<Stored>,
    /// Leading zero bits of a molecule's key with which it gets a scaffold, …
    group_level: u32,
    /// … every control with its decoys, …
    panel_level: u32,
    /// … the same where its outcome is known, …
    labelled_panel_level: u32,
    /// … and the scores of every control there.
    labelled_level: u32,
}

/// What a pack of the same molecules, decoys and outcomes stores of its controls.
pub(crate) struct Stored {
    rows: HashMap<u64, ControlRow>,
    evidence: Evidence,
}

impl Stored {
    /// Its rows, and what it concluded.
    pub(crate) fn new(rows: Vec<ControlRow>, evidence: Evidence) -> Self {
        Self { rows: rows.into_iter().map(|row| (row.row, row)).collect(), evidence }
    }
}

/// What a run concludes.
pub(crate) struct Concluded {
    pub evidence: Evidence,
    /// The controls to be stored.
    pub rows: Vec<ControlRow>,
    /// What a budget buys, where there are outcomes.
    pub budget: Option<CostLiftV2>,
    /// The ROC curves that the report draws.
    pub roc: Vec<RocCurve>,
}

/// Rows gathered so far.
pub(crate) struct EvidencePart {
    gathered: Gathered,
    /// In the order of the library.
    rows: Vec<ControlRow>,
    /// The unit of each.
    units: Vec<Key>,
    labelled: Vec<Labelled>,
    overlap: Overlap,
    /// With their rows.
    separable: Vec<(u64, SeparabilityUnit)>,
}

impl<'a> EvidenceRun<'a> {
    /// The conclusion of a run over so many rows.
    pub(crate) fn new(
        rows: u64,
        outcomes: Option<&'a Truth>,
        rule: Option<ActiveIf>,
        training: Option<TrainingSet>,
        stored: Option<Stored>,
    ) -> Self {
        let labelled = outcomes.map_or(0, |truth| truth.len() as u64).min(rows);
        Self {
            outcomes,
            rule,
            training,
            stored,
            group_level: level(rows, MAX_UNITS as u64),
            panel_level: level(rows, MAX_PANEL),
            labelled_panel_level: level(labelled, MAX_PANEL),
            labelled_level: level(labelled, MAX_LABELLED),
        }
    }

    /// No rows.
    pub(crate) fn begin(&self) -> EvidencePart {
        EvidencePart {
            gathered: Gathered::new(&self.controls(), self.group_level),
            rows: Vec::new(),
            units: Vec::new(),
            labelled: Vec::new(),
            overlap: Overlap::default(),
            separable: Vec::new(),
        }
    }

    /// Controls that are computed.
    fn controls(&self) -> Vec<ControlName> {
        let trained = match (&self.stored, &self.training) {
            (Some(stored), _) => stored.evidence.controls.iter().map(|known| known.name).collect(),
            (None, Some(training)) => training.names(),
            (None, None) => Vec::new(),
        };
        let known = |control: &ControlName| match control {
            ControlName::NnSimilarity
            | ControlName::KnnLabel
            | ControlName::RidgeEcfp4
            | ControlName::YScrambled => trained.contains(control),
            _ => true,
        };
        ControlName::ALL.into_iter().filter(known).collect()
    }

    /// Gathers molecules with all their decoys; both are in the order of the
    /// library.
    pub(crate) fn gather(&self, molecules: &[MoleculeRow], decoys: &[DecoyRow]) -> EvidencePart {
        let mut groups = decoys.chunk_by(|a, b| a.row == b.row).peekable();
        let with_decoys: Vec<(&MoleculeRow, &[DecoyRow])> = molecules
            .iter()
            .map(|molecule| {
                let own = groups.next_if(|group| group[0].row == molecule.row);
                (molecule, own.unwrap_or_default())
            })
            .collect();
        self.gather_each(&with_decoys)
    }

    /// The same where each molecule has its decoys beside it.
    pub(crate) fn gather_each(&self, rows: &[(&MoleculeRow, &[DecoyRow])]) -> EvidencePart {
        let described: Vec<Option<Described>> =
            rows.par_iter().map(|(molecule, decoys)| self.describe(molecule, decoys)).collect();
        let mut part = self.begin();
        for ((molecule, decoys), described) in rows.iter().zip(described) {
            let outcome = self.outcome(molecule);
            // The fitted control is of a unit, whichever of its rows has it, and comes
            // when all rows are known.
            let unfitted = described.as_ref().map(|found| found.row.without_fitted());
            part.gathered.add(molecule, decoys, unfitted.as_ref(), outcome);
            let Some(found) = described else { continue };
            if let Some(smiles) = &molecule.canonical_smiles {
                part.keep(Key::of(smiles), outcome, found);
            }
        }
        part
    }

    fn outcome(&self, molecule: &MoleculeRow) -> Option<Outcome> {
        let label = self.outcomes?.get(molecule.id.trim())?;
        Some(match label {
            TruthLabel::Pass => Outcome::Active,
            TruthLabel::Fail => Outcome::Inactive,
        })
    }

    fn describe(&self, molecule: &MoleculeRow, decoys: &[DecoyRow]) -> Option<Described> {
        // Whatever scores there are, the panel is of the same molecules.
        let unscored = molecule.lacks_original_score();
        if molecule.status != Status::Ok && !unscored || decoys.is_empty() {
            return None;
        }
        let zeros = Key::of(molecule.canonical_smiles.as_deref()?).0.leading_zeros();
        let labelled = self.outcome(molecule).is_some();
        let extent = if zeros >= self.panel_level || labelled && zeros >= self.labelled_panel_level
        {
            Extent::Controls
        } else if labelled && zeros >= self.labelled_level {
            Extent::Scores
        } else if zeros >= self.group_level || labelled {
            Extent::Grouping
        } else {
            return None;
        };
        match &self.stored {
            Some(stored) => known(molecule, stored.rows.get(&molecule.row)?),
            None => describe(molecule, decoys, extent, self.training.as_ref()),
        }
    }

    /// What all rows conclude, and what a budget buys.
    pub(crate) fn conclude(&self, part: EvidencePart, budget: Option<u64>) -> Concluded {
        let EvidencePart { mut gathered, mut rows, units, labelled, overlap, separable } = part;
        let (separability, audits) = match &self.stored {
            Some(stored) => (stored.evidence.separability.clone(), Vec::new()),
            None => separate(&separable),
        };
        for (row, audited) in audits {
            let place = rows.binary_search_by_key(&row, |known| known.row);
            if let Ok(place) = place {
                rows[place].cells[ControlName::Separability as usize] = Some(audited);
            }
        }
        for (row, unit) in rows.iter().zip(&units) {
            if let Some(cell) = row.cell(ControlName::Separability) {
                gathered.add_control(*unit, ControlName::Separability, cell);
            }
        }
        let leakage = match (&self.stored, &self.training) {
            (Some(stored), _) => stored.evidence.leakage.clone(),
            (None, Some(training)) => {
                Some(overlap.leakage(training, self.rule.as_ref(), &labelled))
            }
            (None, None) => None,
        };
        let evidence = gathered.conclude(&Given {
            outcomes: self.outcomes.map_or(OutcomesGiven::No, |_| OutcomesGiven::Yes),
            cliffs: super::similar::cliffs(&labelled),
            separability,
            leakage,
        });
        Concluded {
            evidence,
            rows,
            budget: budget.map(|budget| gathered.cost_lift(budget)),
            roc: self.outcomes.map_or_else(Vec::new, |_| gathered.roc_curves()),
        }
    }
}

/// How well originals and decoys are separable, and the control by row.
fn separate(units: &[(u64, SeparabilityUnit)]) -> (Option<Separability>, Vec<(u64, ControlCell)>) {
    // Rows of one molecule are one to the classifier: the first stands for all.
    let mut first = HashSet::new();
    let distinct: Vec<&(u64, SeparabilityUnit)> =
        units.iter().filter(|(_, unit)| first.insert(unit.unit)).collect();
    let fitted: Vec<SeparabilityUnit> = distinct.iter().map(|(_, unit)| unit.clone()).collect();
    let Some(fit) = SeparabilityFit::fit(&fitted, ENVIRONMENTS) else {
        return (None, Vec::new());
    };
    let scores: HashMap<Key, &UnitSeparability> =
        fit.scores().iter().map(|scores| (scores.unit, scores)).collect();
    let cell = |(row, unit): &&(u64, SeparabilityUnit)| {
        let found = scores.get(&unit.unit)?;
        Some((*row, audited(found.original, found.decoys.iter().copied())?))
    };
    (Some(fit.report().clone()), distinct.iter().filter_map(cell).collect())
}

impl EvidencePart {
    fn keep(&mut self, unit: Key, outcome: Option<Outcome>, found: Described) {
        self.overlap.add(unit, outcome, &found);
        if let Some((outcome, fingerprint)) = outcome.zip(found.fingerprint) {
            self.labelled.push(Labelled { unit, outcome, fingerprint });
        }
        self.separable.extend(found.separable.map(|unit| (found.row.row, unit)));
        self.rows.push(found.row);
        self.units.push(unit);
    }

    /// Takes in rows that come after all others.
    pub(crate) fn merge(&mut self, later: Self) {
        self.gathered.merge(&later.gathered);
        self.rows.extend(later.rows);
        self.units.extend(later.units);
        self.labelled.extend(later.labelled);
        self.overlap.merge(later.overlap);
        self.separable.extend(later.separable);
    }
}

/// Leading zero bits of a random key that at most `most` of `count` have,
/// about.
fn level(count: u64, most: u64) -> u32 {
    (0..64).find(|level| count >> level <= most).unwrap_or(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_library_needs_more_zeros() {
        assert_eq!([0, 512, 1_024, 1_026, 1_000_000].map(|n| level(n, 512)), [0, 0, 1, 2, 11]);
    }
}
