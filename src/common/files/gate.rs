//! What a test puts between the program and its disk: it sees every change
//! before it is made, and can refuse it, tear it, or let two actors take turns.
//! Programs have none, and then this costs one load of an atomic.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A change of the disk, before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A directory is made.
    CreateDirectory(&'a Path),
    /// A file is made, or opened for appending.
    OpenFile(&'a Path),
    /// Bytes are written to a file.
    Write(&'a Path, usize),
    /// A file is cut to a length.
    SetLength(&'a Path, u64),
    /// The content of a file is made durable.
    SyncFile(&'a Path),
    /// The names in a directory are made durable.
    SyncDirectory(&'a Path),
    /// A name is given to what had another.
    Rename(&'a Path, &'a Path),
    /// Two names are exchanged.
    Exchange(&'a Path, &'a Path),
    /// A second name is given to a file, or a link to it is made.
    Link(&'a Path, &'a Path),
    /// A file is removed.
    RemoveFile(&'a Path),
    /// An empty directory is removed.
    RemoveDirectory(&'a Path),
    /// A lock of the system is asked for.
    Lock(&'a Path),
}

impl Operation<'_> {
    /// The path that is changed; the new name where there are two.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::CreateDirectory(path)
            | Self::OpenFile(path)
            | Self::Write(path, _)
            | Self::SetLength(path, _)
            | Self::SyncFile(path)
            | Self::SyncDirectory(path)
            | Self::Rename(_, path)
            | Self::Exchange(_, path)
            | Self::Link(_, path)
            | Self::RemoveFile(path)
            | Self::RemoveDirectory(path)
            | Self::Lock(path) => path,
        }
    }
}

/// What becomes of an operation.
#[derive(Debug)]
pub enum Answer {
    /// It is made.
    Proceed,
    /// It is not made, and fails like this.
    Refuse(io::Error),
    /// Half of a write is made, and it fails like this; other operations are
    /// refused.
    Tear(io::Error),
}

/// What stands before the disk.
pub trait Gate: Send + Sync {
    /// Asked before an operation is made; may wait.
    fn before(&self, operation: &Operation<'_>) -> Answer;

    /// The process that works behind the gate; one that has ended, where what
    /// follows shall take this one's work for that of another.
    fn process(&self) -> u32 {
        std::process::id()
    }

    /// Told after an operation was made.
    fn after(&self, operation: &Operation<'_>) {
        let _ = operation;
    }
}

type Gates = Vec<(usize, PathBuf, Arc<dyn Gate>)>;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static GATES: RwLock<Gates> = RwLock::new(Vec::new());

/// A gate that stands; it is taken away when this is dropped.
#[must_use = "the gate is taken away when this is dropped"]
#[derive(Debug)]
pub struct Standing(usize);

impl Drop for Standing {
    fn drop(&mut self) {
        let mut gates = GATES.write().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|(number, ..)| *number != self.0);
        COUNT.store(gates.len(), Ordering::SeqCst);
    }
}

/// Puts a gate before everything below `root`, for this whole process.
pub fn stand(root: &Path, gate: Arc<dyn Gate>) -> Standing {
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let mut gates = GATES.write().unwrap_or_else(PoisonError::into_inner);
    gates.push((number, root.to_owned(), gate));
    COUNT.store(gates.len(), Ordering::SeqCst);
    Standing(number)
}

/// Passes an operation through the gate that stands before its path, if any.
pub(super) fn pass<T>(
    operation: Operation<'_>,
    make: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let Some(gate) = gate_before(operation.path()) else { return make() };
    match gate.before(&operation) {
        Answer::Proceed => {
            let made = make()?;
            gate.after(&operation);
            Ok(made)
        }
        Answer::Refuse(error) | Answer::Tear(error) => Err(error),
    }
}

/// The process that works at a path: this one, unless a gate says otherwise.
pub(super) fn process(path: &Path) -> u32 {
    gate_before(path).map_or_else(std::process::id, |gate| gate.process())
}

/// The gate that stands before a path.
pub(super) fn gate_before(path: &Path) -> Option<Arc<dyn Gate>> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let gates = GATES.read().unwrap_or_else(PoisonError::into_inner);
    let found = gates.iter().find(|(_, root, _)| path.starts_with(root));
    found.map(|(_, _, gate)| Arc::clone(gate))
}
