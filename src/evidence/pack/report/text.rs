//! Sentences and formats that the Markdown and the HTML report share.

use super::{Concludes, PackSummary};
use crate::pack::csv::number;
use hetero2_common::rounding::round8;
use hetero2_contract::{AucInterpretation, CountedReason, Reason, ScoreMode};

/// Longest text of a cell, in characters.
const CELL: usize = 120;

/// `text` cut to what a cell shows.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A count with thousands separators.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number, rounded as published, or a dash.
pub fn value(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| "–".into(), |v| number(round8(v)))
}

/// A fraction in per cent, or a dash.
pub fn percent(fraction: Option<f64>) -> String {
    let finite = fraction.filter(|f| f.is_finite());
    finite.map_or_else(|| "–".into(), |f| format!("{:.1} %", 100.0 * f))
}

/// What the pack says, in one or two sentences.
pub fn verdict(summary: &PackSummary) -> String {
    let slack = &summary.metrics.audit_slack_stats_ok;
    if slack.rows_ok_with_verdict == 0 {
        return format!(
            "None of the {} rows could be audited: no row has a molecule, decoys and scores.",
            grouped(summary.metrics.counts.total())
        );
    }
    if is_trial(summary) {
        return "No verdict: the scores are stand-ins derived from hashes, which say nothing of any \
                model."
            .to_owned();
    }
    if summary.scores == ScoreMode::Mock {
        return format!(
            "A trial on stand-in scores: {} molecules were audited and {} pass, which says \
             nothing about any model.",
            grouped(slack.rows_ok_with_verdict),
            grouped(slack.rows_pass),
        );
    }
    let meaning = match summary.interpretation().auc_interpretation {
        AucInterpretation::SuccessSignalOnHard => {
            "The scores tell molecules from their hard decoys."
        }
        AucInterpretation::IllusionConfirmed => {
            "The signal is an illusion: nothing is left of it against hard decoys."
        }
        AucInterpretation::InconclusiveDecoysTooEasy => {
            "Inconclusive: the decoys are too easy for a PASS to say much."
        }
    };
    format!(
        "{} of {} audited molecules pass (PASS rate {}, median slack {}). {meaning}",
        grouped(slack.rows_pass),
        grouped(slack.rows_ok_with_verdict),
        percent(slack.pass_rate_ok),
        value(slack.median_slack_ok),
    )
}

/// How a run without scores comes to a verdict.
const NO_SCORES: &str = "To learn whether a model's scores can be trusted: `hetero2 decoys` writes \
    the molecules and their decoys as a table, the model scores them, and `hetero2 run --scores` \
    (or `hetero2 audit --pack` on this pack) audits the scores.";

/// What a reader must know before believing the verdict.
pub fn cautions(summary: &PackSummary) -> Vec<String> {
    let mut cautions = Vec::new();
    if is_trial(summary) {
        cautions.push(NO_SCORES.to_owned());
    } else if summary.scores == ScoreMode::Mock {
        cautions.push(
            "The scores are mock scores: the verdicts show that the machinery works and say \
             nothing about any model."
                .to_owned(),
        );
    }
    if summary.metrics.counts.error > 0 {
        cautions.push(format!(
            "Rows that ended in an error and were not audited: {}; the reasons are listed below.",
            grouped(summary.metrics.counts.error)
        ));
    }
    if let Some(coverage) =
        summary.metrics.scores_coverage.as_ref().filter(|c| c.decoys_missing > 0)
    {
        cautions.push(format!(
            "{} of {} decoys lack a score; missing_decoy_scores.csv lists them.",
            grouped(coverage.decoys_missing),
            grouped(coverage.decoys_total)
        ));
    }
    if let Some(coverage) = &summary.metrics.scores_coverage {
        let (missing, defaulted) =
            (coverage.rows_missing_original_score, coverage.rows_original_score_defaulted);
        if missing > 0 {
            cautions.push(format!(
                "{} rows were not audited: their original has no score.",
                grouped(missing)
            ));
        }
        if defaulted > 0 {
            cautions.push(format!(
                "{} originals have no score of their own and count as a default score: what their \
                 rows say is no evidence.",
                grouped(defaulted)
            ));
        }
    }
    cautions
}

/// Which originals were audited, where only the best were.
pub fn audit_top(summary: &PackSummary) -> Option<String> {
    let asked = summary.audit_top?;
    let below = summary.metrics.top_reasons.iter();
    let below = below
        .filter(|(reason, _)| *reason == CountedReason::Of(Reason::BelowAuditTop))
        .map(|(_, rows)| *rows)
        .sum();
    Some(format!(
        "Only the {} best originals by the model's score were audited; {} with lower scores were \
         left out, so what is said is of the best alone.",
        grouped(asked.into()),
        grouped(below)
    ))
}

/// Whether scores are stand-ins in a pack that would conclude something of a
/// model's.
pub fn is_trial(summary: &PackSummary) -> bool {
    summary.scores == ScoreMode::Mock && summary.concludes == Concludes::Verdict
}

/// The commands with which anyone can check the pack.
pub const VERIFY: [(&str, &str); 3] = [
    ("hetero2 verify .", "every checksum, row count, schema version and the content digest"),
    ("sha256sum -c checksums.sha256", "every file, without this program"),
    (
        "grep -vE '  (manifest|provenance|ro-crate-metadata)\\.json$' checksums.sha256 | sha256sum",
        "the content digest that manifest.json names",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators_and_long_cells_end() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(shorten(&"é".repeat(500)).chars().count(), CELL + 1);
    }
}
