//! Whether the plan of a run directory is what a request asks for.

use std::path::Path;

use hetero2_library::BLOCK_ROWS;

use super::document::{Plan, PlannedTruth};
use super::inputs::{
    digest_decoys, digest_scores, digest_training, planned_scorer, shipped_digest, take_training,
};
use super::library_files::digest_library;
use super::partition::shard_count;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::request::{LibraryInput, Resume, RunRequest};

/// The plan of a run directory, where it has one, with the outcomes of this
/// request.
///
/// # Errors
/// [`RunError::OtherRun`] when it is the plan of another run; [`RunError`] when
/// it or an input cannot be read.
pub(crate) fn plan_of_same_run(
    request: &RunRequest,
    dir: &RunDir,
) -> Result<Option<Plan>, RunError> {
    let Some(plan) = Plan::load(dir)? else { return Ok(None) };
    same_run(request, dir, &plan)?;
    with_truth(request, dir, plan).map(Some)
}

/// Whether a plan is of this request: the same configuration, library and
/// scores.
fn same_run(request: &RunRequest, dir: &RunDir, plan: &Plan) -> Result<(), RunError> {
    let other = |what| Err(RunError::OtherRun { path: dir.root().to_path_buf(), what });
    if plan.config != request.config {
        return other("configuration");
    }
    if plan.tool_version != hetero2_contract::version::VERSION {
        return other("version of this program");
    }
    let scores = request.scores.as_deref().map(digest_scores).transpose()?;
    // A command's scores come after the plan.
    if plan.scores != scores && plan.scorer.is_none() {
        return other("scores file");
    }
    if plan.scorer != request.scorer.as_ref().map(planned_scorer).transpose()? {
        return other("score command");
    }
    let decoys = request.decoys_file.as_deref().map(digest_decoys).transpose()?;
    if plan.decoys_file != decoys {
        return other("file of decoys");
    }
    let library = match &request.library {
        shipped @ (LibraryInput::Demo | LibraryInput::LabelledDemo) => shipped_digest(shipped)?,
        LibraryInput::File(path) if path == Path::new("-") => return Ok(()),
        LibraryInput::File(_) | LibraryInput::Files(_) => digest_library(request.library.files())?,
    };
    if plan.library != library {
        return other("library");
    }
    let blocks = plan.rows.div_ceil(BLOCK_ROWS as u64) as usize;
    let shards = request.shards.map(|shards| shard_count(blocks, Some(shards)));
    if shards.is_some_and(|shards| shards != plan.shards.len()) {
        return other("number of shards");
    }
    Ok(())
}

/// The plan with the outcomes of this request: an unfinished run may go on with
/// others, because shards do not depend on them.
fn with_truth(request: &RunRequest, dir: &RunDir, plan: Plan) -> Result<Plan, RunError> {
    let asked = request.truth.as_ref().map(PlannedTruth::digest).transpose()?;
    let trained = request.training.as_deref().map(digest_training).transpose()?;
    if plan.truth == asked && plan.training == trained {
        return Ok(plan);
    }
    if request.resume != Resume::Continue || !dir.library().exists() {
        let what = if plan.truth == asked { "training molecules" } else { "truth or budget" };
        return Err(RunError::OtherRun { path: dir.root().to_path_buf(), what });
    }
    let truth = request.truth.as_ref().map(|truth| PlannedTruth::take(truth, dir)).transpose()?;
    let training = request.training.as_deref().map(|path| take_training(path, dir)).transpose()?;
    let plan = Plan { truth, training, ..plan };
    plan.save(dir)?;
    Ok(plan)
}
