//! Verification of packs that are damaged, forged or hostile.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use hetero2::files::digest_file;
use hetero2::pack::manifest::{Manifest, checksums, content_digest, is_outside_content};
use hetero2::pack::{json, verify};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::fixture::{build, rows};

fn pack(directory: &Path) -> PathBuf {
    let path = directory.join("pack");
    build(&path, &rows(), "2026-01-01T00:00:00Z");
    path
}

fn failures(path: &Path) -> Vec<String> {
    let report = verify(path).unwrap();
    report.failures().map(|check| format!("{}: {}", check.name, check.detail)).collect()
}

/// Makes manifest and checksums fit the files again, as a forger would.
fn reseal(pack: &Path) {
    let digests = || -> BTreeMap<_, _> {
        fs::read_dir(pack)
            .unwrap()
            .map(|e| e.unwrap().path())
            .map(|p| {
                (p.file_name().unwrap().to_str().unwrap().to_owned(), digest_file(&p).unwrap())
            })
            .collect()
    };
    let _ = fs::remove_file(pack.join("evidence_pack.zip"));
    let path = pack.join("manifest.json");
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest.files = digests()
        .into_iter()
        .filter(|(name, _)| !is_outside_content(name))
        .map(|(name, digest)| hetero2::pack::manifest::ListedFile { name, digest })
        .collect();
    manifest.content_digest = content_digest(&digests());
    fs::write(path, json::to_bytes(&manifest, "manifest.json").unwrap()).unwrap();
    fs::write(pack.join("checksums.sha256"), checksums(&digests())).unwrap();
}

#[test]
fn a_changed_byte_in_any_file_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let pack = pack(directory.path());
    for entry in fs::read_dir(&pack).unwrap() {
        let path = entry.unwrap().path();
        let sound = fs::read(&path).unwrap();
        for at in [0, sound.len() / 2, sound.len() - 1] {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(!failures(&pack).is_empty(), "{} byte {at}", path.display());
        }
        fs::write(&path, &sound[..sound.len() - 1]).unwrap();
        assert!(!failures(&pack).is_empty(), "{} cut", path.display());
        fs::remove_file(&path).unwrap();
        // A pack need not have its zip.
        assert_eq!(failures(&pack).is_empty(), path.ends_with("evidence_pack.zip"));
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!(failures(&pack), Vec::<String>::new());
    fs::write(pack.join("extra.txt"), "x").unwrap();
    assert!(failures(&pack).iter().any(|f| f.contains("extra.txt is not listed")));
}

#[test]
fn forged_tables_contradict_one_another() {
    let forge = |file: &str, from: &str, to: &str| {
        let directory = tempfile::tempdir().unwrap();
        let pack = pack(directory.path());
        let text = fs::read_to_string(pack.join(file)).unwrap();
        assert!(text.contains(from), "{file} has {from:?}");
        fs::write(pack.join(file), text.replacen(from, to, 1)).unwrap();
        reseal(&pack);
        failures(&pack)
    };
    let found = forge("summary.csv", "mol_1,OK,,,PASS", "mol_1,OK,,,FAIL");
    assert!(found.iter().any(|f| f.starts_with("summary.parquet")), "{found:?}");
    let found = forge("summary.csv", "mol_1,OK", "mol_1,GREAT");
    assert!(found.iter().any(|f| f.contains("status \"GREAT\" is not known")), "{found:?}");
    let found = forge("summary.csv", ",0.05,", ",nan,");
    assert!(found.iter().any(|f| f.contains("is not a number")), "{found:?}");
    let found = forge("metrics.json", "\"OK\": 37", "\"OK\": 38");
    assert!(found.iter().any(|f| f.starts_with("metrics against summary")), "{found:?}");
    let found = forge("metrics.json", "\"rows_total\": 40", "\"rows_total\": NaN");
    assert!(found.iter().any(|f| f.starts_with("JSON")), "{found:?}");
    let found = forge("metrics.json", "hetero2_metrics.v1", "hetero2_metrics.v9");
    assert!(found.iter().any(|f| f.starts_with("schema versions")), "{found:?}");
    let found = forge("metrics.json", "\"easy\": 74", "\"easy\": 75");
    assert!(found.iter().any(|f| f.starts_with("decoys.parquet")), "{found:?}");
}

#[test]
fn an_honest_reseal_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let pack = pack(directory.path());
    reseal(&pack);
    assert_eq!(failures(&pack), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn links_and_folders_in_a_pack_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pack = pack(directory.path());
    fs::remove_file(pack.join("index.md")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", pack.join("index.md")).unwrap();
    fs::create_dir(pack.join("folder")).unwrap();
    let found = failures(&pack).join("\n");
    assert!(found.contains("\"index.md\" is not a regular file"), "{found}");
    assert!(found.contains("\"folder\" is not a regular file"), "{found}");
}

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn zip_failures(bytes: &[u8]) -> String {
    let file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    fs::write(file.path(), bytes).unwrap();
    match verify(file.path()) {
        Ok(report) => {
            assert!(!report.passed());
            report.failures().map(|c| c.detail.clone()).collect::<Vec<_>>().join("\n")
        }
        Err(e) => e.to_string(),
    }
}

#[test]
fn zips_with_hostile_names_fail() {
    for name in ["../../etc/passwd", "/etc/passwd", "a/b.csv", "..\\x", "C:\\x", ".hidden"] {
        let found = zip_failures(&zip_of(&[(name, b"x")]));
        assert!(found.contains("is not allowed in a pack"), "{name}: {found}");
    }
}

#[test]
fn zips_with_links_and_twins_fail() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("index.md", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let found = zip_failures(&zip.finish().unwrap().into_inner());
    assert!(found.contains("is not a regular file"), "{found}");

    // The writer refuses twins, so rename one entry in both of its headers.
    let mut bytes = zip_of(&[("index.md", b"a"), ("indey.md", b"b")]);
    let twin: Vec<usize> =
        (0..bytes.len() - 8).filter(|i| &bytes[*i..*i + 8] == b"indey.md").collect();
    assert_eq!(twin.len(), 2);
    twin.into_iter().for_each(|i| bytes[i + 4] = b'x');
    let found = zip_failures(&bytes);
    assert!(found.contains("several entries of one name"), "{found}");
}

#[test]
fn zips_that_lie_about_sizes_fail() {
    // 1 MB of text that claims to be 1 byte, then the other way round.
    let bytes = zip_of(&[("index.md", &vec![b'a'; 1 << 20])]);
    for (claim, message) in [
        (1_u32, "larger than its declared uncompressed size"),
        (u32::MAX - 1, "larger than its compressed bytes"),
    ] {
        let mut forged = bytes.clone();
        let directory = forged.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
        forged[directory + 24..directory + 28].copy_from_slice(&claim.to_le_bytes());
        let found = zip_failures(&forged);
        assert!(found.contains(message), "{claim}: {found}");
    }
}

#[test]
fn damaged_zips_end_in_a_report_or_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let sound = fs::read(pack(directory.path()).join("evidence_pack.zip")).unwrap();
    for i in 0..150 {
        let mut bytes = sound.clone();
        // Every other change hits the directory at the end.
        let at = if i % 2 == 0 { i * 7919 % bytes.len() } else { bytes.len() - 1 - i * 13 };
        bytes[at] ^= 1 << (i % 8);
        let file = directory.path().join("damaged.zip");
        fs::write(&file, &bytes).unwrap();
        // A bit in an unused field may change nothing; nothing may panic.
        let _ = verify(&file);
    }
    for length in [0, 4, sound.len() / 2, sound.len() - 10] {
        assert!(!zip_failures(&sound[..length]).is_empty());
    }
}
