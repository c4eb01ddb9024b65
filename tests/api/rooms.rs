//! What the layout promises and no compiler checks: the rooms of a run use only
//! those before them, and errors of libraries name no flag of the program.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn rooms_of_a_run_use_only_those_before_them() {
    let rooms = ["plan", "shard", "reduce", "replay"];
    for (place, room) in rooms.iter().enumerate() {
        let files = sources(&root().join("src/engine/run").join(room));
        assert!(files.len() > 2, "{room} has moved");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for later in &rooms[place + 1..] {
                let used = text.contains(&format!("crate::run::{later}"));
                assert!(!used, "{} uses {later}", file.display());
            }
        }
    }
}

/// The texts of `#[error(…)]` in a source file.
fn error_texts(source: &str) -> impl Iterator<Item = &str> {
    source.split("#[error(").skip(1).map(|rest| rest.split(")]").next().unwrap_or(rest))
}

/// Whether a text has a flag of ours: `--` and a letter behind a space or a
/// quotation mark. The flags of other programs stand in backquotes.
fn names_a_flag(text: &str) -> bool {
    let outside = text.split('`').step_by(2);
    let flag = |part: &str, at: usize| {
        part[..at].ends_with([' ', '"'])
            && part[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
    };
    outside.into_iter().any(|part| part.match_indices("--").any(|(at, _)| flag(part, at)))
}

#[test]
fn errors_of_libraries_name_no_flag() {
    assert!(names_a_flag("\"{path} is taken: give another --out\""));
    assert!(!names_a_flag("\"start it with `srun --mpi=pmix`\""));
    let mut texts = 0;
    for folder in ["src", "scheduler/src"] {
        for file in sources(&root().join(folder)) {
            if file.starts_with(root().join("src/cli")) {
                continue;
            }
            let source = fs::read_to_string(&file).unwrap();
            for text in error_texts(&source) {
                texts += 1;
                assert!(!names_a_flag(text), "{}: {text}", file.display());
            }
        }
    }
    assert!(texts > 100, "{texts} errors");
}
