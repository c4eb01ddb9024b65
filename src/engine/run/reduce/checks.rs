//! Whether what a reduction reads and writes is what it should be: shards, scores,
//! the pack.

use std::path::Path;

use rayon::prelude::*;

use hetero2_evidence::pack::first_damage;
use hetero2_evidence::pack::manifest::ZIP;

use super::aggregate::Aggregate;
use crate::run::config::ConclusionKind;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::plan::{Plan, ShardPlan};
use crate::run::shard::{ShardRecord, ShardState, inspect_shard, load_table};

/// The records of all shards.
///
/// # Errors
/// [`RunError::Incomplete`] names those that are missing or not whole.
pub(super) fn check_shards(dir: &RunDir, plan: &Plan) -> Result<Vec<ShardRecord>, RunError> {
    let digest = plan.digest();
    let (mut records, mut missing, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    let inspect = |shard| (shard, inspect_shard(dir, &digest, shard));
    let states: Vec<(&ShardPlan, ShardState)> = plan.shards.par_iter().map(inspect).collect();
    for (shard, state) in states {
        match state {
            ShardState::Done(record) => records.push(*record),
            ShardState::Missing => missing.push(shard.index),
            ShardState::Unusable(why) => damaged.push((shard.index, why)),
        }
    }
    if missing.is_empty() && damaged.is_empty() {
        return Ok(records);
    }
    let (path, shards) = (dir.root().to_path_buf(), plan.shards.len());
    Err(RunError::Incomplete { path, shards, missing, damaged })
}

/// Scores that belong to other decoys are a mistake of whoever gave them.
pub(crate) fn check_scores(
    dir: &RunDir,
    plan: &Plan,
    aggregate: &Aggregate,
) -> Result<(), RunError> {
    let Some(scores) = &plan.scores else { return Ok(()) };
    if aggregate.defaulted > 0 {
        tracing::warn!(
            "{} originals have no score and count as a default: their rows say \
             original_score_defaulted",
            aggregate.defaulted
        );
    }
    if plan.config.conclusion == ConclusionKind::Published {
        return Ok(());
    }
    let found = aggregate.coverage.report();
    let originals = aggregate.coverage.rows_missing_original() + aggregate.defaulted;
    let with_decoys = aggregate.rows_with_decoys;
    if found.decoys_total > 0 && found.decoys_scored == 0 && originals == with_decoys {
        let table = load_table(dir, scores)?;
        return Err(RunError::NoScoreMatches {
            keys: (table.decoys() + table.originals()) as u64,
            decoys: found.decoys_total,
            originals,
        });
    }
    if found.decoys_scored * 20 < found.decoys_total {
        tracing::warn!(
            "only {} of {} decoys have a score: were seed, number and kind of decoys the same?",
            found.decoys_scored,
            found.decoys_total
        );
    }
    if aggregate.coverage.rows_missing_original() > 0 {
        tracing::warn!(
            "{} rows are not audited: their original has no score",
            aggregate.coverage.rows_missing_original()
        );
    }
    Ok(())
}

/// Holds every file of a pack against its checksums.
///
/// # Errors
/// [`RunError::DamagedPack`].
pub(crate) fn check_pack(path: &Path) -> Result<(), RunError> {
    let damaged = |why| Err(RunError::DamagedPack { path: path.to_owned(), why });
    match first_damage(path)? {
        Some(why) => damaged(why),
        None if !path.join(ZIP).exists() => Ok(()),
        None => match first_damage(&path.join(ZIP))? {
            Some(why) => damaged(format!("{ZIP}: {why}")),
            None => Ok(()),
        },
    }
}
