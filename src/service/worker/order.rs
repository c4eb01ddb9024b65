//! What a worker and the child that computes for it say to each other: a line of
//! JSON each. It must not know what is computed.

use serde::{Deserialize, Serialize};

/// Most bytes of a line.
pub const LONGEST_LINE: u64 = 8 << 20;
/// Most bytes of a document that a child sends; a longer one comes empty.
pub const LONGEST_DOCUMENT: usize = 4 << 20;

/// What a child is to do: a command of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildOrder {
    /// The command's arguments, without the program's name.
    pub arguments: Vec<String>,
    /// MiB of memory that it may have; the worker watches, too.
    pub memory_mib: u64,
}

/// What a child is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildStage {
    /// The library is read.
    Reading,
    /// Molecules are computed.
    Computing,
    /// The pack is written.
    Writing,
}

/// What a child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "said")]
pub enum ChildSays {
    /// How far it is.
    Progress {
        /// What it is at.
        stage: ChildStage,
        /// Rows done of that.
        done: u64,
        /// Rows in all; 0 where they are not known.
        total: u64,
    },
    /// The command has ended.
    Ended {
        /// Its exit code.
        code: u8,
        /// What it gave on standard output.
        document: String,
    },
}
