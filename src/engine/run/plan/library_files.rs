//! What a plan says of the files of a library: each by its path below the folder
//! that all lie in, and all by one digest.

use std::path::{Component, Path, PathBuf};

use hetero2_common::files::Sha256Digest;
use hetero2_contract::provenance::LibraryOrigin;
use hetero2_library::{FileRead, Origin};
use sha2::{Digest as _, Sha256};

use super::document::{InputFile, LibraryFile};
use super::inputs::{digest_input, input_file};
use crate::run::error::RunError;
use crate::run::request::LibraryInput;

/// Name of a library of several files.
fn name_of(files: usize) -> String {
    format!("{files} files")
}

/// What a plan says of the library that was read.
pub(super) struct LibraryRead {
    pub library: InputFile,
    /// Its files where there are several.
    pub library_files: Vec<LibraryFile>,
    /// Where they were read, of those at addresses.
    pub library_origins: Vec<LibraryOrigin>,
}

/// What a plan says of the library whose files were read.
pub(super) fn library_inputs(
    library: &LibraryInput,
    read: Vec<FileRead>,
) -> Result<LibraryRead, RunError> {
    let origin = |origin: Option<Origin>, name: &str, sha256| {
        let at = |Origin { address, e_tag }| LibraryOrigin {
            name: name.to_owned(),
            address,
            e_tag,
            sha256,
        };
        origin.map(at)
    };
    let LibraryInput::Files(paths) = library else {
        let only = read.into_iter().next().ok_or(RunError::NoLibrary)?;
        let library = input_file(only.digest)?;
        let library_origins = origin(only.origin, &library.name, library.sha256);
        let (library_files, library_origins) = (Vec::new(), library_origins.into_iter().collect());
        return Ok(LibraryRead { library, library_files, library_origins });
    };
    let (mut library_files, mut library_origins) = (Vec::new(), Vec::new());
    for (name, read) in names(paths).into_iter().zip(read) {
        let InputFile { bytes, sha256, .. } = input_file(read.digest)?;
        library_origins.extend(origin(read.origin, &name, sha256));
        library_files.push(LibraryFile { name, bytes, sha256, rows: read.rows });
    }
    let all = library_files.iter().map(|file| (file.name.as_str(), file.bytes, file.sha256));
    Ok(LibraryRead { library: together(all), library_files, library_origins })
}

/// What a plan says of several files together: the size of all, and the SHA-256
/// of the text that `sha256sum` prints of them.
fn together<'a>(files: impl Iterator<Item = (&'a str, u64, Sha256Digest)>) -> InputFile {
    let (mut hasher, mut bytes, mut count) = (Sha256::new(), 0, 0);
    for (name, size, sha256) in files {
        hasher.update(format!("{sha256}  {name}\n"));
        bytes += size;
        count += 1;
    }
    InputFile { name: name_of(count), bytes, sha256: sha256_of(hasher) }
}

fn sha256_of(hasher: Sha256) -> Sha256Digest {
    let bytes: [u8; 32] = hasher.finalize().into();
    bytes.into()
}

/// The library as it is now, without its rows being read.
pub(crate) fn digest_library(files: &[PathBuf]) -> Result<InputFile, RunError> {
    if let [file] = files {
        return digest_input(file);
    }
    let found = files.iter().map(|file| digest_input(file)).collect::<Result<Vec<_>, _>>()?;
    let names = names(files);
    let all = names.iter().zip(&found).map(|(name, file)| (name.as_str(), file.bytes, file.sha256));
    Ok(together(all))
}

/// The paths of files below the folder that all of them lie in; addresses are
/// without their secrets.
pub(crate) fn names(files: &[PathBuf]) -> Vec<String> {
    let folders = |file: &Path| -> Vec<String> {
        if hetero2_library::is_address(file) {
            let shown = hetero2_library::shown(file);
            return shown.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        }
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let mut parts = Vec::new();
        for part in absolute.components() {
            match part {
                Component::CurDir | Component::RootDir => {}
                Component::ParentDir => drop(parts.pop()),
                Component::Prefix(_) | Component::Normal(_) => {
                    parts.push(part.as_os_str().to_string_lossy().replace('\\', "_"));
                }
            }
        }
        parts
    };
    let split: Vec<Vec<String>> = files.iter().map(|file| folders(file)).collect();
    let common = split.iter().skip(1).fold(
        split.first().map_or(0, |first| first.len().saturating_sub(1)),
        |common, parts| {
            let same = split[0].iter().zip(parts).take_while(|(a, b)| a == b).count();
            common.min(same).min(parts.len().saturating_sub(1))
        },
    );
    split.iter().map(|parts| parts[common..].join("/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_below_the_common_folder() {
        let of = |files: &[&str]| names(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["a/b/c.smi", "a/b/d.smi"]), ["c.smi", "d.smi"]);
        assert_eq!(of(&["/x/a/c.smi", "/x/b/c.smi"]), ["a/c.smi", "b/c.smi"]);
        assert_eq!(of(&["./a/c.smi", "a/b/c.smi"]), ["c.smi", "b/c.smi"]);
        assert_eq!(of(&["c.smi", "a/c.smi"]), ["c.smi", "a/c.smi"]);
        assert_eq!(of(&["x/../a/c.smi", "a/d.smi"]), ["c.smi", "d.smi"]);
        assert_eq!(of(&["s3://b/x/c.smi", "s3://b/x/d/c.smi"]), ["c.smi", "d/c.smi"]);
        assert_eq!(of(&["https://u:p@h/c.smi?key=1", "https://h/d.smi"]), ["c.smi", "d.smi"]);
    }
}
