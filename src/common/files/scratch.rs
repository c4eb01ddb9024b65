//! A directory under construction: it has a name of its own beside its place,
//! and takes the place whole, or leaves nothing.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::disk::{self, DiskFile, Readers};
use super::{FileError, Left, partial, sweep, sync_parent};

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
        Self::with_readers(place, Readers::All)
    }

    /// An empty directory for work that is never placed, in the system's folder
    /// for such, which only its owner may read. What processes left there that
    /// have ended is removed.
    ///
    /// # Errors
    /// That folder cannot be written.
    pub fn passing(name: &str) -> Result<Self, FileError> {
        let folder = std::env::temp_dir();
        sweep(&folder, Some(name.as_ref()), Left::ByTheDead)?;
        Self::with_readers(&folder.join(name), Readers::Owner)
    }

    fn with_readers(place: &Path, readers: Readers) -> Result<Self, FileError> {
        if place.file_name().is_none() {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "the path has no name");
            return Err(FileError::io("create", place)(why));
        }
        let path = partial::fresh(place);
        disk::create_dir_for(&path, readers).map_err(FileError::io("create", &path))?;
        Ok(Self { path, is_placed: false })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory its place, durably; returns it where the place is taken.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn place(mut self, place: &Path) -> Result<Option<Self>, FileError> {
        match disk::rename_new(&self.path, place) {
            Ok(()) => self.is_placed = true,
            Err(e) if is_taken(&e) => return Ok(Some(self)),
            Err(e) => return Err(FileError::io("rename", place)(e)),
        }
        sync_parent(place)?;
        Ok(None)
    }

    /// As [`Scratch::place`], but an empty directory in its place makes way.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn place_empty(self, place: &Path) -> Result<Option<Self>, FileError> {
        // Fails where something is in it, or it is not there.
        let _ = disk::remove_dir(place);
        self.place(place)
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

/// A file for work that is never placed; it vanishes when dropped.
#[derive(Debug)]
pub struct ScratchFile(DiskFile);

impl ScratchFile {
    /// An empty file in `folder`, which only its owner may read.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn within(folder: &Path) -> Result<Self, FileError> {
        let path = partial::fresh(&folder.join("scratch"));
        let file = DiskFile::create_new(&path, Readers::Owner);
        let file = file.map_err(FileError::io("create", &path))?;
        // An open file needs no name: what fails later leaves nothing behind.
        #[cfg(unix)]
        disk::remove_file(&path).map_err(FileError::io("remove", &path))?;
        Ok(Self(file))
    }

    /// The file, for reading.
    #[must_use]
    pub fn as_file(&self) -> &File {
        self.0.as_file()
    }

    /// The file.
    pub fn file(&mut self) -> &mut DiskFile {
        &mut self.0
    }
}

impl Write for ScratchFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(not(unix))]
impl Drop for ScratchFile {
    fn drop(&mut self) {
        let _ = disk::remove_file(self.0.path());
    }
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
        assert!(one.place(&place).unwrap().is_none());
        drop(two.place(&place).unwrap().unwrap());
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
        assert!(scratch(&place, "old").place(&place).unwrap().is_none());
        fs::rename(&place, replaced(&place)).unwrap();
        restore(&place).unwrap();
        assert_eq!(fs::read(place.join("text")).unwrap(), b"old");
        fs::create_dir(replaced(&place)).unwrap();
        restore(&place).unwrap();
        assert!(replaced(&place).exists());
    }
}
