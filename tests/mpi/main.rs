//! A run by the ranks of an MPI job, under the `mpirun` that is found.
//!
//! Without the test harness: a part of it starts this very program as ranks.
//! Build and run with `cargo test --features mpi --test mpi`.

#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hetero2::mpi::{MpiOptions, compute_shards};
use hetero2::run::{Event, Observer, RunDir};
use support::{Done, Run, call, demo_library, hetero2, scratch, skip_loudly, verify, write};

/// Set for ranks that this test starts of itself: their run directory.
const RANK_OF: &str = "HETERO2_TEST_RANK_OF";

fn main() -> ExitCode {
    if let Some(run) = env::var_os(RANK_OF) {
        let done = compute_shards(&RunDir::new(run), &MpiOptions::default(), &Panicking);
        return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let required = env::var("HETERO2_REQUIRE_MPI").is_ok_and(|value| value == "1");
    // The program is linked to one MPI, whose mpirun alone can start it.
    let mpirun = env::var("HETERO2_MPIRUN").unwrap_or_else(|_| "mpirun".into());
    if Command::new(&mpirun).arg("--version").output().is_err() {
        assert!(!required, "{mpirun} has to be tested here and is not installed");
        skip_loudly("mpi", "no mpirun (HETERO2_REQUIRE_MPI=1 makes this a failure)");
        return ExitCode::SUCCESS;
    }
    let scratch = scratch();
    let case = Case::new(&mpirun, scratch.path());
    type Test = fn(&Case);
    let cases: [(&str, Test); 8] = [
        ("ranks change no result", Case::ranks),
        ("results are gathered", Case::gathered),
        ("given decoys are those of a single process", Case::given),
        ("a complete run is left alone", Case::complete),
        ("a failing shard ends the job with its reason", Case::failing),
        ("a killed rank loses nothing that is finished", Case::killed),
        ("a panicking rank ends the job", Case::panicking),
        ("a world of the wrong size is refused", Case::wrong_size),
    ];
    for (name, test) in cases {
        test(&case);
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// Panics on every rank but the first as soon as a shard asks whether to stop.
struct Panicking;

impl Observer for Panicking {
    fn event(&self, _event: Event) {}

    fn is_cancelled(&self) -> bool {
        let rank = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"]
            .iter()
            .find_map(|name| env::var(name).ok());
        assert_eq!(rank.as_deref(), Some("0"), "this rank panics");
        false
    }
}

struct Case {
    mpirun: String,
    folder: PathBuf,
    library: PathBuf,
    expected: String,
}

impl Case {
    fn new(mpirun: &str, folder: &Path) -> Self {
        let demo = fs::read_to_string(demo_library()).unwrap();
        let library = write(folder, "library.smi", demo.repeat(25));
        let expected = Run::of(&library, &folder.join("whole"), &["--decoys", "1"]).verify();
        Self { mpirun: mpirun.into(), folder: folder.into(), library, expected }
    }

    fn plan(&self, name: &str) -> PathBuf {
        let run = self.folder.join(name);
        let mut command = hetero2();
        command.arg("plan").arg(&self.library).arg("--out").arg(&run);
        call(command.args(["--decoys", "1", "--shards", "7"])).expect_code(0);
        run
    }

    fn mpirun(&self, ranks: u32) -> Command {
        let mut command = Command::new(&self.mpirun);
        // Containers and tests run as root and on few cores.
        for name in ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] {
            command.env(name, "1");
        }
        command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
        command.env_remove("SLURM_NTASKS").stdin(Stdio::null());
        command.args(["-n", &ranks.to_string()]);
        command
    }

    fn mpi(&self, ranks: u32, run: &Path, more: &[&str]) -> Command {
        let mut command = self.mpirun(ranks);
        command.arg(env!("CARGO_BIN_EXE_hetero2")).arg("mpi").arg(run);
        command.args(["--threads", "1", "--no-zip"]).args(more);
        command
    }

    fn finish(&self, run: &Path) {
        let done: Done = call(&mut self.mpi(2, run, &[])).expect_code(0);
        assert!(done.stdout.contains(&self.expected), "{}", done.stdout);
    }

    fn ranks(&self) {
        for ranks in [1, 2, 4, 8] {
            let run = self.plan(&format!("ranks-{ranks}"));
            call(&mut self.mpi(ranks, &run, &["--quiet"])).expect_code(0);
            assert_eq!(verify(&run.join("pack")), self.expected, "{ranks} ranks");
        }
    }

    fn gathered(&self) {
        let run = self.plan("gathered");
        // Scratch space of ranks is another place than the run.
        call(&mut self.mpi(3, &run, &["--gather"])).expect_code(0);
        assert_eq!(verify(&run.join("pack")), self.expected);
    }

    fn given(&self) {
        let table = self.folder.join("given.csv");
        let mut command = hetero2();
        command.args(["decoys", "--decoy-set", "v1", "--decoys", "3", "--out"]).arg(&table);
        call(command.arg(demo_library())).expect_code(0);
        let demo = fs::read_to_string(demo_library()).unwrap();
        let library = write(&self.folder, "nine_times.smi", demo.repeat(9));
        let options = ["--decoys-from", table.to_str().unwrap(), "--decoys", "2"];
        let alone = Run::of(&library, &self.folder.join("given-alone"), &options);
        let used = alone.document("manifest.json")["config"]["decoy_set"].clone();
        assert_eq!(used, "given");
        for (name, more) in [("given", &[][..]), ("given-gathered", &["--gather"])] {
            let run = self.folder.join(name);
            let mut command = hetero2();
            command.arg("plan").arg(&library).arg("--out").arg(&run).args(options);
            call(command.args(["--shards", "3"])).expect_code(0);
            // Ranks read what the plan keeps, not the table.
            let aside = self.folder.join("aside.csv");
            fs::rename(&table, &aside).unwrap();
            call(&mut self.mpi(3, &run, more)).expect_code(0);
            fs::rename(&aside, &table).unwrap();
            assert_eq!(verify(&run.join("pack")), alone.verify(), "{name}");
        }
    }

    fn complete(&self) {
        let run = self.folder.join("ranks-2");
        for more in [&[][..], &["--gather"]] {
            let done = call(&mut self.mpi(2, &run, more)).expect_code(0);
            assert!(done.stdout.contains(&self.expected), "{}", done.stdout);
        }
    }

    fn failing(&self) {
        let run = self.plan("failing");
        let records = run.join("library/00001.arrow");
        let whole = fs::read(&records).unwrap();
        fs::write(&records, "damaged").unwrap();
        let failed: Done = call(&mut self.mpi(3, &run, &[]));
        assert!(failed.code.is_some_and(|code| code != 0), "{failed:?}");
        assert!(failed.stderr.contains("is not as it was planned"), "{}", failed.stderr);
        assert!(!run.join("pack").exists());
        fs::write(&records, whole).unwrap();
        self.finish(&run);
    }

    fn killed(&self) {
        let run = self.plan("killed");
        let mut command = self.mpi(3, &run, &["--quiet"]);
        let mut job = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let clock = Instant::now();
        while finished(&run) == 0 {
            assert!(clock.elapsed() < Duration::from_secs(120), "no shard was ever finished");
            thread::sleep(Duration::from_millis(5));
        }
        let victim = youngest_rank(&run).expect("a rank");
        let killed = Command::new("kill").args(["-KILL", &victim]).status().unwrap();
        assert!(killed.success());
        assert!(!job.wait().unwrap().success(), "the job must not pass for whole");
        let kept = finished(&run);
        assert!((1..7).contains(&kept), "{kept} shards");
        assert!(!run.join("pack").exists());
        self.finish(&run);
    }

    fn panicking(&self) {
        let run = self.plan("panicking");
        let mut command = self.mpirun(2);
        command.arg(env::current_exe().unwrap()).env(RANK_OF, &run);
        // Without an abort the first rank would wait for ever.
        let clock = Instant::now();
        let done: Done = call(&mut command);
        assert!(done.code != Some(0), "{done:?}");
        assert!(done.stderr.contains("this rank panics"), "{}", done.stderr);
        assert!(clock.elapsed() < Duration::from_secs(120));
        self.finish(&run);
    }

    fn wrong_size(&self) {
        let run = self.plan("size");
        let mut command = self.mpi(2, &run, &[]);
        let refused: Done = call(command.env("SLURM_NTASKS", "4"));
        assert!(refused.code.is_some_and(|code| code != 0), "{refused:?}");
        assert!(refused.stderr.contains("2 ranks where SLURM started 4"), "{}", refused.stderr);
        let mut command = self.mpi(2, &run, &["--any-size"]);
        call(command.env("SLURM_NTASKS", "4")).expect_code(0);
        assert_eq!(verify(&run.join("pack")), self.expected);
    }
}

/// Finished shards of a run.
fn finished(run: &Path) -> usize {
    let Ok(entries) = fs::read_dir(run.join("shards")) else { return 0 };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.len() == 5).count()
}

/// Process id of the rank of this run that was started last.
fn youngest_rank(run: &Path) -> Option<String> {
    let command = format!("hetero2 mpi {}", run.display());
    let found = call(Command::new("pgrep").args(["-n", "-f", &command]));
    Some(found.stdout.trim().to_owned()).filter(|pid| !pid.is_empty())
}
