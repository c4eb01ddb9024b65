//! A directory under construction: it has a name of its own beside its place,
//! and takes the place whole, or leaves nothing.

use std::io;
use std::path::{Path, PathBuf};

use super::{FileError, disk, parent_of, partial, sync_parent};

/// A directory under construction; dropped before it is placed, it vanishes.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    is_placed: bool,
}

impl Scratch {
    /// An empty directory beside `place`, where it may come to lie. No other
    /// process has the same.
    ///
    /// # Errors
    /// `place` has no name, or the directory around it cannot be written.
    pub fn beside(place: &Path) -> Result<Self, FileError> {
        let name = place.file_name().ok_or_else(|| {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "the path has no name");
            FileError::io("create", place)(why)
        })?;
        let path = parent_of(place).join(partial::fresh(name));
        disk::create_dir(&path).map_err(FileError::io("create", &path))?;
        Ok(Self { path, is_placed: false })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory its place, durably. Returns whether it has: `false`,
    /// and the directory vanishes, where the place is taken.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn place(mut self, place: &Path) -> Result<bool, FileError> {
        match disk::rename_new(&self.path, place) {
            Ok(()) => self.is_placed = true,
            Err(e) if is_taken(&e) => return Ok(false),
            Err(e) => return Err(FileError::io("rename", place)(e)),
        }
        sync_parent(place)?;
        Ok(true)
    }

    /// Exchanges the directory with what has the place, durably, and returns that
    /// one, which vanishes in turn: it must hold nothing of anyone else. Where the
    /// system cannot exchange names it is renamed first, and [`restore`] brings it
    /// back if the process ends in between.
    ///
    /// # Errors
    /// Nothing has the place, or the disk refuses; the place is as it was then.
    pub fn exchange(mut self, place: &Path) -> Result<Self, FileError> {
        let refused = || FileError::io("rename", place);
        match disk::exchange(&self.path, place) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                let aside = replaced(place);
                disk::rename(place, &aside).map_err(refused())?;
                if let Err(e) = disk::rename(&self.path, place) {
                    let _ = disk::rename(&aside, place);
                    return Err(refused()(e));
                }
                self.path = aside;
            }
            done => done.map_err(refused())?,
        }
        sync_parent(place)?;
        Ok(self)
    }

    /// Lets the directory stay under the name that it has.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        self.is_placed = true;
        self.path.clone()
    }
}

/// Brings back what [`Scratch::exchange`] had renamed when its process ended,
/// where nothing has the place since.
///
/// # Errors
/// The disk refuses.
pub fn restore(place: &Path) -> Result<(), FileError> {
    let aside = replaced(place);
    if !aside.is_dir() {
        return Ok(());
    }
    match disk::rename_new(&aside, place) {
        Ok(()) => sync_parent(place),
        Err(e) if is_taken(&e) => Ok(()),
        Err(e) => Err(FileError::io("rename", place)(e)),
    }
}

/// Where [`Scratch::exchange`] puts what lay at `place`, if it must.
#[must_use]
pub fn replaced(place: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".replaced");
    place.with_file_name(name)
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = disk::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn scratch(place: &Path, text: &str) -> Scratch {
        let scratch = Scratch::beside(place).unwrap();
        fs::write(scratch.path().join("text"), text).unwrap();
        scratch
    }

    #[test]
    fn the_first_that_is_placed_stays_and_the_rest_vanishes() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        let (one, two) = (scratch(&place, "one"), scratch(&place, "two"));
        assert!(one.place(&place).unwrap());
        assert!(!two.place(&place).unwrap());
        drop(scratch(&place, "three"));
        assert_eq!(fs::read(place.join("text")).unwrap(), b"one");
        let old = scratch(&place, "four").exchange(&place).unwrap();
        assert_eq!(fs::read(old.path().join("text")).unwrap(), b"one");
        drop(old);
        assert_eq!(fs::read(place.join("text")).unwrap(), b"four");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_being_replaced_comes_back_where_nothing_took_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        assert!(scratch(&place, "old").place(&place).unwrap());
        fs::rename(&place, replaced(&place)).unwrap();
        restore(&place).unwrap();
        assert_eq!(fs::read(place.join("text")).unwrap(), b"old");
        fs::create_dir(replaced(&place)).unwrap();
        restore(&place).unwrap();
        assert!(replaced(&place).exists());
    }
}
