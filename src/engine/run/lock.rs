//! One run at a time in a run directory. Knows nothing of what runs do.

use std::fs::{self, File, TryLockError};

use super::error::RunError;
use super::layout::RunDir;

/// The right to work in a run directory; the system takes it back when the
/// process ends, however it ends.
#[derive(Debug)]
pub(crate) struct RunLock {
    dir: RunDir,
    /// Whether the directory was not there before.
    new: bool,
    _file: File,
}

impl RunLock {
    /// Takes the lock, and makes the directory where there is none.
    ///
    /// # Errors
    /// [`RunError::InUse`] when another process holds it; [`RunError::Io`] when
    /// the directory cannot be written.
    pub fn take(dir: &RunDir) -> Result<Self, RunError> {
        let root = dir.root();
        let new = !root.exists();
        fs::create_dir_all(root).map_err(|e| RunError::io("create", root, e))?;
        let path = dir.lock();
        let file = File::create(&path).map_err(|e| RunError::io("create", &path, e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(RunError::InUse { path: root.to_path_buf() });
            }
            // Some network file systems have no locks; runs go on without.
            Err(TryLockError::Error(error)) => tracing::debug!("no lock in {root:?}: {error}"),
            Ok(()) => {}
        }
        Ok(Self { dir: dir.clone(), new, _file: file })
    }
}

impl Drop for RunLock {
    /// Leaves no trace in a directory where no run began.
    fn drop(&mut self) {
        if !self.dir.plan().exists() {
            let _ = fs::remove_file(self.dir.lock());
            if self.new {
                // Succeeds only where nothing else is in it.
                let _ = fs::remove_dir(self.dir.root());
            }
        }
    }
}
