//! Rows of a pack gathered for a conclusion; the same in any partition.

use hetero2_audit::ScoredPair;
use hetero2_audit::evidence::{
    ControlAudit, EvidenceRow, EvidenceTable, Given, Key, Outcome, PairCounts, ReauditDecoy,
    ReauditRow, RocCurve, RowChance, Scaffold, Training, Unaudited,
};
use hetero2_contract::controls::{ControlCell, ControlRow, InTraining};
use hetero2_contract::evidence::{ControlName, CostLiftV2, Evidence};
use hetero2_contract::rows::{DecoyRow, MoleculeRow};
use hetero2_contract::{Reason, Status, Verdict};

/// Rows gathered for a conclusion.
#[derive(Debug, Clone)]
pub struct Gathered {
    table: EvidenceTable,
}

impl Gathered {
    /// No rows. Of unlabelled molecules only those whose keys have `level`
    /// leading zero bits count: those whose scaffold is known.
    #[must_use]
    pub fn new(controls: &[ControlName], level: u32) -> Self {
        Self { table: EvidenceTable::new(controls).sampled(level) }
    }

    /// Takes a row in, with all its decoys.
    pub fn add(
        &mut self,
        molecule: &MoleculeRow,
        decoys: &[DecoyRow],
        controls: Option<&ControlRow>,
        outcome: Option<Outcome>,
    ) {
        match audited(molecule, decoys) {
            Err(why) => self.table.add_unaudited(why),
            Ok(audited) => {
                let audits: Vec<Option<ControlAudit>> = self
                    .table
                    .controls()
                    .iter()
                    .map(|name| Some(audit_of(controls?.cell(*name)?, decoys.len())))
                    .collect();
                self.table.add(&EvidenceRow {
                    row: molecule.row,
                    unit: audited.unit,
                    scaffold: scaffold_of(controls),
                    decoys: &audited.decoys,
                    score: audited.score,
                    auc: audited.auc,
                    verdict: audited.verdict,
                    chance: audited.chance,
                    pairs: audited.pairs,
                    outcome,
                    training: training_of(controls),
                    controls: &audits,
                });
            }
        }
    }

    /// Takes in all rows of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.table.merge(&other.table);
    }

    /// Adds what a control that is fitted on all rows says of a row.
    pub fn add_control(&mut self, unit: Key, control: ControlName, cell: ControlCell) {
        // It is fitted on some of the decoys.
        self.table.add_control(unit, control, audit_of(cell, usize::MAX));
    }

    /// What a budget of so many molecules buys.
    #[must_use]
    pub fn cost_lift(&self, budget: u64) -> CostLiftV2 {
        self.table.cost_lift(budget)
    }

    /// The ROC curves of the model and of each control.
    #[must_use]
    pub fn roc_curves(&self) -> Vec<RocCurve> {
        self.table.roc_curves()
    }

    /// What the rows conclude.
    #[must_use]
    pub fn conclude(&self, given: &Given) -> Evidence {
        self.table.conclude(given)
    }
}

/// A row as it is audited again with other scores; none where it was not
/// audited. `names` are the controls that it is held against.
#[must_use]
pub fn reaudit_row(
    names: &[ControlName],
    molecule: &MoleculeRow,
    decoys: &[DecoyRow],
    controls: Option<&ControlRow>,
    outcome: Option<Outcome>,
) -> Option<ReauditRow> {
    let found = audited(molecule, decoys).ok()?;
    let scored = decoys.iter().filter_map(|decoy| {
        let (key, bin) = (Key::of(&decoy.decoy_smiles), decoy.hardness_bin);
        Some(ReauditDecoy { key, score: decoy.score?, bin })
    });
    Some(ReauditRow {
        row: molecule.row,
        unit: found.unit,
        scaffold: scaffold_of(controls),
        score: found.score,
        decoys: scored.collect(),
        outcome,
        training: training_of(controls),
        controls: names
            .iter()
            .map(|name| Some(audit_of(controls?.cell(*name)?, decoys.len())))
            .collect(),
    })
}

/// What the audit of a row says.
struct Audited {
    unit: Key,
    decoys: Vec<Key>,
    score: f64,
    auc: f64,
    verdict: Verdict,
    chance: Option<RowChance>,
    pairs: PairCounts,
}

fn audited(molecule: &MoleculeRow, decoys: &[DecoyRow]) -> Result<Audited, Unaudited> {
    if molecule.status != Status::Ok {
        let unscored = matches!(
            molecule.reason,
            Some(Reason::MissingOriginalScore | Reason::MissingScoresInput)
        );
        return Err(if unscored { Unaudited::NoOriginalScore } else { Unaudited::NotPrepared });
    }
    let audit = molecule.audit.as_ref().ok_or(Unaudited::NotPrepared)?;
    let (score, auc) = audit.original_score.zip(audit.auc).ok_or(Unaudited::NoDecoyScore)?;
    let smiles = molecule.canonical_smiles.as_deref().ok_or(Unaudited::NotPrepared)?;
    let mut pairs = PairCounts::default();
    let mut keys = Vec::with_capacity(decoys.len());
    for decoy in decoys {
        let Some(found) = decoy.score else { continue };
        keys.push(Key::of(&decoy.decoy_smiles));
        pairs.add(decoy.hardness_bin, ScoredPair { original: score, decoy: found });
    }
    let chance = audit.p_value.zip(audit.null_labelings).zip(audit.null_passes);
    let chance = chance.and_then(|((p_value, labelings), passing)| {
        RowChance::of_columns(p_value, u64::from(labelings), u64::from(passing))
    });
    Ok(Audited {
        unit: Key::of(smiles),
        decoys: keys,
        score,
        auc,
        verdict: audit.verdict,
        chance,
        pairs,
    })
}

/// What a stored control says; it passes or fails where it was held against all
/// of so many decoys.
fn audit_of(cell: ControlCell, decoys: usize) -> ControlAudit {
    let auc = cell.auc.unwrap_or(f64::NAN);
    let verdict = match (cell.decoys as usize) < decoys {
        true => Verdict::Skip,
        false if auc >= 1.0 => Verdict::Pass,
        false => Verdict::Fail,
    };
    ControlAudit { score: cell.score, auc, verdict }
}

fn scaffold_of(controls: Option<&ControlRow>) -> Scaffold {
    let scaffold = controls.and_then(|row| row.scaffold.as_deref());
    scaffold.map_or(Scaffold::Acyclic, |smiles| Scaffold::Of(Key::of(smiles)))
}

fn training_of(controls: Option<&ControlRow>) -> Training {
    match controls.and_then(|row| row.in_training) {
        None | Some(InTraining::No) => Training::Apart,
        Some(InTraining::WithoutStereo | InTraining::Exactly) => Training::Contained,
    }
}
