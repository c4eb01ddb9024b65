//! Libraries of web servers that fail as servers do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use super::super::{
    InputDigest, Library, LibraryError, ReadOptions, Source, digest_path, find_files,
};
use web::{Manner, Web};

#[path = "../../../tests/remote/web.rs"]
mod web;

/// Bytes after which connections are cut: the library comes in seven pieces.
const CUT: usize = 10_000;

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo.smi")
}

type Rows = Vec<(String, Vec<u8>)>;

/// All rows and the digest of a library.
fn read(path: &Path) -> Result<(Rows, InputDigest), LibraryError> {
    let mut source = Source::open(path, &ReadOptions::default())?;
    let rows = source.by_ref().map(|row| row.map(|row| (row.id, row.smiles)));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok((rows, source.digest()?))
}

#[test]
fn a_connection_that_is_cut_goes_on_from_the_byte() {
    let content = fs::read(demo()).unwrap();
    let from: Vec<String> = (0..content.len()).step_by(CUT).map(|at| at.to_string()).collect();
    let web = Web::start(content, Manner::Cuts(CUT));
    let address = PathBuf::from(format!("{}/a/demo.smi?sig=s3cr3t", web.root));
    assert_eq!(read(&address).unwrap(), read(&demo()).unwrap());
    let line = |from: &String| format!("GET /a/demo.smi?sig=s3cr3t HTTP/1.1 from {from}");
    assert_eq!(web.asked(), from.iter().map(line).collect::<Vec<_>>());
    assert_eq!(digest_path(&address).unwrap(), digest_path(&demo()).unwrap());
    // Of two, the second is opened when its turn comes.
    let two = Library::open(&[demo(), address], &ReadOptions::default()).unwrap();
    let mut batches = two.batches(100).unwrap();
    let rows: usize = batches.by_ref().map(|batch| batch.unwrap().len()).sum();
    let read = batches.finish().unwrap();
    assert_eq!(rows as u64, read[0].rows + read[1].rows);
    assert_eq!(read[0], read[1]);
}

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again() {
    let web = Web::start(fs::read(demo()).unwrap(), Manner::Recovers(usize::MAX));
    let address = PathBuf::from(format!("{}/demo.smi", web.root));
    assert_eq!(read(&address).unwrap(), read(&demo()).unwrap());
    assert_eq!(web.asked().len(), 2);
}

#[test]
fn what_cannot_be_resumed_or_read_is_an_error_without_secrets() {
    let content = fs::read(demo()).unwrap();
    for (manner, said) in [
        (Manner::Changes(CUT), "it changed while it was read"),
        (Manner::ResumesNothing(CUT), "the server resumes nothing"),
        (Manner::SaysNothing(CUT), "neither ETag nor Last-Modified"),
        (Manner::Denies, "denies access"),
        (Manner::Complains, "400 Bad Request"),
        (Manner::Fails, "500 Internal Server Error"),
    ] {
        let web = Web::start(content.clone(), manner);
        let (_, host) = web.root.split_once("://").unwrap();
        let address = format!("http://me:s3cr3t@{host}/demo.smi?sig=s3cr3t");
        let error = read(Path::new(&address)).unwrap_err().to_string();
        assert!(error.contains(said), "{manner:?}: {error}");
        assert!(error.contains(&format!("http://{host}/demo.smi")), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    for (address, said) in [
        ("http://127.0.0.1:9/folder/", "not listed"),
        ("ftp://127.0.0.1/demo.smi", "addresses begin with s3://"),
        ("s3://me:s3cr3t@bucket/", "an address holds no keys"),
    ] {
        let error = find_files(&[address.into()])
            .and_then(|files| read(&files[0]).map(|_| ()))
            .unwrap_err()
            .to_string();
        assert!(error.contains(said) && !error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn parquet_is_read_from_a_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    let column = |values: [&str; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let columns = [("id", column(["a", "b", "c"])), ("smiles", column(["CCO", "c1ccccc1", "CCN"]))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let content = fs::read(&path).unwrap();
    let web = Web::start(content.clone(), Manner::Cuts(content.len() / 2));
    let address = PathBuf::from(format!("{}/table.parquet", web.root));
    assert_eq!(read(&address).unwrap(), read(&path).unwrap());
}
