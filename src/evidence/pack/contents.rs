//! Taking single files out of a pack, directory or zip.

use std::io;
use std::path::Path;

use super::error::PackError;
use super::manifest::{MANIFEST, MANIFEST_SCHEMA, Manifest};
use super::source::PackSource;
use hetero2_common::files::{FileDigest, write_atomically};

/// Reads the manifest of the pack at `path`, a directory or a zip. What it says
/// is not checked: that is what [`verify`](super::verify()) does.
///
/// # Errors
/// There is no pack, or its manifest is missing, is not one, or is of another
/// schema.
pub fn read_manifest(path: &Path) -> Result<Manifest, PackError> {
    let mut source = PackSource::open(path)?;
    let name = path.join(MANIFEST);
    let manifest: Manifest = source.json(MANIFEST)?;
    if manifest.schema_version != MANIFEST_SCHEMA {
        let found = &manifest.schema_version;
        let detail = format!("schema_version is {found:?}, not {MANIFEST_SCHEMA}");
        return Err(PackError::Schema { path: name, detail });
    }
    Ok(manifest)
}

/// Copies one file of the pack at `path` to `to`.
///
/// # Errors
/// There is no pack, it has no such file, or the copy cannot be written.
pub fn extract(path: &Path, name: &str, to: &Path) -> Result<FileDigest, PackError> {
    let mut source = PackSource::open(path)?;
    let mut reader = source.reader(name)?;
    Ok(write_atomically(to, |out| io::copy(&mut reader, out))?.0)
}
