//! The molecules of a shard that a command scores: asked for, kept by their hash as
//! they come, and written as the table of scores that the shard is audited with.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use rayon::prelude::*;

use hetero2_audit::{DecoyHash, ScoreLimits, ScoreTable, ScoresError};
use hetero2_common::files::disk::{self, DiskFile};
use hetero2_library::Record;
use hetero2_spectra::CpuBackend;

use super::attempt::wave_rows;
use super::compute::Engine;
use super::scoring::ScoreSource;
use crate::run::config::{Artifacts, RunConfig, ScoreMode};
use crate::run::decoy_source::DecoySource;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer};
use crate::run::plan::{Plan, ShardPlan, open_packed};
use crate::scorer::{Scorer, ScorerError, ScoringCounts, Wanted};

/// Name of a table of scores that a command gave.
pub(crate) const SCORES: &str = "scores.csv";

/// Columns of such a table.
const HEADER: &str = "role,molecule_id,decoy_hash,score\n";

/// Longest line of kept scores: a hash, a comma, a number.
const LONGEST: u64 = 64 + 1 + 32 + 1;

/// The scores of a shard.
pub(crate) struct ScoredShard {
    /// The table, in the form of a scores file.
    pub text: Vec<u8>,
    /// The table, to audit with.
    pub scores: ScoreSource,
    /// What came of its molecules.
    pub counts: ScoringCounts,
}

/// Scores all originals of a shard that are audited, and their decoys.
///
/// # Errors
/// [`RunError::Scorer`] when the command cannot be used; [`RunError::Cancelled`].
/// Scores so far are kept.
pub(crate) fn score_shard(
    dir: &RunDir,
    plan: &Plan,
    shard: &ShardPlan,
    decoys: &std::sync::Arc<DecoySource>,
    scorer: &Scorer,
    observer: &dyn Observer,
) -> Result<ScoredShard, RunError> {
    let config = unscored_config(&plan.config);
    let (backend, mock) = (CpuBackend::new(), ScoreSource::Mock);
    let engine = Engine::new(&config, &backend, &mock).with_decoys(decoys);
    let folder = dir.scores();
    disk::create_dir_all(&folder).map_err(|e| RunError::io("create", &folder, e))?;
    let mut molecules = Molecules::open(scorer, &dir.shard_scores(shard.index))?;
    let mut table = CommandScores::default();
    let end = shard.first_row + shard.rows;
    for file in plan.packed_of(shard) {
        for batch in open_packed(dir, file)? {
            let mut batch = batch?;
            batch.retain(|record| (shard.first_row..end).contains(&record.row));
            for wave in batch.chunks(wave_rows(config.decoys)) {
                observer.check_cancelled()?;
                score_wave(&engine, wave, &mut molecules, &mut table, observer)?;
            }
        }
    }
    let text = table.text();
    let limits = ScoreLimits::default();
    let read = ScoreTable::from_csv(&text[..], &limits, &|_| None);
    let scores = read.map_err(|source| RunError::Scores { path: SCORES.into(), source })?;
    let (counts, scores) = (molecules.counts, ScoreSource::Table(Box::new(scores)));
    Ok(ScoredShard { text, scores, counts })
}

/// Has the command score the first molecules of a library, so that one that cannot
/// score any is refused before anything depends on it.
///
/// # Errors
/// As of [`score_shard`].
pub(crate) fn try_scorer(
    dir: &RunDir,
    plan: &Plan,
    scorer: &Scorer,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let config = RunConfig { decoys: 0, ..unscored_config(&plan.config) };
    let (backend, mock) = (CpuBackend::new(), ScoreSource::Mock);
    let engine = Engine::new(&config, &backend, &mock);
    for file in &plan.packed {
        for batch in open_packed(dir, file)? {
            let batch = batch?;
            let read = |record: &Record| engine.chemistry(record);
            let rows = batch.iter().map(read).filter(|row| row.end.is_none());
            let smiles: Vec<String> = rows.filter_map(|row| row.canonical_smiles).take(3).collect();
            if !smiles.is_empty() {
                let wanted = |smiles| Wanted { hash: DecoyHash::of_smiles(smiles), smiles };
                let wanted: Vec<Wanted<'_>> = smiles.iter().map(|it| wanted(it.as_str())).collect();
                return scorer
                    .score(&wanted, &|| observer.is_cancelled())
                    .map(drop)
                    .map_err(of_scorer);
            }
        }
    }
    Ok(())
}

/// An error of a scorer as one of a run.
fn of_scorer(error: ScorerError) -> RunError {
    match error {
        ScorerError::Cancelled => RunError::Cancelled,
        error => RunError::Scorer(Box::new(error)),
    }
}

/// The configuration under which decoys come about without scores.
fn unscored_config(config: &RunConfig) -> RunConfig {
    RunConfig { score_mode: ScoreMode::Mock, artifacts: Artifacts::Light, ..config.clone() }
}

fn score_wave(
    engine: &Engine<'_>,
    wave: &[Record],
    molecules: &mut Molecules<'_>,
    table: &mut CommandScores,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let found: Vec<_> = wave
        .par_iter()
        .with_max_len(8)
        .map(|record| (record, engine.unscored(record).ok()))
        .collect();
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    let mut hashes: Vec<(&Record, DecoyHash, Vec<DecoyHash>)> = Vec::new();
    for (record, row) in &found {
        let Some((smiles, decoys)) = row else { continue };
        let original = DecoyHash::of_smiles(smiles);
        wanted.push(Wanted { hash: original, smiles });
        let mut of_row = Vec::with_capacity(decoys.len());
        for decoy in decoys {
            let hash = DecoyHash::of_smiles(&decoy.decoy_smiles);
            wanted.push(Wanted { hash, smiles: &decoy.decoy_smiles });
            of_row.push(hash);
        }
        hashes.push((record, original, of_row));
    }
    molecules.score(&wanted, observer)?;
    for (record, original, decoys) in hashes {
        if let Some(score) = molecules.kept.get(&original) {
            table.add_original(&record.id, *score)?;
        }
        for hash in decoys {
            match molecules.kept.get(&hash) {
                Some(score) => {
                    table.add_decoy(hash, *score);
                }
                None => table.add_unscored(hash),
            }
        }
    }
    Ok(())
}

/// Scores by hash, kept in a file as they come.
pub(crate) struct Molecules<'a> {
    scorer: &'a Scorer,
    path: std::path::PathBuf,
    file: DiskFile,
    /// Scores that stand in the file.
    pub kept: HashMap<DecoyHash, f64>,
    /// Molecules that were asked for.
    asked: HashSet<DecoyHash>,
    pub counts: ScoringCounts,
}

impl<'a> Molecules<'a> {
    /// Opens the file, and reads what an earlier attempt kept there.
    pub fn open(scorer: &'a Scorer, path: &Path) -> Result<Self, RunError> {
        let kept = read_kept(path).map_err(|e| RunError::io("read", path, e))?;
        kept.iter().for_each(|(hash, score)| scorer.remember(*hash, *score));
        let mut file = DiskFile::append(path).map_err(|e| RunError::io("write", path, e))?;
        // Whatever a killed process left of a line ends here.
        file.write_all(b"\n").map_err(|e| RunError::io("write", path, e))?;
        let path = path.to_owned();
        Ok(Self {
            scorer,
            path,
            file,
            kept,
            asked: HashSet::new(),
            counts: ScoringCounts::default(),
        })
    }

    /// Scores what is not scored yet, and keeps it.
    pub fn score(
        &mut self,
        wanted: &[Wanted<'_>],
        observer: &dyn Observer,
    ) -> Result<(), RunError> {
        let mut fresh = Vec::new();
        for wanted in wanted {
            if self.asked.insert(wanted.hash) {
                match self.kept.get(&wanted.hash) {
                    Some(score) => self.counts.add(wanted.smiles, &Ok(*score)),
                    None => fresh.push(*wanted),
                }
            }
        }
        for some in fresh.chunks(self.scorer.stride()) {
            let scored = self.scorer.score(some, &|| observer.is_cancelled());
            let scored = scored.map_err(of_scorer)?;
            let mut lines = String::new();
            for (wanted, score) in some.iter().zip(&scored) {
                self.counts.add(wanted.smiles, score);
                if let Ok(score) = score {
                    self.kept.insert(wanted.hash, *score);
                    lines.push_str(&format!("{},{score:?}\n", wanted.hash));
                }
            }
            let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.flush());
            written.map_err(|e| RunError::io("write", &self.path, e))?;
            observer.event(Event::Scored { molecules: some.len() as u64 });
        }
        Ok(())
    }
}

/// The scores in a file; lines that are not whole are passed over.
fn read_kept(path: &Path) -> std::io::Result<HashMap<DecoyHash, f64>> {
    let mut kept = HashMap::new();
    let file = match std::fs::File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(kept),
        file => file?,
    };
    let mut reader = BufReader::new(file);
    loop {
        let mut line = Vec::new();
        let most = std::io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line)?;
        if most == 0 {
            return Ok(kept);
        }
        let whole = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let parsed = whole.and_then(|line| {
            let (hash, score) = line.split_once(',')?;
            let score: f64 = score.parse().ok().filter(|score: &f64| score.is_finite())?;
            Some((hash.parse::<DecoyHash>().ok()?, score))
        });
        kept.extend(parsed);
    }
}

/// A table of scores that a command gave: originals in the order of their rows, then
/// decoys in the order of their hashes.
#[derive(Default)]
pub(crate) struct CommandScores {
    originals: Vec<u8>,
    ids: HashMap<DecoyHash, f64>,
    decoys: HashMap<DecoyHash, f64>,
    /// Decoys that it gave no score.
    unscored: HashSet<DecoyHash>,
}

impl CommandScores {
    /// Adds the score of an original.
    ///
    /// # Errors
    /// [`RunError::SameId`] where another molecule has its id and another score.
    pub fn add_original(&mut self, id: &str, score: f64) -> Result<(), RunError> {
        match self.ids.insert(DecoyHash::of_smiles(id), score) {
            None => {}
            Some(before) if before.to_bits() == score.to_bits() => return Ok(()),
            Some(_) => return Err(RunError::SameId { id: id.to_owned() }),
        }
        let quoted =
            id.contains(['"', ',', '\n', '\r']).then(|| format!("\"{}\"", id.replace('"', "\"\"")));
        let id = quoted.as_deref().unwrap_or(id);
        self.originals.extend_from_slice(format!("original,{id},,{score:?}\n").as_bytes());
        Ok(())
    }

    /// Adds the score of a decoy; another one that it has already is returned.
    pub fn add_decoy(&mut self, hash: DecoyHash, score: f64) -> Option<f64> {
        let before = self.decoys.insert(hash, score);
        before.filter(|before| before.to_bits() != score.to_bits())
    }

    /// Notes that a decoy has no score.
    pub fn add_unscored(&mut self, hash: DecoyHash) {
        self.unscored.insert(hash);
    }

    /// A decoy that has no score in one part, and in another one it has.
    pub fn found_elsewhere(&self) -> Option<(DecoyHash, f64)> {
        let found = |hash: &DecoyHash| Some((*hash, *self.decoys.get(hash)?));
        self.unscored.iter().filter_map(found).min_by_key(|(hash, _)| *hash)
    }

    /// Leaves out decoys without a score, as the table of the whole does.
    pub fn forget_unscored(&mut self) {
        self.unscored.clear();
    }

    /// Scores in all.
    pub fn len(&self) -> usize {
        self.ids.len() + self.decoys.len()
    }

    /// The table as a scores file.
    pub fn text(&self) -> Vec<u8> {
        let mut text = HEADER.as_bytes().to_vec();
        text.extend_from_slice(&self.originals);
        let mut decoys: Vec<_> = self.decoys.iter().collect();
        decoys.sort_unstable_by_key(|(hash, _)| **hash);
        for (hash, score) in decoys {
            text.extend_from_slice(format!("decoy,,{hash},{score:?}\n").as_bytes());
        }
        let mut unscored: Vec<_> = self.unscored.iter().collect();
        unscored.sort_unstable();
        for hash in unscored {
            text.extend_from_slice(format!("decoy,,{hash},\n").as_bytes());
        }
        text
    }

    /// Adds the rows of such a table; the first decoy that has another score already.
    ///
    /// # Errors
    /// [`RunError`] when it is none, or ids conflict.
    pub fn merge(&mut self, path: &Path) -> Result<Option<(DecoyHash, f64, f64)>, RunError> {
        let unusable = |source: ScoresError| RunError::Scores { path: path.to_owned(), source };
        let mut rows = csv::Reader::from_path(path).map_err(|e| unusable(e.into()))?;
        for row in rows.records() {
            let row = row.map_err(|e| unusable(e.into()))?;
            let cell = |place: usize| row.get(place).unwrap_or_default();
            let bad = || {
                let why = format!("{path} holds no scores", path = path.display());
                RunError::io("read", path, std::io::Error::other(why))
            };
            if cell(3).is_empty() {
                self.add_unscored(cell(2).parse().map_err(|_| bad())?);
                continue;
            }
            let score: f64 = cell(3).parse().map_err(|_| bad())?;
            if cell(0) == "original" {
                self.add_original(cell(1), score)?;
                continue;
            }
            let hash: DecoyHash = cell(2).parse().map_err(|_| bad())?;
            if let Some(before) = self.add_decoy(hash, score) {
                return Ok(Some((hash, before, score)));
            }
        }
        let limit = ScoreLimits::default().max_entries;
        if self.len() > limit {
            return Err(unusable(ScoresError::TooMany { limit }));
        }
        Ok(None)
    }
}
