//! `index.html`: one self-contained page, without scripts or network, light and
//! dark, printable. A section is a function from the summary to markup; whatever
//! a section shows is escaped by `html!`.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use super::gallery::gallery;
use super::html_sections::{chance, coverage, outcomes};
use super::text::{self, grouped, value};
use super::{PackSummary, RowExcerpt, TABLE_ROWS, html_evidence, svg};

pub(super) const STYLE: &str = include_str!("style.css");

/// The content of `index.html`.
#[must_use]
pub fn index_html(summary: &PackSummary) -> String {
    page(summary).into_string()
}

/// How numbers of rows are shown.
pub(super) type Digits = fn(Option<f64>) -> String;

fn page(summary: &PackSummary) -> Markup {
    let digits: Digits = match &summary.metrics.evidence {
        Some(_) => html_evidence::four,
        None => value,
    };
    html! {
        (DOCTYPE) "\n"
        html lang="en" { "\n"
            head { "\n"
                meta charset="utf-8"; "\n"
                meta name="viewport" content="width=device-width,initial-scale=1"; "\n"
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'"; "\n"
                title {
                    @match &summary.metrics.evidence {
                        Some(_) => (Text(&html_evidence::title(summary))),
                        None => "Evidence pack",
                    }
                } "\n"
                style { "\n" (PreEscaped(STYLE)) } "\n"
            } "\n"
            body { "\n"
                header {
                    @if let Some(evidence) = &summary.metrics.evidence {
                        (html_evidence::head(summary, evidence))
                    } @else {
                        h1 { "Evidence pack" } "\n"
                        p class="verdict" { (Text(&text::verdict(summary))) } "\n"
                        @for caution in text::cautions(summary) {
                            p class="caution" { (Text(&caution)) } "\n"
                        }
                    }
                } "\n"
                main { "\n"
                    @if let Some(evidence) = &summary.metrics.evidence {
                        (html_evidence::sections(summary, evidence))
                    }
                    @if summary.metrics.evidence.is_none() && !text::is_trial(summary) {
                        (chance(summary))
                    }
                    (counts(summary))
                    (plots(summary))
                    @if summary.metrics.evidence.is_none() { (outcomes(summary)) }
                    (gallery(summary, digits))
                    (rows("Largest slack", &summary.top, digits))
                    (rows("Smallest slack", &summary.bottom, digits))
                    @if summary.metrics.evidence.is_some() { (as_published(summary)) }
                    (coverage(summary))
                    (provenance(summary))
                    (verify())
                } "\n"
            } "\n"
        } "\n"
    }
}

/// What packs of the published kind say; no verdict rests on it.
fn as_published(summary: &PackSummary) -> Markup {
    let hardness = summary.interpretation();
    html! {
        section { details {
            summary { "Published figures, which take rows as independent and are no verdict" }
            p {
                code { "auc_interpretation.v1" } ": " code { (hardness.auc_interpretation.as_str()) } " ("
                (hardness.auc_interpretation_reason.as_str()) ")."
            } "\n"
            (chance(summary))
            (outcomes(summary))
        } } "\n"
    }
}

fn counts(summary: &PackSummary) -> Markup {
    html! {
        section { h2 { "Rows" } "\n"
            (tiles(summary))
            (reasons(summary))
        } "\n"
    }
}

fn tiles(summary: &PackSummary) -> Markup {
    let counts = &summary.metrics.counts;
    let slack = &summary.metrics.audit_slack_stats_ok;
    let four = html_evidence::four;
    let digits: Digits = if summary.metrics.evidence.is_some() { four } else { value };
    let mut tiles = vec![
        ("rows", grouped(counts.total())),
        ("OK", grouped(counts.ok)),
        ("SKIP", grouped(counts.skip)),
        ("ERROR", grouped(counts.error)),
    ];
    // What stand-in scores pass is no news.
    if !text::is_trial(summary) {
        tiles.extend([
            ("PASS", grouped(slack.rows_pass)),
            ("FAIL", grouped(slack.rows_fail)),
            ("PASS rate", text::percent(slack.pass_rate_ok)),
            ("median slack", digits(slack.median_slack_ok)),
        ]);
    }
    html! {
        div class="tiles" {
            @for (name, figure) in tiles {
                div class="tile" { b { (figure) } span { (name) } }
            }
        } "\n"
    }
}

fn reasons(summary: &PackSummary) -> Markup {
    let reasons = &summary.metrics.top_reasons;
    html! {
        @if !reasons.is_empty() {
            h3 { "Why rows were not audited" }
            div class="scroll" { table {
                thead { tr { th { "reason" } th class="n" { "rows" } } }
                tbody {
                    @for (reason, rows) in reasons.iter().take(TABLE_ROWS) {
                        tr {
                            td { (Cell(&reason.to_string())) }
                            td class="n" { (grouped(*rows)) }
                        }
                    }
                }
            } }
            @if reasons.len() > TABLE_ROWS {
                p { (TABLE_ROWS) " of " (reasons.len()) "; " code { "metrics.json" } " has all." }
            }
        }
    }
}

fn plots(summary: &PackSummary) -> Markup {
    let hardness = summary.interpretation();
    let (trial, verdict) = (text::is_trial(summary), summary.metrics.evidence.is_some());
    let mut plots = Vec::new();
    if !trial {
        plots.push((
            "Slack (AUC − gate); a molecule passes from 0 on",
            svg::histogram(&summary.slack_histogram, &[], "slack", "molecules"),
        ));
        plots.push(("AUC by hardness of the decoys", svg::hardness(hardness)));
    }
    plots.push((
        "Similarity of decoys to their molecule",
        svg::histogram(&summary.tanimoto_histogram, &[], "Tanimoto similarity", "pairs"),
    ));
    if let Some(dos) = &summary.dos {
        plots.push(("Density of states of the run (dimensionless)", svg::dos(dos)));
    }
    html! {
        section { h2 { @if trial { "Decoys" } @else { "Scores against decoys" } } "\n"
            p {
                @if !trial && !verdict { code { (hardness.auc_interpretation.as_str()) } ": "
                (hardness.auc_interpretation_reason.as_str())
                ". " }
                "Median Tanimoto similarity of the decoys: " (value(hardness.tanimoto_median))
                "."
            } "\n"
            div class="plots" {
                @for (caption, plot) in plots {
                    figure { figcaption { (caption) } (PreEscaped(plot)) } "\n"
                }
            }
        } "\n"
    }
}

fn rows(title: &str, rows: &[RowExcerpt], digits: Digits) -> Markup {
    html! {
        @if !rows.is_empty() {
            section { details {
                summary { (title) ": " (rows.len().min(TABLE_ROWS)) " rows" }
                div class="scroll" { table {
                    thead { tr {
                        th class="n" { "row" }
                        th { "id" }
                        th { "SMILES" }
                        th { "verdict" }
                        th class="n" { "slack" }
                        th class="n" { "AUC" }
                        th class="n" { "gate" }
                        th class="n" { "decoys" }
                    } }
                    tbody {
                        @for row in rows.iter().take(TABLE_ROWS) { (table_row(row, digits)) }
                    }
                } }
            } } "\n"
        }
    }
}

fn table_row(row: &RowExcerpt, digits: Digits) -> Markup {
    let verdict = row.verdict.map_or(row.status.as_str(), |v| v.as_str());
    html! {
        tr {
            td class="n" { (row.row) }
            td class="id" { (Cell(&row.id)) }
            td class="smiles" { (Cell(&row.smiles)) }
            td class=(verdict) { (verdict) }
            td class="n" { (digits(row.slack)) }
            td class="n" { (digits(row.auc)) }
            td class="n" { (digits(row.gate)) }
            td class="n" { (row.n_decoys_scored.map_or_else(|| "–".to_owned(), |n| n.to_string())) }
        }
    }
}

fn provenance(summary: &PackSummary) -> Markup {
    let tool = &summary.tool;
    let config = serde_json::to_string_pretty(&summary.metrics.config).unwrap_or_default();
    html! {
        section { h2 { "Made from" }
            p {
                (Cell(&tool.name)) " " (Cell(&tool.version))
                @if let Some(commit) = &tool.commit { ", commit " (Cell(commit)) }
                ". Scores: " (summary.scores.as_str())
                ". Times, hosts and devices are in " code { "provenance.json" } "."
            }
            div class="scroll" { table {
                thead { tr {
                    th { "input" }
                    th { "file" }
                    th class="n" { "bytes" }
                    th { "SHA-256" }
                } }
                tbody {
                    @for input in &summary.inputs {
                        tr {
                            td { (Cell(&input.role)) }
                            td class="id" { (Cell(&input.name)) }
                            td class="n" { (grouped(input.digest.bytes)) }
                            td class="id" { (input.digest.sha256.to_string()) }
                        }
                    }
                }
            } } "\n"
            details { summary { "Configuration" } pre { (Text(&config)) } }
        } "\n"
    }
}

fn verify() -> Markup {
    html! {
        section { h2 { "How to verify" }
            p { "In the unpacked directory:" }
            ul {
                @for (command, what) in text::VERIFY {
                    li { code { (Text(command)) } ": " (Text(what)) }
                }
            }
        } "\n"
    }
}

/// Text of the data: besides the markup, which `html!` escapes, characters that
/// could hide or reorder what stands around them are shown as replaced.
pub(super) struct Text<'a>(pub &'a str);

impl Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        let shown =
            |c: char| if c != '\n' && (c.is_control() || is_bidi(c)) { '\u{fffd}' } else { c };
        let text: String = self.0.chars().map(shown).collect();
        for (i, part) in text.split('\'').enumerate() {
            if i > 0 {
                buffer.push_str("&#39;");
            }
            part.render_to(buffer);
        }
    }
}

/// The same, cut to what a table cell shows.
pub(super) struct Cell<'a>(pub &'a str);

impl Render for Cell<'_> {
    fn render_to(&self, buffer: &mut String) {
        Text(&text::shorten(self.0)).render_to(buffer);
    }
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
