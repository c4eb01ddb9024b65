//! Processes that are known by more than their pid, which is used again.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// When it began, in the kernel's ticks since the start of the machine.
    start: u64,
    /// Which start of the machine.
    boot: String,
    /// The machine's name.
    pub host: String,
}

/// Whether a process is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It is.
    Running,
    /// It was.
    Ended,
    /// Another machine has to be asked.
    Elsewhere,
}

impl Process {
    /// Reads `PID START BOOT HOST`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let pid = words.next()?.parse().ok().filter(|pid| *pid > 1)?;
        let start = words.next()?.parse().ok()?;
        Some(Self { pid, start, boot: words.next()?.to_owned(), host: words.next()?.to_owned() })
    }

    /// Whether it is there.
    pub fn life(&self) -> Life {
        if kernel("hostname").is_some_and(|host| host != self.host) {
            return Life::Elsewhere;
        }
        let same_boot = kernel("random/boot_id").is_some_and(|boot| boot == self.boot);
        match same_boot && start_of(self.pid) == Some(self.start) {
            true => Life::Running,
            false => Life::Ended,
        }
    }

    /// Sends TERM.
    pub fn terminate(&self) {
        if let Some(pid) = Pid::from_raw(self.pid)
            && self.life() == Life::Running
        {
            // It may have ended just now, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

fn kernel(name: &str) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().to_owned())
}

/// When a process began; `None` if it is not there or only waits for its
/// parent to hear of its end.
fn start_of(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, a name in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // Field 22 of all.
    fields.nth(18)?.parse().ok().filter(|_| !matches!(state, "Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_that_is_used_again_is_another_process() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let (boot, host) = (kernel("random/boot_id").unwrap(), kernel("hostname").unwrap());
        let start = start_of(pid).unwrap();
        let own = Process::parse(&format!("{pid} {start} {boot} {host}\n")).unwrap();
        assert_eq!(own.life(), Life::Running);
        assert_eq!(Process { start: start + 1, ..own.clone() }.life(), Life::Ended);
        assert_eq!(Process { boot: "earlier".into(), ..own.clone() }.life(), Life::Ended);
        assert_eq!(Process { host: "other".into(), ..own }.life(), Life::Elsewhere);
        for text in ["", "x 1 b h", "-1 1 b h", "0 1 b h", "1 1 b h", "7 1 b"] {
            assert_eq!(Process::parse(text), None, "{text}");
        }
    }
}
