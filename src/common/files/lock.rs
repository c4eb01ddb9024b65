//! One process at a time: by a lock of the system, which ends with the process,
//! or, where the file system has none, by a file that says who holds it and is
//! touched while it does. Knows nothing of what is done under the lock.

use std::fs::{self, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FileError;
use super::disk::{self, DiskFile, Readers};
use super::gate::{self, Operation};
use super::partial::{self, has_ended, system};

/// How often the holder touches its file.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long after the last touch a holder that cannot be asked counts as ended.
const SILENCE: Duration = Duration::from_secs(120);
/// How often a waiting process looks again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Why a lock is not held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is held by another process{holder}", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// " (process … of …)", where it is known.
        holder: String,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The right to work somewhere, until dropped.
#[derive(Debug)]
pub struct Lock {
    /// Where the system keeps the lock: as long as this is open.
    _file: Option<DiskFile>,
    /// Where it does not.
    note: Option<Note>,
}

impl Lock {
    /// Takes the lock at `path` if nobody holds it. The file is made where there
    /// is none, never cut, written to or removed, and a link is not followed.
    ///
    /// # Errors
    /// [`LockError::Held`], or [`LockError::File`] where `path` is a link, no
    /// file, or cannot be made.
    pub fn try_take(path: &Path) -> Result<Self, LockError> {
        loop {
            let file = DiskFile::append(path).map_err(FileError::io("open the lock", path))?;
            match system_lock(&file) {
                // The file may have been removed since it was opened.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => return Ok(Self { _file: Some(file), note: None }),
                Err(TryLockError::WouldBlock) => return Err(held(path, None)),
                Err(TryLockError::Error(why)) => {
                    tracing::warn!(
                        "the file system of {} has no locks ({why}): {} stands in for one",
                        path.display(),
                        note_path(path).display()
                    );
                    return Ok(Self { _file: None, note: Some(Note::take(path)?) });
                }
            }
        }
    }

    /// Whether the lock is held still: a stand-in can be broken by others where
    /// this process stood still for minutes.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.note.as_ref().is_none_or(|note| read_note(&note.path).as_ref() == Some(&note.holder))
    }

    /// Waits for the lock at `path`, and takes it.
    ///
    /// # Errors
    /// [`FileError`] as of [`Lock::try_take`].
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        loop {
            match Self::try_take(path) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held { .. }) => thread::sleep(PATIENCE),
                Err(LockError::File(error)) => return Err(error),
            }
        }
    }

    /// Whether the system keeps the lock, so that nobody else can have it.
    #[must_use]
    pub fn is_of_the_system(&self) -> bool {
        self.note.is_none()
    }
}

/// Whether `path` names the open file still.
fn is_at(file: &DiskFile, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        let there = fs::symlink_metadata(path).ok().map(identity);
        there.is_some() && there == file.as_file().metadata().ok().map(identity)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

fn system_lock(file: &DiskFile) -> Result<(), TryLockError> {
    match gate::gate_before(file.path()) {
        None => file.as_file().try_lock(),
        Some(gate) => match gate.before(&Operation::Lock(file.path())) {
            gate::Answer::Proceed => file.as_file().try_lock(),
            gate::Answer::Refuse(error) | gate::Answer::Tear(error) => {
                Err(TryLockError::Error(error))
            }
        },
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    host: String,
    /// See [`system`].
    system: String,
    process: u32,
    /// Another for each time that a lock is taken.
    token: String,
}

/// A file beside the lock that is there while the lock is held.
#[derive(Debug)]
struct Note {
    path: PathBuf,
    holder: Holder,
    /// Dropped to end the heartbeat.
    stop: Option<Sender<()>>,
    heart: Option<JoinHandle<()>>,
}

impl Note {
    fn take(lock: &Path) -> Result<Self, LockError> {
        let path = note_path(lock);
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let token = partial::fresh(&path).to_string_lossy().into_owned();
        let holder = Holder {
            host: host.trim().to_owned(),
            system: system().to_owned(),
            process: gate::process(&path),
            token,
        };
        for _ in 0..3 {
            if write_note(&path, &holder)? {
                let (stop, stopped) = mpsc::channel();
                let heart = thread::spawn({
                    let (path, holder) = (path.clone(), holder.clone());
                    move || beat(&path, &holder, &stopped)
                });
                return Ok(Self { path, holder, stop: Some(stop), heart: Some(heart) });
            }
            break_silent(&path)?;
        }
        Err(held(lock, read_note(&path)))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(heart) = self.heart.take() {
            let _ = heart.join();
        }
        if read_note(&self.path).as_ref() == Some(&self.holder) {
            let _ = disk::remove_file(&self.path);
        }
    }
}

fn held(lock: &Path, holder: Option<Holder>) -> LockError {
    let named = |holder: Holder| format!(" (process {} of {})", holder.process, holder.host);
    LockError::Held { path: lock.to_owned(), holder: holder.map_or_else(String::new, named) }
}

fn note_path(lock: &Path) -> PathBuf {
    let mut name = lock.file_name().unwrap_or_default().to_owned();
    name.push(".held");
    lock.with_file_name(name)
}

/// Writes a note unless there is one; it appears whole.
fn write_note(path: &Path, holder: &Holder) -> Result<bool, FileError> {
    let text = serde_json::to_string(holder).unwrap_or_default();
    match super::write_new(path, |file| file.write_all(text.as_bytes())) {
        Ok(_) => Ok(true),
        Err(e) if e.source.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// `None` where there is no note, or no whole one.
fn read_note(path: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Takes away the note of a holder that has ended.
fn break_silent(path: &Path) -> Result<(), FileError> {
    let Some(holder) = read_note(path) else { return Ok(()) };
    let ended = match has_ended(&holder.system, holder.process) {
        Some(ended) => ended,
        None => silent_for(path)? > SILENCE,
    };
    if !ended {
        return Ok(());
    }
    let aside = partial::fresh(path);
    match disk::rename(path, &aside) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        moved => moved.map_err(FileError::io("rename", path))?,
    }
    if read_note(&aside).as_ref() == Some(&holder) {
        tracing::warn!(
            "process {} of {} has ended without letting go of {}",
            holder.process,
            holder.host,
            path.display()
        );
        return disk::gone(disk::remove_file(&aside)).map_err(FileError::io("remove", &aside));
    }
    // Someone else had broken it and taken the lock: that is theirs.
    disk::rename_new(&aside, path).map_err(FileError::io("rename", path))
}

/// How long ago a note was touched, by the clock of the file system.
fn silent_for(path: &Path) -> Result<Duration, FileError> {
    let probe = partial::fresh(path);
    let failed = || FileError::io("read the time of", path);
    let file = DiskFile::create_new(&probe, Readers::All).map_err(failed())?;
    let now = file.as_file().metadata().and_then(|found| found.modified());
    disk::gone(disk::remove_file(&probe)).map_err(failed())?;
    let touched = fs::metadata(path).and_then(|found| found.modified()).map_err(failed())?;
    Ok(now.map_err(failed())?.duration_since(touched).unwrap_or_default())
}

/// Touches the note until told to stop, or until it is another's.
fn beat(path: &Path, holder: &Holder, stopped: &mpsc::Receiver<()>) {
    while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
        if read_note(path).as_ref() != Some(holder) {
            tracing::warn!("{} was taken away from this process", path.display());
            return;
        }
        if let Err(error) = touch(path) {
            tracing::warn!("cannot touch {}: {error}", path.display());
        }
    }
}

/// Sets the time of a file by the clock that [`silent_for`] asks.
fn touch(path: &Path) -> io::Result<()> {
    let file = fs::File::options().write(true).open(path)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        futimens(&file, &Timestamps { last_access: now, last_modification: now })?;
    }
    #[cfg(not(target_os = "linux"))]
    file.set_modified(std::time::SystemTime::now())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::files::gate::{Answer, Gate};

    /// A file system without locks.
    struct NoLocks;

    impl Gate for NoLocks {
        fn before(&self, operation: &Operation<'_>) -> Answer {
            match operation {
                Operation::Lock(_) => Answer::Refuse(io::ErrorKind::Unsupported.into()),
                _ => Answer::Proceed,
            }
        }
    }

    #[test]
    fn one_holder_at_a_time_with_locks_and_without() {
        for locks in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let _gate = (!locks).then(|| gate::stand(folder.path(), Arc::new(NoLocks)));
            let path = folder.path().join("lock");
            let held = Lock::try_take(&path).unwrap();
            assert_eq!(held.is_of_the_system(), locks);
            assert!(matches!(Lock::try_take(&path), Err(LockError::Held { .. })), "{locks}");
            drop(held);
            drop(Lock::try_take(&path).unwrap());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the lock alone is left");
        }
    }

    #[test]
    fn a_note_of_the_dead_is_broken_and_of_the_silent_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let _gate = gate::stand(folder.path(), Arc::new(NoLocks));
        let path = folder.path().join("lock");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let note = |system: &str| {
            let (host, token) = ("there".to_owned(), "other".to_owned());
            let holder = Holder { host, system: system.into(), process: child.id(), token };
            fs::write(note_path(&path), serde_json::to_string(&holder).unwrap()).unwrap();
        };
        note(system());
        drop(Lock::try_take(&path).unwrap());
        note("elsewhere");
        assert!(matches!(Lock::try_take(&path), Err(LockError::Held { .. })));
        let file = fs::File::options().write(true).open(note_path(&path)).unwrap();
        file.set_modified(std::time::SystemTime::now() - SILENCE - HEARTBEAT).unwrap();
        drop(Lock::try_take(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        // A note that is none is not taken away: who knows whose it is.
        fs::write(note_path(&path), "a user's").unwrap();
        assert!(matches!(Lock::try_take(&path), Err(LockError::Held { .. })));
        assert_eq!(fs::read(note_path(&path)).unwrap(), b"a user's");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_lock_points_at_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (target, path) = (folder.path().join("letter"), folder.path().join("lock"));
        fs::write(&target, "dear").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(matches!(Lock::try_take(&path), Err(LockError::File(_))));
        assert_eq!(fs::read(&target).unwrap(), b"dear");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        drop(Lock::try_take(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
