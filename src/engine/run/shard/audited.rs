//! The audit of one row: its decoys with their scores, and the verdict.

use hetero2_audit::HardnessBin;
use hetero2_audit::evidence::LastOfTop;
use hetero2_audit::{
    self, Audit, AuditSettings, DecoyHash, Item, Label, Method, Score, Significance,
};
use hetero2_chemistry::decoy::Decoy;
use hetero2_common::rounding::round8;
use hetero2_contract::rows::{AuditColumns, DecoyRow, MoleculeRow};
use hetero2_contract::{Reason, Status, Warning};

use super::scoring::{OriginalScore, RowScoring};
use crate::run::config::{RunConfig, ScoreMode};

/// The scores that a row was audited with.
pub(crate) struct RowAudit {
    original: Option<Score>,
    decoys: Vec<Option<Score>>,
}

impl RowAudit {
    /// Writes the scores into the row's decoys, which are in the order of the
    /// audited hashes.
    pub fn fill(&self, decoys: &mut [DecoyRow]) {
        for (decoy, score) in decoys.iter_mut().zip(&self.decoys) {
            decoy.original_score = self.original.map(|s| s.score);
            decoy.score = score.map(|s| s.score);
            decoy.weight = score.map(|s| s.weight);
        }
    }
}

/// Looks up the scores of a row's decoys, audits them, and fills in the row's
/// columns. Where only the best originals are audited, `last` is the last of them.
pub(crate) fn audit_row(
    config: &RunConfig,
    last: Option<&LastOfTop>,
    hashes: &[DecoyHash],
    scoring: &RowScoring<'_>,
    molecule: &mut MoleculeRow,
    warnings: &mut Vec<Warning>,
) -> RowAudit {
    molecule.n_decoys = Some(count(hashes.len()));
    molecule.n_decoys_generated = Some(count(hashes.len()));
    let original = scoring.original(&molecule.id, config.missing_original);
    let left_out = |score: &Score| last.is_some_and(|last| !last.admits(molecule.row, score.score));
    if let OriginalScore::Given(score) | OriginalScore::Defaulted(score) = &original
        && left_out(score)
    {
        molecule.n_decoys_scored = Some(0);
        skip(Reason::BelowAuditTop, molecule, warnings);
        // Nobody has to score its decoys, so none counts as scored or as missing.
        return RowAudit { original: None, decoys: vec![None; hashes.len()] };
    }
    let scores: Vec<Option<Score>> = hashes.iter().map(|hash| scoring.decoy(hash)).collect();
    let scored = scores.iter().flatten().count();
    molecule.n_decoys_scored = Some(count(scored));
    note_coverage(config, hashes.len(), scored, warnings);
    let original = match original {
        OriginalScore::Given(score) => score,
        OriginalScore::Defaulted(score) => {
            warnings.push(Warning::OriginalScoreDefaulted);
            score
        }
        OriginalScore::Missing => {
            skip(Reason::MissingOriginalScore, molecule, warnings);
            return RowAudit { original: None, decoys: scores };
        }
    };
    molecule.audit = Some(match audit_scores(config, molecule.seed_used, original, &scores) {
        Some(Ok((audit, significance))) => {
            warnings.extend(audit.warnings.iter().cloned());
            columns(&audit, &significance, original)
        }
        Some(Err(error)) => {
            warnings.push(Warning::AuditFailed(error.to_string()));
            AuditColumns::skipped()
        }
        None => AuditColumns::skipped(),
    });
    RowAudit { original: Some(original), decoys: scores }
}

/// Ends a row that was computed without an audit.
fn skip(reason: Reason, molecule: &mut MoleculeRow, warnings: &mut Vec<Warning>) {
    warnings.push(Warning::Skip(reason.clone()));
    molecule.status = Status::Skip;
    molecule.reason = Some(reason);
    molecule.audit = Some(AuditColumns::skipped());
}

/// The decoys of a row as they are published, before they have scores.
pub(crate) fn decoy_rows(row: u64, molecule_id: &str, decoys: &[Decoy]) -> Vec<DecoyRow> {
    let rows = decoys.iter().enumerate();
    rows.map(|(index, decoy)| decoy_row(index, decoy, row, molecule_id)).collect()
}

fn note_coverage(config: &RunConfig, decoys: usize, scored: usize, warnings: &mut Vec<Warning>) {
    if config.score_mode == ScoreMode::Mock || scored == decoys {
        return;
    }
    if scored == 0 {
        warnings.push(Warning::NoScores);
    }
    warnings.push(Warning::SomeScores((decoys - scored) as u64));
}

fn audit_scores(
    config: &RunConfig,
    seed: i64,
    original: Score,
    scores: &[Option<Score>],
) -> Option<Result<(Audit, Significance), hetero2_audit::AuditError>> {
    let item = |label, score: Score| Item { label, score: score.score, weight: score.weight };
    let mut items = vec![item(Label::Positive, original)];
    items.extend(scores.iter().flatten().map(|&score| item(Label::Negative, score)));
    if items.len() == 1 {
        return None;
    }
    let settings = AuditSettings {
        seed,
        margin: config.margin,
        quantile: config.null_quantile,
        repetitions: config.permutations,
    };
    Some(hetero2_audit::evaluate(&items, &settings).and_then(|audit| {
        let significance = hetero2_audit::significance(&items, &audit, &settings)?;
        Ok((audit, significance))
    }))
}

fn columns(audit: &Audit, significance: &Significance, original: Score) -> AuditColumns {
    let controls = &audit.neg_controls;
    AuditColumns {
        verdict: controls.verdict,
        gate: Some(round8(controls.gate)),
        slack: controls.slack.map(round8),
        margin: Some(controls.margin),
        auc: audit.auc_tie_aware.map(round8),
        null_q: Some(round8(controls.null_q)),
        perm_q: controls.perm_q.map(round8),
        method: Some(
            match controls.method {
                Method::Exact => "exact",
                Method::MonteCarlo => "mc",
            }
            .to_owned(),
        ),
        original_score: Some(original.score),
        original_weight: Some(original.weight),
        p_value: significance.p_value.map(round8),
        p_min: Some(round8(significance.p_min)),
        // Needs all rows of the run.
        q_value: None,
        power_note: significance.power_note.map(|note| note.as_str().to_owned()),
        null_passes: Some(saturating(significance.null_passes)),
        null_labelings: Some(saturating(significance.labelings)),
    }
}

fn decoy_row(index: usize, decoy: &Decoy, row: u64, molecule_id: &str) -> DecoyRow {
    DecoyRow {
        row,
        molecule_id: molecule_id.to_owned(),
        decoy_index: count(index),
        decoy_smiles: decoy.smiles().to_owned(),
        decoy_hash: decoy.hash.to_string(),
        strategy: decoy.strategy.name().to_owned(),
        tanimoto_shared_bits: decoy.similarity.map(|s| s.shared),
        tanimoto_total_bits: decoy.similarity.map(|s| s.total),
        hardness_bin: HardnessBin::of(decoy.tanimoto()),
        original_score: None,
        score: None,
        weight: None,
        descriptor_deltas: None,
    }
}

fn count(n: usize) -> u32 {
    saturating(n as u64)
}

fn saturating(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
