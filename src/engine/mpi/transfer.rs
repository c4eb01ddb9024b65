//! Messages between ranks, and files in pieces.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use mpi::point_to_point::{Destination as _, Source as _};
use mpi::topology::Process;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use hetero2_common::files::{disk, write_atomically};

use super::error::MpiError;

/// Tag of messages of a rank to rank 0, and of its answers.
const MESSAGE: i32 = 1;
/// Tag of pieces of files.
const PIECE: i32 = 2;

/// Bytes of a piece: MPI counts in 32 bits, and memory is bounded.
const PIECE_BYTES: u64 = 16 << 20;

/// What a rank tells rank 0.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToRoot {
    /// It is there, and needs the plan and the scores.
    Setup,
    /// It has nothing to do.
    Idle,
    /// It has computed a shard; the files follow where they are gathered.
    Finished {
        /// The shard.
        shard: u32,
        /// Its files.
        files: Vec<Listed>,
    },
    /// It could not compute a shard.
    Failed {
        /// The shard.
        shard: u32,
        /// Why.
        why: String,
        /// Whether it was asked to stop.
        cancelled: bool,
    },
}

/// What rank 0 answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// These files make a run directory; they follow.
    Setup(Vec<Listed>),
    /// Compute this shard; its records follow where they are not shared.
    Compute {
        /// The shard.
        shard: u32,
        /// Files of its records.
        files: Vec<Listed>,
    },
    /// There is nothing left to do.
    Stop,
}

/// A file that follows a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed {
    /// Path in the run directory, or name in a shard's.
    pub name: String,
    /// Size.
    pub bytes: u64,
}

/// Sends a message.
pub fn send(to: &Process<'_>, message: &impl Serialize) -> Result<(), MpiError> {
    let bytes = serde_json::to_vec(message)
        .map_err(|e| MpiError::Protocol { rank: to.rank(), why: e.to_string() })?;
    to.send_with_tag(&bytes[..], MESSAGE);
    Ok(())
}

/// Reads a message.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], rank: i32) -> Result<T, MpiError> {
    serde_json::from_slice(bytes).map_err(|e| MpiError::Protocol { rank, why: e.to_string() })
}

/// Waits for a message.
pub fn receive<T: DeserializeOwned>(from: &Process<'_>) -> Result<T, MpiError> {
    let (bytes, _) = from.receive_vec_with_tag::<u8>(MESSAGE);
    parse(&bytes, from.rank())
}

/// Lists files of a folder for sending.
pub fn list(folder: &Path, names: Vec<String>) -> Result<Vec<Listed>, MpiError> {
    names
        .into_iter()
        .map(|name| {
            let path = folder.join(&name);
            let found = fs::metadata(&path).map_err(io("read", &path))?;
            Ok(Listed { name, bytes: found.len() })
        })
        .collect()
}

/// Sends the files of a message.
pub fn send_files(to: &Process<'_>, folder: &Path, files: &[Listed]) -> Result<(), MpiError> {
    for listed in files {
        let path = folder.join(&listed.name);
        let mut file = File::open(&path).map_err(io("read", &path))?;
        let mut left = listed.bytes;
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE_BYTES) as usize];
            file.read_exact(&mut piece).map_err(io("read", &path))?;
            left -= piece.len() as u64;
            to.send_with_tag(&piece[..], PIECE);
        }
    }
    Ok(())
}

/// Receives the files of a message into a folder.
pub fn receive_files(from: &Process<'_>, folder: &Path, files: &[Listed]) -> Result<(), MpiError> {
    for listed in files {
        let path = folder.join(&listed.name);
        if let Some(parent) = path.parent() {
            disk::create_dir_all(parent).map_err(io("create", parent))?;
        }
        write_atomically(&path, |out| {
            let mut left = listed.bytes;
            while left > 0 {
                let (piece, _) = from.receive_vec_with_tag::<u8>(PIECE);
                left = left.saturating_sub(piece.len() as u64);
                out.write_all(&piece)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Adapter for `map_err` on results of file operations.
pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> MpiError {
    let path = path.to_owned();
    move |source| MpiError::Io { action, path, source }
}
