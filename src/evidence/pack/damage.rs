//! Whether the files of a pack are as they were written: by their checksums
//! alone, without what [`verify`](super::verify()) computes again.

use std::path::Path;

use super::error::PackError;
use super::manifest::{self, CHECKSUMS};
use super::source::PackSource;
use hetero2_common::files::digest_reader;

/// The first file of a pack, directory or zip, that is not as it was written;
/// `None` where all are. Files that the pack does not list are no damage.
///
/// # Errors
/// [`PackError`] where there is no pack, or a file cannot be read for another
/// reason than what it holds.
pub fn first_damage(path: &Path) -> Result<Option<String>, PackError> {
    let mut source = match PackSource::open(path) {
        Ok(source) => source,
        Err(e @ PackError::File(_)) => return Err(e),
        Err(e) => return Ok(Some(e.to_string())),
    };
    if !source.entries().contains_key(CHECKSUMS) {
        return Ok(Some(format!("{CHECKSUMS} is missing")));
    }
    let listed = source.text(CHECKSUMS).and_then(|text| manifest::parse_checksums(&text));
    let listed = match listed {
        Ok(listed) => listed,
        Err(e @ PackError::File(_)) => return Err(e),
        Err(e) => return Ok(Some(e.to_string())),
    };
    for (name, expected) in listed {
        if !source.entries().contains_key(&name) {
            return Ok(Some(format!("{name} is missing")));
        }
        let is_zip = source.is_zip();
        let found = match source.reader(&name) {
            Ok(mut reader) => digest_reader(&mut reader).map_err(PackError::io("read", path)),
            Err(e) => Err(e),
        };
        match found {
            Ok(found) if found.sha256 == expected => {}
            Ok(_) => return Ok(Some(format!("{name} is not as it was written"))),
            // What a damaged zip gives is an error of reading, too.
            Err(e) if is_zip => return Ok(Some(format!("{name}: {e}"))),
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}
