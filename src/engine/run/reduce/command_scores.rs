//! The scores that a command gave to all shards, as one scores file.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;

use hetero2_audit::DecoyHash;
use hetero2_common::files::AtomicFile;
use hetero2_contract::provenance::{ScoreCommandNote, UnscoredMolecule};
use hetero2_evidence::pack::manifest::Provenance;
use hetero2_evidence::pack::rows::DecoyRow;
use hetero2_evidence::pack::tables::TableGroups;

use super::checks::check_shards;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::plan::{InputFile, Plan, PlannedScorer, create_dir};
use crate::run::shard::{CommandScores, DECOYS, SCORES, ShardRecord};
use crate::scorer::ScoringCounts;

/// What came of the molecules that a command scored.
#[derive(Debug, Clone, Serialize)]
pub struct ScoringReport {
    /// Molecules that it was asked for; one of several shards counts in each.
    pub molecules: u64,
    /// Molecules among them without a score; the provenance names them.
    pub unscored: u64,
    /// Those by why.
    pub reasons: BTreeMap<String, u64>,
}

impl ScoringReport {
    /// What a pack's provenance says.
    pub(crate) fn of(provenance: &Provenance) -> Option<Self> {
        let note = provenance.notes.score_command.as_ref()?;
        let reasons = note.reasons.clone();
        Some(Self { molecules: note.molecules, unscored: note.unscored, reasons })
    }
}

/// The plan with the scores that a command gave to its shards, which lie among its
/// inputs then; `None` where its scores came with it.
///
/// # Errors
/// [`RunError::Incomplete`]; [`RunError::ScoresDiffer`], [`RunError::ScoreMissing`] where
/// two shards have two scores of one molecule, or one of them has none.
pub(crate) fn with_command_scores(dir: &RunDir, plan: &Plan) -> Result<Option<Plan>, RunError> {
    if plan.scorer.is_none() {
        return Ok(None);
    }
    let records = check_shards(dir, plan)?;
    let mut scores = CommandScores::default();
    for record in &records {
        let path = dir.shard(record.index).join(SCORES);
        if let Some((hash, first, second)) = scores.merge(&path)? {
            let row = decoy_of(dir, record, &hash);
            let molecule = row.map_or_else(|| hash.to_string(), |row| row.decoy_smiles);
            let (first, second) = (format!("{first:?}"), format!("{second:?}"));
            return Err(RunError::ScoresDiffer { molecule, first, second });
        }
    }
    if let Some((hash, score)) = scores.found_elsewhere() {
        let lacking = records.iter().find_map(|record| {
            let row = decoy_of(dir, record, &hash)?;
            row.score.is_none().then_some((dir.shard(record.index), row.decoy_smiles))
        });
        let (shard, molecule) = lacking.unwrap_or_else(|| (dir.shards(), hash.to_string()));
        return Err(RunError::ScoreMissing { shard, molecule, score: format!("{score:?}") });
    }
    scores.forget_unscored();
    let scores = keep_scores(dir, &scores)?;
    Ok(Some(Plan { scores: Some(scores), ..plan.clone() }))
}

/// Writes scores among the inputs of a run.
pub(crate) fn keep_scores(dir: &RunDir, scores: &CommandScores) -> Result<InputFile, RunError> {
    create_dir(&dir.inputs())?;
    let path = dir.input("incoming");
    let mut file = AtomicFile::create(&path)?;
    file.write_all(&scores.text()).map_err(|e| RunError::io("write", &path, e))?;
    let digest = file.finish_as(|digest| dir.input(&digest.sha256.to_string()))?;
    Ok(InputFile { name: SCORES.to_owned(), bytes: digest.bytes, sha256: digest.sha256 })
}

/// A decoy of a shard.
fn decoy_of(dir: &RunDir, record: &ShardRecord, hash: &DecoyHash) -> Option<DecoyRow> {
    let table = TableGroups::<DecoyRow>::open(&dir.shard(record.index).join(DECOYS)).ok()?;
    let hash = hash.to_string();
    for group in 0..table.rows().len() {
        for rows in table.read(group..group + 1).ok()? {
            if let Some(row) = rows.ok()?.into_iter().find(|row| row.decoy_hash == hash) {
                return Some(row);
            }
        }
    }
    None
}

/// What the provenance says of the command.
pub(crate) fn note(planned: &PlannedScorer, counts: ScoringCounts) -> ScoreCommandNote {
    let unscored = counts.named.into_iter();
    ScoreCommandNote {
        command: planned.command.clone(),
        lock: planned.lock.as_ref().map(|lock| (lock.name.clone(), lock.sha256).into()),
        molecules: counts.molecules,
        unscored: counts.unscored,
        reasons: counts.reasons,
        named: unscored.map(|it| UnscoredMolecule { smiles: it.smiles, why: it.why }).collect(),
    }
}

/// The same of all shards.
pub(super) fn note_of(planned: &PlannedScorer, records: &[ShardRecord]) -> ScoreCommandNote {
    let mut counts = ScoringCounts::default();
    let of_shards = records.iter().filter_map(|record| record.attempt.scoring.clone());
    of_shards.for_each(|of_shard| counts.merge(of_shard));
    note(planned, counts)
}
