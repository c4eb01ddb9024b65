//! S3, as `moto_server` imitates it: objects, folders of them, Parquet, lists.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use super::support::{Done, Run, call, demo_library, hetero2, scratch, write};
use super::{FEW, Server, assert_nowhere, free_port, without};

/// Neither may be found in what a run leaves or says.
const KEY: &str = "AKIATESTTESTTESTTEST";
const SECRET: &str = "s3cr3t-of-the-environment";

fn moto() -> String {
    std::env::var("HETERO2_MOTO").unwrap_or_else(|_| "moto_server".into())
}

/// Makes a bucket or an object: moto takes requests without a signature.
fn put(port: u16, path: &str, content: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = content.len();
    let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n");
    write!(stream, "PUT {path} HTTP/1.1\r\n{host}Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n").unwrap();
    stream.write_all(content).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn parquet(path: &Path) {
    let rows = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "CCN(CC)CC"];
    let ids = ["a", "b", "c", "d"];
    let column = |values: &[&str]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let batch =
        RecordBatch::try_from_iter([("id", column(&ids)), ("smiles", column(&rows))]).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn objects_and_folders_of_s3_are_read_as_files_are() {
    let port = free_port();
    let mut command = Command::new(moto());
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let Some(_server) = Server::start(&mut command, port) else {
        return without("S3", "moto_server (pip install 'moto[server]')");
    };
    let scratch = scratch();
    let dir = scratch.path();
    let text = fs::read_to_string(demo_library()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).take(60).collect();
    put(port, "/bucket", b"");
    for (at, part) in lines.chunks(20).enumerate() {
        let (name, part) = (format!("tranches/{}/{at}.smi", at % 2), part.join("\n") + "\n");
        put(port, &format!("/bucket/{name}"), part.as_bytes());
        fs::create_dir_all(dir.join(&name).parent().unwrap()).unwrap();
        write(dir, &name, part);
    }
    put(port, "/bucket/tranches/README.md", b"no library");
    put(port, "/bucket/tranches/.hidden.smi", b"no library");
    parquet(&dir.join("table.parquet"));
    put(port, "/bucket/table.parquet", &fs::read(dir.join("table.parquet")).unwrap());

    let endpoint = format!("http://127.0.0.1:{port}");
    let program = |arguments: &[&str]| -> Done {
        let mut command = hetero2();
        command.args(arguments).current_dir(dir).envs([
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ]);
        call(&mut command)
    };
    let run = |input: &[&str], out: &str| -> Run {
        let arguments = [&["run"], input, &["--out", out], &FEW[..]].concat();
        let run = Run { out: dir.join(out), done: program(&arguments).expect_code(0) };
        run.verify();
        run
    };
    let local = run(&["tranches"], "local");
    let folder = run(&["s3://bucket/tranches/"], "folder");
    assert_eq!(folder.verify(), local.verify());
    assert_eq!(folder.files().get("summary.csv"), local.files().get("summary.csv"));
    write(dir, "list.txt", "s3://bucket/tranches/0/\ns3://bucket/tranches/1/1.smi\n");
    assert_eq!(run(&["--files-from", "list.txt"], "list").verify(), local.verify());
    // A file, a table that is read from its end, and stages.
    let one = run(&["s3://bucket/tranches/1/1.smi"], "one");
    assert_eq!(one.verify(), run(&["tranches/1/1.smi"], "one_local").verify());
    let table = run(&["s3://bucket/table.parquet"], "table");
    assert_eq!(table.verify(), run(&["table.parquet"], "table_local").verify());
    program(&["plan", "s3://bucket/tranches/", "--out", "staged", "--decoys", "1"]).expect_code(0);
    let again = ["run", "s3://bucket/tranches/", "--out", "staged", "--decoys", "1", "--resume"];
    program(&again).expect_code(0);
    assert_eq!(super::support::verify(&dir.join("staged/pack")), local.verify());
    for (library, out) in [("s3://bucket/tranches/", "a.csv"), ("tranches", "b.csv")] {
        program(&["decoys", library, "--out", out, "--decoys", "1"]).expect_code(0);
    }
    assert_eq!(fs::read(dir.join("a.csv")).unwrap(), fs::read(dir.join("b.csv")).unwrap());
    program(&["rerun", "one/pack", "--input", "s3://bucket/tranches/1/1.smi"]).expect_code(0);
    program(&["rerun", "folder/pack", "--input", "s3://bucket/tranches/"]).expect_code(0);
    for (address, said) in [
        ("s3://bucket/missing.smi", "s3://bucket/missing.smi: there is nothing"),
        ("s3://bucket/none/", "no object below it is read"),
    ] {
        let done = program(&["run", address, "--out", "missing"]).expect_code(2);
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(!done.stderr.contains(SECRET) && !done.stderr.contains(KEY), "{}", done.stderr);
    }
    assert_nowhere(dir, SECRET);
    assert_nowhere(dir, KEY);
}
