//! Damages inputs and reads them: nothing may panic, abort or hang, whatever
//! the bytes. Errors are what a damaged input should give.
//!
//! ```text
//! cargo run --release -p hetero2-fuzz -- [TARGET…] [--seconds N] [--seed N]
//! cargo run --release -p hetero2-fuzz -- TARGET --replay FILE
//! ```
//!
//! An input is made from a number alone: the seed and the count of those before
//! it. One that brings the reader down lies in `target/fuzz/TARGET/` afterwards.
//! Each target runs in a process of its own, so that an abort is seen too.

mod mutate;
mod targets;

use std::error::Error;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::{TARGETS, Target};

/// An input that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tells a process that it is the one that runs the target.
const CHILD: &str = "HETERO2_FUZZ_CHILD";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Options {
    targets: Vec<&'static Target>,
    seconds: u64,
    seed: u64,
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options { targets: Vec::new(), seconds: 60, seed: 1, replay: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seconds" => options.seconds = value()?.parse()?,
            "--seed" => options.seed = value()?.parse()?,
            "--replay" => options.replay = Some(value()?.into()),
            name => {
                let target = TARGETS.iter().find(|target| target.name == name);
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                let unknown = || format!("no target {name:?}; there are {}", names.join(", "));
                options.targets.push(target.ok_or_else(unknown)?);
            }
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.iter().collect();
    }
    Ok(options)
}

/// Whether every target took everything.
fn run(options: &Options) -> Result<bool> {
    if let ([target], Some(file)) = (options.targets.as_slice(), &options.replay) {
        (target.read)(&fs::read(file)?, &folder(target)?.join("input"));
        println!("{} reads {} without a panic", target.name, file.display());
        return Ok(true);
    }
    if std::env::var_os(CHILD).is_some() {
        return options.targets.iter().try_fold(true, |good, target| {
            Ok(good & attack(target, options.seed, Duration::from_secs(options.seconds))?)
        });
    }
    let mut good = true;
    for target in &options.targets {
        let (seconds, seed) = (options.seconds.to_string(), options.seed.to_string());
        let status = Command::new(std::env::current_exe()?)
            .args([target.name, "--seconds", &seconds, "--seed", &seed])
            .env(CHILD, "1")
            .status()?;
        if !status.success() {
            let input = current(&folder(target)?);
            eprintln!("fuzz: {}: {status}; the input is {}", target.name, input.display());
            eprintln!("fuzz: again with: {} --replay {}", target.name, input.display());
            good = false;
        }
    }
    Ok(good)
}

/// Feeds a target for a time; `false` at the first panic or hang.
fn attack(target: &'static Target, seed: u64, time: Duration) -> Result<bool> {
    let folder = folder(target)?;
    let corpus = (target.corpus)()?;
    if corpus.is_empty() {
        return Err(format!("{} has no corpus", target.name).into());
    }
    // Panics inside the chemistry crate are caught where they happen and are
    // part of reading; what counts are those that come out of the reader.
    panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let done = std::sync::Arc::new(AtomicU64::new(0));
    watch(target.name, done.clone());
    let scratch = folder.join("input");
    loop {
        let count = done.load(Ordering::Relaxed);
        let input = match corpus.get(count as usize) {
            Some(whole) => whole.clone(),
            None => Mutator::new(seed, count).damaged(&corpus, target.words),
        };
        fs::write(current(&folder), &input)?;
        let read = || (target.read)(&input, &scratch);
        if let Err(panic) = panic::catch_unwind(panic::AssertUnwindSafe(read)) {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?");
            eprintln!("fuzz: {}: input {count} of seed {seed}: panic: {said}", target.name);
            return Ok(false);
        }
        done.fetch_add(1, Ordering::Relaxed);
        if start.elapsed() > time && count >= corpus.len() as u64 {
            break;
        }
    }
    let count = done.load(Ordering::Relaxed);
    println!("fuzz: {:<16} {count:>8} inputs, {} in the corpus", target.name, corpus.len());
    Ok(true)
}

/// Ends the process when an input takes longer than [`PATIENCE`].
fn watch(name: &'static str, done: std::sync::Arc<AtomicU64>) {
    thread::spawn(move || {
        loop {
            let before = done.load(Ordering::Relaxed);
            thread::sleep(PATIENCE);
            if done.load(Ordering::Relaxed) == before {
                eprintln!("fuzz: {name}: input {before} takes more than {PATIENCE:?}");
                std::process::exit(1);
            }
        }
    });
}

fn folder(target: &Target) -> Result<PathBuf> {
    let folder = root().join("target/fuzz").join(target.name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The input that is read now, or was when the process ended.
fn current(folder: &Path) -> PathBuf {
    folder.join("last")
}

/// The root of the workspace.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
