//! What in a run directory this program made, and may therefore remove. Knows
//! nothing of what the files hold.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hetero2_common::files::disk::{self, Fate};
use hetero2_common::files::{Left, sweep, write_atomically};

use super::error::RunError;
use super::layout::RunDir;
use super::plan::Plan;
use super::shard::is_shard_file;

/// First line of the file that marks a directory as a run's.
const MARK: &str = "hetero2_run_directory.v1";

/// What is found where a run shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or an empty directory.
    Nothing,
    /// A directory that a run of this program began.
    Run,
}

/// Looks at a directory without touching it.
///
/// # Errors
/// [`RunError::NotARun`] for a directory that holds something, but neither a
/// plan nor the mark of a run.
pub(super) fn look(dir: &RunDir) -> Result<Found, RunError> {
    let root = dir.root();
    let mut entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) => return Err(RunError::io("read", root, e)),
    };
    if is_marked(dir) || Plan::load(dir)?.is_some() {
        return Ok(Found::Run);
    }
    // A process that was killed while it marked the directory left no more.
    let half_a_mark = |name: &str| name.starts_with("..hetero2-run.") && name.ends_with(".partial");
    let is_foreign = |entry: io::Result<fs::DirEntry>| {
        entry.map_or(true, |entry| !entry.file_name().to_str().is_some_and(half_a_mark))
    };
    match entries.any(is_foreign) {
        false => Ok(Found::Nothing),
        true => Err(RunError::NotARun { path: root.to_path_buf() }),
    }
}

/// Whether a lock file is as locks are made: a user's may hold something.
pub(super) fn is_lock(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0)
}

fn is_marked(dir: &RunDir) -> bool {
    let path = dir.mark();
    fs::symlink_metadata(&path).is_ok_and(|found| found.is_file())
        && fs::read_to_string(path).is_ok_and(|text| text.lines().next() == Some(MARK))
}

/// Marks a directory as a run's, before anything else is written there.
pub(super) fn mark(dir: &RunDir) -> Result<(), RunError> {
    if is_marked(dir) {
        return Ok(());
    }
    let text = format!(
        "{MARK}\nThis directory was made by hetero2, which may remove the files it made here.\n"
    );
    write_atomically(&dir.mark(), |file| file.write_all(text.as_bytes()))?;
    Ok(())
}

/// Removes what a run left that was stopped while it planned. What others put
/// there stays.
pub(super) fn clear_planning(dir: &RunDir) -> Result<(), RunError> {
    for folder in packed_folders(&dir.library())? {
        remove(&folder, |name| file(is_packed_name(name)))?;
    }
    remove(&dir.inputs(), |name| file(is_digest(name)))
}

/// The folder of packed files after those below it, of which each follows its own.
fn packed_folders(library: &Path) -> Result<Vec<PathBuf>, RunError> {
    let mut found = Vec::new();
    for outer in numbered(library)? {
        found.extend(numbered(&outer)?);
        found.push(outer);
    }
    found.push(library.to_owned());
    Ok(found)
}

/// The folders of three digits in a folder.
fn numbered(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let failed = |e| RunError::io("read", folder, e);
    // A link in its place leads elsewhere.
    if !fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_number = |name: &str| name.len() == 3 && name.bytes().all(|b| b.is_ascii_digit());
        if entry.file_type().map_err(failed)?.is_dir() && name.to_str().is_some_and(is_number) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes what a run computed, its plan first, so that nothing is taken for
/// whole that is not. The pack stays until another takes its place.
pub(super) fn clear_run(dir: &RunDir) -> Result<(), RunError> {
    mark(dir)?;
    let plan = dir.plan();
    disk::gone(disk::remove_file(&plan)).map_err(|e| RunError::io("remove", &plan, e))?;
    clear_planning(dir)?;
    clear_parts(dir)?;
    clear_scores(dir)?;
    clear_shards(dir)
}

/// Removes what the pack of a run makes needless: its packed records, side
/// inputs and shards.
pub(super) fn clear_finished(dir: &RunDir) -> Result<(), RunError> {
    clear_planning(dir)?;
    clear_parts(dir)?;
    clear_scores(dir)?;
    clear_shards(dir)?;
    let root = dir.root();
    disk::sync_directory(root).map_err(|e| RunError::io("flush", root, e))
}

/// Removes the parts that a plan was joined from.
pub(super) fn clear_parts(dir: &RunDir) -> Result<(), RunError> {
    let folder = dir.parts();
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| RunError::io("read", &folder, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| RunError::io("read", &folder, e))?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name().to_str().is_some_and(is_number) {
            let part = RunDir::new(entry.path());
            let known = [part.plan(), part.mark(), part.lock()];
            clear_planning(&part)?;
            remove(part.root(), |name| file(known.contains(&part.root().join(name))))?;
        }
    }
    remove(&folder, |_| Fate::Kept)
}

/// Makes the directory of a run whose parts are to be planned there.
pub(super) fn begin_parts(dir: &RunDir) -> Result<(), RunError> {
    // Another part may mark the directory while it is looked at.
    let found = look(dir).or_else(|_| look(dir))?;
    let create =
        |path: &Path| disk::create_dir_all(path).map_err(|e| RunError::io("create", path, e));
    create(dir.root())?;
    if found == Found::Nothing {
        mark(dir)?;
    }
    create(&dir.parts())
}

/// Removes the scores that a command gave, shard by shard.
fn clear_scores(dir: &RunDir) -> Result<(), RunError> {
    let is_kept = |name: &str| name.strip_suffix(".csv").is_some_and(is_number);
    remove(&dir.scores(), |name| file(is_kept(name)))
}

fn clear_shards(dir: &RunDir) -> Result<(), RunError> {
    let folder = dir.shards();
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| RunError::io("read", &folder, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| RunError::io("read", &folder, e))?;
        let name = entry.file_name();
        if name.to_str().is_some_and(is_shard_name) {
            remove(&entry.path(), |name| file(is_shard_file(name)))?;
        }
    }
    remove(&folder, |_| Fate::Kept)
}

/// Removes of a folder what `fate` knows and what processes left under
/// construction; the folder too, if nothing else is in it.
fn remove(folder: &Path, fate: impl Fn(&str) -> Fate) -> Result<(), RunError> {
    sweep(folder, None, Left::ByOthers)?;
    let gone = disk::remove_known(folder, fate).map_err(|e| RunError::io("remove", folder, e))?;
    if !gone {
        tracing::warn!("{} holds files that no run made: they are left", folder.display());
    }
    Ok(())
}

fn file(known: bool) -> Fate {
    if known { Fate::File } else { Fate::Kept }
}

fn is_packed_name(name: &str) -> bool {
    name.strip_suffix(".arrow").is_some_and(is_number)
}

/// Whether a folder has the name of a shard or of a checkpoint of one.
fn is_shard_name(name: &str) -> bool {
    match name.split_once(".checkpoint") {
        None => is_number(name),
        Some((index, "")) => is_number(index),
        Some((index, number)) => {
            let digits = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
            let counts = number.strip_prefix('-').is_some_and(|n| !n.is_empty() && digits(n));
            is_number(index) && counts
        }
    }
}

fn is_number(name: &str) -> bool {
    name.len() >= 5 && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
