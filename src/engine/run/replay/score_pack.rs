//! The molecules and decoys of a pack, scored by a command.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use hetero2_audit::evidence::LastOfTop;
use hetero2_audit::{DecoyHash, ScoreLimits, ScoreTable};
use hetero2_common::files::{disk, parent_of};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, Status};

use super::stored_pack::{StoredPack, each_row};
use crate::run::config::RunConfig;
use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};
use crate::run::plan::PlannedScorer;
use crate::run::shard::{CommandScores, Molecules, SCORES, last_of_rows};
use crate::scorer::{ScoreCommand, Scorer, ScoringCounts, Wanted};

/// Molecules that are read before they are scored.
const AT_ONCE: usize = 65_536;

/// Scores that a command gives to the molecules of a pack.
pub(super) struct ScoredPack {
    pub scores: CommandScores,
    pub counts: ScoringCounts,
    /// Where they are kept until the new pack holds them.
    pub kept: PathBuf,
}

/// Scores the originals of a pack and their decoys; where only the best are audited,
/// the decoys of those alone. `config` is that of the new pack, `rows` its rows.
///
/// # Errors
/// [`RunError::Scorer`] when the command cannot be used; [`RunError::Cancelled`].
/// Scores so far are kept.
pub(super) fn score_pack(
    old: &mut StoredPack,
    (config, rows): (&RunConfig, u64),
    command: &ScoreCommand,
    kept: &Path,
    observer: &dyn Observer,
) -> Result<ScoredPack, RunError> {
    observer.event(Event::Computing { rows, done: 0 });
    let scorer = Scorer::new(command.clone());
    let mut sink = Sink {
        molecules: Molecules::open(&scorer, kept)?,
        scores: CommandScores::default(),
        waiting: Vec::new(),
        observer,
    };
    let mut last = None;
    if config.audit_top.is_some() {
        each_row(old, rows, |_, (molecule, _)| sink.add_original(&molecule))?;
        sink.flush()?;
        let text = sink.scores.text();
        let table = ScoreTable::from_csv(&text[..], &ScoreLimits::default(), &|_| None);
        let table = table.map_err(|source| RunError::Scores { path: SCORES.into(), source })?;
        last = last_of_rows(config, &table, old.ids()?)?;
    }
    each_row(old, rows, |_, (molecule, decoys)| {
        sink.add_original(&molecule)?;
        if sink.is_audited(&molecule, last.as_ref()) {
            decoys.iter().try_for_each(|decoy| sink.add_decoy(decoy))?;
        }
        observer.event(Event::Computed { rows: 1 });
        Ok(())
    })?;
    sink.flush()?;
    let Sink { molecules, scores, .. } = sink;
    Ok(ScoredPack { scores, counts: molecules.counts, kept: kept.to_owned() })
}

impl ScoredPack {
    /// Removes what was kept, once the new pack holds it.
    pub fn done(&self) {
        let _ = disk::remove_file(&self.kept);
    }
}

/// Where the scores of this command for the pack at `out` are kept meanwhile.
pub(super) fn kept_beside(out: &Path, planned: &PlannedScorer, source: &str) -> PathBuf {
    let lock = planned.lock.as_ref().map(|lock| lock.sha256.to_string()).unwrap_or_default();
    let text = format!("{}\n{lock}\n{source}", planned.command);
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
    parent_of(out).join(format!(
        ".{}.hetero2-scores-{}.csv",
        name.unwrap_or_default(),
        &digest[..12]
    ))
}

/// A molecule that waits for its score.
enum Waiting {
    Original { id: String, smiles: String },
    Decoy { smiles: String },
}

struct Sink<'a> {
    molecules: Molecules<'a>,
    scores: CommandScores,
    waiting: Vec<Waiting>,
    observer: &'a dyn Observer,
}

impl Sink<'_> {
    fn add_original(&mut self, molecule: &MoleculeRow) -> Result<(), RunError> {
        let has_decoys = molecule.status == Status::Ok || molecule.keeps_unaudited_decoys();
        let Some(smiles) = molecule.canonical_smiles.clone().filter(|_| has_decoys) else {
            return Ok(());
        };
        self.wait(Waiting::Original { id: molecule.id.clone(), smiles })
    }

    fn add_decoy(&mut self, decoy: &DecoyRow) -> Result<(), RunError> {
        self.wait(Waiting::Decoy { smiles: decoy.decoy_smiles.clone() })
    }

    fn is_audited(&self, molecule: &MoleculeRow, last: Option<&LastOfTop>) -> bool {
        let smiles = molecule.canonical_smiles.as_deref().unwrap_or_default();
        let score = self.molecules.kept.get(&DecoyHash::of_smiles(smiles));
        last.zip(score).is_none_or(|(last, score)| last.admits(molecule.row, *score))
    }

    fn wait(&mut self, molecule: Waiting) -> Result<(), RunError> {
        self.waiting.push(molecule);
        if self.waiting.len() < AT_ONCE { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), RunError> {
        self.observer.check_cancelled()?;
        let waiting = std::mem::take(&mut self.waiting);
        let wanted: Vec<Wanted<'_>> = waiting
            .iter()
            .map(|(Waiting::Original { smiles, .. } | Waiting::Decoy { smiles })| Wanted {
                hash: DecoyHash::of_smiles(smiles),
                smiles,
            })
            .collect();
        self.molecules.score(&wanted, self.observer)?;
        for (molecule, Wanted { hash, .. }) in waiting.iter().zip(&wanted) {
            let Some(score) = self.molecules.kept.get(hash) else { continue };
            match molecule {
                Waiting::Original { id, .. } => self.scores.add_original(id, *score)?,
                Waiting::Decoy { .. } => drop(self.scores.add_decoy(*hash, *score)),
            }
        }
        Ok(())
    }
}
