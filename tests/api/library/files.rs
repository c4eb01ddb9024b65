//! Several files as one library.

use std::fs;
use std::path::PathBuf;

use hetero2::library::{Library, LibraryError, ReadOptions, Record, find_files};

use super::support::fixture;

fn rows(files: &[PathBuf]) -> Vec<Record> {
    let batches = Library::open(files, &ReadOptions::default()).unwrap().batches(1_000).unwrap();
    batches.flat_map(Result::unwrap).collect()
}

#[test]
fn each_file_has_its_own_header_and_format() {
    let names = ["small.csv", "small.smi.zst", "small.parquet", "small.csv.xz", "columns.smi"];
    let files: Vec<PathBuf> = names.iter().map(|name| fixture(name)).collect();
    let one = rows(&files[..1]);
    let all = rows(&files);
    assert_eq!(all.len(), 5 * one.len());
    for (at, record) in all.iter().enumerate() {
        let same = &one[at % one.len()];
        assert_eq!((record.row, &record.id, &record.smiles), (at as u64, &same.id, &same.smiles));
    }
    let mut batches = Library::open(&files, &ReadOptions::default()).unwrap().batches(7).unwrap();
    assert!(batches.by_ref().all(|batch| batch.is_ok()));
    let read = batches.finish().unwrap();
    assert_eq!(read.iter().map(|file| file.rows).collect::<Vec<_>>(), [20; 5]);
    assert_eq!(read.iter().map(|file| file.digest.name.as_str()).collect::<Vec<_>>(), names);
}

#[test]
fn a_thousand_tranches_are_one_concatenated_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut whole, mut row) = (String::new(), 0);
    for tranche in 0..1_000 {
        let mut text = String::from("smiles zinc_id\n");
        for _ in 0..tranche % 13 {
            // Some rows have no id: theirs counts through all files.
            let id = if row % 5 == 0 { String::new() } else { format!(" ZINC{row:09}") };
            text.push_str(&format!("{}O{id}\n", "C".repeat(1 + row % 40)));
            row += 1;
        }
        let place = folder.path().join(format!("{:02}", tranche / 100));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("{tranche:04}.smi")), &text).unwrap();
        whole.push_str(&text);
    }
    let joined = tempfile::tempdir().unwrap();
    let path = joined.path().join("whole.smi");
    fs::write(&path, whole).unwrap();
    let files = find_files(&[folder.path().to_owned()]).unwrap();
    assert_eq!(files.len(), 1_000);
    let without_line = |records: Vec<Record>| -> Vec<Record> {
        records.into_iter().map(|record| Record { line: 0, ..record }).collect()
    };
    let tranches = without_line(rows(&files));
    assert_eq!(tranches.len(), row);
    assert!(tranches == without_line(rows(&[path])));
}

#[test]
fn files_of_nothing_have_no_rows_and_missing_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.smi"), "").unwrap();
    fs::write(path("one.smi"), "CCO a\n").unwrap();
    let records = rows(&[path("empty.smi"), path("one.smi"), path("empty.smi")]);
    assert_eq!(records.len(), 1);
    let options = ReadOptions::default();
    let missing = Library::open(&[path("one.smi"), path("none.smi")], &options).unwrap_err();
    assert!(missing.to_string().contains("none.smi (check the path"), "{missing}");
    // The rows of the files before come first.
    fs::write(path("bad.csv"), "id,formula\na,b\n").unwrap();
    let library = Library::open(&[path("one.smi"), path("bad.csv")], &options).unwrap();
    let results: Vec<_> = library.batches(10).unwrap().collect();
    let [Ok(rows), Err(error)] = results.as_slice() else { panic!("{results:?}") };
    assert_eq!(rows.len(), 1);
    assert!(matches!(error, LibraryError::MissingColumn { .. }), "{error}");
}
