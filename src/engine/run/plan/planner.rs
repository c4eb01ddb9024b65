//! Planning: streams the library once into shards.

use std::collections::BTreeSet;
use std::path::Path;

use hetero2_library::{BLOCK_ROWS, FileRead, Library, Record, RecordBatches};

use super::document::{PLAN_SCHEMA, Plan, PlannedTruth, RowScores};
use super::ingest::Ingest;
use super::inputs::{
    copy_input, copy_scores, create_dir, open_library, planned_scorer, take_training,
};
use super::library_files::{LibraryRead, library_inputs};
use super::parts::{PartRows, PlanPart};
use crate::run::config::ScoreMode;
use crate::run::decoy_source::DecoySource;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer};
use crate::run::request::{LibraryInput, RunRequest};

/// Most distinct per-row score files of one library.
const MAX_ROW_SCORE_FILES: usize = 1_000;

/// Plans a run: packs the library into shards. [`Plan::save`] then writes
/// `plan.json`, last, so that a directory with a plan is complete.
///
/// # Errors
/// [`RunError`] when the library or the scores cannot be read or the run
/// directory cannot be written.
pub(crate) fn make_plan(
    request: &RunRequest,
    dir: &RunDir,
    rows_from: RowsFrom,
    observer: &dyn Observer,
) -> Result<Plan, RunError> {
    // First, so that a mistyped library leaves no directory behind.
    let mut batches = Batches::open(request, dir, rows_from)?;
    create_dir(&dir.library())?;
    create_dir(&dir.inputs())?;
    let scores = request.scores.as_deref();
    let scores =
        scores.map(|path| copy_scores(path, request.scores_sha256.as_deref(), dir)).transpose()?;
    let scorer = request.scorer.as_ref().map(planned_scorer).transpose()?;
    let truth = request.truth.as_ref().map(|truth| PlannedTruth::take(truth, dir)).transpose()?;
    let training = request.training.as_deref().map(|path| take_training(path, dir)).transpose()?;
    let decoys = request.decoys_file.as_deref();
    DecoySource::check(&request.config, decoys)?;
    let decoys =
        decoys.map(|path| DecoySource::read(request.config.decoy_set, path)).transpose()?;
    let prepared = decoys.as_ref().map(|(source, _)| source.save(dir)).transpose()?;
    let mut ingest = Ingest::new(dir);
    let mut row_score_names = BTreeSet::new();
    for batch in &mut batches {
        observer.check_cancelled()?;
        let batch = batch?;
        let has_scores = request.scores.is_some() || scorer.is_some();
        if request.config.score_mode == ScoreMode::ExternalScores && !has_scores {
            collect_row_scores(&batch, &mut row_score_names)?;
        }
        ingest.write(batch)?;
        observer.event(Event::Planned { rows: ingest.rows() });
    }
    let LibraryRead { library, library_files, library_origins } =
        library_inputs(&request.library, batches.finish()?)?;
    let rows = ingest.rows();
    let (packed, shards) = ingest.finish(request.shards)?;
    let row_scores = row_score_names
        .into_iter()
        .map(|name| {
            let copied = copy_row_scores(&name, request, dir)?;
            Ok((name, copied))
        })
        .collect::<Result<_, RunError>>()?;
    Ok(Plan {
        schema_version: PLAN_SCHEMA.into(),
        tool_version: hetero2_contract::version::VERSION.into(),
        tool_commit: hetero2_contract::version::commit().into(),
        config: request.config.clone(),
        read_options: request.read_options.clone(),
        library,
        library_files,
        library_origins,
        scores,
        scorer,
        row_scores,
        score_key: None,
        audit_last: None,
        truth,
        training,
        decoys_file: decoys.map(|(_, file)| file),
        decoys_prepared: prepared,
        rows,
        packed,
        shards,
        part: match rows_from {
            RowsFrom::Part(part) => Some(part),
            RowsFrom::Library | RowsFrom::Parts(_) => None,
        },
    })
}

/// Where the rows of a plan come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsFrom {
    /// All files of the library.
    Library,
    /// The files of the library, which are a part of a larger one.
    Part(PlanPart),
    /// What so many parts packed.
    Parts(u32),
}

enum Batches {
    Files(RecordBatches),
    Parts(Box<PartRows>),
}

impl Batches {
    fn open(request: &RunRequest, dir: &RunDir, from: RowsFrom) -> Result<Self, RunError> {
        let library = || open_library(&request.library, &request.read_options);
        Ok(match from {
            RowsFrom::Library => Self::Files(library()?.batches(BLOCK_ROWS)?),
            RowsFrom::Part(_) => {
                let files = request.library.files();
                Self::Files(Library::open_part(files, &request.read_options)?.batches(BLOCK_ROWS)?)
            }
            RowsFrom::Parts(of) => Self::Parts(Box::new(PartRows::open(request, dir, of)?)),
        })
    }

    fn finish(self) -> Result<Vec<FileRead>, RunError> {
        Ok(match self {
            Self::Files(batches) => batches.finish()?,
            Self::Parts(parts) => parts.finish(),
        })
    }
}

impl Iterator for Batches {
    type Item = Result<Vec<Record>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Files(batches) => batches.next().map(|batch| Ok(batch?)),
            Self::Parts(parts) => parts.next(),
        }
    }
}

fn collect_row_scores(batch: &[Record], names: &mut BTreeSet<String>) -> Result<(), RunError> {
    for name in batch.iter().filter_map(|record| record.scores_input.as_ref()) {
        if names.contains(name) {
            continue;
        }
        if names.len() == MAX_ROW_SCORE_FILES {
            return Err(RunError::TooManyScoreFiles { limit: MAX_ROW_SCORE_FILES });
        }
        names.insert(name.clone());
    }
    Ok(())
}

/// A row may name a score file beside the library or below it, nowhere else.
fn copy_row_scores(name: &str, request: &RunRequest, dir: &RunDir) -> Result<RowScores, RunError> {
    let library = match &request.library {
        LibraryInput::File(library) => library,
        LibraryInput::Demo | LibraryInput::LabelledDemo => {
            return Ok(RowScores::Unusable("a shipped library has no score files".into()));
        }
        LibraryInput::Files(_) => {
            let why = "a library of several files has no folder of score files: give one table";
            return Ok(RowScores::Unusable(why.into()));
        }
    };
    if hetero2_library::is_address(library) {
        let why = "a library at an address has no folder of score files: give one table";
        return Ok(RowScores::Unusable(why.into()));
    }
    let relative = Path::new(name);
    if !relative.components().all(|c| matches!(c, std::path::Component::Normal(_))) {
        return Ok(RowScores::Unusable(
            "a score file must lie in the library's folder or below it".into(),
        ));
    }
    let path = library.parent().unwrap_or(Path::new("")).join(relative);
    if !path.is_file() {
        return Ok(RowScores::Unusable(format!("no file {name} in the library's folder")));
    }
    copy_input(&path, dir).map(RowScores::Copied)
}
