//! One or several files as one library: their rows one after the other, each
//! file with its own header, format and compression. Knows nothing of how files
//! are found.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::address::{Origin, is_address, shown};
use super::error::LibraryError;
use super::guess;
use super::input::{InputDigest, digest_path};
use super::options::ReadOptions;
use super::record::Record;
use super::source::{BATCH_BYTES, Source, demo};

/// Batches that may wait between a reading thread and its user.
const WAITING_BATCHES: usize = 4;

/// Most files that are read at a time.
const MOST_AT_ONCE: usize = 8;

/// Characters of a row that an error shows.
const SHOWN: usize = 80;

/// A library of one or more files.
///
/// Rows are numbered through all files, and so are the ids of rows without one.
/// A file of nothing has no rows where there are others. Memory: about six
/// batches for each of at most eight files that are read at a time.
#[derive(Debug)]
pub struct Library {
    files: VecDeque<PathBuf>,
    options: ReadOptions,
    /// The first file, opened.
    first: Option<Source>,
    /// Whether there is one file only.
    alone: bool,
    rows: RowsOf,
}

/// What the rows of a library are rows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowsOf {
    /// The whole.
    Whole,
    /// A part of a larger one: where it begins there is not known.
    Part,
}

/// Gives rows their numbers, and those without an id theirs.
#[derive(Debug, Default)]
pub struct Numbering {
    next_row: u64,
    /// The first row, as long as none was a molecule.
    doubt: Option<Record>,
}

impl Numbering {
    /// Makes this the next row.
    pub fn number(&mut self, record: &mut Record) {
        record.number(self.next_row);
        if self.next_row == 0 {
            self.doubt = Some(record.clone());
        }
        if self.doubt.is_some() && guess::is_smiles(&record.smiles) {
            self.doubt = None;
        }
        self.next_row += 1;
    }

    /// Whether the rows, if there were any, have a molecule among them.
    ///
    /// # Errors
    /// [`LibraryError::NoMolecule`]; `name` is what it calls the library.
    pub fn check(&self, name: &str) -> Result<(), LibraryError> {
        let Some(first) = &self.doubt else { return Ok(()) };
        let shown = |text: &str| text.chars().take(SHOWN).collect::<String>();
        let found = match first.problem.as_ref().filter(|problem| problem.ends_row()) {
            Some(problem) => shown(&problem.to_string()),
            None => {
                let smiles = shown(&String::from_utf8_lossy(&first.smiles));
                format!("`{smiles}` was taken for the SMILES and `{}` for the id", shown(&first.id))
            }
        };
        Err(LibraryError::NoMolecule {
            name: name.to_owned(),
            rows: self.next_row,
            line: first.line,
            found,
        })
    }
}

/// A file of a library that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// Its bytes as they were stored.
    pub digest: InputDigest,
    /// Its rows.
    pub rows: u64,
    /// Where it was, if at an address.
    pub origin: Option<Origin>,
}

impl From<Source> for Library {
    fn from(source: Source) -> Self {
        let (files, options) = (VecDeque::new(), ReadOptions::default());
        Self { files, options, first: Some(source), alone: true, rows: RowsOf::Whole }
    }
}

impl Library {
    /// The shipped demo library.
    ///
    /// # Errors
    /// None: the library is part of the program.
    pub fn demo() -> Result<Self, LibraryError> {
        demo().map(Self::from)
    }

    /// Opens the first file, and finds out whether the others are there, but for
    /// those at addresses, which are opened when their turn comes; `-` is
    /// standard input.
    ///
    /// # Errors
    /// [`LibraryError`] as [`Source::open`] has it.
    pub fn open(files: &[PathBuf], options: &ReadOptions) -> Result<Self, LibraryError> {
        Self::open_as(RowsOf::Whole, files, options)
    }

    /// Opens files that are a part of a larger library: their rows count from 0,
    /// have no id where the files have none, and need not be molecules.
    ///
    /// # Errors
    /// As [`open`](Self::open) has them.
    pub fn open_part(files: &[PathBuf], options: &ReadOptions) -> Result<Self, LibraryError> {
        Self::open_as(RowsOf::Part, files, options)
    }

    fn open_as(
        rows: RowsOf,
        files: &[PathBuf],
        options: &ReadOptions,
    ) -> Result<Self, LibraryError> {
        let mut library = Self {
            files: files.iter().cloned().collect(),
            options: options.clone(),
            first: None,
            alone: files.len() == 1 && rows == RowsOf::Whole,
            rows,
        };
        let here = |file: &&PathBuf| file.as_os_str() != "-" && !is_address(file);
        for file in files.iter().filter(here) {
            super::input::open_file(file)?;
        }
        let Some(path) = library.files.front().cloned() else {
            return Err(LibraryError::Empty { name: "of no files".into() });
        };
        match Source::open(&path, options) {
            Ok(source) => {
                library.files.pop_front();
                library.first = Some(source);
            }
            // With others, a file of nothing has no rows.
            Err(LibraryError::Empty { .. }) if !library.alone => {}
            Err(error) => return Err(error),
        }
        Ok(library)
    }

    /// The records in batches of `rows`, read ahead by threads of their own.
    ///
    /// A batch has fewer rows at the end, and where its text would pass 64 MiB:
    /// what belongs to a block is told by [`Record::row`], not by the batch.
    ///
    /// # Errors
    /// [`LibraryError::Thread`] if the thread cannot be started.
    pub fn batches(self, rows: usize) -> Result<RecordBatches, LibraryError> {
        let (sender, receiver) = sync_channel(WAITING_BATCHES);
        let name = self.first.as_ref().map_or_else(|| "of several files".to_owned(), Source::name);
        let work = move || read_all(self, rows.max(1), &sender);
        let thread = started("library", &name, work)?;
        Ok(RecordBatches { receiver, thread: Some(thread), name })
    }
}

fn started<T: Send + 'static>(
    thread: &str,
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, LibraryError> {
    let failed = |error: std::io::Error| LibraryError::Thread {
        name: name.to_owned(),
        reason: error.to_string(),
    };
    std::thread::Builder::new().name(thread.into()).spawn(work).map_err(failed)
}

type Batch = Result<Vec<Record>, LibraryError>;

/// Batches of records that threads read ahead; see [`Library::batches`].
#[derive(Debug)]
pub struct RecordBatches {
    receiver: Receiver<Batch>,
    thread: Option<JoinHandle<Option<Vec<FileRead>>>>,
    name: String,
}

impl RecordBatches {
    /// The files that were read, once every batch was taken.
    ///
    /// # Errors
    /// [`LibraryError::Thread`] if the reading thread died, or had not come to the
    /// end.
    pub fn finish(mut self) -> Result<Vec<FileRead>, LibraryError> {
        let Self { receiver, thread, name } = &mut self;
        // With the receiver gone, a waiting sender gives up.
        drop(std::mem::replace(receiver, sync_channel(0).1));
        let failed =
            |reason: &str| LibraryError::Thread { name: name.clone(), reason: reason.into() };
        let read = thread.take().map(JoinHandle::join).ok_or_else(|| failed("it was taken"))?;
        read.map_err(|_| failed("it panicked"))?
            .ok_or_else(|| failed("it was stopped before the end"))
    }
}

impl Iterator for RecordBatches {
    type Item = Batch;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.recv().ok()
    }
}

/// What a reading thread hands over of its files, one after the other.
enum Item {
    /// Rows of the file that it reads.
    Rows(Vec<Record>),
    /// That file has no more.
    End(FileRead),
}

/// A thread that reads some of the files.
type Reader = Receiver<Result<Item, LibraryError>>;

/// Reads all files, several at a time, and hands on their rows in the order of
/// the files; `None` where nobody takes them any more, or after an error.
fn read_all(library: Library, rows: usize, sender: &SyncSender<Batch>) -> Option<Vec<FileRead>> {
    let mut out = Outlet {
        sender,
        rows,
        batch: Vec::new(),
        bytes: 0,
        rows_of: library.rows,
        numbering: Numbering::default(),
        next_row: 0,
    };
    let (readers, files) = match library.begin(rows) {
        Ok(begun) => begun,
        Err(error) => return out.fail(error),
    };
    let mut read = Vec::new();
    for reader in readers.iter().cycle().take(files) {
        loop {
            match reader.recv() {
                Ok(Ok(Item::Rows(records))) => out.take(records)?,
                Ok(Ok(Item::End(file))) => {
                    read.push(file);
                    break;
                }
                Ok(Err(error)) => return out.fail(error),
                Err(_) => {
                    let (name, reason) = ("of several files".into(), "it panicked".into());
                    return out.fail(LibraryError::Thread { name, reason });
                }
            }
        }
    }
    out.finish(&read)?;
    Some(read)
}

impl Library {
    /// Begins to read; of n threads each reads every n-th file. Returns the
    /// threads and how many files there are.
    fn begin(self, rows: usize) -> Result<(Vec<Reader>, usize), LibraryError> {
        let Self { files, options, first, alone, .. } = self;
        let first = first.map(|source| Opened::Source(Box::new(source)));
        let others = files.into_iter().map(|path| Opened::Path(path, options.clone()));
        let files: Vec<Opened> = first.into_iter().chain(others).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (count, at_once) = (files.len(), files.len().min(cores).clamp(1, MOST_AT_ONCE));
        let mut shares: Vec<Vec<Opened>> = (0..at_once).map(|_| Vec::new()).collect();
        for (at, file) in files.into_iter().enumerate() {
            shares[at % at_once].push(file);
        }
        let mut readers = Vec::new();
        for share in shares {
            let (sender, receiver) = sync_channel(WAITING_BATCHES / 2);
            let name = share.first().map_or_else(String::new, Opened::name);
            started("library", &name, move || {
                for file in share {
                    let read = file.open(alone).and_then(|opened| match opened {
                        Ok(source) => read_one(source, rows, BATCH_BYTES / at_once, &sender),
                        Err(empty) => Ok(empty),
                    });
                    let failed = read.is_err();
                    if sender.send(read.map(Item::End)).is_err() || failed {
                        return;
                    }
                }
            })?;
            readers.push(receiver);
        }
        Ok((readers, count))
    }
}

/// A file to read.
enum Opened {
    Source(Box<Source>),
    Path(PathBuf, ReadOptions),
}

impl Opened {
    fn name(&self) -> String {
        match self {
            Self::Source(source) => source.name(),
            Self::Path(path, _) => shown(path),
        }
    }

    /// Opens the file, or says that there is nothing in it.
    fn open(self, alone: bool) -> Result<Result<Source, FileRead>, LibraryError> {
        match self {
            Self::Source(source) => Ok(Ok(*source)),
            Self::Path(path, options) => match Source::open(&path, &options) {
                Err(LibraryError::Empty { .. }) if !alone => empty(&path).map(Err),
                source => source.map(Ok),
            },
        }
    }
}

fn empty(path: &Path) -> Result<FileRead, LibraryError> {
    tracing::warn!("library {} is empty: it adds no rows", shown(path));
    let (digest, origin) = (digest_path(path)?, Origin::without_tag(path));
    Ok(FileRead { digest, rows: 0, origin })
}

fn read_one(
    mut source: Source,
    rows: usize,
    most_bytes: usize,
    sender: &SyncSender<Result<Item, LibraryError>>,
) -> Result<FileRead, LibraryError> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while let Some(record) = source.next_unnumbered() {
        match record {
            Ok(record) => {
                bytes += record.text_bytes();
                batch.push(record);
            }
            Err(error) => {
                // The rows before the error come first.
                let _ = sender.send(Ok(Item::Rows(batch)));
                return Err(error);
            }
        }
        if batch.len() == rows || bytes >= most_bytes {
            bytes = 0;
            let full = std::mem::take(&mut batch);
            if sender.send(Ok(Item::Rows(full))).is_err() {
                break;
            }
        }
    }
    let _ = sender.send(Ok(Item::Rows(batch)));
    Ok(FileRead { digest: source.digest()?, rows: source.rows(), origin: source.origin().cloned() })
}

/// Where rows leave: numbered, in batches.
struct Outlet<'a> {
    sender: &'a SyncSender<Batch>,
    rows: usize,
    batch: Vec<Record>,
    bytes: usize,
    rows_of: RowsOf,
    numbering: Numbering,
    next_row: u64,
}

impl Outlet<'_> {
    /// Takes rows; `None` where nobody wants them.
    fn take(&mut self, records: Vec<Record>) -> Option<()> {
        for mut record in records {
            match self.rows_of {
                RowsOf::Whole => self.numbering.number(&mut record),
                RowsOf::Part => record.row = self.next_row,
            }
            self.next_row += 1;
            self.bytes += record.text_bytes();
            self.batch.push(record);
            if self.batch.len() == self.rows || self.bytes >= BATCH_BYTES {
                self.send()?;
            }
        }
        Some(())
    }

    fn send(&mut self) -> Option<()> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() { Some(()) } else { self.sender.send(Ok(batch)).ok() }
    }

    fn fail<T>(mut self, error: LibraryError) -> Option<T> {
        self.send()?;
        let _ = self.sender.send(Err(error));
        None
    }

    /// Sends what is left; a library without a molecule is an error.
    fn finish(mut self, read: &[FileRead]) -> Option<()> {
        let name = match read {
            [one] => one.digest.name.clone(),
            several => format!("of {} files", several.len()),
        };
        match self.numbering.check(&name) {
            Ok(()) => self.send(),
            Err(error) => self.fail(error),
        }
    }
}
