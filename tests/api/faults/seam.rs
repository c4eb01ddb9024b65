//! Every change of the disk goes through `hetero2::files`: what the gate does
//! not see is not tested. The server's disk is that of its database and its
//! objects; what kills leave of those, `tests/service` asks.

use std::fs;
use std::path::Path;

use super::world::walk;

/// What changes the disk by itself.
const CHANGES: [&str; 13] = [
    "fs::write(",
    "fs::rename(",
    "fs::remove_",
    "fs::create_dir",
    "fs::copy(",
    "fs::hard_link(",
    "fs::set_permissions(",
    "fs::symlink(",
    "fs::OpenOptions",
    "OpenOptions::new()",
    "File::create",
    "File::options()",
    "tempfile::",
];

#[test]
fn nothing_else_changes_the_disk() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut files = 0;
    walk(&src, &mut |path| {
        let is_seam =
            path.starts_with(src.join("common/files")) || path.starts_with(src.join("service"));
        let is_test = path.file_name().is_some_and(|name| name == "tests.rs")
            || path.components().any(|part| part.as_os_str() == "tests");
        if is_seam || is_test || path.extension().is_none_or(|e| e != "rs") {
            return;
        }
        files += 1;
        let text = fs::read_to_string(path).unwrap();
        // A file without a name changes nothing that anybody sees.
        let text = text.replace("tempfile::tempfile()", "");
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for (line, number) in code.lines().zip(1..) {
            let code = line.split("//").next().unwrap();
            let code = code.replace("AtomicFile::create", "").replace("DiskFile::create", "");
            if CHANGES.iter().any(|change| code.contains(change)) {
                wrong.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    });
    assert!(files > 100, "{files} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
