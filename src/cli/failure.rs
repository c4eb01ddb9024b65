//! Errors of the program: what is printed, and with which exit code it ends.

use std::io::ErrorKind;
use std::process::ExitCode;

use hetero2::files::FileError;
use hetero2::library::LibraryError;
use hetero2::outcomes::OutcomesError;
use hetero2::pack::PackError;
use hetero2::proxy_truth::ProxyTruthError;
use hetero2::registry::RegistryError;
use hetero2::run::RunError;
use hetero2::signature::SignatureError;
use hetero2::spectra::SpectraError;

use super::cure;

/// Wrong usage or input.
pub const USAGE: u8 = 2;
/// A pack or a shard fails verification.
pub const VERIFICATION: u8 = 3;
/// Work is missing or was stopped.
pub const MISSING: u8 = 4;

/// An error together with the exit code that it means.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// Wrong usage or input.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: USAGE, error: error.into() }
    }

    /// Anything that is neither usage, verification nor missing work.
    pub fn other(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 1, error: error.into() }
    }

    /// Work that is missing.
    pub fn missing(error: impl Into<anyhow::Error>) -> Self {
        Self { code: MISSING, error: error.into() }
    }

    /// Work that was stopped on request.
    pub fn stopped(message: &'static str) -> Self {
        Self { code: MISSING, error: anyhow::Error::msg(message) }
    }

    /// A failure with an exit code that is known already.
    pub fn coded(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }

    /// The exit code.
    #[cfg(all(feature = "service", unix))]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// A pack that cannot be read.
    pub fn from_pack(error: PackError) -> Self {
        Self { code: pack_code(&error), error: error.into() }
    }

    /// A run that ended early; `stopped` says what a stop on request left.
    pub fn from_run(error: RunError, stopped: &'static str) -> Self {
        match error {
            RunError::Cancelled => Self::stopped(stopped),
            error => error.into(),
        }
    }

    /// The same failure with what to do about it.
    pub fn with_cure(self, cure: &str) -> Self {
        let message = format!("{}; {cure}", self.message());
        Self { code: self.code, error: anyhow::Error::msg(message) }
    }

    /// The error with the chain of its causes and what to do about it, on one line.
    pub fn message(&self) -> String {
        let mut message =
            cure::with_flag(self.error.as_ref()).unwrap_or_else(|| self.error.to_string());
        for cause in self.error.chain().skip(1) {
            let cause = cause.to_string();
            if !message.contains(&cause) {
                message.push_str(": ");
                message.push_str(&cause);
            }
        }
        message.extend(self.error.chain().find_map(cure::of));
        message
    }

    /// Prints the error on one line.
    pub fn report(&self, is_json: bool) -> ExitCode {
        let message = self.message();
        if is_json {
            print_error_document(&message, self.code);
        }
        let style = anstyle_error();
        anstream::eprintln!("{style}error{style:#}: {message}");
        ExitCode::from(self.code)
    }
}

/// What `--json` prints of a failure on standard output.
pub fn print_error_document(message: &str, exit_code: u8) {
    let document = serde_json::json!({ "error": message, "exit_code": exit_code });
    let _ = super::output::print_json(&document);
}

fn anstyle_error() -> clap::builder::styling::Style {
    clap::builder::styling::AnsiColor::Red.on_default().bold()
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let code = match &error {
            RunError::Library(LibraryError::ShardDamaged { .. }) => VERIFICATION,
            // The run directory fails, not the library: a full disk, for one.
            RunError::Library(
                LibraryError::ShardIo { .. }
                | LibraryError::Thread { .. }
                | LibraryError::Pack { .. },
            ) => 1,
            RunError::Library(LibraryError::File(error)) => file_code(error),
            RunError::NoPack { source, .. } => pack_code(source),
            RunError::Config(_)
            | RunError::NoLibrary
            | RunError::TooManyParts { .. }
            | RunError::Library(_)
            | RunError::Scores { .. }
            | RunError::Scorer(_)
            | RunError::NoScorer { .. }
            | RunError::OtherScorer { .. }
            | RunError::NotScorable { .. }
            | RunError::ScoreLock { .. }
            | RunError::ScoresDiffer { .. }
            | RunError::ScoreMissing { .. }
            | RunError::SameId { .. }
            | RunError::Truth { .. }
            | RunError::CostLift { .. }
            | RunError::Training { .. }
            | RunError::Decoys { .. }
            | RunError::NoScoreMatches { .. }
            | RunError::WrongDigest { .. }
            | RunError::NotAPlan { .. }
            | RunError::NotARun { .. }
            | RunError::OtherRun { .. }
            | RunError::Unfinished { .. }
            | RunError::InUse { .. }
            | RunError::NotRescorable { .. }
            | RunError::Occupied { .. }
            | RunError::NoShard { .. }
            | RunError::NoPlan { .. }
            | RunError::OtherVersion { .. }
            | RunError::TooManyScoreFiles { .. } => USAGE,
            RunError::Spectra(SpectraError::Adapter(_)) => USAGE,
            RunError::DamagedPack { .. } | RunError::DamagedRecords { .. } => VERIFICATION,
            RunError::Cancelled | RunError::Incomplete { .. } | RunError::MissingParts { .. } => {
                MISSING
            }
            _ => 1,
        };
        Self { code, error: error.into() }
    }
}

impl From<OutcomesError> for Failure {
    fn from(error: OutcomesError) -> Self {
        let code = match &error {
            OutcomesError::Changed { .. } => VERIFICATION,
            OutcomesError::Pack(error) => pack_code(error),
            OutcomesError::Read { source, .. } => system_code(source),
            OutcomesError::Write { .. } => 1,
            _ => USAGE,
        };
        Self { code, error: error.into() }
    }
}

impl From<ProxyTruthError> for Failure {
    fn from(error: ProxyTruthError) -> Self {
        match error {
            ProxyTruthError::Write { .. } => Self::other(error),
            _ => Self::usage(error),
        }
    }
}

impl From<SignatureError> for Failure {
    fn from(error: SignatureError) -> Self {
        let code = match &error {
            SignatureError::DamagedPack { .. }
            | SignatureError::Bundle { .. }
            | SignatureError::OtherPack { .. } => VERIFICATION,
            SignatureError::File(error) => file_code(error),
            SignatureError::Pack(error) => pack_code(error),
            SignatureError::KeyExists { .. }
            | SignatureError::NotAKey { .. }
            | SignatureError::Field { .. } => USAGE,
            _ => 1,
        };
        Self { code, error: error.into() }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let code = match error {
            RegistryError::Utility(error) => return error.into(),
            RegistryError::Signature(error) => return error.into(),
            RegistryError::DamagedPack { .. } | RegistryError::Damaged { .. } => VERIFICATION,
            RegistryError::Pack(ref error) => pack_code(error),
            RegistryError::NoRegistry { .. }
            | RegistryError::UnknownParent { .. }
            | RegistryError::OtherParents { .. } => USAGE,
            _ => 1,
        };
        Self { code, error: error.into() }
    }
}

/// What an error of a pack means. A zip that was cut is a pack that fails
/// verification; a disk that fails says nothing of the pack.
fn pack_code(error: &PackError) -> u8 {
    match error {
        PackError::Zip { .. } | PackError::Container { .. } if error.refusal().is_none() => {
            VERIFICATION
        }
        _ => error.refusal().map_or(USAGE, system_code),
    }
}

/// What an error of a file means.
fn file_code(error: &FileError) -> u8 {
    match error.action {
        "read" | "open" => system_code(&error.source),
        _ => 1,
    }
}

/// What the system's refusal to read means: a wrong path is a matter of what
/// was typed, a disk that fails is not.
fn system_code(error: &std::io::Error) -> u8 {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidData => USAGE,
        _ => 1,
    }
}

// Numbers of the system's errors are those of Unix.
#[cfg(all(test, unix))]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    fn file(action: &'static str, source: io::Error) -> FileError {
        FileError { action, path: PathBuf::from("x"), source }
    }

    /// What the system says of a disk that fails.
    fn failing_disk() -> io::Error {
        const EIO: i32 = 5;
        io::Error::from_raw_os_error(EIO)
    }

    #[test]
    fn a_disk_that_fails_is_neither_usage_nor_a_finding() {
        let planning = RunError::Library(LibraryError::File(file("flush", failing_disk())));
        assert_eq!(Failure::from(planning).code, 1);
        let reading = || PackError::File(file("read", failing_disk()));
        assert!(reading().refusal().is_some());
        assert_eq!(Failure::from_pack(reading()).code, 1);
        assert_eq!(Failure::from(RegistryError::Pack(reading())).code, 1);
        assert_eq!(Failure::from(SignatureError::Pack(reading())).code, 1);
        assert_eq!(Failure::from(OutcomesError::Pack(reading())).code, 1);
        let missing = PackError::File(file("open", io::ErrorKind::NotFound.into()));
        assert!(missing.refusal().is_none());
        assert_eq!(Failure::from_pack(missing).code, USAGE);
    }
}
