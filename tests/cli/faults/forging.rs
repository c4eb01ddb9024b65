//! Packs that a forger made: changed, with checksums that fit again.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::support::{Done, Run, fixture, hetero2_with};

/// A small run.
pub fn small_run(directory: &Path) -> Run {
    let arguments = ["--decoys", "2", "--threads", "1"];
    Run::of(&fixture("libraries/small.csv"), &directory.join("run"), &arguments)
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Makes checksums, manifest and the manifest's digest fit the files again, as
/// a forger would, after `change` of the manifest.
pub fn reseal(pack: &Path, change: impl FnOnce(&mut Value)) {
    use hetero2::files::digest_file;
    use hetero2::pack::manifest::{checksums, content_digest, is_outside_content};
    let _ = fs::remove_file(pack.join("evidence_pack.zip"));
    let digests = || {
        let paths = fs::read_dir(pack).unwrap().map(|entry| entry.unwrap().path());
        let named = |path: PathBuf| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), digest_file(&path).unwrap())
        };
        paths.map(named).collect()
    };
    let file = pack.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let found: std::collections::BTreeMap<_, _> = digests();
    let listed = found.iter().filter(|(name, _)| !is_outside_content(name));
    let listed: Vec<Value> = listed
        .map(|(name, d)| json!({ "name": name, "bytes": d.bytes, "sha256": d.sha256 }))
        .collect();
    manifest["files"] = json!(listed);
    manifest["content_digest"] = json!(content_digest(&found));
    change(&mut manifest);
    fs::write(file, hetero2::pack::json::to_bytes(&manifest, "manifest.json").unwrap()).unwrap();
    fs::write(pack.join("checksums.sha256"), checksums(&digests())).unwrap();
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Details of the checks that failed.
pub fn failures(done: &Done) -> String {
    let document = done.json();
    let checks = document["checks"].as_array().expect("checks");
    let failed = checks.iter().filter(|check| check["outcome"] == "FAIL");
    failed.map(|check| format!("{}: {}\n", check["name"], check["detail"])).collect()
}

pub fn verify(pack: &Path) -> Done {
    hetero2_with(&["verify", path(pack), "--json"])
}

/// A zip of these files.
pub fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn files_of(zip: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
    let count = zip.len();
    let file = |i| {
        let mut file = zip.by_index(i).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(file).collect()
}
