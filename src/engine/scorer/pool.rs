//! Which process scores which molecules? Each molecule once, in batches, on all
//! processes; a batch that fails is asked again in parts.

use std::collections::{HashMap, HashSet};
use std::env;
use std::slice::Chunks;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hetero2_contract::DecoyHash;

use super::answer::{self, Unscored};
use super::process::{Process, Start, Trouble};
use super::{LastWords, Lifetime, MAX_PROCESSES, ScoreCommand, ScorerError};

/// Molecules that are tried alone before a command is given up that has scored none.
const TRIED: usize = 3;
/// Failures without a score between them that are borne, whatever else is.
const MAX_IN_A_ROW: u32 = 64;
/// When it is said that nothing has come yet.
const NOTICE: Duration = Duration::from_secs(20);
/// A part of a batch gets a fair share of its time, but no less than this one.
const LEAST_SHARE: u32 = 4;
/// Variable that lists the GPUs of a process.
const GPUS: &str = "CUDA_VISIBLE_DEVICES";

/// A molecule to score.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// SHA-256 of its canonical SMILES.
    pub hash: DecoyHash,
    /// Its canonical SMILES.
    pub smiles: &'a str,
}

/// Scores molecules with a command, each once, and keeps what came of each.
pub struct Scorer {
    command: ScoreCommand,
    stride: usize,
    state: Mutex<State>,
    failures: AtomicU32,
    in_a_row: AtomicU32,
}

type Scored = Result<f64, Unscored>;

struct State {
    scores: HashMap<DecoyHash, f64>,
    unscored: HashMap<DecoyHash, Unscored>,
    slots: Vec<Slot>,
    /// Whether it has answered a molecule as it should.
    is_proven: bool,
    /// Molecules that every process scores again.
    check: Vec<(String, f64)>,
}

/// A place for a process.
struct Slot {
    environment: Vec<(String, String)>,
    process: Option<Process>,
    is_checked: bool,
}

impl Scorer {
    /// A scorer that starts the command when the first molecule is to be scored.
    #[must_use]
    pub fn new(command: ScoreCommand) -> Self {
        let slots = slots(command.processes);
        let stride = slots.len().saturating_mul(command.batch.max(1));
        let state = State {
            scores: HashMap::new(),
            unscored: HashMap::new(),
            slots,
            is_proven: false,
            check: Vec::new(),
        };
        Self {
            command,
            stride,
            state: Mutex::new(state),
            failures: AtomicU32::new(0),
            in_a_row: AtomicU32::new(0),
        }
    }

    /// Its command.
    #[must_use]
    pub fn command(&self) -> &ScoreCommand {
        &self.command
    }

    /// Molecules that keep all processes busy for one batch.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Remembers a score that was given before.
    pub fn remember(&self, hash: DecoyHash, score: f64) {
        self.lock().scores.insert(hash, score);
    }

    /// What comes of each of these molecules, in their order. One that was scored
    /// before is not scored again.
    ///
    /// # Errors
    /// [`ScorerError`] where the command cannot be used at all. Scores so far are
    /// remembered.
    pub fn score(
        &self,
        wanted: &[Wanted<'_>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Scored>, ScorerError> {
        let mut state = self.lock();
        let mut seen = HashSet::new();
        let is_new = |wanted: &&Wanted<'_>| {
            !state.scores.contains_key(&wanted.hash)
                && !state.unscored.contains_key(&wanted.hash)
                && seen.insert(wanted.hash)
        };
        let fresh: Vec<Wanted<'_>> = wanted.iter().filter(is_new).copied().collect();
        if !fresh.is_empty() {
            self.score_fresh(&mut state, &fresh, is_cancelled)?;
        }
        let found = |wanted: &Wanted<'_>| match state.scores.get(&wanted.hash) {
            Some(score) => Ok(*score),
            None => {
                let why = state.unscored.get(&wanted.hash).cloned();
                Err(why.unwrap_or(Unscored::WrongLines(0)))
            }
        };
        Ok(wanted.iter().map(found).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn score_fresh(
        &self,
        state: &mut State,
        fresh: &[Wanted<'_>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ScorerError> {
        let mut fresh = fresh;
        if !state.is_proven {
            let tried = self.prove(state, fresh, is_cancelled)?;
            fresh = &fresh[tried..];
        }
        if state.check.is_empty() && self.command.checked > 0 && !fresh.is_empty() {
            let (first, rest) = fresh.split_at(fresh.len().min(self.command.checked));
            fresh = rest;
            let smiles: Vec<&str> = first.iter().map(|wanted| wanted.smiles).collect();
            let found =
                self.scored(&mut state.slots[0], &smiles, self.command.timeout, is_cancelled)?;
            let of = |(smiles, score): (&&str, &Scored)| {
                Some(((*smiles).to_owned(), score.clone().ok()?))
            };
            state.check = smiles.iter().zip(&found).filter_map(of).collect();
            state.take(first, found);
        }
        if fresh.is_empty() {
            let State { slots, check, .. } = state;
            return match slots[0].is_checked || check.is_empty() {
                true => Ok(()),
                false => self.with_check(&mut slots[0], &[], check, is_cancelled).map(drop),
            };
        }
        let share = fresh.len().div_ceil(state.slots.len());
        let batches = Mutex::new(fresh.chunks(self.command.batch.clamp(1, share.max(1))));
        let failed = AtomicBool::new(false);
        let stop = || is_cancelled() || failed.load(Ordering::Relaxed);
        let check = &state.check;
        let work = |slot: &mut Slot| {
            let (done, error) = self.work(slot, &batches, check, &stop);
            failed.fetch_or(error.is_some(), Ordering::Relaxed);
            (done, error)
        };
        let work = &work;
        let done = thread::scope(|scope| {
            let running: Vec<_> =
                state.slots.iter_mut().map(|slot| scope.spawn(move || work(slot))).collect();
            // A panic of a thread is one of this one.
            let panicked = |panic| std::panic::resume_unwind(panic);
            let ended = running.into_iter().map(|thread| thread.join().unwrap_or_else(panicked));
            ended.collect::<Vec<_>>()
        });
        let mut worst = None;
        for (part, error) in done {
            part.into_iter().for_each(|(batch, found)| state.take(batch, found));
            worst = match (worst, error) {
                // It may have been stopped because of another.
                (None | Some(ScorerError::Cancelled), Some(error)) => Some(error),
                (worst, _) => worst,
            };
        }
        worst.map_or(Ok(()), Err)
    }

    /// Scores batches until there are none; what came of them, and what ended it.
    #[expect(clippy::type_complexity, reason = "a batch and its scores")]
    fn work<'a, 'w>(
        &self,
        slot: &mut Slot,
        batches: &Mutex<Chunks<'a, Wanted<'w>>>,
        check: &[(String, f64)],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> (Vec<(&'a [Wanted<'w>], Vec<Scored>)>, Option<ScorerError>) {
        let mut done = Vec::new();
        loop {
            let next = batches.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(batch) = next else { return (done, None) };
            let smiles: Vec<&str> = batch.iter().map(|wanted| wanted.smiles).collect();
            let found = match slot.is_checked || check.is_empty() {
                true => self.scored(slot, &smiles, self.command.timeout, stop),
                false => self.with_check(slot, &smiles, check, stop),
            };
            match found {
                Ok(found) => done.push((batch, found)),
                Err(error) => return (done, Some(error)),
            }
        }
    }

    /// Sees that the command answers one molecule as it should; how many molecules
    /// that took.
    fn prove(
        &self,
        state: &mut State,
        fresh: &[Wanted<'_>],
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<usize, ScorerError> {
        let limit = self.command.timeout;
        let mut last = None;
        for (tried, wanted) in fresh.iter().take(TRIED).enumerate() {
            let molecule = wanted.smiles.to_owned();
            let begun = Instant::now();
            let noticed = AtomicBool::new(false);
            let look = || {
                if begun.elapsed() > NOTICE && !noticed.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "the score command has not answered its first molecule for {} s: if it is not \
                         loading a model, does it flush its output after each batch?",
                        NOTICE.as_secs()
                    );
                }
                is_cancelled()
            };
            let asked = self.attempt(&mut state.slots[0], &[wanted.smiles], limit, &look)?;
            let (problem, said, why) = match asked {
                Ok(lines) => match lines.first().map_or(&b""[..], |line| line) {
                    line if is_answer(line) => {
                        state.is_proven = true;
                        state.take(&[*wanted], vec![answer::score(line)]);
                        return Ok(tried + 1);
                    }
                    line => {
                        let why = answer::score(line).err().unwrap_or(Unscored::WrongLines(0));
                        (why.to_string(), LastWords::default(), why)
                    }
                },
                Err((Trouble::Cancelled, _)) => return Err(ScorerError::Cancelled),
                Err((Trouble::TimedOut { lines: 0 }, said)) => {
                    return Err(ScorerError::Silent {
                        molecule,
                        seconds: limit.as_secs_f64(),
                        said,
                    });
                }
                Err((trouble, said)) => {
                    let problem = told(&trouble, limit);
                    if matches!(trouble, Trouble::NoEnd | Trouble::Lines { lines: 2.., .. }) {
                        return Err(ScorerError::NoScore { molecule, problem, said });
                    }
                    let why = unscored(&trouble, limit);
                    if matches!(trouble, Trouble::Ended { .. }) {
                        state.take(&[*wanted], vec![Err(why)]);
                        last = Some(ScorerError::Crashed { molecule, problem, said });
                        continue;
                    }
                    (problem, said, why)
                }
            };
            state.take(&[*wanted], vec![Err(why)]);
            last = Some(ScorerError::NoScore { molecule, problem, said });
        }
        Err(last.unwrap_or(ScorerError::Cancelled))
    }

    /// Scores a batch and, among it, molecules that were scored before.
    fn with_check(
        &self,
        slot: &mut Slot,
        batch: &[&str],
        check: &[(String, f64)],
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Scored>, ScorerError> {
        let again = check.iter().rev();
        let all: Vec<&str> =
            again.clone().map(|(smiles, _)| smiles.as_str()).chain(batch.iter().copied()).collect();
        let mut found = self.scored(slot, &all, self.command.timeout, is_cancelled)?;
        let rest = found.split_off(check.len());
        for ((smiles, first), second) in again.zip(found) {
            if second.as_ref() != Ok(first) {
                let second =
                    second.map_or_else(|why| format!("none ({why})"), |score| format!("{score:?}"));
                let (molecule, first) = (smiles.clone(), format!("{first:?}"));
                return Err(ScorerError::Differs { molecule, first, second });
            }
        }
        slot.is_checked = true;
        Ok(rest)
    }

    /// Scores molecules; asks in parts where it fails, until those at fault are alone.
    fn scored(
        &self,
        slot: &mut Slot,
        molecules: &[&str],
        limit: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Scored>, ScorerError> {
        if molecules.is_empty() {
            return Ok(Vec::new());
        }
        let (trouble, said) = match self.attempt(slot, molecules, limit, is_cancelled)? {
            Ok(lines) => {
                self.in_a_row.store(0, Ordering::Relaxed);
                return Ok(lines.iter().map(|line| answer::score(line)).collect());
            }
            Err((Trouble::Cancelled, _)) => return Err(ScorerError::Cancelled),
            Err(trouble) => trouble,
        };
        let problem = told(&trouble, limit);
        let row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let failures = match molecules.len() {
            1 => self.failures.fetch_add(1, Ordering::Relaxed) + 1,
            _ => self.failures.load(Ordering::Relaxed),
        };
        let first = molecules.first().copied().unwrap_or_default().to_owned();
        if failures > self.command.max_failures || row > MAX_IN_A_ROW {
            let failures = failures.max(row);
            return Err(ScorerError::TooManyFailures { failures, molecule: first, problem, said });
        }
        if let [molecule] = molecules {
            tracing::warn!("{molecule} has no score: {problem}");
            return Ok(vec![Err(unscored(&trouble, limit))]);
        }
        tracing::info!(
            "{} molecules from {first} on are scored again in parts: {problem}",
            molecules.len()
        );
        let least = self.command.timeout / LEAST_SHARE;
        let limit = (limit / 2).max(least);
        let mut found = Vec::with_capacity(molecules.len());
        for part in parts(molecules, &trouble) {
            found.extend(self.scored(slot, part, limit, is_cancelled)?);
        }
        Ok(found)
    }

    /// Asks the process of a slot once, starting it where there is none.
    #[expect(clippy::type_complexity, reason = "trouble and what was said last")]
    fn attempt(
        &self,
        slot: &mut Slot,
        molecules: &[&str],
        limit: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Result<Vec<Vec<u8>>, (Trouble, LastWords)>, ScorerError> {
        if is_cancelled() {
            return Err(ScorerError::Cancelled);
        }
        if let Some(mut process) = slot.process.take() {
            match process.ask(molecules, limit, is_cancelled) {
                Ok(lines) => {
                    slot.process = Some(process);
                    return Ok(Ok(lines));
                }
                // It ended after the batch before, which is no fault of this one's.
                Err(Trouble::Ended { lines: 0, .. } | Trouble::Unasked) => drop(process.kill()),
                Err(trouble) => return Ok(Err((trouble, process.kill()))),
            }
        }
        let (command, lifetime) = (&self.command.command, self.command.lifetime);
        let start = Start { command, lifetime, environment: &slot.environment };
        let started = Process::start(&start);
        let mut process =
            started.map_err(|source| ScorerError::Start { command: command.clone(), source })?;
        Ok(match process.ask(molecules, limit, is_cancelled) {
            Ok(lines) => {
                slot.process = (lifetime == Lifetime::Task).then_some(process);
                Ok(lines)
            }
            Err(trouble) => Err((trouble, process.kill())),
        })
    }
}

impl State {
    fn take(&mut self, wanted: &[Wanted<'_>], found: Vec<Scored>) {
        for (wanted, found) in wanted.iter().zip(found) {
            match found {
                Ok(score) => drop(self.scores.insert(wanted.hash, score)),
                Err(why) => drop(self.unscored.insert(wanted.hash, why)),
            }
        }
    }
}

/// Whether the first line of all is a number, or what programs write where they have
/// none; not a greeting.
fn is_answer(line: &[u8]) -> bool {
    const NONE: [&str; 8] = ["", "na", "n/a", "nan", "none", "null", "inf", "-inf"];
    match answer::score(line) {
        Ok(_) => true,
        Err(Unscored::NotANumber(text)) => NONE.contains(&text.to_ascii_lowercase().as_str()),
        Err(_) => false,
    }
}

/// The parts in which a batch is asked again.
fn parts<'a, 'm>(molecules: &'a [&'m str], trouble: &Trouble) -> Vec<&'a [&'m str]> {
    match trouble {
        // What answers line by line fails at the molecule after its last line.
        Trouble::Ended { lines, .. }
        | Trouble::TimedOut { lines }
        | Trouble::LongLine { lines }
            if (1..molecules.len()).contains(lines) =>
        {
            let (before, rest) = molecules.split_at(*lines);
            let (suspect, after) = rest.split_at(1);
            vec![before, suspect, after]
        }
        _ => {
            let (one, other) = molecules.split_at(molecules.len() / 2);
            vec![one, other]
        }
    }
}

fn told(trouble: &Trouble, limit: Duration) -> String {
    match trouble {
        Trouble::Ended { how, .. } => format!("it ended ({how})"),
        Trouble::TimedOut { .. } => format!("it gave no answer for {} s", limit.as_secs_f64()),
        Trouble::NoEnd => {
            "it gave the scores, but no empty line for the empty line that ends a batch".into()
        }
        Trouble::Lines { lines: 0, .. } => "it answered no line".into(),
        Trouble::Lines { lines, first } => format!(
            "it answered {lines} lines or more, the first of which is {first:?}, where one a molecule is \
             expected and an empty one for the empty line that ends a batch"
        ),
        Trouble::LongLine { .. } => Unscored::LongLine.to_string(),
        Trouble::Unasked => "it wrote lines after the end of an answer".into(),
        Trouble::Cancelled => "it was stopped".into(),
    }
}

/// What trouble with a molecule alone says of it.
fn unscored(trouble: &Trouble, limit: Duration) -> Unscored {
    match trouble {
        Trouble::Ended { how, .. } => Unscored::Crashed(how.clone()),
        Trouble::TimedOut { .. } | Trouble::NoEnd | Trouble::Cancelled => {
            Unscored::TimedOut(limit.as_secs_f64())
        }
        Trouble::Lines { lines, .. } => Unscored::WrongLines(*lines),
        Trouble::LongLine { .. } => Unscored::LongLine,
        Trouble::Unasked => Unscored::WrongLines(2),
    }
}

/// Places for so many processes, each with its share of the GPUs.
fn slots(processes: Option<usize>) -> Vec<Slot> {
    let listed = env::var(GPUS).unwrap_or_default();
    let gpus: Vec<&str> = listed.split(',').map(str::trim).filter(|gpu| !gpu.is_empty()).collect();
    let count = processes.unwrap_or(gpus.len()).clamp(1, MAX_PROCESSES as usize);
    let slot = |index: usize| {
        let mut environment = vec![("HETERO2_SCORER".to_owned(), index.to_string())];
        if gpus.len() > 1 && count > 1 {
            environment.push((GPUS.to_owned(), gpus[index % gpus.len()].to_owned()));
        }
        // Python keeps lines back where its output is no terminal.
        if env::var_os("PYTHONUNBUFFERED").is_none() {
            environment.push(("PYTHONUNBUFFERED".to_owned(), "1".to_owned()));
        }
        Slot { environment, process: None, is_checked: false }
    };
    (0..count).map(slot).collect()
}
