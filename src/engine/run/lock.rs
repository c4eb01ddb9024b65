//! One run at a time in a run directory. Knows nothing of what runs do.

use hetero2_common::files::disk;
use hetero2_common::files::{Left, Lock, LockError, sweep};

use super::error::RunError;
use super::layout::RunDir;
use super::ownership::{Found, is_lock, look, mark};

/// The right to work in a run directory; it ends with the process.
#[derive(Debug)]
pub(super) struct RunLock {
    dir: RunDir,
    /// Whether the directory was not there before.
    is_new: bool,
    lock: Option<Lock>,
}

impl RunLock {
    /// Takes the lock of a directory that holds nothing, or a run; makes the
    /// directory where there is none, and marks it as a run's. Any other
    /// directory is left as it is.
    ///
    /// # Errors
    /// [`RunError::NotARun`]; [`RunError::InUse`] when another process holds the
    /// lock; [`RunError::File`] when the directory cannot be written.
    pub fn take(dir: &RunDir) -> Result<Self, RunError> {
        let root = dir.root();
        let found = look(dir)?;
        let is_new = !root.exists();
        disk::create_dir_all(root).map_err(|e| RunError::io("create", root, e))?;
        if found == Found::Nothing {
            mark(dir)?;
        }
        let lock = Lock::try_take(&dir.lock()).map_err(|error| match error {
            LockError::Held { .. } => RunError::InUse { path: root.to_path_buf() },
            LockError::File(error) => error.into(),
        })?;
        let lock = Self { dir: dir.clone(), is_new, lock: Some(lock) };
        if found == Found::Nothing {
            // Another process may have left in between.
            mark(dir)?;
        }
        sweep(root, None, lock.litter())?;
        Ok(lock)
    }

    /// What may be taken for litter in the directory, apart from its shards.
    pub fn litter(&self) -> Left {
        match &self.lock {
            Some(lock) if lock.is_of_the_system() => Left::ByOthers,
            _ => Left::ByTheDead,
        }
    }

    /// Fails where the lock was lost: another process works here now.
    ///
    /// # Errors
    /// [`RunError::InUse`].
    pub fn check(&self) -> Result<(), RunError> {
        match &self.lock {
            Some(lock) if lock.is_held() => Ok(()),
            _ => Err(RunError::InUse { path: self.dir.root().to_path_buf() }),
        }
    }
}

impl Drop for RunLock {
    /// Leaves no trace in a directory where no run began.
    fn drop(&mut self) {
        let dir = &self.dir;
        if self.check().is_err() || dir.plan().exists() {
            return;
        }
        // Each succeeds only where nothing is in it.
        for folder in [dir.library(), dir.inputs()] {
            let _ = disk::remove_dir(&folder);
        }
        let kept = [dir.library(), dir.inputs(), dir.shards(), dir.parts()];
        if kept.iter().any(|folder| folder.exists()) {
            return;
        }
        let _ = disk::remove_file(&dir.mark());
        if is_lock(&dir.lock()) {
            let _ = disk::remove_file(&dir.lock());
        }
        self.lock = None;
        if self.is_new {
            let _ = disk::remove_dir(dir.root());
        }
    }
}
