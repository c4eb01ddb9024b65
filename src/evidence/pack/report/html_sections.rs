//! Sections of `index.html`: chance, known outcomes, coverage of the scores.

use std::fmt::{self, Write};

use super::html::{Cell, Escaped};
use super::text::{grouped, percent};
use super::{Interval, OutcomeSummary, PackSummary, chance, svg};
use hetero2_contract::significance::Passes;

/// Passes against chance: what the page leads with.
pub(super) fn write_chance(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let found = &summary.metrics.significance;
    let (Some(sentence), Some(all)) = (chance::sentence(found), &found.passes) else {
        return Ok(());
    };
    write!(
        out,
        "<section><h2>Is it more than chance?</h2><p>{}</p><div class=\"plots\"><figure>\
         <figcaption>PASS rate of the molecules (dot, with its 95 % interval) on the range that \
         random scores give in 95 % of cases (<span class=\"chance\">band</span>)</figcaption>{}\
         </figure><figure><figcaption>AUC of each molecule against its decoys; \
         <span class=\"chance\">line</span>: expected under random scores</figcaption>{}</figure>\
         </div>",
        Escaped(&sentence),
        svg::passes(all, &found.passes_by_bin),
        svg::histogram(&summary.auc_histogram, &summary.null_auc, "AUC", "molecules"),
    )?;
    write!(
        out,
        "<div class=\"scroll\"><table><thead><tr><th>against</th><th class=\"n\">molecules</th>\
         <th class=\"n\">pass</th><th class=\"n\">by chance</th><th class=\"n\">95 % of \
         chance</th><th class=\"n\">p of as many</th><th class=\"n\">PASS rate</th>\
         <th class=\"n\">95 % interval</th></tr></thead><tbody>"
    )?;
    write_passes(out, "all decoys", all)?;
    for (bin, passes) in &found.passes_by_bin {
        if let Some(passes) = passes {
            write_passes(out, &format!("{bin} decoys only"), passes)?;
        }
    }
    writeln!(
        out,
        "</tbody></table></div><p>Of {} molecules with a p-value, {} have p ≤ {level} and {} a \
         false-discovery rate q ≤ {level} (Benjamini and Hochberg).</p></section>",
        grouped(found.rows_tested),
        grouped(found.rows_p_significant),
        grouped(found.rows_q_significant),
        level = found.level,
    )
}

fn write_passes(out: &mut String, name: &str, passes: &Passes) -> fmt::Result {
    write!(
        out,
        "<tr><td>{name}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{:.1}</td><td class=\"n\">{} to {}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{} to {}</td></tr>",
        grouped(passes.rows),
        grouped(passes.observed_passes),
        passes.expected_passes_by_chance,
        grouped(passes.chance_low),
        grouped(passes.chance_high),
        probability(passes.p_value),
        percent(Some(passes.pass_rate)),
        percent(Some(passes.pass_rate_low)),
        percent(Some(passes.pass_rate_high)),
    )
}

fn probability(p: f64) -> String {
    match p {
        p if p < 1e-18 => "&lt; 1e-18".to_owned(),
        p if p < 1e-3 => format!("{p:.1e}"),
        p => format!("{p:.3}"),
    }
}

/// Known outcomes: hits of a budget, quality of rankings, cost curve.
pub(super) fn write_outcomes(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let Some(outcomes) = &summary.outcomes else { return Ok(()) };
    let OutcomeSummary { budget, rows, hits, .. } = outcomes;
    write!(
        out,
        "<section><h2>Against known outcomes</h2><p>{} of {} molecules with a known outcome and a \
         verdict are hits. With a budget of {}:</p><div class=\"scroll\"><table><thead><tr>\
         <th>choice</th><th class=\"n\">tried</th><th class=\"n\">hits</th>\
         <th class=\"n\">hit rate</th></tr></thead><tbody>",
        grouped(*hits),
        grouped(*rows),
        grouped(*budget),
    )?;
    for method in &outcomes.methods {
        write!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             </tr>",
            method.name,
            grouped(method.selected),
            grouped(method.hits),
            interval(&method.rate),
        )?;
    }
    write!(
        out,
        "</tbody></table></div><div class=\"plots\"><figure><figcaption>Hits against budget; \
         the upright line is the budget of {}</figcaption>{}</figure></div>",
        grouped(*budget),
        svg::cost_curve(outcomes),
    )?;
    write_rankings(out, outcomes)?;
    writeln!(out, "</section>")
}

fn write_rankings(out: &mut String, outcomes: &OutcomeSummary) -> fmt::Result {
    let Some(first) = outcomes.rankings.first() else { return Ok(()) };
    write!(
        out,
        "<div class=\"scroll\"><table><thead><tr><th>ranking</th><th class=\"n\">ROC AUC</th>\
         <th class=\"n\">BEDROC, α = 20</th>"
    )?;
    for (fraction, _) in &first.enrichment {
        write!(out, "<th class=\"n\">enrichment, {:.0} %</th>", 100.0 * fraction)?;
    }
    write!(out, "</tr></thead><tbody>")?;
    for ranking in &outcomes.rankings {
        write!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            ranking.name,
            interval(&ranking.roc_auc),
            interval(&ranking.bedroc)
        )?;
        for (_, factor) in &ranking.enrichment {
            write!(out, "<td class=\"n\">{}</td>", interval(factor))?;
        }
        write!(out, "</tr>")?;
    }
    write!(
        out,
        "</tbody></table></div><p>With 95 % intervals: DeLong for the ROC AUC, normal for BEDROC, \
         Clopper and Pearson for the enrichment. Molecules of equal value stand in random order.\
         </p>"
    )
}

fn interval(interval: &Interval) -> String {
    let Interval { value, low, high } = interval;
    match low.zip(*high) {
        Some((low, high)) => {
            format!("{value:.3} <span class=\"soft\">({low:.3} to {high:.3})</span>")
        }
        None => format!("{value:.3}"),
    }
}

/// How many decoys have a score, and which are missing.
pub(super) fn write_coverage(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let Some(coverage) = &summary.metrics.scores_coverage else { return Ok(()) };
    let share = coverage.decoys_scored as f64 / coverage.decoys_total.max(1) as f64;
    write!(
        out,
        "<section><h2>Coverage of the scores</h2><p>{} of {} decoys have a score ({}); {} distinct \
         decoys of {} rows lack one.</p>",
        grouped(coverage.decoys_scored),
        grouped(coverage.decoys_total),
        percent((coverage.decoys_total > 0).then_some(share)),
        grouped(coverage.unique_missing_decoy_hashes),
        grouped(coverage.rows_with_missing_decoys),
    )?;
    if !coverage.missing_decoy_hashes_top10.is_empty() {
        write!(
            out,
            "<div class=\"scroll\"><table><thead><tr><th>missing decoy</th>\
             <th class=\"n\">rows</th></tr></thead><tbody>"
        )?;
        for decoy in &coverage.missing_decoy_hashes_top10 {
            write!(
                out,
                "<tr><td class=\"smiles\">{}</td><td class=\"n\">{}</td></tr>",
                Cell(&decoy.decoy_smiles),
                grouped(decoy.count_rows_affected),
            )?;
        }
        write!(
            out,
            "</tbody></table></div><p><code>missing_decoy_scores.csv</code> has all of them.</p>"
        )?;
    }
    writeln!(out, "</section>")
}
