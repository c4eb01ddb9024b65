//! GO or STOP for a pack, from its summary.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::OutcomesError;
use super::summary::{NamedDigest, SummaryInput};
use crate::pack::manifest::Manifest;
use hetero2_audit::{Acceptance, AcceptanceCounts, SummaryRow, accept};
use hetero2_contract::{Reason, ScoreMode, Status};

/// The decision on a pack, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackAcceptance {
    /// The decision with its criteria.
    #[serde(flatten)]
    pub acceptance: Acceptance,
    /// Rows of the summary.
    pub rows: u64,
    /// Where the scores came from, as the manifest says. Stand-ins are accepted
    /// like any scores.
    pub score_mode: Option<ScoreMode>,
    /// Content digest that the manifest gives.
    pub content_digest: Option<String>,
    /// The summary that was looked at.
    pub summary: NamedDigest,
}

/// What acceptance reads of a run's configuration.
#[derive(Deserialize)]
struct Scoring {
    score_mode: ScoreMode,
}

/// Applies the acceptance criteria to the pack at `path`, a directory or a zip.
///
/// The summary is held against the pack's checksums, the rest of the pack is
/// not looked at: that is what [`verify`](crate::pack::verify()) is for.
///
/// # Errors
/// [`OutcomesError`] where there is no pack, its summary was changed, or it
/// cannot be used.
pub fn accept_pack(path: &Path) -> Result<PackAcceptance, OutcomesError> {
    let mut counts = AcceptanceCounts::default();
    let mut rows = 0;
    let read = SummaryInput::Pack(path.to_owned()).read(&mut |row| {
        rows += 1;
        count(&row, &mut counts);
        Ok(())
    })?;
    let mode =
        |manifest: &Manifest| Some(Scoring::deserialize(&manifest.body.config).ok()?.score_mode);
    Ok(PackAcceptance {
        acceptance: accept(&counts),
        rows,
        score_mode: read.manifest.as_ref().and_then(mode),
        content_digest: read.manifest.as_ref().map(|m| m.content_digest.to_string()),
        summary: read.file,
    })
}

fn count(row: &SummaryRow, counts: &mut AcceptanceCounts) {
    match row.status {
        Status::Ok => {
            counts.ok += 1;
            if row.n_decoys_scored.is_some_and(|scored| scored > 0) {
                counts.scored_without_slack += u64::from(row.slack.is_none());
                counts.scored_without_verdict += u64::from(row.verdict.is_none());
            }
        }
        Status::Error => counts.error += 1,
        Status::Skip => {
            counts.missing_scores_input +=
                u64::from(row.known_reason() == Some(Reason::MissingScoresInput));
            *counts.skip_reasons.entry(row.reason.clone()).or_default() += 1;
        }
    }
}
