//! `--force`: a file that is there is replaced only where that is asked for.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use hetero2::files::{AtomicFile, FileError, Left, Occupied, Readers, parent_of, sweep};

use super::failure::Failure;

/// What becomes of files that are there.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ForceArguments {
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
}

impl ForceArguments {
    /// The same for the library.
    pub fn occupied(self) -> Occupied {
        if self.force { Occupied::Replace } else { Occupied::Refuse }
    }

    /// Fails where a file would have to be replaced: before any work is done.
    /// Removes what a process left of such a file that was killed.
    pub fn check(self, path: &Path) -> Result<(), Failure> {
        let _ = sweep(parent_of(path), path.file_name(), Left::ByTheDead);
        match self.occupied() {
            Occupied::Refuse if path.symlink_metadata().is_ok() => Err(refused(path)),
            _ => Ok(()),
        }
    }

    /// Writes a file whole.
    pub fn write(self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let written =
            AtomicFile::begin(path, self.occupied(), Readers::All).and_then(|mut file| {
                file.write_all(bytes).map_err(FileError::io("write", path))?;
                file.finish()
            });
        match written {
            Ok(_) => Ok(()),
            Err(e) if e.source.kind() == ErrorKind::AlreadyExists => Err(refused(path)),
            Err(e) => Err(Failure::other(e)),
        }
    }
}

fn refused(path: &Path) -> Failure {
    let path = path.display();
    Failure::usage(anyhow::anyhow!(
        "{path} is there already: give another name, or --force to replace it"
    ))
}
