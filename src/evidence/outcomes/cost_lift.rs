//! `cost_lift.v1` from files: a summary, a truth, a budget.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::OutcomesError;
use super::summary::{NamedDigest, SummaryInput};
use hetero2_audit::{CostLift, CostLiftReport, CostLiftSettings, RankingReport, Truth};
use hetero2_common::files::digest_file;

/// What to compare.
#[derive(Debug, Clone)]
pub struct CostLiftRequest {
    /// The audited rows.
    pub summary: SummaryInput,
    /// A `customer_truth.v1` table.
    pub truth: PathBuf,
    /// SHA-256 that the truth must have, hexadecimal.
    pub truth_sha256: Option<String>,
    /// Budget, seed and resamples.
    pub settings: CostLiftSettings,
}

/// A report, and the files that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostLiftOutcome {
    /// The fields of `cost_lift.v1`.
    #[serde(flatten)]
    pub report: CostLiftReport,
    /// Beyond `cost_lift.v1`.
    pub ranking: RankingReport,
    /// The summary.
    pub summary_csv: NamedDigest,
    /// The truth.
    pub truth_csv: NamedDigest,
    /// Content digest of the pack, where the summary is one's.
    pub pack_content_digest: Option<String>,
}

/// Reports how many hits a budget finds by chance, by score, and by score plus
/// audit.
///
/// Memory: the truth (about 40 bytes a molecule and its id) and a byte a row.
///
/// # Errors
/// [`OutcomesError`], naming the file and the line at fault.
pub fn cost_lift(request: &CostLiftRequest) -> Result<CostLiftOutcome, OutcomesError> {
    let (truth, truth_csv) = read_truth(&request.truth, request.truth_sha256.as_deref())?;
    let failed = |source| OutcomesError::CostLift {
        summary: request.summary.path(),
        truth: request.truth.clone(),
        source,
    };
    let mut gathered = CostLift::new(&truth, request.settings).map_err(failed)?;
    let read = request.summary.read(&mut |row| gathered.add(&row).map_err(failed))?;
    let ranking = gathered.ranking();
    let report = gathered.finish().map_err(failed)?;
    Ok(CostLiftOutcome {
        report,
        ranking,
        summary_csv: read.file,
        truth_csv,
        pack_content_digest: read.manifest.map(|manifest| manifest.content_digest.to_string()),
    })
}

fn read_truth(path: &Path, expected: Option<&str>) -> Result<(Truth, NamedDigest), OutcomesError> {
    let file = File::open(path).map_err(OutcomesError::read(path))?;
    let unreadable = |e: hetero2_common::files::FileError| OutcomesError::Read {
        path: path.to_owned(),
        source: std::io::Error::other(e),
    };
    let digest = digest_file(path).map_err(unreadable)?;
    let found = digest.sha256;
    if let Some(expected) = expected
        && !expected.eq_ignore_ascii_case(&found.to_string())
    {
        let (path, expected) = (path.to_owned(), expected.to_owned());
        return Err(OutcomesError::WrongDigest { path, found, expected });
    }
    let truth = Truth::from_csv(BufReader::new(file))
        .map_err(|source| OutcomesError::Truth { path: path.to_owned(), source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((truth, NamedDigest { name, digest }))
}
