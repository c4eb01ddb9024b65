//! Publishing packs, and what a registry finds when someone meddles with it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Done, Run, call, fixture, hetero2, run_command, scratch, verify};
use serde_json::Value;

const TIME: &str = "2026-01-31T23:59:59Z";

/// A registry with packs of different evidence.
struct Bench {
    scratch: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { scratch: scratch() }
    }

    /// A registry with three published packs; and their digests.
    fn with_three() -> (Self, Vec<String>) {
        let bench = Self::new();
        let digests = (1..=3)
            .map(|decoys| {
                let pack = bench.pack(decoys);
                let published = bench.publish(&pack, &[]).expect_code(0).json();
                published["content_digest"].as_str().unwrap().to_owned()
            })
            .collect();
        (bench, digests)
    }

    fn registry(&self) -> PathBuf {
        self.scratch.path().join("registry")
    }

    fn log(&self) -> PathBuf {
        self.registry().join("log.jsonl")
    }

    /// A pack whose evidence depends on `decoys`.
    fn pack(&self, decoys: u32) -> PathBuf {
        let out = self.scratch.path().join(format!("run-{decoys}"));
        let decoys = decoys.to_string();
        let arguments = ["--decoys", &decoys, "--decoy-set", "v1", "--threads", "1"];
        Run::of(&fixture("libraries/small.csv"), &out, &arguments).pack()
    }

    fn publish(&self, pack: &Path, more: &[&str]) -> Done {
        let mut command = hetero2();
        command.arg("publish").arg(pack).arg("--registry").arg(self.registry());
        call(command.args(["--json", "--timestamp", TIME]).args(more))
    }

    fn registry_command(&self, arguments: &[&str]) -> Done {
        let mut command = hetero2();
        call(command.arg("registry").args(arguments).arg("--registry").arg(self.registry()))
    }

    fn verify(&self) -> Done {
        self.registry_command(&["verify", "--json"])
    }

    fn lines(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap();
        log.split_inclusive('\n').map(str::to_owned).collect()
    }

    /// Writes a log, and a HEAD that goes with it.
    fn forge(&self, lines: &[String]) {
        fs::write(self.log(), lines.concat()).unwrap();
        let last = lines.last().map_or(String::new(), |line| line.trim_end().to_owned());
        let digest = hetero2::files::Sha256Digest::of(last.as_bytes());
        fs::write(self.registry().join("HEAD"), format!("{digest} {}\n", lines.len())).unwrap();
    }
}

/// Details of the checks that did not pass, by outcome.
fn found(done: &Done, outcome: &str) -> String {
    let document = done.json();
    let checks = document["checks"].as_array().unwrap();
    let of = checks.iter().filter(|check| check["outcome"] == outcome);
    of.map(|check| format!("{}: {}\n", check["name"], check["detail"])).collect()
}

#[test]
fn a_published_pack_lies_under_its_digest_and_is_listed() {
    let (bench, digests) = Bench::with_three();
    bench.verify().expect_code(0);
    let listed = bench.registry_command(&["list", "--json"]).expect_code(0).json();
    let mut previous = "0".repeat(64);
    for (index, digest) in digests.iter().enumerate() {
        assert_eq!(&verify(&bench.registry().join("packs").join(digest)), digest);
        let entry = &listed[index];
        assert_eq!(entry["sequence"], index);
        assert_eq!(entry["content_digest"].as_str(), Some(digest.as_str()));
        assert_eq!(entry["previous"].as_str(), Some(previous.as_str()));
        assert_eq!(entry["published_at"], TIME);
        // The scores are stand-ins.
        assert_eq!(entry["outcome"]["decision"], "STOP");
        assert_eq!(entry["outcome"]["counts"]["OK"], 20);
        assert_eq!(entry["command"]["name"], "run");
        assert_eq!(entry["command"]["config"]["decoys"], index + 1);
        assert_eq!(entry["command"]["inputs"][0]["name"], "small.csv");
        previous = entry["entry_digest"].as_str().unwrap().to_owned();
    }
    let text = bench.registry_command(&["list"]).expect_code(0).stdout;
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(digests.iter().all(|digest| text.contains(digest)), "{text}");
    let head = fs::read_to_string(bench.registry().join("HEAD")).unwrap();
    assert_eq!(head, format!("{previous} 3\n"));
}

#[test]
fn publishing_again_changes_nothing() {
    let bench = Bench::new();
    let pack = bench.pack(2);
    let first = bench.publish(&pack, &[]).expect_code(0).json();
    let before = (crate::support::tree(&bench.registry()), bench.lines());
    let again = bench.publish(&pack, &[]).expect_code(0).json();
    // The zip is the same pack.
    bench.publish(&pack.join("evidence_pack.zip"), &[]).expect_code(0);
    assert_eq!((crate::support::tree(&bench.registry()), bench.lines()), before);
    assert_eq!(first["already_published"], false);
    assert_eq!(again["already_published"], true);
    assert_eq!(first["entry_digest"], again["entry_digest"]);
}

#[test]
fn a_zip_is_published_as_the_directory_that_it_holds() {
    let bench = Bench::new();
    let zip = bench.scratch.path().join("sent.zip");
    fs::copy(bench.pack(2).join("evidence_pack.zip"), &zip).unwrap();
    let published = bench.publish(&zip, &[]).expect_code(0).json();
    let copy = PathBuf::from(published["pack"].as_str().unwrap());
    assert!(copy.join("summary.csv").is_file());
    bench.verify().expect_code(0);
}

#[test]
fn lineage_is_recorded_and_must_exist() {
    let bench = Bench::new();
    let (parent, child) = (bench.pack(2), bench.pack(3));
    let digest = verify(&parent);
    let done = bench.publish(&child, &["--parent", &digest]).expect_code(2);
    assert!(done.stderr.contains("publish it first"), "{}", done.stderr);
    bench.publish(&parent, &[]).expect_code(0);
    bench.publish(&child, &["--parent", &digest]).expect_code(0);
    let shown = bench.registry_command(&["show", &digest[..12]]).expect_code(0).json();
    assert_eq!(shown["children"][0].as_str(), Some(verify(&child).as_str()));
    let shown = bench.registry_command(&["show", &verify(&child)]).expect_code(0).json();
    assert_eq!(shown["entry"]["parents"][0].as_str(), Some(digest.as_str()));
    // Entries are never changed, not even to name other parents.
    let done = bench.publish(&child, &[]).expect_code(2);
    assert!(done.stderr.contains("other parents"), "{}", done.stderr);
    bench.registry_command(&["show", "ffff"]).expect_code(2);
}

#[test]
fn a_pack_of_new_scores_names_the_pack_that_it_audited() {
    let bench = Bench::new();
    let scores = fixture("cli/ring/bad_constant.json");
    let ring = bench.scratch.path().join("ring");
    let library = fixture("cli/ring/input.csv");
    let arguments = ["--threads", "1"];
    call(&mut run_command(&library, &ring, &arguments)).expect_code(0);
    let again = bench.scratch.path().join("again");
    let mut audit = hetero2();
    audit.args(["audit", "--pack"]).arg(ring.join("pack")).arg("--scores").arg(scores);
    call(audit.arg("--out").arg(&again)).expect_code(0);
    bench.publish(&ring.join("pack"), &[]).expect_code(0);
    let published = bench.publish(&again, &[]).expect_code(0).json();
    assert_eq!(published["command"]["name"], "audit");
    let audited = verify(&ring.join("pack"));
    assert_eq!(published["audited_pack"].as_str(), Some(audited.as_str()));
}

#[test]
fn what_fails_verification_is_not_published() {
    let bench = Bench::new();
    let pack = bench.pack(2);
    fs::write(pack.join("index.md"), "changed").unwrap();
    let done = bench.publish(&pack, &[]).expect_code(3);
    assert!(done.stderr.contains("fails verification"), "{}", done.stderr);
    assert!(!bench.log().exists());
    assert!(!bench.registry().exists(), "nothing was copied");
    bench.registry_command(&["list"]).expect_code(2);
}

#[test]
fn removing_reordering_and_editing_entries_is_found() {
    let (bench, _) = Bench::with_three();
    let whole = bench.lines();
    let pick = |order: &[usize]| order.iter().map(|i| whole[*i].clone()).collect::<Vec<_>>();
    for order in [&[1, 2][..], &[0, 2], &[1, 0, 2], &[0, 2, 1], &[0, 0, 1, 2], &[2]] {
        // Even where HEAD is made to fit.
        bench.forge(&pick(order));
        let done = bench.verify().expect_code(3);
        assert!(found(&done, "FAIL").contains("\"log\""), "{order:?}: {}", done.stdout);
        bench.registry_command(&["list"]).expect_code(3);
        let done = bench.publish(&bench.scratch.path().join("run-1/pack"), &[]).expect_code(3);
        assert!(done.stderr.contains("is damaged"), "{}", done.stderr);
    }
    bench.forge(&whole);
    for (old, new) in [("\"STOP\"", "\"GO\""), (TIME, "2020-01-01T00:00:00Z"), ("small", "large")] {
        for index in 0..3 {
            let mut lines = whole.clone();
            lines[index] = lines[index].replace(old, new);
            assert_ne!(lines, whole, "nothing was edited");
            fs::write(bench.log(), lines.concat()).unwrap();
            let done = bench.verify().expect_code(3);
            // The last entry is held by HEAD, the others by the next one.
            let by = if index == 2 { "HEAD says 3 entries" } else { "one was changed" };
            assert!(found(&done, "FAIL").contains(by), "{index}: {}", done.stdout);
        }
        fs::write(bench.log(), whole.concat()).unwrap();
        bench.verify().expect_code(0);
    }
}

#[test]
fn a_log_that_was_cut_is_found() {
    let (bench, _) = Bench::with_three();
    let whole = bench.lines();
    let head = bench.verify().json()["head"].as_str().unwrap().to_owned();
    for kept in 0..3 {
        fs::write(bench.log(), whole[..kept].concat()).unwrap();
        let done = bench.verify().expect_code(3);
        assert!(found(&done, "FAIL").contains("HEAD says 3 entries"), "{}", done.stdout);
    }
    fs::remove_file(bench.log()).unwrap();
    bench.verify().expect_code(3);
    bench.registry_command(&["list"]).expect_code(3);
    bench.publish(&bench.scratch.path().join("run-1/pack"), &[]).expect_code(3);
    // With HEAD cut as well, nothing in the directory tells; a head noted elsewhere does.
    bench.forge(&whole[..2]);
    fs::remove_dir_all(bench.registry().join("packs")).ok();
    let done = bench.registry_command(&["verify", "--json", "--head", &head]).expect_code(3);
    assert!(found(&done, "FAIL").contains("pinned head"), "{}", done.stdout);
}

#[test]
fn a_head_noted_before_is_found_in_a_log_that_grew() {
    let bench = Bench::new();
    bench.publish(&bench.pack(1), &[]).expect_code(0);
    let head = bench.verify().json()["head"].as_str().unwrap().to_owned();
    bench.publish(&bench.pack(2), &[]).expect_code(0);
    bench.registry_command(&["verify", "--head", &head]).expect_code(0);
    bench.registry_command(&["verify", "--head", &"ab".repeat(32)]).expect_code(3);
}

#[test]
fn a_stored_pack_that_was_changed_is_found() {
    let (bench, digests) = Bench::with_three();
    let pack = bench.registry().join("packs").join(&digests[1]);
    let provenance = pack.join("provenance.json");
    let whole = fs::read(&provenance).unwrap();
    fs::write(&provenance, "{}\n").unwrap();
    let done = bench.verify().expect_code(3);
    assert!(found(&done, "FAIL").contains(&digests[1]), "{}", done.stdout);
    fs::write(&provenance, whole).unwrap();
    bench.verify().expect_code(0);
    // A whole pack, but not the one that was published.
    let other = bench.registry().join("packs").join(&digests[0]);
    let kept = bench.scratch.path().join("kept");
    fs::rename(&pack, &kept).unwrap();
    fs::rename(&other, &pack).unwrap();
    let done = bench.verify().expect_code(3);
    let failed = found(&done, "FAIL");
    assert!(failed.contains("another pack lies there"), "{failed}");
    assert!(failed.contains("it is missing"), "{failed}");
}

#[test]
fn signatures_go_along_and_stay() {
    let bench = Bench::new();
    let pack = bench.pack(2);
    let key = bench.scratch.path().join("lab.key");
    call(hetero2().arg("keygen").arg("--out").arg(&key)).expect_code(0);
    let sign = |pack: &Path| {
        call(hetero2().arg("sign").arg(pack).arg("--key").arg(&key)).expect_code(0);
    };
    sign(&pack);
    let published = bench.publish(&pack, &[]).expect_code(0).json();
    let copy = PathBuf::from(published["pack"].as_str().unwrap());
    let public = format!("{}.pub", key.display());
    call(hetero2().arg("verify").arg(&copy).args(["--key", &public])).expect_code(0);
    bench.verify().expect_code(0);
    // An approval of the published pack is welcome, a change of what was there is not.
    sign(&copy);
    bench.verify().expect_code(0);
    let file = PathBuf::from(format!("{}.intoto.jsonl", copy.display()));
    let signatures = fs::read_to_string(&file).unwrap();
    let second = signatures.split_inclusive('\n').nth(1).unwrap();
    fs::write(&file, second).unwrap();
    let done = bench.verify().expect_code(3);
    assert!(found(&done, "FAIL").contains("its signatures were changed"), "{}", done.stdout);
    fs::remove_file(&file).unwrap();
    bench.verify().expect_code(3);
    // Signatures of another pack are not published.
    let other = bench.pack(3);
    fs::copy(pack.with_file_name("pack.intoto.jsonl"), other.with_file_name("pack.intoto.jsonl"))
        .unwrap();
    bench.publish(&other, &[]).expect_code(3);
}

#[test]
fn an_interrupted_publisher_is_finished_by_the_next() {
    let (bench, _) = Bench::with_three();
    let whole = bench.lines();
    // The entry is there, HEAD is not moved yet.
    bench.forge(&whole[..2]);
    fs::write(bench.log(), whole.concat()).unwrap();
    let done = bench.verify().expect_code(0);
    assert!(found(&done, "WARN").contains("one entry behind"), "{}", done.stdout);
    bench.publish(&bench.pack(4), &[]).expect_code(0);
    assert_eq!(found(&bench.verify().expect_code(0), "WARN"), "");
    assert_eq!(bench.lines().len(), 4);
    // Half an entry is on disk, and its pack in place.
    let text = bench.lines().concat();
    fs::write(bench.log(), format!("{text}{}", &whole[0][..100])).unwrap();
    let orphan = bench.registry().join("packs").join("cd".repeat(32));
    fs::create_dir(&orphan).unwrap();
    let done = bench.verify().expect_code(0);
    assert!(found(&done, "WARN").contains("half an entry"), "{}", done.stdout);
    assert!(found(&done, "WARN").contains("1 in no entry"), "{}", done.stdout);
    bench.publish(&bench.pack(5), &[]).expect_code(0);
    bench.verify().expect_code(0);
    assert_eq!(bench.lines().len(), 5);
    assert!(bench.lines().concat().starts_with(&text), "the log was rewritten");
}

#[test]
fn publishers_at_once_take_turns() {
    let bench = Bench::new();
    let packs: Vec<PathBuf> = (1..=4).map(|decoys| bench.pack(decoys)).collect();
    std::thread::scope(|scope| {
        for pack in packs.iter().chain(&packs) {
            let bench = &bench;
            scope.spawn(move || bench.publish(pack, &[]).expect_code(0));
        }
    });
    let done = bench.verify().expect_code(0);
    assert_eq!(found(&done, "WARN"), "");
    let listed: Value = bench.registry_command(&["list", "--json"]).expect_code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 4);
}

#[test]
fn files_that_are_no_log_are_refused_and_never_cut() {
    let bench = Bench::new();
    bench.publish(&bench.pack(1), &[]).expect_code(0);
    for junk in ["\n", "{}\n", "no json\n", "{\"sequence\": 1e99}\n", "\u{fffd}\n"] {
        fs::write(bench.log(), junk).unwrap();
        bench.verify().expect_code(3);
        bench.registry_command(&["list"]).expect_code(3);
        bench.publish(&bench.scratch.path().join("run-1/pack"), &[]).expect_code(3);
        assert_eq!(fs::read_to_string(bench.log()).unwrap(), junk);
    }
    fs::write(bench.registry().join("HEAD"), "who knows\n").unwrap();
    assert!(found(&bench.verify().expect_code(3), "FAIL").contains("HEAD is unreadable"));
}
