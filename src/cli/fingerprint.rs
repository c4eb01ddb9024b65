//! `fingerprint`: the spectral fingerprints of a library.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::pack::report::grouped;
use hetero2::run::{Connectivity, FingerprintExport, export_fingerprints};

use super::arguments::{GlobalArguments, ReadingArguments};
use super::failure::Failure;
use super::force::ForceArguments;
use super::granted::threads;
use super::library_files::LibraryArguments;
use super::output::{print_json, print_text};
use super::progress::watched;

/// Write the spectral fingerprints of a library
///
/// A fingerprint (hetero_spectral_fp.v1) is 512 small integers: densities of states of H and WH on
/// fixed grids, projected on eight classes of atoms. It depends on its molecule alone and has the
/// same bytes on every machine. docs/contracts/fingerprint.md says what each number is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 fingerprint library.smi.gz --out fingerprints.parquet
  hetero2 fingerprint tranches --out fingerprints.parquet     a folder of files

Exit codes: 0 written; 2 wrong usage or input; 4 stopped; 1 the table cannot be written.")]
pub struct FingerprintArguments {
    #[command(flatten)]
    library: LibraryArguments,
    /// The table to write: row, id, canonical_smiles, reason, fingerprint
    #[arg(short, long, value_name = "FILE.parquet")]
    out: PathBuf,
    #[command(flatten)]
    force: ForceArguments,
    /// Molecules with more heavy atoms have no fingerprint, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=500))]
    max_atoms: u32,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs `fingerprint`.
pub fn fingerprint(
    arguments: &FingerprintArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    arguments.force.check(&arguments.out)?;
    let export = FingerprintExport {
        library: arguments.library.input()?,
        read_options: arguments.reading.options(),
        max_atoms: arguments.max_atoms,
        connectivity: Connectivity::Any,
        out: arguments.out.clone(),
        occupied: arguments.force.occupied(),
        threads: threads(arguments.threads),
    };
    let result = watched(global, |progress| export_fingerprints(&export, progress));
    let (report, digest) =
        result.map_err(|error| Failure::from_run(error, "stopped; no table was written"))?;
    if global.json {
        print_json(&serde_json::json!({
            "rows": report.rows,
            "fingerprints": report.fingerprints,
            "without": report.without,
            "out": arguments.out,
            "bytes": digest.bytes,
            "sha256": digest.sha256,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let (prints, rows) = (grouped(report.fingerprints), grouped(report.rows));
    let _ = writeln!(text, "{prints} fingerprints of {rows} rows");
    for (reason, count) in &report.without {
        let _ = writeln!(text, "  without: {:<8} {reason}", grouped(*count));
    }
    let _ = writeln!(text, "table   {}", arguments.out.display());
    let _ = writeln!(text, "SHA-256 {}", digest.sha256);
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}
