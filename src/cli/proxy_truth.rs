//! `proxy-truth`: known outcomes by a rule, to try `cost-lift` with.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::proxy_truth::{TruthLibrary, proxy_truth as write};

use super::arguments::{GlobalArguments, ReadingArguments};
use super::failure::Failure;
use super::force::ForceArguments;
use super::output::{print_json, print_text};

/// Write outcomes that follow from a hash of each SMILES, to try cost-lift with
///
/// 5 in 100 molecules are hits, by the SHA-256 of the SMILES as it stands in the library. The rule
/// sees nothing else, so no score and no audit can be better than chance at it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 proxy-truth library.smi.gz --out truth.csv
  hetero2 proxy-truth --pack screen/pack --out truth.csv
  hetero2 cost-lift --pack screen/pack --truth truth.csv --budget 100

Exit codes: 0 written; 2 wrong usage or input; 1 the table cannot be written.")]
#[command(group = clap::ArgGroup::new("molecules").required(true).args(["library", "pack"]))]
pub struct ProxyTruthArguments {
    /// Library: SMILES, CSV, TSV, SDF or Parquet, plain or compressed; - for standard input
    library: Option<PathBuf>,
    /// Take the molecules of this pack, directory or zip
    #[arg(long, value_name = "PACK")]
    pack: Option<PathBuf>,
    /// The table to write, customer_truth.v1
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    force: ForceArguments,
    #[command(flatten)]
    reading: ReadingArguments,
}

/// Runs `proxy-truth`.
pub fn proxy_truth(
    arguments: &ProxyTruthArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    arguments.force.check(&arguments.out)?;
    let library = match (&arguments.library, &arguments.pack) {
        (Some(path), _) => {
            TruthLibrary::Library { path: path.clone(), options: arguments.reading.options() }
        }
        (None, Some(pack)) => TruthLibrary::Pack(pack.clone()),
        (None, None) => return Err(Failure::usage(anyhow::anyhow!("give LIBRARY or --pack"))),
    };
    let written = write(&library, &arguments.out, arguments.force.occupied())?;
    if global.json {
        print_json(&written)?;
        return Ok(ExitCode::SUCCESS);
    }
    let counts = &written.counts;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} molecules, {} of them hits", counts.molecules, counts.hits);
    if counts.without_smiles > 0 {
        let _ = writeln!(text, "{} rows without a SMILES have no truth", counts.without_smiles);
    }
    if counts.repeated > 0 {
        let _ = writeln!(text, "{} rows repeat an earlier id and SMILES", counts.repeated);
    }
    let _ = writeln!(text, "truth   {}", arguments.out.display());
    let _ = writeln!(text, "SHA-256 {}", written.truth.digest.sha256);
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}
