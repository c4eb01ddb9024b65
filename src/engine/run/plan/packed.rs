//! Reading packed records again, if they are as they were planned.

use hetero2_common::files::digest_file;
use hetero2_library::ShardReader;

use super::document::PackedFile;
use crate::run::error::RunError;
use crate::run::layout::RunDir;

/// Opens a packed file that is as it was planned.
pub(crate) fn open_packed(dir: &RunDir, file: &PackedFile) -> Result<ShardReader, RunError> {
    let path = dir.library().join(&file.file.name);
    let damaged = |why: &str| RunError::DamagedRecords { path: path.clone(), why: why.into() };
    if !path.exists() {
        return Err(damaged("it is missing"));
    }
    if digest_file(&path)?.sha256 != file.file.sha256 {
        return Err(damaged("another SHA-256"));
    }
    Ok(ShardReader::open(&path)?)
}
