//! Rebuilding a pack from its manifest: the same evidence, or what differs.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use hetero2_audit::NotARule;
use hetero2_chemistry::operator::AtomTable;
use hetero2_common::files::{FileDigest, FileError, Scratch, Sha256Digest, digest_file, disk};
use hetero2_evidence::pack::manifest::{Input, Manifest, Tool};
use hetero2_evidence::pack::{
    PackDiff, PackError, VerifyReport, ZipOutput, diff, extract, read_manifest, verify,
};
use hetero2_library::ReadOptions;

use crate::demo;
use crate::run::config::{CONFIG_SCHEMA, RunConfig};
use crate::run::error::RunError;
use crate::run::observer::Observer;
use crate::run::reduce::TRUTH;
use crate::run::request::{LibraryInput, PackOutput, Reports, Resume, RunRequest, TruthInput};
use crate::run::{plan, reduce, stages};

/// What is asked of [`rerun`].
#[derive(Debug, Clone)]
pub struct RerunRequest {
    /// Directory or zip of the pack.
    pub pack: PathBuf,
    /// The library, a single file under any name; not needed for a shipped one.
    pub input: Vec<PathBuf>,
    /// The scores, under any name; those of the pack without it.
    pub scores: Option<PathBuf>,
    /// The molecules that the model was trained on, where the pack was made with
    /// such a file.
    pub training: Option<PathBuf>,
    /// The decoys or the molecules to match, under any name, where the pack was
    /// made with such a file.
    pub decoys: Option<PathBuf>,
    /// Run directory to keep; a temporary one without it.
    pub out: Option<PathBuf>,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// Whether a pack could be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RerunVerdict {
    /// The pack is whole, and the rerun has its content digest.
    Same,
    /// It is not.
    Different,
}

/// A circumstance that was different when the pack was made, or is wrong with
/// the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What it is about.
    pub what: &'static str,
    /// As the pack has it.
    pub recorded: String,
    /// As it is now.
    pub now: String,
}

/// What a rerun found.
#[derive(Debug, Clone, Serialize)]
pub struct RerunReport {
    /// Whether the evidence is the same.
    pub verdict: RerunVerdict,
    /// Content digest of the pack, computed from its files.
    pub content_digest: Sha256Digest,
    /// Content digest of the rerun.
    pub rerun_content_digest: Sha256Digest,
    /// The program that made the pack.
    pub tool: Tool,
    /// The program that made the rerun.
    pub rerun_tool: Tool,
    /// What can explain a difference; may hold something even where there is none.
    pub causes: Vec<Cause>,
    /// What differs, unless the evidence is the same.
    pub diff: Option<PackDiff>,
    /// The new pack, where it was to be kept.
    pub rerun_pack: Option<PathBuf>,
}

/// An input that a rerun needs and was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRole {
    /// The molecules.
    Library,
    /// The scores.
    Scores,
    /// A score file that rows of the library name.
    RowScores,
    /// The molecules that the model was trained on.
    Training,
    /// The decoys, or the molecules to match.
    Decoys,
}

impl std::fmt::Display for MissingRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Library => "library",
            Self::Scores => "scores",
            Self::RowScores => "score file of its rows",
            Self::Training => "training molecules",
            Self::Decoys => "file of decoys",
        })
    }
}

/// Why a pack could not be rebuilt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RerunError {
    /// The pack cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// An input is not the one that the pack was made from.
    #[error(
        "{} is not the {} of this pack: its SHA-256 is {found}, that of {} was {}",
        path.display(), input.role, input.name, input.digest.sha256
    )]
    WrongInput {
        /// The input in the manifest.
        input: Box<Input>,
        /// File given.
        path: PathBuf,
        /// Its digest.
        found: Sha256Digest,
    },
    /// An input was not given.
    #[error("the pack was made from the {role} {name} (SHA-256 {expected}): give that file")]
    MissingInput {
        /// What it is used as.
        role: MissingRole,
        /// Name in the manifest.
        name: String,
        /// Digest in the manifest.
        expected: Sha256Digest,
    },
    /// An input was given that the pack was made without.
    #[error("the pack was made without a scores file")]
    NoScores,
    /// Score files lie beside the library, which therefore cannot be renamed.
    #[error(
        "rows of this library name score files beside it: give it under its own name, {name}, in their folder"
    )]
    RowScores {
        /// Name in the manifest.
        name: String,
    },
    /// The directory holds this run, finished: comparing with it proves nothing.
    #[error("{} holds a finished run, so nothing would be computed", path.display())]
    NothingComputed {
        /// The directory.
        path: PathBuf,
    },
    /// The manifest does not say what a rerun needs.
    #[error("manifest.json, {part}: {why}; this version of the program cannot rerun the pack")]
    Manifest {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Rebuilds the pack from its manifest and the same inputs, and compares.
///
/// # Errors
/// [`RerunError`] where the inputs are others, the manifest cannot be used, or
/// the run fails. A pack that comes out otherwise, or is damaged, is no error.
pub fn rerun(request: &RerunRequest, observer: &dyn Observer) -> Result<RerunReport, RerunError> {
    let manifest = read_manifest(&request.pack)?;
    let config = config(&manifest)?;
    let read_options = read_options(&manifest)?;
    let staging = Scratch::passing("hetero2-rerun")?;
    let staging = staging.path();
    let library = library(request, &manifest, staging)?;
    let scores = scores(request, &manifest, staging)?;
    let truth = truth(request, &manifest, staging)?;
    let training = training(request, &manifest, staging)?;
    let decoys_file = decoys(request, &manifest, staging)?;
    let verification = verify(&request.pack)?;
    let has_report = manifest.files.iter().any(|file| file.name == "index.html");
    let out = request.out.clone().unwrap_or_else(|| staging.join("run"));
    let run_request = RunRequest {
        read_options,
        scores,
        truth,
        training,
        decoys_file,
        resume: Resume::Continue,
        output: PackOutput {
            zip: ZipOutput::Omitted,
            reports: if has_report { Reports::Written } else { Reports::Omitted },
            ..PackOutput::default()
        },
        threads: request.threads,
        ..RunRequest::new(library, out, config)
    };
    let run = stages::run(&run_request, observer)?;
    if run.already_complete {
        return Err(RerunError::NothingComputed { path: run_request.out });
    }
    let fresh = read_manifest(&run.pack)?;
    same_inputs(&manifest, &fresh)?;
    let same = verification.passed() && verification.content_digest == Some(fresh.content_digest);
    let causes = causes(&manifest, &fresh, &run_request.config, &verification);
    Ok(RerunReport {
        verdict: if same { RerunVerdict::Same } else { RerunVerdict::Different },
        content_digest: verification.content_digest.unwrap_or(manifest.content_digest),
        rerun_content_digest: fresh.content_digest,
        tool: manifest.body.tool,
        rerun_tool: fresh.body.tool,
        causes,
        diff: if same { None } else { Some(diff(&request.pack, &run.pack)?) },
        rerun_pack: request.out.is_some().then_some(run.pack),
    })
}

fn config(manifest: &Manifest) -> Result<RunConfig, RerunError> {
    let error = |why| RerunError::Manifest { part: "config", why };
    let config: RunConfig =
        serde_json::from_value(manifest.body.config.clone()).map_err(|e| error(e.to_string()))?;
    if config.schema_version != CONFIG_SCHEMA {
        let found = &config.schema_version;
        return Err(error(format!("schema_version is {found:?}, not {CONFIG_SCHEMA}")));
    }
    Ok(config)
}

fn read_options(manifest: &Manifest) -> Result<ReadOptions, RerunError> {
    let options = manifest.body.notes.read_options.clone().unwrap_or(Value::Null);
    serde_json::from_value(options)
        .map_err(|e| RerunError::Manifest { part: "notes.read_options", why: e.to_string() })
}

fn library(
    request: &RerunRequest,
    manifest: &Manifest,
    staging: &Path,
) -> Result<LibraryInput, RerunError> {
    let recorded = recorded(manifest, "library").ok_or_else(|| RerunError::Manifest {
        part: "inputs",
        why: "it names no library".into(),
    })?;
    let path = match request.input.as_slice() {
        [] => {
            for shipped in [LibraryInput::Demo, LibraryInput::LabelledDemo] {
                if plan::shipped_digest(&shipped)?.sha256 == recorded.digest.sha256 {
                    return Ok(shipped);
                }
            }
            return Err(missing(MissingRole::Library, recorded));
        }
        [path] => path,
        files => {
            let found = plan::digest_library(files)?;
            compare(Path::new(&found.name), found.digest(), recorded)?;
            return Ok(LibraryInput::Files(files.to_vec()));
        }
    };
    let is_address = hetero2_library::is_address(path);
    let fetched = if is_address { fetch(path, recorded, staging)? } else { path.clone() };
    let path = &fetched;
    check(path, recorded)?;
    let other_name =
        is_address || path.file_name().is_none_or(|name| name != recorded.name.as_str());
    if other_name && self::recorded(manifest, "row_scores").is_some() {
        return Err(RerunError::RowScores { name: recorded.name.clone() });
    }
    Ok(LibraryInput::File(under_recorded_name(path, recorded, &staging.join("library"))?))
}

/// Copies what is at an address beside the run, under its recorded name.
fn fetch(address: &Path, recorded: &Input, staging: &Path) -> Result<PathBuf, RerunError> {
    let mut bytes = hetero2_library::open_bytes(address).map_err(RunError::from)?;
    let staged = place(recorded, &staging.join("library"))?;
    let mut file = disk::DiskFile::create_new(&staged, disk::Readers::All)
        .map_err(FileError::io("create", &staged))?;
    std::io::copy(&mut bytes, &mut file).map_err(FileError::io("fetch", &staged))?;
    Ok(staged)
}

fn scores(
    request: &RerunRequest,
    manifest: &Manifest,
    staging: &Path,
) -> Result<Option<PathBuf>, RerunError> {
    let folder = staging.join("scores");
    match (recorded(manifest, "scores"), &request.scores) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(RerunError::NoScores),
        (Some(recorded), Some(path)) => {
            check(path, recorded)?;
            under_recorded_name(path, recorded, &folder).map(Some)
        }
        (Some(recorded), None) => {
            let path = place(recorded, &folder)?;
            let name = reduce::scores_name(&recorded.name);
            let found = extract(&request.pack, &name, &path)
                .map_err(|_| missing(MissingRole::Scores, recorded))?;
            compare(&request.pack.join(name), found, recorded)?;
            Ok(Some(path))
        }
    }
}

/// The known outcomes are always in the pack.
fn truth(
    request: &RerunRequest,
    manifest: &Manifest,
    staging: &Path,
) -> Result<Option<TruthInput>, RerunError> {
    let Some(recorded) = recorded(manifest, "truth") else { return Ok(None) };
    let budget = manifest.body.notes.truth_budget.ok_or_else(|| RerunError::Manifest {
        part: "notes.truth_budget",
        why: "there are known outcomes, and no budget".into(),
    })?;
    let budget = usize::try_from(budget).unwrap_or(usize::MAX);
    let path = place(recorded, &staging.join("truth"))?;
    let found = extract(&request.pack, TRUTH, &path)?;
    compare(&request.pack.join(TRUTH), found, recorded)?;
    let rule = manifest.body.notes.truth_active_if.as_deref().map(str::parse).transpose();
    let active_if = rule.map_err(|e: NotARule| RerunError::Manifest {
        part: "notes.truth_active_if",
        why: e.to_string(),
    })?;
    Ok(Some(TruthInput { path, sha256: None, budget, active_if }))
}

/// The training molecules are not in the pack; those of the demo are shipped.
fn training(
    request: &RerunRequest,
    manifest: &Manifest,
    staging: &Path,
) -> Result<Option<PathBuf>, RerunError> {
    let Some(recorded) = recorded(manifest, "training") else { return Ok(None) };
    let folder = staging.join("training");
    let Some(path) = &request.training else {
        let shipped = demo::training_of(&recorded.digest.sha256, &folder).ok().flatten();
        return shipped.map(Some).ok_or_else(|| missing(MissingRole::Training, recorded));
    };
    check(path, recorded)?;
    under_recorded_name(path, recorded, &folder).map(Some)
}

/// The decoys that were given, or the molecules to match, are not in the pack.
fn decoys(
    request: &RerunRequest,
    manifest: &Manifest,
    staging: &Path,
) -> Result<Option<PathBuf>, RerunError> {
    let Some(recorded) = recorded(manifest, "decoys") else { return Ok(None) };
    let path = request.decoys.as_ref().ok_or_else(|| missing(MissingRole::Decoys, recorded))?;
    check(path, recorded)?;
    under_recorded_name(path, recorded, &staging.join("decoys")).map(Some)
}

fn recorded<'a>(manifest: &'a Manifest, role: &str) -> Option<&'a Input> {
    manifest.body.inputs.iter().find(|input| input.role == role)
}

fn missing(role: MissingRole, recorded: &Input) -> RerunError {
    let (name, expected) = (recorded.name.clone(), recorded.digest.sha256);
    RerunError::MissingInput { role, name, expected }
}

fn check(path: &Path, recorded: &Input) -> Result<(), RerunError> {
    compare(path, digest_file(path)?, recorded)
}

fn compare(path: &Path, found: FileDigest, recorded: &Input) -> Result<(), RerunError> {
    if found == recorded.digest {
        return Ok(());
    }
    let input = Box::new(recorded.clone());
    Err(RerunError::WrongInput { input, path: path.to_owned(), found: found.sha256 })
}

/// The file, or a link to it under the name that the pack knows it by: reports
/// name the inputs, and a name can decide how a library is read.
fn under_recorded_name(
    path: &Path,
    recorded: &Input,
    folder: &Path,
) -> Result<PathBuf, RerunError> {
    if path.file_name().is_some_and(|name| name == recorded.name.as_str()) {
        return Ok(path.to_owned());
    }
    let staged = place(recorded, folder)?;
    let path = fs::canonicalize(path).map_err(FileError::io("read", path))?;
    disk::link(&path, &staged).map_err(FileError::io("create", &staged))?;
    Ok(staged)
}

/// Where an input goes under its recorded name, which is not to be trusted.
fn place(recorded: &Input, folder: &Path) -> Result<PathBuf, RerunError> {
    let mut parts = Path::new(&recorded.name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if !plain || recorded.name.contains(['\0', '/', '\\']) {
        let why = format!("{:?} is not the name of a file", recorded.name);
        return Err(RerunError::Manifest { part: "inputs", why });
    }
    disk::create_dir_all(folder).map_err(FileError::io("create", folder))?;
    Ok(folder.join(&recorded.name))
}

/// Whatever rows name beside the library is only known after the run.
fn same_inputs(manifest: &Manifest, fresh: &Manifest) -> Result<(), RerunError> {
    let known = |input: &&Input| !fresh.body.inputs.contains(input);
    let Some(recorded) = manifest.body.inputs.iter().find(known) else { return Ok(()) };
    let now = fresh.body.inputs.iter().find(|input| input.name == recorded.name);
    match now {
        Some(now) => compare(Path::new(&recorded.name), now.digest, recorded),
        None => Err(missing(MissingRole::RowScores, recorded)),
    }
}

/// Everything that can explain a difference.
fn causes(
    manifest: &Manifest,
    fresh: &Manifest,
    config: &RunConfig,
    verification: &VerifyReport,
) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut add = |what, recorded: String, now: String| {
        if recorded != now {
            causes.push(Cause { what, recorded, now });
        }
    };
    if let Some(check) = verification.failures().next() {
        let now = format!("{} FAILS: {}", check.name, check.detail);
        add("wholeness of the pack", "whole".into(), now);
    }
    let (old, new) = (&manifest.body, &fresh.body);
    let commit = |tool: &Tool| tool.commit.clone().unwrap_or_else(|| "unknown".into());
    add("program", old.tool.name.clone(), new.tool.name.clone());
    add("program version", old.tool.version.clone(), new.tool.version.clone());
    add("program commit", commit(&old.tool), commit(&new.tool));
    let atoms = Sha256Digest::from(*AtomTable::embedded().sha256());
    add("atom table", old.atom_table_sha256.to_string(), atoms.to_string());
    add("configuration as understood", old.config.to_string(), new.config.to_string());
    if let Some(limit) = config.timeout_per_row_s {
        let now = "which rows exceed it depends on the machine";
        add("time limit per row", format!("{limit} s"), now.into());
    }
    causes
}
