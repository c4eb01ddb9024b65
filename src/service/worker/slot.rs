//! A place where one command at a time is carried out, by a child that small
//! jobs of one organisation share. It must not know the server.

use std::path::PathBuf;

use super::Program;
use super::child::Child;
use super::failed::Failed;
use crate::job::protocol::Reason;

/// Commands after which a child is replaced.
const MOST_COMMANDS: u32 = 400;
/// KiB of memory above which a child is not used for another job.
const MOST_IDLE_KIB: u64 = 512 << 10;

/// Whether a job leaves a child that others may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// It is small.
    Small,
    /// It is not: it has a child of its own.
    Large,
}

/// A place for a child.
pub(super) struct Slot {
    folder: PathBuf,
    /// The organisation whose jobs it computes: memory that held one's data never
    /// serves another.
    child: Option<(String, Child)>,
}

impl Slot {
    /// A place whose children keep what they need in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, child: None }
    }

    /// The child for the next command of a job of `org`.
    ///
    /// # Errors
    /// None can be started.
    pub fn child(&mut self, program: &Program, org: &str) -> Result<&mut Child, Failed> {
        let started = match self.child.take() {
            Some((of, child)) if of == org => child,
            other => {
                drop(other);
                Child::start(program, &self.folder).map_err(|error| {
                    Failed::new(
                        Reason::Program,
                        &format!("the worker cannot start the program: {error}"),
                    )
                })?
            }
        };
        let (_, child) = self.child.insert((org.to_owned(), started));
        Ok(child)
    }

    /// Ends the child: it was stopped, or died.
    pub fn discard(&mut self) {
        self.child = None;
    }

    /// Before a job, and after it.
    pub fn tidy(&mut self, size: Size) {
        let is_kept = size == Size::Small
            && self
                .child
                .as_ref()
                .is_some_and(|(_, child)| child.is_fresh(MOST_COMMANDS, MOST_IDLE_KIB));
        if !is_kept {
            self.child = None;
        }
    }
}
