//! `index.md` and `hardness_curve.md`.

use std::fmt::{self, Write};

use super::conclusion::{self, Conclusion, PASS_MEANS, conclusion, interval, leakage_sentence};
use super::html::Digits;
use super::text::{self, grouped, value};
use super::{PackSummary, RowExcerpt, TABLE_ROWS, chance, html_budget, html_evidence};
use hetero2_contract::HardnessBin;
use hetero2_contract::evidence::{CostLiftV2, Evidence, Outcomes};

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
    if summary.metrics.evidence.is_none()
        && !text::is_trial(summary)
        && let Some(chance) = chance::sentence(&summary.metrics.significance)
    {
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
    writeln!(out, "\n## Decoys\n")?;
    if !text::is_trial(summary) {
        writeln!(
            out,
            "{}: `{}` ({}).\n",
            if summary.metrics.evidence.is_some() {
                "Published interpretation (`auc_interpretation.v1`), which is no verdict"
            } else {
                "Interpretation"
            },
            summary.interpretation().auc_interpretation.as_str(),
            cell(summary.interpretation().auc_interpretation_reason.as_str())
        )?;
    }
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
    if let Some(sentence) = text::audit_top(summary) {
        writeln!(out, "{sentence}\n")?;
    }
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
    for sentence in html_evidence::passes_sentences(evidence) {
        writeln!(out, "{sentence}\n")?;
    }
    if let Some(outcomes) = &evidence.outcomes {
        write_outcomes(out, evidence, outcomes)?;
    }
    let budget = summary.budget.as_ref().filter(|budget| budget.units > 0);
    budget.map_or(Ok(()), |budget| write_budget(out, budget))
}

/// What known outcomes say of the model and of each control.
fn write_outcomes(out: &mut String, evidence: &Evidence, outcomes: &Outcomes) -> fmt::Result {
    if outcomes.actives + outcomes.inactives == 0 {
        return writeln!(out, "## Known outcomes\n\n{}\n", html_evidence::NO_OUTCOME_COUNTS);
    }
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
    writeln!(out)?;
    writeln!(
        out,
        "Cliffs: of two similar molecules with different outcomes the active scores higher with \
         probability {} ({} pairs).\n",
        interval(outcomes.model.cliffs),
        grouped(outcomes.model.cliff_pairs)
    )?;
    conclusion::classes(evidence).map_or(Ok(()), |sentence| writeln!(out, "{sentence}\n"))
}

/// Hits of a budget, by several rankings.
fn write_budget(out: &mut String, budget: &CostLiftV2) -> fmt::Result {
    writeln!(
        out,
        "## What a budget of {} buys\n\n{}\n\n{} of {} molecules with a known outcome and a \
         score are active, and {} pass.\n\n| ranked by | tried | hits | 95 % interval | hit rate |\n\
         | --- | ---: | ---: | --- | --- |",
        grouped(budget.budget),
        budget.sentence,
        grouped(budget.hits),
        grouped(budget.units),
        grouped(budget.passed)
    )?;
    for (name, result) in html_budget::lines(budget) {
        writeln!(
            out,
            "| {name} | {} | {:.1} | {} | {} |",
            grouped(result.selected),
            result.hits,
            html_budget::hits_interval(result),
            interval(Some(result.hit_rate))
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
    let digits: Digits = match summary.metrics.evidence {
        Some(_) => html_evidence::four,
        None => value,
    };
    summary.first.iter().take(TABLE_ROWS).try_for_each(|row| write_row(out, row, digits))
}

fn write_row(out: &mut String, row: &RowExcerpt, digits: Digits) -> fmt::Result {
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.row,
        cell(&row.id),
        row.status.as_str(),
        cell(row.reason.as_deref().unwrap_or("")),
        row.verdict.map_or("", |v| v.as_str()),
        digits(row.auc),
        digits(row.gate),
        digits(row.slack),
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
