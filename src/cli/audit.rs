//! `audit`: new scores against a pack that is there.

use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::run::{MAX_AUDIT_TOP, NewScores, RescoreRequest, RunError, rescore};

use super::arguments::{GlobalArguments, OutputArguments, TruthArguments};
use super::failure::Failure;
use super::granted::threads;
use super::progress::watched;
use super::run::print_report;
use super::scorer_arguments::{LockArguments, ScorerArguments};

/// Audit new scores against the decoys and spectra of a pack
///
/// Computes no chemistry and no spectra: the pack is verified, its decoys are scored, and a whole
/// new pack is written. It has the content digest of `run` with the same library, the same options
/// and those scores. The old pack is only read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 audit --pack screen/pack --scores model-2.csv --out screen-model-2
  hetero2 audit --pack screen/pack --score-command 'python score.py' --out screen-model-3
  hetero2 audit --pack evidence_pack.zip --scores scores.json --scores-sha256 HEX --out again

Exit codes: 0 done; 2 wrong usage or input; 3 the pack fails verification; 4 stopped; 1 failed.")]
pub struct AuditArguments {
    /// Directory or zip of a pack that this version made, with whatever scores
    #[arg(long, value_name = "PACK")]
    pack: PathBuf,
    /// Scores of the model under audit (hetero_scores.v1 as JSON, CSV or Parquet)
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "score_command",
        conflicts_with = "score_command"
    )]
    scores: Option<PathBuf>,
    /// SHA-256 that the scores file must have
    #[arg(long, value_name = "HEX", requires = "scores")]
    scores_sha256: Option<String>,
    #[command(flatten)]
    scorer: ScorerArguments,
    #[command(flatten)]
    score_lock: LockArguments,
    #[command(flatten)]
    truth: TruthArguments,
    /// Audit only the N best originals by these scores, of equal scores the earlier rows: what a budget
    /// would buy. The others are skipped as below_audit_top
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_AUDIT_TOP)))]
    audit_top: Option<u32>,
    /// Directory of the new pack; it must not exist, or be empty
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    output: OutputArguments,
}

/// Runs `audit`.
pub fn audit(arguments: &AuditArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let scores = match arguments.scorer.input(&arguments.score_lock) {
        Some(scorer) => NewScores::Command(scorer),
        // The parser asks for one of the two.
        None => NewScores::File(arguments.scores.clone().unwrap_or_default()),
    };
    let request = RescoreRequest {
        pack: arguments.pack.clone(),
        scores,
        scores_sha256: arguments.scores_sha256.clone(),
        truth: arguments.truth.input(),
        training: arguments.truth.train.clone(),
        audit_top: arguments.audit_top,
        out: arguments.out.clone(),
        zip: arguments.output.output().zip,
        threads: threads(arguments.threads),
    };
    let result = watched(global, |progress| rescore(&request, progress));
    let report = result.map_err(|error| match error {
        RunError::Io { ref path, .. } if Some(path) == arguments.scores.as_ref() => {
            Failure::usage(error)
        }
        error => Failure::from_run(error, "stopped; no pack was written"),
    })?;
    print_report(&report, global)?;
    Ok(ExitCode::SUCCESS)
}
