//! The only place that changes the disk. Every function is one operation of
//! the system, or a few that lose nothing when they end in between; each
//! passes the [`gate`](super::gate).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::gate::{Answer, Operation, gate_before, pass};
use super::parent_of;

/// Who may read a new file; the process's umask takes away from either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the umask allows.
    All,
    /// Its owner alone.
    Owner,
}

/// An open file whose changes pass the gate.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
}

impl DiskFile {
    /// Makes a file that must not exist; a link is not followed.
    ///
    /// # Errors
    /// Something has that name already, or the disk refuses.
    pub fn create_new(path: &Path, readers: Readers) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        Self::open(path, options, readers)
    }

    /// Opens a file to read and append, and makes it where there is none; what
    /// it holds stays, and a link is not followed.
    ///
    /// # Errors
    /// It is a link or no file, or the disk refuses.
    pub fn append(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        Self::open(path, options, Readers::All)
    }

    fn open(path: &Path, mut options: OpenOptions, readers: Readers) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            options.custom_flags(flags.bits() as i32);
            options.mode(if readers == Readers::Owner { 0o600 } else { 0o666 });
        }
        #[cfg(not(unix))]
        let _ = readers;
        let file = pass(Operation::OpenFile(path), || options.open(path))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// Where the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for reading and locking.
    #[must_use]
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Makes the content durable.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync_all(&self) -> io::Result<()> {
        pass(Operation::SyncFile(&self.path), || self.file.sync_all())
    }

    /// Cuts the file.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        pass(Operation::SetLength(&self.path, length), || self.file.set_len(length))
    }
}

impl Write for DiskFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let Some(gate) = gate_before(&self.path) else { return self.file.write(buffer) };
        let operation = Operation::Write(&self.path, buffer.len());
        match gate.before(&operation) {
            Answer::Proceed => {
                let written = self.file.write(buffer)?;
                gate.after(&operation);
                Ok(written)
            }
            Answer::Refuse(error) => Err(error),
            Answer::Tear(error) => {
                self.file.write_all(&buffer[..buffer.len() / 2])?;
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Read for DiskFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Read for &DiskFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(buffer)
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Makes a directory that must not exist.
///
/// # Errors
/// Something has that name already, or the disk refuses.
pub fn create_dir(path: &Path) -> io::Result<()> {
    create_dir_for(path, Readers::All)
}

/// Makes a directory that must not exist, and says who may read it.
///
/// # Errors
/// Something has that name already, or the disk refuses.
pub fn create_dir_for(path: &Path, readers: Readers) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    if readers == Readers::Owner {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    #[cfg(not(unix))]
    let _ = readers;
    pass(Operation::CreateDirectory(path), || builder.create(path))
}

/// Makes a directory and those above it where there are none, and makes their
/// names durable.
///
/// # Errors
/// A name is taken by something else, or the disk refuses.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    create_dir_all(parent_of(path))?;
    match create_dir(path) {
        // Another process was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_directory(parent_of(path))
}

/// Makes the names in a directory durable. Directories cannot be opened
/// everywhere; where they can, a failure counts.
///
/// # Errors
/// The directory cannot be opened, or the disk refuses.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    pass(Operation::SyncDirectory(path), || {
        #[cfg(unix)]
        File::open(path)?.sync_all()?;
        Ok(())
    })
}

/// Renames; what has the new name makes way if it is a file or an empty
/// directory.
///
/// # Errors
/// The new name is that of a directory with something in it, or the disk
/// refuses.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    pass(Operation::Rename(from, to), || fs::rename(from, to))
}

/// Renames, unless something has the new name.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where something has the new name, or the
/// disk refuses.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    pass(Operation::Rename(from, to), || rename_if_free(from, to))
}

fn rename_if_free(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            done => return Ok(done?),
        }
    }
    let taken = || io::Error::from(io::ErrorKind::AlreadyExists);
    if from.is_dir() {
        // A rename never replaces a directory that holds something.
        return match fs::symlink_metadata(to) {
            Ok(_) => Err(taken()),
            Err(_) => fs::rename(from, to),
        };
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(taken()),
        Err(_) => fs::rename(from, to),
    }
}

/// Exchanges two names at once; both must exist.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] where the system cannot, or the disk refuses.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    pass(Operation::Exchange(one, other), || {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                done => return Ok(done?),
            }
        }
        Err(io::ErrorKind::Unsupported.into())
    })
}

/// Makes `link` point at `target`, or copies the file where there are no links.
///
/// # Errors
/// Something has the name already, or the disk refuses.
pub fn link(target: &Path, link: &Path) -> io::Result<()> {
    pass(Operation::Link(target, link), || {
        #[cfg(unix)]
        std::os::unix::fs::symlink(target, link)?;
        #[cfg(not(unix))]
        fs::copy(target, link)?;
        Ok(())
    })
}

/// Removes a file or a link.
///
/// # Errors
/// It is not there, is a directory, or the disk refuses.
pub fn remove_file(path: &Path) -> io::Result<()> {
    pass(Operation::RemoveFile(path), || fs::remove_file(path))
}

/// Removes an empty directory.
///
/// # Errors
/// It is not there, holds something, or the disk refuses.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    pass(Operation::RemoveDirectory(path), || fs::remove_dir(path))
}

/// Removes a directory with all that it holds, following no links. Only for
/// what this program has made: see [`remove_known`] for folders that others
/// may write to.
///
/// # Errors
/// It is not there, or the disk refuses; something may be left then.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    if gate_before(path).is_none() {
        return fs::remove_dir_all(path);
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_dir_all(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
    }
    remove_dir(path)
}

/// What [`remove_known`] does with an entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Removed, if it is a file.
    File,
    /// Removed with all that it holds, if it is a directory.
    Tree,
    /// Left alone: someone else made it.
    Kept,
}

/// Removes of a folder what `fate` knows by its name, and then the folder if
/// nothing is left. Returns whether the folder is gone; a link in its place is
/// left alone.
///
/// # Errors
/// The disk refuses; something may be left then.
pub fn remove_known(folder: &Path, fate: impl Fn(&str) -> Fate) -> io::Result<bool> {
    match fs::symlink_metadata(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e),
        Ok(found) if !found.is_dir() => return Ok(false),
        Ok(_) => {}
    }
    let mut left = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let removed = match entry.file_name().to_str().map(&fate) {
            Some(Fate::File) if kind.is_file() => remove_file(&entry.path()),
            Some(Fate::Tree) if kind.is_dir() => remove_dir_all(&entry.path()),
            _ => {
                left = true;
                continue;
            }
        };
        gone(removed)?;
    }
    if left {
        return Ok(false);
    }
    match remove_dir(folder) {
        // Something came meanwhile.
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        removed => gone(removed).map(|()| true),
    }
}

/// What another process has removed already is gone as well.
///
/// # Errors
/// Any other than that it is not there.
pub fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let shards = folder.path().join("shards");
        create_dir_all(&shards.join("00000")).unwrap();
        fs::write(shards.join("00000/table"), "").unwrap();
        fs::write(shards.join("known"), "").unwrap();
        create_dir(&shards.join("known-directory")).unwrap();
        fs::write(shards.join("notes"), "a user's").unwrap();
        let fate = |name: &str| match name {
            "00000" => Fate::Tree,
            "known" | "known-directory" => Fate::File,
            _ => Fate::Kept,
        };
        assert!(!remove_known(&shards, fate).unwrap());
        let mut left: Vec<_> =
            fs::read_dir(&shards).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["known-directory", "notes"]);
        fs::remove_dir(shards.join("known-directory")).unwrap();
        fs::remove_file(shards.join("notes")).unwrap();
        assert!(remove_known(&shards, fate).unwrap() && !shards.exists());
        assert!(remove_known(&shards, fate).unwrap());
    }

    #[test]
    fn a_name_that_is_taken_is_not_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "1").unwrap();
        fs::write(&two, "2").unwrap();
        assert_eq!(rename_new(&one, &two).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&two).unwrap(), b"2");
        fs::remove_file(&two).unwrap();
        rename_new(&one, &two).unwrap();
        assert_eq!(fs::read(&two).unwrap(), b"1");
    }
}
