//! Libraries at addresses: S3, Google Cloud Storage, web servers. Knows nothing
//! of formats.

mod reader;
mod store;
mod trouble;

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::PathBuf;

use super::address::{Address, Origin, Store};
use super::error::LibraryError;
use super::input::{Bytes, Opened};
use reader::Reader;
use store::Place;
use trouble::Trouble;

/// Largest object that is kept in a temporary file, in bytes.
const MOST_SPOOLED: u64 = 256 << 30;

/// Bytes that tell whether an object is kept in a file.
const MAGIC_BYTES: u64 = 4;

/// The bytes at an address: as a stream, or in a temporary file without a name
/// where `is_spooled` says so of the first four. Memory: a piece of the stream.
///
/// # Errors
/// [`LibraryError::Remote`] where it cannot be read, [`LibraryError::Address`]
/// for a scheme that is not known.
pub(super) fn open(
    address: &Address,
    is_spooled: impl FnOnce(&[u8]) -> bool,
) -> Result<Opened, LibraryError> {
    let failed = |trouble: Trouble| trouble.of(address);
    let mut reader = Reader::open(Place::of(address)?).map_err(failed)?;
    let spool = |source: io::Error| LibraryError::Remote {
        address: address.shown(),
        what: source.to_string(),
        cure: "check the address, the connection, and the room for temporary files",
    };
    let mut magic = Vec::new();
    reader.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic).map_err(spool)?;
    let is_spooled = is_spooled(&magic);
    let size = reader.size();
    let origin = Origin { address: address.shown(), e_tag: reader.e_tag().map(str::to_owned) };
    let origin = Some(origin);
    let mut bytes = io::Cursor::new(magic).chain(reader);
    if !is_spooled {
        return Ok(Opened { bytes: Bytes::Stream(Box::new(bytes)), origin });
    }
    if size > MOST_SPOOLED {
        return Err(failed(Trouble::too_large(size, MOST_SPOOLED)));
    }
    let mut file: File = tempfile::tempfile().map_err(spool)?;
    io::copy(&mut bytes, &mut file).map_err(spool)?;
    file.rewind().map_err(spool)?;
    Ok(Opened { bytes: Bytes::File(file), origin })
}

/// The addresses that one stands for: itself, or where it ends in a slash those
/// of all objects below it, in the order of the bytes of their names.
///
/// # Errors
/// As [`open`] has them; [`LibraryError::TooManyFiles`].
pub(super) fn find(address: &Address, most: usize) -> Result<Vec<PathBuf>, LibraryError> {
    let (bucket, key) = address.bucket_and_key();
    let is_folder = key.is_empty() || key.ends_with('/');
    let is_web = address.store() == Some(Store::Web);
    if is_web && is_folder && !address.secret_text().contains('?') {
        let what = "folders of a web server are not listed";
        return Err(Trouble::new(what, "name its files one by one").of(address));
    }
    let place = Place::of(address)?;
    if is_web || !is_folder {
        return Ok(vec![PathBuf::from(address.secret_text())]);
    }
    let keys = place.list(most).map_err(|trouble| trouble.of(address))?;
    let keys = keys.ok_or(LibraryError::TooManyFiles { limit: most })?;
    let scheme = address.scheme();
    Ok(keys.into_iter().map(|key| PathBuf::from(format!("{scheme}://{bucket}/{key}"))).collect())
}
