//! Which originals are audited where only the best are: all rows are ranked by
//! score before any is computed, and the last of the best is remembered, so that
//! a row can be judged by itself, in any shard.

use hetero2_audit::ScoreTable;
use hetero2_audit::evidence::{LastOfTop, TopRows};
use hetero2_library::ShardReader;

use super::scoring::{OriginalScore, RowScoring, ScoreSource};
use crate::run::config::RunConfig;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::Observer;
use crate::run::plan::Plan;

/// The best originals so far. Memory: some 32 bytes for each that is audited.
struct BestOriginals<'a> {
    config: &'a RunConfig,
    top: TopRows,
}

impl<'a> BestOriginals<'a> {
    /// None yet; nothing where a configuration audits all.
    fn of(config: &'a RunConfig) -> Option<Self> {
        let limit = config.audit_top? as usize;
        Some(Self { config, top: TopRows::new(limit) })
    }

    /// Offers a row with its scores; one without a score of its original, or of a
    /// default that counts as one, is none of the best.
    fn add(&mut self, row: u64, id: &str, scoring: &RowScoring<'_>) {
        match scoring.original(id, self.config.missing_original) {
            OriginalScore::Given(score) | OriginalScore::Defaulted(score) => {
                self.top.add(row, score.score);
            }
            OriginalScore::Missing => {}
        }
    }

    /// The last of them, where others are left out.
    fn last(&self) -> Option<LastOfTop> {
        self.top.last()
    }
}

/// The last original of a planned library that is audited, where its
/// configuration audits the best only.
pub(crate) fn last_of_plan(
    dir: &RunDir,
    plan: &Plan,
    scores: &ScoreSource,
    observer: &dyn Observer,
) -> Result<Option<LastOfTop>, RunError> {
    let Some(mut best) = BestOriginals::of(&plan.config) else { return Ok(None) };
    for number in 0..plan.packed.len() as u64 {
        for batch in ShardReader::open(&dir.library_file(number))? {
            observer.check_cancelled()?;
            for record in batch? {
                best.add(record.row, &record.id, &scores.of_row(&record));
            }
        }
    }
    Ok(best.last())
}

/// The same of rows whose ids are at hand, with one table for all of them.
pub(crate) fn last_of_rows(
    config: &RunConfig,
    scores: &ScoreTable,
    rows: impl Iterator<Item = Result<Vec<(u64, String)>, RunError>>,
) -> Result<Option<LastOfTop>, RunError> {
    let Some(mut best) = BestOriginals::of(config) else { return Ok(None) };
    for batch in rows {
        for (row, id) in batch? {
            best.add(row, &id, &RowScoring::Table(scores));
        }
    }
    Ok(best.last())
}
