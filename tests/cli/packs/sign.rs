//! Signing packs and checking signatures, through the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Done, Run, call, fixture, hetero2, scratch, write};
use serde_json::Value;

const TIME: &str = "2026-01-31T23:59:59Z";

/// A scratch directory with a pack, and keys as they are asked for.
struct Bench {
    scratch: tempfile::TempDir,
    run: Run,
}

impl Bench {
    fn new() -> Self {
        let scratch = scratch();
        let run = Run::of(
            &fixture("libraries/small.csv"),
            &scratch.path().join("run"),
            &["--decoys", "2", "--threads", "1"],
        );
        Self { scratch, run }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        call(hetero2().arg("keygen").arg("--out").arg(&path)).expect_code(0);
        path
    }

    fn sign(&self, key: &Path, more: &[&str]) -> Done {
        let mut command = hetero2();
        command.arg("sign").arg(self.run.pack()).arg("--key").arg(key);
        call(command.args(["--timestamp", TIME]).args(more))
    }

    fn verify(&self, pack: &Path, keys: &[&Path]) -> Done {
        let mut command = hetero2();
        command.arg("verify").arg(pack).arg("--json");
        for key in keys {
            command.arg("--key").arg(public(key));
        }
        call(&mut command)
    }

    fn bundle(&self) -> PathBuf {
        self.run.out.join("pack.intoto.jsonl")
    }
}

fn public(key: &Path) -> PathBuf {
    PathBuf::from(format!("{}.pub", key.display()))
}

/// Details of the checks that failed.
fn failures(done: &Done) -> String {
    let document = done.json();
    let checks = [&document["checks"], &document["signatures"]["checks"]];
    let all = checks.into_iter().filter_map(Value::as_array).flatten();
    let failed = all.filter(|check| check["outcome"] == "FAIL");
    failed.map(|check| check["detail"].as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The statement of a line of a bundle.
fn statement(line: &str) -> Value {
    use base64::Engine as _;
    let envelope: Value = serde_json::from_str(line).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Makes the whole pack consistent again after its files were changed, as
/// someone would who wants to hide the change.
fn reseal(pack: &Path) {
    use hetero2::files::digest_file;
    use hetero2::pack::manifest::{CHECKSUMS, ZIP, checksums};
    let _ = fs::remove_file(pack.join(ZIP));
    let names = crate::support::files(pack).into_keys().filter(|name| name != CHECKSUMS);
    let digests = names.map(|n| (n.clone(), digest_file(&pack.join(&n)).unwrap())).collect();
    fs::write(pack.join(CHECKSUMS), checksums(&digests)).unwrap();
}

#[test]
fn a_signed_pack_verifies_as_directory_and_as_zip() {
    let bench = Bench::new();
    let digest = bench.run.verify();
    let before = bench.run.files();
    let key = bench.key("lab.key");
    bench.sign(&key, &[]).expect_code(0);
    assert_eq!(bench.run.files(), before, "signing changes the pack");
    assert_eq!(bench.run.verify(), digest);
    let done = bench.verify(&bench.run.pack(), &[&key]).expect_code(0);
    assert_eq!(done.json()["signatures"]["signatures"][0]["state"], "valid");
    // The zip inside, and one that was sent elsewhere with its signatures.
    let zip = bench.run.pack().join("evidence_pack.zip");
    bench.verify(&zip, &[&key]).expect_code(0);
    let sent = bench.path("sent.zip");
    fs::copy(&zip, &sent).unwrap();
    let without = bench.verify(&sent, &[&key]).expect_code(3);
    assert!(failures(&without).contains("there are none at"), "{}", without.stdout);
    fs::copy(bench.bundle(), bench.path("sent.zip.intoto.jsonl")).unwrap();
    bench.verify(&sent, &[&key]).expect_code(0);
    // Inside its own directory, a pack is called `.`.
    let mut inside = hetero2();
    inside.current_dir(bench.run.pack()).args(["verify", ".", "--key"]).arg(public(&key));
    call(&mut inside).expect_code(0);
}

#[test]
fn the_same_time_gives_the_same_signature() {
    let bench = Bench::new();
    let key = bench.key("lab.key");
    bench.sign(&key, &[]).expect_code(0);
    let first = fs::read(bench.bundle()).unwrap();
    fs::remove_file(bench.bundle()).unwrap();
    bench.sign(&key, &[]).expect_code(0);
    assert_eq!(fs::read(bench.bundle()).unwrap(), first);
    let statement = statement(std::str::from_utf8(&first).unwrap());
    assert_eq!(statement["predicate"]["signed_at"], TIME);
    assert_eq!(statement["predicate"]["content_digest"].as_str().unwrap(), bench.run.verify());
    // Every file but the zip, each with its digest.
    let signed = statement["subject"].as_array().unwrap();
    let mut files = bench.run.files();
    files.remove("evidence_pack.zip");
    assert_eq!(signed.len(), files.len());
    for (subject, (name, bytes)) in signed.iter().zip(&files) {
        assert_eq!(subject["name"].as_str(), Some(name.as_str()));
        let digest = hetero2::files::Sha256Digest::of(bytes).to_string();
        assert_eq!(subject["digest"]["sha256"].as_str(), Some(digest.as_str()));
    }
}

#[test]
fn any_change_after_signing_is_found() {
    let bench = Bench::new();
    let key = bench.key("lab.key");
    bench.sign(&key, &[]).expect_code(0);
    let pack = bench.run.pack();
    let whole = bench.run.files();
    let restore = || {
        for entry in fs::read_dir(&pack).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        whole.iter().for_each(|(name, bytes)| fs::write(pack.join(name), bytes).unwrap());
        bench.verify(&pack, &[&key]).expect_code(0);
    };
    // Even with checksums that were made to fit, down to the provenance.
    for name in whole.keys().filter(|n| *n != "evidence_pack.zip" && *n != "checksums.sha256") {
        let mut bytes = whole[name].clone();
        bytes.push(b'\n');
        fs::write(pack.join(name), bytes).unwrap();
        reseal(&pack);
        let done = bench.verify(&pack, &[&key]).expect_code(3);
        let found = failures(&done);
        assert!(found.contains(&format!("{name} was changed")), "{name}: {found}");
        restore();
    }
    fs::remove_file(pack.join("index.md")).unwrap();
    reseal(&pack);
    let found = failures(&bench.verify(&pack, &[&key]).expect_code(3));
    assert!(found.contains("\"index.md\" is missing"), "{found}");
    restore();
    fs::write(pack.join("extra.txt"), "x").unwrap();
    reseal(&pack);
    let found = failures(&bench.verify(&pack, &[&key]).expect_code(3));
    assert!(found.contains("extra.txt was added"), "{found}");
    restore();
}

#[test]
fn an_edited_envelope_is_found() {
    let bench = Bench::new();
    let key = bench.key("lab.key");
    bench
        .sign(&key, &["--role", "author", "--name", "A. Maker", "--meaning", "made it"])
        .expect_code(0);
    let whole = fs::read_to_string(bench.bundle()).unwrap();
    let edit = |edit: &dyn Fn(&mut Value)| {
        use base64::Engine as _;
        let mut envelope: Value = serde_json::from_str(&whole).unwrap();
        let mut inner = statement(&whole);
        edit(&mut inner);
        let payload = serde_json::to_vec(&inner).unwrap();
        envelope["payload"] = base64::engine::general_purpose::STANDARD.encode(payload).into();
        format!("{envelope}\n")
    };
    let name = edit(&|s| s["predicate"]["approval"]["name"] = "B. Else".into());
    let role = edit(&|s| s["predicate"]["approval"]["role"] = "approver".into());
    let time = edit(&|s| s["predicate"]["signed_at"] = "2020-01-01T00:00:00Z".into());
    let extra = edit(&|s| s["more"] = "x".into());
    let mut keyid: Value = serde_json::from_str(&whole).unwrap();
    keyid["signatures"][0]["keyid"] = "0".repeat(64).into();
    keyid["signatures"][0]["sig"] = "AAAA".into();
    let cut = whole.trim_end().to_owned();
    for text in [name, role, time, extra, format!("{keyid}\n"), cut, "{}\n".to_owned()] {
        fs::write(bench.bundle(), &text).unwrap();
        let done = bench.verify(&bench.run.pack(), &[&key]).expect_code(3);
        assert!(!failures(&done).is_empty(), "{text}");
        let valid = &done.json()["signatures"]["signatures"][0]["state"];
        assert_ne!(valid, "valid", "{text}");
    }
    fs::remove_file(bench.bundle()).unwrap();
    bench.verify(&bench.run.pack(), &[&key]).expect_code(3);
}

#[test]
fn a_statement_of_another_pack_is_refused() {
    let bench = Bench::new();
    let key = bench.key("lab.key");
    bench.sign(&key, &[]).expect_code(0);
    let other = bench.path("other");
    Run::of(&fixture("libraries/small.csv"), &other, &["--decoys", "3", "--threads", "1"]);
    fs::copy(bench.bundle(), other.join("pack.intoto.jsonl")).unwrap();
    let done = bench.verify(&other.join("pack"), &[&key]).expect_code(3);
    assert!(failures(&done).contains("the content digest was"), "{}", done.stdout);
    // Nor does anyone sign on top of it.
    let mut again = hetero2();
    let done = call(again.arg("sign").arg(other.join("pack")).arg("--key").arg(&key));
    let done = done.expect_code(3);
    assert!(done.stderr.contains("another pack"), "{}", done.stderr);
}

#[test]
fn another_key_does_not_verify() {
    let bench = Bench::new();
    let (mine, theirs) = (bench.key("mine.key"), bench.key("theirs.key"));
    bench.sign(&mine, &[]).expect_code(0);
    let done = bench.verify(&bench.run.pack(), &[&theirs]).expect_code(3);
    assert_eq!(done.json()["signatures"]["signatures"][0]["state"], "unknown_key");
    // Both are asked for, one has signed.
    bench.verify(&bench.run.pack(), &[&mine, &theirs]).expect_code(3);
    // Without a key, a signature is a claim, not a proof.
    let done = bench.verify(&bench.run.pack(), &[]).expect_code(0);
    assert_eq!(done.json()["signatures"]["checks"][0]["outcome"], "WARN");
}

#[test]
fn approvals_build_on_one_another() {
    let bench = Bench::new();
    let (lab, qa) = (bench.key("lab.key"), bench.key("qa.key"));
    bench
        .sign(&lab, &["--role", "author", "--name", "A. Maker", "--meaning", "made it"])
        .expect_code(0);
    bench
        .sign(&qa, &["--role", "approver", "--name", "Q. Reader", "--meaning", "released"])
        .expect_code(0);
    bench.sign(&lab, &[]).expect_code(0);
    let pack = bench.run.pack();
    let done = bench.verify(&pack, &[&lab, &qa]).expect_code(0);
    let found = &done.json()["signatures"]["signatures"];
    assert_eq!(found[0]["approval"]["role"], "author");
    assert_eq!(found[1]["approval"]["name"], "Q. Reader");
    assert_eq!(found[1]["approval"]["meaning"], "released");
    assert!(found[2]["approval"].is_null());
    let text = call(hetero2().arg("verify").arg(&pack).arg("--key").arg(public(&qa)));
    let text = text.expect_code(0).stdout;
    assert!(text.contains("signed  2026-01-31T23:59:59Z  approver Q. Reader: released"), "{text}");
    assert!(text.contains("claimed 2026-01-31T23:59:59Z  author A. Maker"), "{text}");
    // Taking out, or moving, a signature that others build on.
    let whole = fs::read_to_string(bench.bundle()).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for kept in [vec![1, 2], vec![0, 2], vec![1, 0, 2], vec![2], vec![0, 1, 1, 2]] {
        let text: String = kept.iter().map(|i| lines[*i]).collect();
        fs::write(bench.bundle(), text).unwrap();
        let done = bench.verify(&pack, &[&lab]).expect_code(3);
        assert!(failures(&done).contains("a signature before it was"), "{kept:?}: {}", done.stdout);
    }
}

#[test]
fn what_fails_verification_is_not_signed() {
    let bench = Bench::new();
    let key = bench.key("lab.key");
    let summary = bench.run.pack().join("summary.csv");
    let mut bytes = fs::read(&summary).unwrap();
    bytes.push(b'\n');
    fs::write(&summary, bytes).unwrap();
    let done = bench.sign(&key, &[]).expect_code(3);
    assert!(done.stderr.contains("fails verification"), "{}", done.stderr);
    assert!(!bench.bundle().exists());
}

#[test]
fn keys_are_private_standard_and_never_overwritten() {
    let scratch = scratch();
    let key = scratch.path().join("lab.key");
    let keygen = || call(hetero2().args(["keygen", "--json", "--out"]).arg(&key));
    let made = keygen().expect_code(0).json();
    assert_eq!(made["keyid"].as_str().unwrap().len(), 64);
    let private = fs::read_to_string(&key).unwrap();
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{private}");
    assert!(fs::read_to_string(public(&key)).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&key), 0o600);
    }
    let done = keygen().expect_code(2);
    assert!(done.stderr.contains("never overwritten"), "{}", done.stderr);
    assert_eq!(fs::read_to_string(&key).unwrap(), private);
    // Nor with the public one left alone, and no two keys are the same.
    fs::remove_file(&key).unwrap();
    keygen().expect_code(2);
    assert!(!key.exists());
    fs::remove_file(public(&key)).unwrap();
    assert_ne!(keygen().expect_code(0).json()["keyid"], made["keyid"]);
}

#[test]
fn files_that_are_no_key_are_named() {
    let bench = Bench::new();
    let key = bench.key("lab.key");
    let junk = write(bench.scratch.path(), "junk.key", "no key");
    let done = bench.sign(&junk, &[]).expect_code(2);
    assert!(done.stderr.contains("junk.key: not an Ed25519 private key"), "{}", done.stderr);
    let done = bench.sign(&public(&key), &[]).expect_code(2);
    assert!(done.stderr.contains("it is a public key"), "{}", done.stderr);
    let mut wrong = hetero2();
    wrong.arg("verify").arg(bench.run.pack()).arg("--key").arg(&key);
    let done = call(&mut wrong).expect_code(2);
    assert!(done.stderr.contains("give its .pub file"), "{}", done.stderr);
    let inside = bench.run.pack().join("signatures");
    let done = bench.sign(&key, &["--signatures", inside.to_str().unwrap()]).expect_code(2);
    assert!(done.stderr.contains("lies in the pack"), "{}", done.stderr);
    // A role without a name, and one with an empty one.
    bench.sign(&key, &["--role", "author"]).expect_code(2);
    let done = bench.sign(&key, &["--role", "author", "--name", " ", "--meaning", "x"]);
    assert!(done.expect_code(2).stderr.contains("--name"), "an empty name signs nothing");
}

#[test]
fn a_python_library_verifies_the_signature() {
    let Some(python) = crate::support::python("a_python_library_verifies_the_signature") else {
        return;
    };
    let bench = Bench::new();
    let (lab, qa) = (bench.key("lab.key"), bench.key("qa.key"));
    bench.sign(&lab, &[]).expect_code(0);
    bench.sign(&qa, &["--role", "reviewer", "--name", "R", "--meaning", "read it"]).expect_code(0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/verify_signature.py");
    let check = |keys: &[&Path]| {
        let mut command = Command::new(&python);
        command.arg(&script).arg(bench.run.pack()).arg(bench.bundle());
        call(command.args(keys.iter().map(|key| public(key))))
    };
    let done = check(&[&lab, &qa]).expect_code(0);
    assert!(done.stdout.contains("2 of 2 signatures verify"), "{}", done.stdout);
    check(&[&lab]).expect_code(1);
    fs::write(bench.run.pack().join("index.md"), "changed").unwrap();
    check(&[&lab, &qa]).expect_code(1);
}
