//! `index.md` and `hardness_curve.md`.

use std::fmt::{self, Write};

use super::conclusion::{Conclusion, PASS_MEANS, conclusion, interval, leakage_sentence};
use super::text::{self, grouped, value};
use super::{PackSummary, RowExcerpt, TABLE_ROWS, chance, html_evidence};
use hetero2_contract::HardnessBin;
use hetero2_contract::evidence::Evidence;

/// The content of `index.md`: what a person opens first on a terminal.
#[must_use]
pub fn index_md(summary: &PackSummary) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_index(&mut out, summary);
    out
}

fn write_index(out: &mut String, summary: &PackSummary) -> fmt::Result {
    match &summary.metrics.evidence {
        Some(evidence) => write_evidence(out, summary, evidence)?,
        None => writeln!(out, "# Evidence pack\n\n**{}**\n", text::verdict(summary))?,
    }
    if let Some(chance) = chance::sentence(&summary.metrics.significance) {
        writeln!(out, "{chance}\n")?;
    }
    for caution in text::cautions(summary) {
        writeln!(out, "> {caution}\n")?;
    }
    let counts = &summary.metrics.counts;
    writeln!(out, "## Rows\n\n| status | rows |\n| --- | ---: |")?;
    for (status, rows) in
        [("OK", counts.ok), ("SKIP", counts.skip), ("ERROR", counts.error), ("all", counts.total())]
    {
        writeln!(out, "| {status} | {} |", grouped(rows))?;
    }
    let reasons = &summary.metrics.top_reasons;
    if !reasons.is_empty() {
        writeln!(out, "\n| reason | rows |\n| --- | ---: |")?;
    }
    for (reason, rows) in reasons.iter().take(TABLE_ROWS) {
        writeln!(out, "| {} | {} |", cell(&reason.to_string()), grouped(*rows))?;
    }
    writeln!(
        out,
        "\n## Decoys\n\n{}: `{}` ({}).\n",
        if summary.metrics.evidence.is_some() {
            "Published interpretation, which is no verdict"
        } else {
            "Interpretation"
        },
        summary.interpretation().auc_interpretation.as_str(),
        cell(summary.interpretation().auc_interpretation_reason.as_str())
    )?;
    write_bins(out, summary)?;
    write_rows(out, summary)?;
    write_inputs(out, summary)?;
    writeln!(out, "\n## How to verify\n")?;
    for (command, what) in text::VERIFY {
        writeln!(out, "- `{command}`: {what}")?;
    }
    writeln!(out, "\nTimes, hosts and devices are in `provenance.json`.")
}

/// The verdict, what it means, what to do next, and what it rests on.
fn write_evidence(out: &mut String, summary: &PackSummary, evidence: &Evidence) -> fmt::Result {
    let Conclusion { headline, meaning, next, limits } = conclusion(evidence);
    writeln!(out, "# {}\n\n**{headline}**\n", cell(&html_evidence::title(summary)))?;
    writeln!(out, "{meaning}\n\nNext: {next}\n\n{PASS_MEANS}\n")?;
    limits.iter().try_for_each(|limit| writeln!(out, "> {limit}\n"))?;
    if let Some(leakage) = &evidence.leakage {
        writeln!(out, "## What the model has seen\n\n{}\n", leakage_sentence(leakage))?;
    }
    writeln!(
        out,
        "## The model beside controls that know no activity\n\n\
         | score | molecules | AUC against decoys | model minus control |\n\
         | --- | ---: | --- | --- |\n| model | {} | {} | |",
        grouped(evidence.units.units),
        interval(evidence.audit_auc)
    )?;
    for control in &evidence.controls {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            control.name,
            grouped(control.units),
            interval(control.audit_auc),
            interval(control.model_minus_control)
        )?;
    }
    writeln!(out)?;
    let Some(outcomes) = &evidence.outcomes else { return Ok(()) };
    writeln!(
        out,
        "## Known outcomes\n\n{} actives, {} inactives.\n\n\
         | score | contrast | ROC AUC | model minus control |\n| --- | --- | --- | --- |\n\
         | model | {} | {} | |",
        grouped(outcomes.actives),
        grouped(outcomes.inactives),
        interval(outcomes.model.contrast),
        interval(outcomes.model.roc_auc)
    )?;
    for control in &outcomes.controls {
        let found = outcomes.differences.iter().find(|d| d.control == control.name);
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            control.name,
            interval(control.figures.contrast),
            interval(control.figures.roc_auc),
            interval(found.map(|d| d.difference))
        )?;
    }
    writeln!(out)
}

/// The content of `hardness_curve.md`.
#[must_use]
pub fn hardness_md(summary: &PackSummary) -> String {
    let mut out = String::new();
    let _ = write_hardness(&mut out, summary);
    out
}

fn write_hardness(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let hardness = summary.interpretation();
    writeln!(
        out,
        "# Decoy hardness curve (AUC against Tanimoto)\n\n\
         ## Fingerprint\n\n- morgan_radius: 2\n- morgan_nbits: 2048\n\n\
         ## Bins\n\n- easy: tanimoto < 0.50\n- medium: 0.50 <= tanimoto < 0.70\n\
         - hard: tanimoto >= 0.70\n\n\
         - tanimoto_median: {}\n- auc_interpretation_schema: auc_interpretation.v1\n\
         - auc_interpretation: {}\n- auc_interpretation_reason: {}\n\
         - auc_hard_min_pairs: {}\n\n## AUC by bin\n",
        value(hardness.tanimoto_median),
        hardness.auc_interpretation.as_str(),
        cell(hardness.auc_interpretation_reason.as_str()),
        summary.metrics.decoy_realism.hard_pairs_min_n,
    )?;
    write_bins(out, summary)
}

fn write_bins(out: &mut String, summary: &PackSummary) -> fmt::Result {
    writeln!(
        out,
        "| bin | tanimoto range | pairs_total | pairs_scored | auc_tie_aware |\n\
         | --- | --- | ---: | ---: | ---: |"
    )?;
    for bin in HardnessBin::ALL {
        let pairs = summary.interpretation();
        let range = match bin {
            HardnessBin::Easy => "[0.00, 0.50)",
            HardnessBin::Medium => "[0.50, 0.70)",
            HardnessBin::Hard => "[0.70, 1.00]",
            HardnessBin::Unknown => "n/a",
        };
        writeln!(
            out,
            "| {} | {range} | {} | {} | {} |",
            bin.as_str(),
            pairs.pairs_total(bin),
            pairs.pairs_scored(bin),
            value(pairs.auc(bin))
        )?;
    }
    Ok(())
}

fn write_rows(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let shown = summary.first.len().min(TABLE_ROWS);
    writeln!(
        out,
        "\n## First rows\n\n{shown} of {} rows; `summary.csv` has all.\n\n\
         | row | id | status | reason | verdict | AUC | gate | slack | decoys scored |\n\
         | ---: | --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
        grouped(summary.metrics.counts.total())
    )?;
    summary.first.iter().take(TABLE_ROWS).try_for_each(|row| write_row(out, row))
}

fn write_row(out: &mut String, row: &RowExcerpt) -> fmt::Result {
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.row,
        cell(&row.id),
        row.status.as_str(),
        cell(row.reason.as_deref().unwrap_or("")),
        row.verdict.map_or("", |v| v.as_str()),
        value(row.auc),
        value(row.gate),
        value(row.slack),
        row.n_decoys_scored.map_or_else(|| "–".into(), |n| n.to_string()),
    )
}

fn write_inputs(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let tool = &summary.tool;
    writeln!(
        out,
        "\n## Made from\n\n{} {}{}\n\n| input | file | bytes | SHA-256 |\n| --- | --- | ---: | --- |",
        cell(&tool.name),
        cell(&tool.version),
        tool.commit.as_ref().map_or_else(String::new, |c| format!(", commit {}", cell(c))),
    )?;
    summary.inputs.iter().try_for_each(|input| {
        writeln!(
            out,
            "| {} | {} | {} | `{}` |",
            cell(&input.role),
            cell(&input.name),
            grouped(input.digest.bytes),
            input.digest.sha256
        )
    })
}

/// `text` as the content of a table cell: one line, and no markup of its own.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text::shorten(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '[' | ']' | '\\' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
