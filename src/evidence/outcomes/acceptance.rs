//! GO or STOP for a pack: its counts, and the verdict on its scores.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::OutcomesError;
use super::reaudit;
use super::summary::{NamedDigest, SummaryInput};
use crate::pack::PackSource;
use crate::pack::manifest::{CHECKSUMS, Manifest, parse_checksums};
use hetero2_audit::evidence::{OutcomesGiven, accept_evidence, default_policy, passes_policy};
use hetero2_audit::{Acceptance, AcceptanceCounts, Decision, SummaryRow, accept};
use hetero2_common::files::digest_reader;
use hetero2_contract::evidence::{
    AcceptPolicy, EvidenceReason, EvidenceVerdict, Specificity, StopReason,
};
use hetero2_contract::{Metrics, Reason, ScoreMode, Status, Verdict};

/// The decision on a pack, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackAcceptance {
    /// May the pack be used?
    pub decision: Decision,
    /// What a GO takes here.
    pub policy: AcceptPolicy,
    /// What stands against a GO, if anything.
    pub stops: Vec<StopReason>,
    /// The first part: the published criteria on counts and coverage.
    pub complete: Acceptance,
    /// The second part: the verdict on the scores, where the pack has one.
    pub verdict: Option<EvidenceVerdict>,
    /// Reasons of the verdict.
    pub reasons: Vec<EvidenceReason>,
    /// What the policy says of scores that know nothing; none where that was not
    /// needed.
    pub specificity: Option<Specificity>,
    /// Rows of the summary.
    pub rows: u64,
    /// Where the scores came from, as the manifest says.
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

/// Applies a policy to the pack at `path`, a directory or a zip; the default one
/// where none is given.
///
/// Summary, metrics and tables are held against the pack's checksums, the rest
/// of the pack is not looked at: that is what
/// [`verify`](crate::pack::verify()) is for.
///
/// # Errors
/// [`OutcomesError`] where there is no pack, what is read of it was changed, or
/// it cannot be used.
pub fn accept_pack(
    path: &Path,
    policy: Option<AcceptPolicy>,
) -> Result<PackAcceptance, OutcomesError> {
    let mut counts = AcceptanceCounts::default();
    let (mut rows, mut audited) = (0, 0_u64);
    let read = SummaryInput::Pack(path.to_owned()).read(&mut |row| {
        rows += 1;
        let judged = matches!(row.verdict, Some(Verdict::Pass | Verdict::Fail));
        audited += u64::from(row.status == Status::Ok && judged);
        count(&row, &mut counts);
        Ok(())
    })?;
    let mode =
        |manifest: &Manifest| Some(Scoring::deserialize(&manifest.body.config).ok()?.score_mode);
    let score_mode = read.manifest.as_ref().and_then(mode);
    let mut source = PackSource::open(path)?;
    let metrics = metrics(&mut source, path)?;
    let evidence = metrics.as_ref().and_then(|metrics| metrics.evidence.as_ref());
    let given = match evidence.and_then(|found| found.outcomes.as_ref()) {
        Some(_) => OutcomesGiven::Yes,
        None => OutcomesGiven::No,
    };
    let policy = policy.unwrap_or_else(|| default_policy(given));
    let complete = accept(&counts);
    let coverage = metrics.as_ref().and_then(|metrics| metrics.scores_coverage.as_ref());
    let mut wrong = Vec::new();
    if score_mode == Some(ScoreMode::Mock) {
        wrong.push(StopReason::StandInScores);
    }
    if audited == 0 {
        wrong.push(StopReason::NothingAudited);
    }
    if coverage.is_some_and(|found| found.rows_original_score_defaulted > 0) {
        wrong.push(StopReason::DefaultedOriginals);
    }
    let mut specificity = None;
    if let Some((found, manifest)) = evidence.zip(read.manifest.as_ref())
        && policy != AcceptPolicy::Complete
        && wrong.is_empty()
        && passes_policy(policy, found.verdict)
    {
        for name in reaudit::TABLES {
            check_unchanged(&mut source, path, name)?;
        }
        specificity = Some(reaudit::specificity(&mut source, manifest, policy, found)?);
    }
    let verdict = evidence.map(|found| found.verdict);
    let stops = accept_evidence(policy, complete.decision, &wrong, verdict, specificity.as_ref());
    Ok(PackAcceptance {
        decision: if stops.is_empty() { Decision::Go } else { Decision::Stop },
        policy,
        stops,
        complete,
        verdict,
        reasons: evidence.map(|found| found.reasons.clone()).unwrap_or_default(),
        specificity,
        rows,
        score_mode,
        content_digest: read.manifest.as_ref().map(|m| m.content_digest.to_string()),
        summary: read.file,
    })
}

/// The metrics of a pack, where it has any that this version reads.
fn metrics(source: &mut PackSource, path: &Path) -> Result<Option<Metrics>, OutcomesError> {
    const METRICS: &str = "metrics.json";
    if !source.entries().contains_key(METRICS) {
        return Ok(None);
    }
    check_unchanged(source, path, METRICS)?;
    Ok(serde_json::from_slice(&source.bytes(METRICS)?).ok())
}

/// Holds a file, where the pack has it, against the pack's checksums.
fn check_unchanged(source: &mut PackSource, path: &Path, name: &str) -> Result<(), OutcomesError> {
    if !source.entries().contains_key(name) {
        return Ok(());
    }
    let listed = parse_checksums(&source.text(CHECKSUMS)?)?;
    let file = path.join(name);
    let found = digest_reader(&mut source.reader(name)?).map_err(OutcomesError::read(&file))?;
    match listed.get(name) {
        Some(expected) if *expected == found.sha256 => Ok(()),
        Some(expected) => {
            Err(OutcomesError::Changed { path: file, found: found.sha256, expected: *expected })
        }
        None => Ok(()),
    }
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
