//! Which files a library has: those that are named, those of folders, of patterns
//! and of folders at addresses. Opens none of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::address::Address;
use super::error::LibraryError;
use super::options::Format;
use super::remote;
use super::source::inner_extension;

/// Most files of one library.
const MOST_FILES: usize = 1_000_000;
/// Deepest folders that are looked into.
const MOST_DEPTH: usize = 64;
/// Folders and files without a name that are shown in a warning.
const SHOWN: usize = 3;

/// The files that `inputs` stand for, in their order: a file for itself, a
/// folder for all files below it whose ending is known, a pattern (`*`, `?`,
/// `[a-z]`, `**` for any folders) for the files that fit it, an address for
/// itself, or where it ends in a slash for all objects below it whose ending is
/// known. Those of a folder or a pattern come in the order of the bytes of their
/// paths.
///
/// # Errors
/// [`LibraryError::NoFiles`] where a folder or a pattern has none,
/// [`LibraryError::BadPattern`], [`LibraryError::Open`] where a folder cannot be read,
/// [`LibraryError::Address`] and [`LibraryError::Remote`] for addresses,
/// [`LibraryError::TooManyFiles`].
pub fn find_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, LibraryError> {
    let mut files = Vec::new();
    for input in inputs {
        if let Some(address) = Address::of(input) {
            files.append(&mut remote::find(&address, MOST_FILES)?);
        } else if input.as_os_str() == "-" || input.is_file() {
            files.push(input.clone());
        } else if input.is_dir() {
            below(input, &mut files)?;
        } else if is_pattern(input) && !input.exists() {
            matching(input, &mut files)?;
        } else {
            // Opening it says what is wrong with it.
            files.push(input.clone());
        }
        if files.len() > MOST_FILES {
            return Err(LibraryError::TooManyFiles { limit: MOST_FILES });
        }
    }
    Ok(files)
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// All files below a folder whose ending is known.
fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), LibraryError> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found)?;
    let (mut known, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| is_known(path));
    if !other.is_empty() {
        let mut names: Vec<String> =
            other.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
        if other.len() > SHOWN {
            names.push(format!("and {} more", other.len() - SHOWN));
        }
        tracing::warn!("not read, for their endings: {}", names.join(", "));
    }
    if known.is_empty() {
        let (input, what) = (folder.display().to_string(), "folder");
        return Err(LibraryError::NoFiles { input, what });
    }
    known.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    files.append(&mut known);
    Ok(())
}

fn is_known(path: &Path) -> bool {
    is_known_name(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Whether the ending of a file's name is one of a library's.
pub(super) fn is_known_name(name: &str) -> bool {
    Format::from_extension(inner_extension(name)).is_some()
}

/// Files below a folder in no order; hidden ones are left out.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), LibraryError> {
    for (path, is_folder) in entries(folder)? {
        match is_folder {
            true if depth < MOST_DEPTH => walk(&path, depth + 1, files)?,
            true => {}
            false => files.push(path),
        }
        if files.len() > MOST_FILES {
            return Err(LibraryError::TooManyFiles { limit: MOST_FILES });
        }
    }
    Ok(())
}

/// What lies in a folder and is not hidden; whether each is a folder.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>, LibraryError> {
    let failed = |source: io::Error| LibraryError::Open {
        path: folder.to_owned(),
        source,
        cure: "check that the folder can be read",
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Of links, what they point at; folders are not entered through them.
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() || path.is_file() {
            found.push((path, kind.is_dir()));
        }
    }
    Ok(found)
}

fn matching(pattern: &Path, files: &mut Vec<PathBuf>) -> Result<(), LibraryError> {
    let parts: Vec<String> =
        pattern.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let fixed = parts.iter().take_while(|part| !is_pattern(Path::new(part))).count();
    let root: PathBuf = parts[..fixed].iter().collect();
    let bad = |error: glob::PatternError| LibraryError::BadPattern {
        pattern: pattern.display().to_string(),
        reason: error.msg,
    };
    // Shells know both ways to say "none of these".
    let part = |part: &String| Pattern::new(&part.replace("[^", "[!"));
    let parts: Vec<Pattern> =
        parts[fixed..].iter().map(part).collect::<Result<_, _>>().map_err(bad)?;
    let mut found = Vec::new();
    if fixed == 0 || root.is_dir() {
        fitting(&root, &parts, 0, &mut found)?;
    }
    if found.is_empty() {
        let (input, what) = (pattern.display().to_string(), "pattern");
        return Err(LibraryError::NoFiles { input, what });
    }
    found.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    found.dedup();
    files.append(&mut found);
    Ok(())
}

/// Files below `folder` whose path fits the parts of a pattern.
fn fitting(
    folder: &Path,
    parts: &[Pattern],
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), LibraryError> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if depth > MOST_DEPTH {
        return Ok(());
    }
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let any_folders = part.as_str() == "**";
    if any_folders {
        fitting(folder, rest, depth + 1, files)?;
    }
    for (path, is_folder) in entries(here)? {
        let name = path.file_name().unwrap_or_default();
        let path = folder.join(name);
        if any_folders {
            if is_folder {
                fitting(&path, parts, depth + 1, files)?;
            }
            continue;
        }
        if !part.matches(&name.to_string_lossy()) {
            continue;
        }
        match (rest.is_empty(), is_folder) {
            (true, false) => files.push(path),
            (false, true) => fitting(&path, rest, depth + 1, files)?,
            _ => {}
        }
        if files.len() > MOST_FILES {
            return Err(LibraryError::TooManyFiles { limit: MOST_FILES });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_patterns_are_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        for name in ["b/c/2.smi.gz", "b/1.csv", "a.smi", "README.md", ".hidden.smi", "z.SDF"] {
            fs::write(root.join(name), "C\n").unwrap();
        }
        let of = |input: &str| -> Vec<String> {
            let found = find_files(&[root.join(input)]).unwrap();
            let relative = found.iter().map(|path| path.strip_prefix(root).unwrap());
            relative.map(|path| path.display().to_string()).collect()
        };
        assert_eq!(of(""), ["a.smi", "b/1.csv", "b/c/2.smi.gz", "z.SDF"]);
        assert_eq!(of("*.smi"), ["a.smi"]);
        assert_eq!(of("b/*"), ["b/1.csv"]);
        assert_eq!(of("**/*.[cs][sm][vi]*"), ["a.smi", "b/1.csv", "b/c/2.smi.gz"]);
        for same in ["**/[!ab].SDF", "**/[^ab].SDF", "?.SDF", "[z].SDF"] {
            assert_eq!(of(same), ["z.SDF"], "{same}");
        }
        assert_eq!(of("**/*.smi.gz"), ["b/c/2.smi.gz"]);
        assert!(matches!(find_files(&[root.join("*.pq")]), Err(LibraryError::NoFiles { .. })));
        let bad = find_files(&[root.join("[a")]).unwrap_err().to_string();
        assert!(bad.contains("[a is no pattern: invalid range pattern"), "{bad}");
        assert_eq!(of("missing.smi"), ["missing.smi"]);
        #[cfg(not(feature = "remote"))]
        for address in ["s3://bucket/a.smi", "https://host/a.smi.gz"] {
            let found = find_files(&[address.into()]);
            assert!(matches!(found, Err(LibraryError::Address { .. })), "{found:?}");
        }
    }
}
