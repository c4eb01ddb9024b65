//! What to do about an error, in the words of this program: its flags and
//! commands, which the errors of the library do not know.

use std::error::Error;

use hetero2::cluster::ClusterError;
use hetero2::library::LibraryError;
#[cfg(feature = "mpi")]
use hetero2::mpi::MpiError;
use hetero2::run::{ConfigError, MissingRole, RerunError, RunError};
use hetero2::scorer::ScorerError;
use hetero2::signature::SignatureError;
use hetero2::spectra::SpectraError;
use hetero2::suite::SuiteError;
use hetero2_scheduler::command::quoted;

/// What is added to the message of an error, with the mark that joins it; `None`
/// where the message says all there is.
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<RunError>() {
        return of_run(error);
    }
    if let Some(error) = error.downcast_ref::<RerunError>() {
        return of_rerun(error);
    }
    match error.downcast_ref::<SuiteError>() {
        Some(SuiteError::Run(error)) => return of_run(error),
        Some(SuiteError::Occupied { .. }) => {
            return Some(": give another --out, or remove it".into());
        }
        _ => {}
    }
    #[cfg(feature = "mpi")]
    match error.downcast_ref::<MpiError>() {
        Some(MpiError::Run(error)) => return of_run(error),
        Some(MpiError::WorldSize { .. }) => return Some(", or accept it with --any-size".into()),
        _ => {}
    }
    if let Some(error) = error.downcast_ref::<LibraryError>() {
        return of_library(error);
    }
    if let Some(ClusterError::Run(error)) = error.downcast_ref::<ClusterError>() {
        return of_run(error);
    }
    if let Some(SignatureError::OtherPack { .. }) = error.downcast_ref::<SignatureError>() {
        return Some(" with --signatures".into());
    }
    error.downcast_ref::<SpectraError>().and_then(of_spectra)
}

fn of_run(error: &RunError) -> Option<String> {
    let cure = match error {
        RunError::CostLift { .. } => {
            "; give other outcomes, or none (a run keeps its finished shards: add --resume)"
        }
        RunError::NotAPlan { .. } => ": give another --out, or remove the directory",
        RunError::NotARun { .. } | RunError::Occupied { .. } => ": give another --out",
        RunError::OtherRun { .. } => {
            ": give another --out, or the options and the library of that run"
        }
        RunError::Unfinished { .. } => ": add --resume to go on, or give another --out",
        RunError::InUse { .. } => ", or give another --out",
        RunError::DamagedRecords { .. } => {
            ": remove the run directory and run again, or give another --out"
        }
        RunError::TooManyScoreFiles { .. } => " and give it as --scores",
        RunError::DamagedPack { .. } => {
            ": `hetero2 verify` lists every check; take the original pack, or run again"
        }
        RunError::NoPlan { path } => {
            let dir = path.display();
            return Some(format!(": make one with `hetero2 plan LIBRARY --out {dir}`"));
        }
        RunError::Library(error) => return of_library(error),
        RunError::Scorer(error) => return of_scorer(error),
        RunError::NoScorer { command, .. } => {
            // Whoever writes a plan must not steer the terminal.
            let command = match command.contains(char::is_control) {
                true => String::new(),
                false => quoted(&[command]),
            };
            return Some(format!("; if you trust it, add --score-command {command}"));
        }
        RunError::NotScorable { what } if what.starts_with("an audit of the best") => {
            " with `hetero2 audit --pack DIR/pack --scores DIR/pack/scores.csv --audit-top N`"
        }
        RunError::ScoresDiffer { .. } => DIFFERS,
        RunError::NoScoreMatches { .. } => {
            " `decoys` and `run` must have the same --seed, --decoys, --decoy-set and --hard-decoys"
        }
        RunError::MissingParts { of, .. } => {
            return Some(format!(": plan each with --part I/{of}, with the same options"));
        }
        RunError::Cancelled => ": the same command goes on from there, `run` with --resume",
        RunError::Spectra(error) => return of_spectra(error),
        _ => return None,
    };
    Some(cure.to_owned())
}

/// What to do about scores that are not always the same.
const DIFFERS: &str = "; fix its seeds, score in evaluation mode, and print fewer digits than it is \
    exact to (GPUs round by the batch), or give its scores as a file";

fn of_scorer(error: &ScorerError) -> Option<String> {
    let cure = match error {
        ScorerError::Silent { .. } => {
            "\n  does it flush its output after each batch, and answer the empty line that ends one \
             (docs/scorers.md)? A program that reads all before it writes needs --score-each-batch; one \
             that takes longer, --score-timeout"
        }
        ScorerError::NoScore { .. } => {
            "\n  it gets a SMILES a line and writes a score a line; an empty line ends a batch and is \
             answered by one (docs/scorers.md); a program that reads all before it writes needs \
             --score-each-batch"
        }
        ScorerError::Differs { .. } => DIFFERS,
        ScorerError::TooManyFailures { .. } => {
            "\n  --score-failures N bears more; scores so far are kept, and the same command goes on \
             from there, `run` with --resume"
        }
        _ => return None,
    };
    Some(cure.to_owned())
}

fn of_library(error: &LibraryError) -> Option<String> {
    let cure = match error {
        LibraryError::SeveralColumns { .. } => "; name the one to read with --smiles-column",
        LibraryError::NoMolecule { .. } => {
            "; name the columns with --smiles-column and --id-column (the first line must hold \
             their names), or the format with --format"
        }
        LibraryError::NotText { .. } => "; if it is text nevertheless, say its --format",
        _ => return None,
    };
    Some(cure.to_owned())
}

fn of_rerun(error: &RerunError) -> Option<String> {
    let cure = match error {
        RerunError::Run(error) => return of_run(error),
        RerunError::MissingInput { role: MissingRole::Library, .. } => " as --input",
        RerunError::MissingInput { role: MissingRole::Scores, .. } => " as --scores",
        RerunError::MissingInput { role: MissingRole::Training, .. } => " as --train",
        RerunError::MissingInput { role: MissingRole::Decoys, .. } => {
            " as --decoys-from or --decoy-pool"
        }
        RerunError::MissingInput { role: MissingRole::RowScores, .. } => {
            " as a file beside the library"
        }
        RerunError::NoScores => ": leave out --scores",
        RerunError::NothingComputed { .. } => ": give another --out",
        _ => return None,
    };
    Some(cure.to_owned())
}

fn of_spectra(error: &SpectraError) -> Option<String> {
    let cure = "; `hetero2 devices` lists the adapters, `--backend cpu` needs none";
    matches!(error, SpectraError::Adapter(_)).then(|| cure.to_owned())
}

/// The message of an error about a setting, which begins with the setting's
/// name, with the flag that sets it instead; `None` for any other error.
pub fn with_flag(error: &(dyn Error + 'static)) -> Option<String> {
    let of_setting = |error: &ConfigError| {
        let flag = match error.setting {
            "timeout_per_row_s" => "timeout-per-row".to_owned(),
            setting => setting.replace('_', "-"),
        };
        format!("--{flag} is {}: it must be {}", error.value, error.allowed)
    };
    if let Some(RunError::Config(error)) = error.downcast_ref::<RunError>() {
        return Some(of_setting(error));
    }
    if let Some(error @ SuiteError::Rows { .. }) = error.downcast_ref::<SuiteError>() {
        return Some(format!("--{error}"));
    }
    error.downcast_ref::<ConfigError>().map(of_setting)
}

#[cfg(test)]
mod tests {
    use super::super::failure::Failure;
    use super::*;

    fn message(error: impl Into<anyhow::Error>) -> String {
        Failure::usage(error).message()
    }

    #[test]
    fn cures_name_flags_where_the_library_does_not() {
        let unfinished = RunError::Unfinished { path: "screen".into() };
        assert!(!unfinished.to_string().contains("--"));
        let told = "screen holds this run unfinished: add --resume to go on, or give another --out";
        assert_eq!(message(unfinished), told);
        // However the error arrives.
        assert_eq!(message(SuiteError::Run(RunError::Unfinished { path: "screen".into() })), told);
        let adapter = RunError::Spectra(SpectraError::Adapter("no GPU can be used".into()));
        assert_eq!(
            message(adapter),
            "no GPU can be used; `hetero2 devices` lists the adapters, `--backend cpu` needs none"
        );
    }

    #[test]
    fn a_setting_is_named_by_its_flag() {
        let error = ConfigError {
            setting: "timeout_per_row_s",
            value: "-1".into(),
            allowed: "more than 0",
        };
        assert_eq!(message(error), "--timeout-per-row is -1: it must be more than 0");
        let rows = SuiteError::Rows { suite: "ring", rows: 7, allowed: "multiples of 10" };
        assert_eq!(message(rows), "--rows is 7: the suite ring can have multiples of 10");
    }
}
