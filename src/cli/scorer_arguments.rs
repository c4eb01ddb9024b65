//! The options of a command that gives scores, and the typed request that they
//! stand for.

use std::path::PathBuf;
use std::time::Duration;

use hetero2::cluster::ShardScorer;
use hetero2::run::ScorerInput;
use hetero2::scorer::{Lifetime, MAX_BATCH, MAX_PROCESSES, ScoreCommand};

const HEADING: &str = "Scores by a command";

/// How molecules are scored by a command.
#[derive(Debug, Clone, clap::Args)]
pub struct ScorerArguments {
    /// Command that scores molecules, run by the shell: gets a SMILES a line, gives a score a line, an
    /// empty line for the empty one that ends a batch. Originals and decoys are scored, each once
    #[arg(long, help_heading = HEADING, value_name = "COMMAND", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub score_command: Option<String>,
    /// Molecules of a batch, 1 to 1000000
    #[arg(long, help_heading = HEADING, value_name = "N", default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BATCH)))]
    score_batch: u32,
    /// Seconds that a batch may take; a molecule that takes longer alone has no score
    #[arg(long, help_heading = HEADING, value_name = "S", default_value_t = 600.0, value_parser = seconds)]
    score_timeout: f64,
    /// Processes side by side; without it one for each GPU in CUDA_VISIBLE_DEVICES, which sees that one
    /// alone, else one
    #[arg(long, help_heading = HEADING, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PROCESSES)))]
    score_processes: Option<u32>,
    /// Start the command once a batch and end its input, instead of once for all batches: for programs
    /// that read everything before they write anything
    #[arg(long, help_heading = HEADING)]
    score_each_batch: bool,
    /// Molecules that each process scores twice, to see that a score does not change; 0 for none
    #[arg(long, help_heading = HEADING, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(0..=1024))]
    score_check: u32,
    /// Molecules that may crash the command or exceed their time before the work ends
    #[arg(long, help_heading = HEADING, value_name = "N", default_value_t = 100)]
    score_failures: u32,
}

/// The lock file of a command's environment.
#[derive(Debug, Clone, clap::Args)]
pub struct LockArguments {
    /// Lock file of the command's environment (uv.lock, conda-lock.yml, requirements.txt), whose SHA-256
    /// is noted in the provenance
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "score_command")]
    score_lock: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=31_536_000.0).contains(&seconds) => Ok(seconds),
        _ => Err("write seconds, 0.001 to 31536000 (a year)".to_owned()),
    }
}

impl ScorerArguments {
    /// The command, where one is given.
    pub fn command(&self) -> Option<ScoreCommand> {
        Some(ScoreCommand {
            lifetime: if self.score_each_batch { Lifetime::Batch } else { Lifetime::Task },
            batch: self.score_batch as usize,
            timeout: Duration::from_secs_f64(self.score_timeout),
            processes: self.score_processes.map(|processes| processes as usize),
            checked: self.score_check as usize,
            max_failures: self.score_failures,
            ..ScoreCommand::new(self.score_command.clone()?)
        })
    }

    /// The command with the options of `hetero2 shard` that stand for these.
    pub fn of_shards(&self) -> Option<ShardScorer> {
        let command = self.score_command.clone()?;
        let mut options = vec![
            format!("--score-command={command}"),
            format!("--score-batch={}", self.score_batch),
            format!("--score-timeout={}", self.score_timeout),
            format!("--score-check={}", self.score_check),
            format!("--score-failures={}", self.score_failures),
        ];
        options.extend(self.score_processes.map(|count| format!("--score-processes={count}")));
        options.extend(self.score_each_batch.then(|| "--score-each-batch".to_owned()));
        Some(ShardScorer { command, options })
    }

    /// The command with the lock file of its environment.
    pub fn input(&self, lock: &LockArguments) -> Option<ScorerInput> {
        Some(ScorerInput { command: self.command()?, lock: lock.score_lock.clone() })
    }
}
