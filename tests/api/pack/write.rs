//! Building packs: determinism, replacement, what gets in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use hetero2::pack::manifest::Manifest;
use hetero2::pack::{PackError, PackWriter, ZipOutput, verify};

use super::fixture::{build, build_with, rows};

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn two_runs_differ_in_their_provenance_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    let first = build(&a, &rows(), "2026-01-01T00:00:00Z");
    let second = build(&b, &rows(), "2027-02-02T00:00:00Z");
    assert_eq!(first.content_digest, second.content_digest);
    for name in names(&a) {
        let same = fs::read(a.join(&name)).unwrap() == fs::read(b.join(&name)).unwrap();
        let may_differ =
            ["provenance.json", "ro-crate-metadata.json", "checksums.sha256", "evidence_pack.zip"]
                .contains(&name.as_str());
        assert_eq!(same, !may_differ, "{name}");
    }
    // The same provenance gives the same zip, byte for byte.
    let third = build(&b, &rows(), "2026-01-01T00:00:00Z");
    assert_eq!(first.files, third.files);
    assert_eq!(names(directory.path()), ["a", "b"], "nothing is left beside the packs");
}

#[test]
fn a_pack_verifies_as_directory_and_as_zip() {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("pack");
    let digest = build(&pack, &rows(), "2026-01-01T00:00:00Z");
    for path in [pack.clone(), pack.join("evidence_pack.zip")] {
        let report = verify(&path).unwrap();
        assert!(report.passed(), "{:#?}", report.failures().collect::<Vec<_>>());
        assert_eq!(report.content_digest, Some(digest.content_digest));
        assert_eq!(report.rows, Some(40));
    }
    let manifest: Manifest =
        serde_json::from_slice(&fs::read(pack.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest.content_digest, digest.content_digest);
    assert_eq!(manifest.body.inputs[0].name, "library.smi");
    assert!(manifest.files.iter().all(|f| f.name != "provenance.json"));
}

#[test]
fn sha256sum_accepts_the_checksums_and_gives_the_content_digest() {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("pack");
    let digest = build(&pack, &rows(), "2026-01-01T00:00:00Z");
    let run = Command::new("sha256sum")
        .args(["-c", "--strict", "--quiet", "checksums.sha256"])
        .current_dir(&pack)
        .output();
    let Ok(output) = run else {
        eprintln!("SKIPPED: there is no sha256sum on this machine");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let by_hand =
        "grep -vE '  (manifest|provenance|ro-crate-metadata)\\.json$' checksums.sha256 | sha256sum";
    let output = Command::new("sh").args(["-c", by_hand]).current_dir(&pack).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.split(' ').next().unwrap(), digest.content_digest.to_string());
}

#[test]
fn the_zip_has_sorted_entries_with_fixed_times_and_modes() {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("pack");
    build(&pack, &rows(), "2026-01-01T00:00:00Z");
    let file = fs::File::open(pack.join("evidence_pack.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(file).unwrap();
    let mut seen = Vec::new();
    for i in 0..zip.len() {
        let entry = zip.by_index(i).unwrap();
        let entry = entry.entry();
        assert_eq!(entry.last_modified(), Some(zip::DateTime::DEFAULT));
        assert_eq!(entry.unix_mode().map(|m| m & 0o777), Some(0o644));
        seen.push(entry.name().unwrap().into_owned());
    }
    let mut expected = names(&pack);
    expected.retain(|name| name != "evidence_pack.zip");
    assert_eq!(seen, expected);
}

#[test]
fn a_pack_above_the_size_gets_no_zip() {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("pack");
    let with = |zip| {
        let digest = build_with(&pack, &rows(), "t", zip);
        assert!(verify(&pack).unwrap().passed());
        let zipped = pack.join("evidence_pack.zip").exists();
        assert_eq!(digest.files.contains_key("evidence_pack.zip"), zipped);
        (zipped, digest)
    };
    let (zipped, digest) = with(ZipOutput::default());
    assert!(zipped);
    let files = digest.files.iter().filter(|(name, _)| *name != "evidence_pack.zip");
    let bytes: u64 = files.map(|(_, file)| file.bytes).sum();
    assert!(with(ZipOutput::UpTo(bytes)).0);
    let (zipped, without) = with(ZipOutput::UpTo(bytes - 1));
    assert!(!zipped);
    assert_eq!(without.content_digest, digest.content_digest);
    assert!(!with(ZipOutput::Omitted).0);
}

#[test]
fn stale_files_never_get_in_and_are_never_lost() {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("pack");
    assert_eq!(build(&pack, &rows(), "t").previous, None);
    assert_eq!(build(&pack, &rows(), "t").previous, None);
    fs::write(pack.join("my notes.txt"), "precious").unwrap();
    let digest = build(&pack, &rows(), "t");
    let kept = digest.previous.unwrap();
    assert_eq!(fs::read_to_string(kept.join("my notes.txt")).unwrap(), "precious");
    assert!(!names(&pack).contains(&"my notes.txt".to_owned()));
    assert!(verify(&pack).unwrap().passed());
}

#[test]
fn a_directory_that_is_no_pack_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.tex"), "years of work").unwrap();
    let error = PackWriter::create(directory.path()).unwrap_err();
    assert!(matches!(error, PackError::Destination { .. }), "{error}");
    assert_eq!(names(directory.path()), ["thesis.tex"]);

    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    build(&empty, &rows(), "t");
    assert!(verify(&empty).unwrap().passed());
}

#[test]
fn an_abandoned_pack_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut pack = PackWriter::create(&directory.path().join("pack")).unwrap();
    pack.add_bytes("a.txt", b"a").unwrap();
    let mut file = pack.create_file("b.txt").unwrap();
    file.write_all(b"b").unwrap();
    drop(pack);
    drop(file);
    assert_eq!(names(directory.path()), Vec::<String>::new());
}

#[test]
fn names_that_could_leave_the_pack_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut pack = PackWriter::create(&directory.path().join("pack")).unwrap();
    for name in ["../x", "/x", "a/b", "a\\b", "", ".", "..", ".x", "-x", "a b", "ä", "x\0y"] {
        let error = pack.add_bytes(name, b"").unwrap_err();
        assert!(matches!(error, PackError::Name { .. }), "{name:?}: {error}");
    }
    pack.add_bytes("x", b"").unwrap();
    for taken in ["x", "manifest.json", "provenance.json", "checksums.sha256", "evidence_pack.zip"]
    {
        assert!(pack.add_bytes(taken, b"").is_err(), "{taken}");
    }
}
