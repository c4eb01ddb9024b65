//! Gates that stand before the disk.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hetero2::files::gate::{Answer, Gate, Operation};

/// What becomes of the operation at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full, once.
    Full,
    /// The disk fails, once; half of a write is there.
    Torn,
    /// Nothing happens from there on.
    Crash,
    /// Half of a write happens, and then nothing.
    TornCrash,
}

pub const FAULTS: [Fault; 4] = [Fault::Full, Fault::Torn, Fault::Crash, Fault::TornCrash];

/// Counts operations, and lets one fail.
#[derive(Default)]
pub struct Faulty {
    fault: Option<(usize, Fault)>,
    count: AtomicUsize,
    has_crashed: AtomicBool,
    /// Whether the operation that failed was to tidy up.
    pub tidying: AtomicBool,
}

impl Faulty {
    pub fn at(place: usize, fault: Fault) -> Self {
        Self { fault: Some((place, fault)), ..Self::default() }
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// The number of a process that there cannot be.
pub const ENDED: u32 = i32::MAX as u32;

impl Gate for Faulty {
    fn process(&self) -> u32 {
        let crashes =
            |(_, fault): &(usize, Fault)| matches!(fault, Fault::Crash | Fault::TornCrash);
        if self.fault.as_ref().is_some_and(crashes) { ENDED } else { std::process::id() }
    }

    fn before(&self, operation: &Operation<'_>) -> Answer {
        if matches!(operation, Operation::Lock(_)) {
            return Answer::Proceed;
        }
        let now = self.count.fetch_add(1, Ordering::SeqCst);
        if self.has_crashed.load(Ordering::SeqCst) {
            return Answer::Refuse(io::Error::other("crashed"));
        }
        let Some((_, fault)) = self.fault.filter(|(place, _)| *place == now) else {
            return Answer::Proceed;
        };
        let tidies = matches!(operation, Operation::RemoveFile(_) | Operation::RemoveDirectory(_));
        self.tidying.store(tidies, Ordering::SeqCst);
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        if matches!(fault, Fault::Crash | Fault::TornCrash) {
            self.has_crashed.store(true, Ordering::SeqCst);
        }
        match fault {
            Fault::Full | Fault::Crash => Answer::Refuse(full()),
            Fault::Torn | Fault::TornCrash => Answer::Tear(io::Error::other("input/output error")),
        }
    }
}
