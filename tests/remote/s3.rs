//! S3, as `moto_server` imitates it: objects, folders of them, Parquet, lists; and
//! Google Cloud Storage without signatures, whose requests for objects and lists
//! are those of S3.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;

use super::support::{Done, Run, call, demo_library, hetero2, scratch, write};
use super::{FEW, Server, assert_nowhere, free_port, without};

/// Neither may be found in what a run leaves or says.
const KEY: &str = "AKIATESTTESTTESTTEST";
const SECRET: &str = "s3cr3t-of-the-environment";

fn moto() -> String {
    std::env::var("HETERO2_MOTO").unwrap_or_else(|_| "moto_server".into())
}

/// Makes a bucket or an object that anybody may read: moto takes such requests without a
/// signature.
fn put(port: u16, path: &str, content: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = content.len();
    let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\nx-amz-acl: public-read\r\n");
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
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    write(dir, "lib.smi.gz", packed.finish().unwrap());
    put(port, "/bucket/lib.smi.gz", &fs::read(dir.join("lib.smi.gz")).unwrap());
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
    let packed = run(&["s3://bucket/lib.smi.gz"], "packed");
    assert_eq!(packed.verify(), run(&["lib.smi.gz"], "packed_local").verify());
    for (found, address) in [
        (&table, "s3://bucket/table.parquet"),
        (&packed, "s3://bucket/lib.smi.gz"),
        (&folder, "s3://bucket/tranches/0/0.smi"),
    ] {
        let origins = found.document("provenance.json")["library_origins"].clone();
        assert_eq!(origins[0]["address"], address);
        assert!(origins[0]["e_tag"].is_string(), "{origins}");
    }
    // Google Cloud Storage: an object, and a folder of them.
    let gs = |input: &str, out: &str| {
        let mut command = hetero2();
        command.args(["run", input, "--out", out]).args(FEW).current_dir(dir);
        command.env("GOOGLE_BASE_URL", &endpoint).env("GOOGLE_SKIP_SIGNATURE", "true");
        command.env("GOOGLE_ALLOW_HTTP", "true");
        Run { out: dir.join(out), done: call(&mut command).expect_code(0) }
    };
    assert_eq!(gs("gs://bucket/lib.smi.gz", "gs_packed").verify(), packed.verify());
    assert_eq!(gs("gs://bucket/tranches/", "gs_folder").verify(), folder.verify());
    program(&["plan", "s3://bucket/tranches/", "--out", "staged", "--decoys", "1"]).expect_code(0);
    let again = ["run", "s3://bucket/tranches/", "--out", "staged", "--decoys", "1", "--resume"];
    program(&again).expect_code(0);
    assert_eq!(super::support::verify(&dir.join("staged/pack")), local.verify());
    for part in ["0/2", "1/2"] {
        let part = ["plan", "s3://bucket/tranches/", "--out", "parts", "--part", part];
        program(&[&part[..], &FEW[..]].concat()).expect_code(0);
    }
    let join = ["plan", "s3://bucket/tranches/", "--out", "parts", "--join", "2"];
    program(&[&join[..], &FEW[..]].concat()).expect_code(0);
    let plan = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(dir.join(name).join("plan.json")).unwrap()).unwrap()
    };
    assert_eq!(plan("parts"), plan("staged"));
    assert_eq!(plan("parts")["library_origins"].as_array().unwrap().len(), 3);
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
