//! A small run in each of its states, and the steps from one to the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hetero2::pack::verify;
use hetero2::registry::{PublishRequest, publish, read_log, verify_registry};
use hetero2::run::{
    LibraryInput, PackOutput, RescoreRequest, Resume, RunConfig, RunDir, RunRequest, ShardState,
    ShardWorker, Silent, ZipOutput, inspect_shard, open_plan, plan, reduce, rescore, run,
};
use hetero2::signature::{
    PrivateKey, PublicKey, SignatureState, Signed, bundle_path, create_key, sign, verify_signatures,
};
use hetero2::spectra::BackendChoice;

/// Rows of the library: two shards, because a shard has at least 4,096.
const ROWS: usize = 4_100;
const TIME: &str = "2026-01-31T00:00:00Z";

pub type Failed = Box<dyn std::error::Error>;

/// What is done to a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Plan,
    Shards,
    Reduce,
    Run,
    Audit,
    Sign,
    Publish,
}

pub const STEPS: [Step; 7] =
    [Step::Plan, Step::Shards, Step::Reduce, Step::Run, Step::Audit, Step::Sign, Step::Publish];

/// A directory with a library, a run, a key and a registry.
pub struct World {
    root: PathBuf,
    /// Removed with the world, if it is this one's.
    _folder: Option<tempfile::TempDir>,
}

impl World {
    /// The world before a step, of its own.
    pub fn before(step: Step) -> Self {
        static MADE: OnceLock<BTreeMap<Step, World>> = OnceLock::new();
        let made =
            MADE.get_or_init(|| STEPS.into_iter().map(|step| (step, World::make(step))).collect());
        Self::copy_of(made[&step].root())
    }

    /// A world like what lies at `root`.
    pub fn copy_of(root: &Path) -> Self {
        let world = Self::empty();
        copy(root, world.root());
        world
    }

    /// The world that another process made.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), _folder: None }
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { root: folder.path().to_owned(), _folder: Some(folder) }
    }

    fn make(step: Step) -> Self {
        let world = Self::empty();
        let line = |row: usize| format!("{}O m{row}\n", "C".repeat(1 + row % 3));
        fs::write(world.path("library.smi"), (0..ROWS).map(line).collect::<String>()).unwrap();
        let few = "CC(=O)Oc1ccccc1C(=O)O a\nCC(C)Cc1ccc(cc1)C(C)C(=O)O b\n";
        fs::write(world.path("few.smi"), few).unwrap();
        let scores = r#"{"schema_version": "hetero_scores.v1"}"#;
        fs::write(world.path("scores.json"), scores).unwrap();
        fs::write(world.path("letter.txt"), "a user's").unwrap();
        create_key(&world.path("key")).unwrap();
        let steps: &[Step] = match step {
            Step::Plan | Step::Run => &[],
            Step::Shards => &[Step::Plan],
            Step::Reduce => &[Step::Plan, Step::Shards],
            Step::Audit | Step::Sign | Step::Publish => &[Step::Run],
        };
        for step in steps {
            world.take(*step).unwrap();
        }
        if !steps.is_empty() {
            fs::write(world.path("run/letter.txt"), "a user's").unwrap();
        }
        if step == Step::Audit {
            let few = RunConfig { decoys: 2, ..RunConfig::default() };
            let library = LibraryInput::File(world.path("few.smi"));
            run(&RunRequest::new(library, world.path("few"), few), &Silent).unwrap();
        }
        if matches!(step, Step::Sign | Step::Publish) {
            world.take(Step::Sign).unwrap();
        }
        world
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn dir(&self) -> RunDir {
        RunDir::new(self.path("run"))
    }

    /// Takes a step; one that was taken halfway is taken to its end.
    pub fn take(&self, step: Step) -> Result<(), Failed> {
        let config = RunConfig { decoys: 0, ..RunConfig::default() };
        let library = LibraryInput::File(self.path("library.smi"));
        let request = RunRequest {
            resume: Resume::Continue,
            threads: Some(1),
            shards: Some(2),
            backend: BackendChoice::cpu(),
            output: PackOutput { timestamp: Some(TIME.into()), ..PackOutput::default() },
            ..RunRequest::new(library, self.path("run"), config)
        };
        match step {
            Step::Plan => drop(plan(&request, &Silent)?),
            Step::Shards => {
                let worker = ShardWorker::open(&self.dir(), &BackendChoice::cpu())?;
                for shard in worker.missing() {
                    worker.compute_on(Some(1), shard, &Silent)?;
                }
            }
            Step::Reduce => drop(reduce(&self.dir(), &request.output, Some(1), &Silent)?),
            Step::Run => drop(run(&request, &Silent)?),
            Step::Audit => {
                let request = RescoreRequest {
                    pack: self.path("few/pack"),
                    scores: self.path("scores.json").into(),
                    scores_sha256: None,
                    training: None,
                    truth: None,
                    audit_top: None,
                    out: self.path("audited"),
                    zip: ZipOutput::Written,
                    threads: Some(1),
                };
                match rescore(&request, &Silent) {
                    // Evidence is never overwritten: it was finished before.
                    Err(hetero2::run::RunError::Occupied { .. }) => {}
                    done => drop(done?),
                }
            }
            Step::Sign => {
                let pack = self.path("run/pack");
                let key = PrivateKey::read(&self.path("key"))?;
                let signed = Signed { approval: None, signed_at: TIME.into() };
                sign(&pack, &bundle_path(&pack)?, &key, signed)?;
            }
            Step::Publish => {
                let request = PublishRequest {
                    pack: self.path("run/pack"),
                    registry: self.path("registry"),
                    parents: Vec::new(),
                    timestamp: Some(TIME.into()),
                };
                publish(&request)?;
            }
        }
        Ok(())
    }

    /// What a step ends with, checked: the same however often it was
    /// interrupted.
    #[track_caller]
    pub fn outcome(&self, step: Step) -> String {
        let pack = |path: PathBuf| {
            let report = verify(&path).unwrap();
            assert!(report.passed(), "{step:?}: {:?}", report.failures().next());
            report.content_digest.expect("its files have a digest").to_string()
        };
        match step {
            Step::Plan => open_plan(&self.dir()).unwrap().digest(),
            Step::Shards => {
                let plan = open_plan(&self.dir()).unwrap();
                let tables = |shard| match inspect_shard(&self.dir(), &plan.digest(), shard) {
                    ShardState::Done(record) => format!("{:?}", record.files),
                    state => panic!("{state:?}"),
                };
                plan.shards.iter().map(tables).collect()
            }
            Step::Reduce | Step::Run => {
                for folder in ["library", "shards", "inputs"] {
                    assert!(!self.path("run").join(folder).exists(), "{step:?}: {folder} is left");
                }
                pack(self.path("run/pack"))
            }
            Step::Audit => pack(self.path("audited")),
            Step::Sign => {
                // Interrupted after its end it signs again: how often is no matter.
                assert!(self.signatures() >= 2);
                String::new()
            }
            Step::Publish => {
                assert!(verify_registry(&self.path("registry"), None).unwrap().passed());
                let log = read_log(&self.path("registry")).unwrap();
                assert_eq!(log.len(), 1);
                log[0].entry.content_digest.to_string()
            }
        }
    }

    /// Signatures of the pack; each of them must be valid.
    #[track_caller]
    pub fn signatures(&self) -> usize {
        let pack = self.path("run/pack");
        let key = PublicKey::read(&self.path("key.pub")).unwrap();
        let report = verify(&pack).unwrap();
        let bundle = bundle_path(&pack).unwrap();
        let report = verify_signatures(&report, &bundle, &[key]).unwrap();
        let valid = report.signatures.iter().all(|s| s.state == SignatureState::Valid);
        assert!(valid, "{:?}", report.checks);
        report.signatures.len()
    }

    /// What was finished before a step is there still, at any time.
    #[track_caller]
    pub fn expect_nothing_lost(&self, step: Step) {
        self.expect_letters(if matches!(step, Step::Plan | Step::Run) { 1 } else { 2 });
        match step {
            Step::Plan | Step::Run => {}
            Step::Shards => drop(self.outcome(Step::Plan)),
            Step::Reduce => {
                let whole = self.path("run/pack").exists()
                    && verify(&self.path("run/pack")).unwrap().passed();
                if !whole {
                    self.outcome(Step::Shards);
                }
            }
            Step::Audit => assert!(verify(&self.path("few/pack")).unwrap().passed()),
            Step::Sign | Step::Publish => assert!(self.signatures() >= 1),
        }
    }

    /// The files of a user are as they were.
    #[track_caller]
    pub fn expect_letters(&self, expected: usize) {
        let letters = ["letter.txt", "run/letter.txt"].map(|name| self.path(name));
        let kept = |path: &&PathBuf| fs::read(path).is_ok_and(|text| text == b"a user's");
        assert_eq!(letters.iter().filter(kept).count(), expected, "a user's file");
    }

    /// Names of what is under construction.
    pub fn litter(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(self.root(), &mut |path| {
            if path.extension().is_some_and(|e| e == "partial" || e == "held") {
                found.push(path.to_owned());
            }
        });
        found
    }
}

pub fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    // What is at work elsewhere may take away what was listed.
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        visit(&path);
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            walk(&path, visit);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The places to try among `count`: all if asked for, else some, the first and
/// the last of them included.
pub fn places(count: usize, some: usize) -> Vec<usize> {
    let all = std::env::var_os("HETERO2_ALL_FAULTS").is_some();
    let some = if all { count } else { some.min(count) };
    let mut places: Vec<usize> = (0..some).map(|i| i * (count - 1) / (some - 1).max(1)).collect();
    places.dedup();
    places
}
