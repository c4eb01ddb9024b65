//! A child of a worker: carries out the program's commands, one after another,
//! as its standard input asks for, and says on standard output what came out.
//! It ends with whoever holds the other end.

use std::io::{BufRead as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use hetero2::service::worker::order::{
    ChildOrder, ChildSays, ChildStage, LONGEST_DOCUMENT, LONGEST_LINE,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::failure::Failure;
use super::{output, progress};

/// How often it is said how far a command is.
const TELLING: Duration = Duration::from_millis(500);
/// MiB that may be asked for beyond the limit: much of it is never touched, and the
/// worker looks at what is.
const ROOM_MIB: u64 = 4096;

/// Compute for a worker
#[derive(Debug, clap::Args)]
pub struct WorkerChildArguments {}

/// Carries out commands until standard input ends.
pub fn worker_child(_: &WorkerChildArguments) -> Result<ExitCode, Failure> {
    // What a crash leaves of memory would hold molecules.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!("a crash may leave a core file: {error}");
    }
    let (sender, orders) = mpsc::channel();
    std::thread::spawn(move || listen(&sender));
    std::thread::spawn(tell);
    for order in orders {
        limit(order.memory_mib);
        output::capture();
        let code = super::carry_out(&order.arguments);
        let document = output::captured();
        progress::forget();
        let document = if document.len() > LONGEST_DOCUMENT { String::new() } else { document };
        say(&ChildSays::Ended { code, document })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses memory far beyond the limit at once, without waiting for the worker's
/// next look.
fn limit(memory_mib: u64) {
    let bytes = memory_mib.saturating_add(ROOM_MIB).saturating_mul(1 << 20);
    let maximum = getrlimit(Resource::Data).maximum;
    let current = maximum.map_or(bytes, |maximum| bytes.min(maximum));
    if let Err(error) = setrlimit(Resource::Data, Rlimit { current: Some(current), maximum }) {
        tracing::warn!("memory is limited by the worker's looks alone: {error}");
    }
}

/// Passes on orders; ends the process with its worker, whatever it is at.
fn listen(sender: &mpsc::Sender<ChildOrder>) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let is_over = !read.is_ok_and(|count| count > 0);
        let order = serde_json::from_slice::<ChildOrder>(&line).ok();
        match order {
            Some(order) if !is_over => {
                if sender.send(order).is_err() {
                    return;
                }
            }
            _ => std::process::exit(if is_over { 0 } else { 2 }),
        }
    }
}

/// Says how far the command is whenever that has changed.
fn tell() {
    let mut before = None;
    loop {
        std::thread::sleep(TELLING);
        let Some((stage, done, total)) = progress::seen() else { continue };
        let stage = match stage {
            progress::Stage::Reading => ChildStage::Reading,
            progress::Stage::Computing => ChildStage::Computing,
            progress::Stage::Writing => ChildStage::Writing,
        };
        if before != Some((stage, done, total)) {
            before = Some((stage, done, total));
            if say(&ChildSays::Progress { stage, done, total }).is_err() {
                return;
            }
        }
    }
}

fn say(says: &ChildSays) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(says).map_err(Failure::other)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line).and_then(|()| stdout.flush()).map_err(Failure::other)
}
