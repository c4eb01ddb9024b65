//! `decoys`: all decoys of a library, to score before there is a run.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::decoy::DecoySet;
use hetero2::pack::report::grouped;
use hetero2::run::{DecoyExport, DecoyFormat, ScoreMode, export_decoys};

use super::arguments::{GlobalArguments, ReadingArguments, SettingsArguments};
use super::failure::Failure;
use super::force::ForceArguments;
use super::granted::threads;
use super::library_files::LibraryArguments;
use super::output::{print_json, print_text};
use super::progress::watched;

/// Write all decoys of a library before any score exists
///
/// Takes the options of `run`, and writes the decoys that `run` makes with the same ones. A .csv
/// also has a row for each molecule (role original, its canonical SMILES in decoy_smiles): fill in
/// the column score, higher is better, and give the file to `run --scores`. A .parquet has the
/// decoys alone, in the layout of a pack's decoys.parquet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 decoys library.smi.gz --out decoys.csv
  hetero2 decoys tranches --out decoys.csv          a folder of files
  hetero2 decoys library.csv --out decoys.parquet --decoys 50 --hard-decoys 0.65..0.95
  hetero2 decoys library.csv --out decoys.csv && ./my-model decoys.csv > scores.csv \\
      && hetero2 run library.csv --scores scores.csv --out screen

Exit codes: 0 written; 2 wrong usage or input; 4 stopped; 1 the table cannot be written.")]
pub struct DecoysArguments {
    #[command(flatten)]
    library: LibraryArguments,
    /// The table to write, .csv or .parquet
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    force: ForceArguments,
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Rows left out that are shown to a person.
const SHOWN: usize = 10;

/// Runs `decoys`.
pub fn decoys(arguments: &DecoysArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let extension = arguments.out.extension().map(|e| e.to_ascii_lowercase());
    let format = match extension.as_ref().and_then(|e| e.to_str()) {
        Some("csv") => DecoyFormat::Csv,
        Some("parquet") => DecoyFormat::Parquet,
        _ => {
            let out = arguments.out.display();
            return Err(Failure::usage(anyhow::anyhow!(
                "--out {out} ends neither in .csv nor in .parquet: the ending says the format"
            )));
        }
    };
    arguments.force.check(&arguments.out)?;
    let export = DecoyExport {
        library: arguments.library.input()?,
        read_options: arguments.reading.options(),
        decoys_file: arguments.settings.decoy.file(),
        config: arguments.settings.config(ScoreMode::Mock, DecoySet::V2)?,
        out: arguments.out.clone(),
        format,
        occupied: arguments.force.occupied(),
        threads: threads(arguments.threads),
    };
    let result = watched(global, |progress| export_decoys(&export, progress));
    let (report, digest) =
        result.map_err(|error| Failure::from_run(error, "stopped; no table was written"))?;
    if global.json {
        print_json(&serde_json::json!({
            "rows": report.rows,
            "rows_with_decoys": report.rows_with_decoys,
            "decoys": report.decoys,
            "left_out": report.left_out,
            "left_out_rows": report.left_out_rows,
            "out": arguments.out,
            "bytes": digest.bytes,
            "sha256": digest.sha256,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} decoys of {} molecules, from {} rows",
        grouped(report.decoys),
        grouped(report.rows_with_decoys),
        grouped(report.rows)
    );
    if !report.left_out.is_empty() {
        let _ = writeln!(text, "left out, since a run does not audit them:");
        for (reason, count) in &report.left_out {
            let _ = writeln!(text, "  {:<8} {reason}", grouped(*count));
        }
        for row in report.left_out_rows.iter().take(SHOWN) {
            let _ = writeln!(text, "  row {} ({}): {}", row.row, row.id, row.reason);
        }
        let count: u64 = report.left_out.values().sum();
        if count > SHOWN as u64 {
            let _ = writeln!(text, "  … --json lists the first 1,000");
        }
    }
    let _ = writeln!(text, "decoys  {}", arguments.out.display());
    let _ = writeln!(text, "SHA-256 {}", digest.sha256);
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}
