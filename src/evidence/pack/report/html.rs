//! `index.html`: one self-contained page, without scripts or network, light and
//! dark, printable. Whatever comes from the data is escaped.

use std::fmt::{self, Display, Write};

use super::gallery::write_gallery;
use super::html_sections::{write_chance, write_coverage, write_outcomes};
use super::text::{self, grouped, value};
use super::{PackSummary, RowExcerpt, TABLE_ROWS, svg};

const STYLE: &str = include_str!("style.css");

/// The content of `index.html`.
#[must_use]
pub fn index_html(summary: &PackSummary) -> String {
    let mut out = String::with_capacity(64 << 10);
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, summary);
    out
}

fn write_page(out: &mut String, summary: &PackSummary) -> fmt::Result {
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Evidence pack</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    )?;
    write!(
        out,
        "<header><h1>Evidence pack</h1>\n<p class=\"verdict\">{}</p>\n",
        Escaped(&text::verdict(summary))
    )?;
    for caution in text::cautions(summary) {
        writeln!(out, "<p class=\"caution\">{}</p>", Escaped(&caution))?;
    }
    writeln!(out, "</header>\n<main>")?;
    write_chance(out, summary)?;
    write_counts(out, summary)?;
    write_plots(out, summary)?;
    write_outcomes(out, summary)?;
    write_gallery(out, summary)?;
    write_rows(out, "Largest slack", &summary.top)?;
    write_rows(out, "Smallest slack", &summary.bottom)?;
    write_coverage(out, summary)?;
    write_provenance(out, summary)?;
    write_verify(out)?;
    writeln!(out, "</main>\n</body>\n</html>")
}

fn write_counts(out: &mut String, summary: &PackSummary) -> fmt::Result {
    writeln!(out, "<section><h2>Rows</h2>")?;
    write_tiles(out, summary)?;
    write_reasons(out, summary)?;
    writeln!(out, "</section>")
}

fn write_tiles(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let counts = &summary.metrics.counts;
    let slack = &summary.metrics.audit_slack_stats_ok;
    let tiles = [
        ("rows", grouped(counts.total())),
        ("OK", grouped(counts.ok)),
        ("SKIP", grouped(counts.skip)),
        ("ERROR", grouped(counts.error)),
        ("PASS", grouped(slack.rows_pass)),
        ("FAIL", grouped(slack.rows_fail)),
        ("PASS rate", text::percent(slack.pass_rate_ok)),
        ("median slack", value(slack.median_slack_ok)),
    ];
    write!(out, "<div class=\"tiles\">")?;
    for (name, figure) in tiles {
        write!(out, "<div class=\"tile\"><b>{figure}</b><span>{name}</span></div>")?;
    }
    writeln!(out, "</div>")
}

fn write_reasons(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let reasons = &summary.metrics.top_reasons;
    if reasons.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h3>Why rows were not audited</h3><div class=\"scroll\"><table>\
         <thead><tr><th>reason</th><th class=\"n\">rows</th></tr></thead><tbody>"
    )?;
    for (reason, rows) in reasons.iter().take(TABLE_ROWS) {
        write!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td></tr>",
            Cell(&reason.to_string()),
            grouped(*rows)
        )?;
    }
    write!(out, "</tbody></table></div>")?;
    if reasons.len() > TABLE_ROWS {
        write!(
            out,
            "<p>{TABLE_ROWS} of {}; <code>metrics.json</code> has all.</p>",
            reasons.len()
        )?;
    }
    Ok(())
}

fn write_plots(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let hardness = summary.interpretation();
    write!(
        out,
        "<section><h2>Scores against decoys</h2>\n<p><code>{}</code>: {}. Median Tanimoto \
         similarity of the decoys: {}.</p>\n<div class=\"plots\">",
        hardness.auc_interpretation.as_str(),
        Cell(hardness.auc_interpretation_reason.as_str()),
        value(hardness.tanimoto_median)
    )?;
    let plots = [
        ("Slack (AUC − gate); a molecule passes from 0 on", {
            svg::histogram(&summary.slack_histogram, &[], "slack", "molecules")
        }),
        ("AUC by hardness of the decoys", svg::hardness(hardness)),
        ("Similarity of decoys to their molecule", {
            svg::histogram(&summary.tanimoto_histogram, &[], "Tanimoto similarity", "pairs")
        }),
    ];
    for (caption, plot) in plots {
        writeln!(out, "<figure><figcaption>{caption}</figcaption>{plot}</figure>")?;
    }
    if let Some(dos) = &summary.dos {
        writeln!(
            out,
            "<figure><figcaption>Density of states of the run (dimensionless)</figcaption>{}\
             </figure>",
            svg::dos(dos)
        )?;
    }
    writeln!(out, "</div></section>")
}

fn write_rows(out: &mut String, title: &str, rows: &[RowExcerpt]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<section><details><summary>{title}: {} rows</summary><div class=\"scroll\"><table>\
         <thead><tr>\
         <th class=\"n\">row</th><th>id</th><th>SMILES</th><th>verdict</th>\
         <th class=\"n\">slack</th><th class=\"n\">AUC</th><th class=\"n\">gate</th>\
         <th class=\"n\">decoys</th></tr></thead><tbody>",
        rows.len().min(TABLE_ROWS)
    )?;
    for row in rows.iter().take(TABLE_ROWS) {
        let verdict = row.verdict.map_or(row.status.as_str(), |v| v.as_str());
        write!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"id\">{}</td><td class=\"smiles\">{}</td>\
             <td class=\"{verdict}\">{verdict}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            row.row,
            Cell(&row.id),
            Cell(&row.smiles),
            value(row.slack),
            value(row.auc),
            value(row.gate),
            row.n_decoys_scored.map_or_else(|| "–".to_owned(), |n| n.to_string()),
        )?;
    }
    writeln!(out, "</tbody></table></div></details></section>")
}

fn write_provenance(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let tool = &summary.tool;
    write!(
        out,
        "<section><h2>Made from</h2><p>{} {}{}. Scores: {}. Times, hosts and devices are in \
         <code>provenance.json</code>.</p><div class=\"scroll\"><table><thead><tr><th>input</th>\
         <th>file</th><th class=\"n\">bytes</th><th>SHA-256</th></tr></thead><tbody>",
        Cell(&tool.name),
        Cell(&tool.version),
        tool.commit.as_ref().map_or_else(String::new, |c| format!(", commit {}", Cell(c))),
        summary.scores.as_str(),
    )?;
    for input in &summary.inputs {
        write!(
            out,
            "<tr><td>{}</td><td class=\"id\">{}</td><td class=\"n\">{}</td>\
             <td class=\"id\">{}</td></tr>",
            Cell(&input.role),
            Cell(&input.name),
            grouped(input.digest.bytes),
            input.digest.sha256
        )?;
    }
    let config = serde_json::to_string_pretty(&summary.metrics.config).unwrap_or_default();
    writeln!(
        out,
        "</tbody></table></div>\n<details><summary>Configuration</summary><pre>{}</pre>\
         </details></section>",
        Escaped(&config)
    )
}

fn write_verify(out: &mut String) -> fmt::Result {
    write!(out, "<section><h2>How to verify</h2><p>In the unpacked directory:</p><ul>")?;
    for (command, what) in text::VERIFY {
        write!(out, "<li><code>{}</code>: {}</li>", Escaped(command), Escaped(what))?;
    }
    writeln!(out, "</ul></section>")
}

/// Text as HTML content: no character of it is markup.
pub(super) struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_char('\n')?,
                // Control and direction characters could hide or reorder text.
                c if c.is_control() || is_bidi(c) => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The same, cut to what a table cell shows.
pub(super) struct Cell<'a>(pub &'a str);

impl Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&text::shorten(self.0)).fmt(f)
    }
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
