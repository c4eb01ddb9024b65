//! Sections of `index.html`: chance, known outcomes, coverage of the scores.

use maud::{Markup, PreEscaped, html};

use super::chance::sentence;
use super::html::{Cell, Text};
use super::text::{grouped, percent};
use super::{Interval, OutcomeSummary, PackSummary, svg};
use hetero2_contract::significance::{Passes, RunSignificance};

/// Passes against chance: what the page leads with.
pub(super) fn chance(summary: &PackSummary) -> Markup {
    let found = &summary.metrics.significance;
    let (Some(sentence), Some(all)) = (sentence(found), &found.passes) else {
        return Markup::default();
    };
    html! {
        section { h2 { "Is it more than chance?" }
            p { (Text(&sentence)) }
            div class="plots" {
                figure {
                    figcaption {
                        "PASS rate of the molecules (dot, with its 95 % interval) on the range that \
                         random scores give in 95 % of cases (" span class="chance" { "band" } ")"
                    }
                    (PreEscaped(svg::passes(all, &found.passes_by_bin)))
                }
                figure {
                    figcaption {
                        "AUC of each molecule against its decoys; " span class="chance" { "line" }
                        ": expected under random scores"
                    }
                    (PreEscaped(svg::histogram(
                        &summary.auc_histogram, &summary.null_auc, "AUC", "molecules"
                    )))
                }
            }
            (passes_table(found, all))
            p {
                "Of " (grouped(found.rows_tested)) " molecules with a p-value, "
                (grouped(found.rows_p_significant)) " have p ≤ " (found.level.to_string()) " and "
                (grouped(found.rows_q_significant)) " a false-discovery rate q ≤ "
                (found.level.to_string()) " (Benjamini and Hochberg)."
            }
        } "\n"
    }
}

fn passes_table(found: &RunSignificance, all: &Passes) -> Markup {
    html! {
        div class="scroll" { table {
            thead { tr {
                th { "against" }
                th class="n" { "molecules" }
                th class="n" { "pass" }
                th class="n" { "by chance" }
                th class="n" { "95 % of chance" }
                th class="n" { "p of as many" }
                th class="n" { "PASS rate" }
                th class="n" { "95 % interval" }
            } }
            tbody {
                (passes_row("all decoys", all))
                @for (bin, passes) in &found.passes_by_bin {
                    @if let Some(passes) = passes {
                        (passes_row(&format!("{bin} decoys only"), passes))
                    }
                }
            }
        } }
    }
}

fn passes_row(name: &str, passes: &Passes) -> Markup {
    let rate = |rate: f64| percent(Some(rate));
    html! {
        tr {
            td { (name) }
            td class="n" { (grouped(passes.rows)) }
            td class="n" { (grouped(passes.observed_passes)) }
            td class="n" { (format!("{:.1}", passes.expected_passes_by_chance)) }
            td class="n" { (grouped(passes.chance_low)) " to " (grouped(passes.chance_high)) }
            td class="n" { (probability(passes.p_value)) }
            td class="n" { (rate(passes.pass_rate)) }
            td class="n" { (rate(passes.pass_rate_low)) " to " (rate(passes.pass_rate_high)) }
        }
    }
}

fn probability(p: f64) -> String {
    match p {
        p if p < 1e-18 => "< 1e-18".to_owned(),
        p if p < 1e-3 => format!("{p:.1e}"),
        p => format!("{p:.3}"),
    }
}

/// Known outcomes: hits of a budget, quality of rankings, cost curve.
pub(super) fn outcomes(summary: &PackSummary) -> Markup {
    let Some(outcomes) = &summary.outcomes else { return Markup::default() };
    html! {
        section { h2 { "Against known outcomes" }
            p {
                (grouped(outcomes.hits)) " of " (grouped(outcomes.rows))
                " molecules with a known outcome and a verdict are hits. With a budget of "
                (grouped(outcomes.budget)) ":"
            }
            div class="scroll" { table {
                thead { tr {
                    th { "choice" }
                    th class="n" { "tried" }
                    th class="n" { "hits" }
                    th class="n" { "hit rate" }
                } }
                tbody {
                    @for method in &outcomes.methods {
                        tr {
                            td { (method.name) }
                            td class="n" { (grouped(method.selected)) }
                            td class="n" { (grouped(method.hits)) }
                            td class="n" { (interval(&method.rate)) }
                        }
                    }
                }
            } }
            div class="plots" {
                figure {
                    figcaption {
                        "Hits against budget; the upright line is the budget of "
                        (grouped(outcomes.budget))
                    }
                    (PreEscaped(svg::cost_curve(outcomes)))
                }
            }
            (rankings(outcomes))
        } "\n"
    }
}

fn rankings(outcomes: &OutcomeSummary) -> Markup {
    let Some(first) = outcomes.rankings.first() else { return Markup::default() };
    html! {
        div class="scroll" { table {
            thead { tr {
                th { "ranking" }
                th class="n" { "ROC AUC" }
                th class="n" { "BEDROC, α = 20" }
                @for (fraction, _) in &first.enrichment {
                    th class="n" { "enrichment, " (format!("{:.0}", 100.0 * fraction)) " %" }
                }
            } }
            tbody {
                @for ranking in &outcomes.rankings {
                    tr {
                        td { (ranking.name) }
                        td class="n" { (interval(&ranking.roc_auc)) }
                        td class="n" { (interval(&ranking.bedroc)) }
                        @for (_, factor) in &ranking.enrichment {
                            td class="n" { (interval(factor)) }
                        }
                    }
                }
            }
        } }
        p {
            "With 95 % intervals: DeLong for the ROC AUC, normal for BEDROC, Clopper and Pearson for \
             the enrichment. Molecules of equal value stand in random order."
        }
    }
}

fn interval(interval: &Interval) -> Markup {
    let Interval { value, low, high } = interval;
    html! {
        (format!("{value:.3}"))
        @if let Some((low, high)) = low.zip(*high) {
            " " span class="soft" { (format!("({low:.3} to {high:.3})")) }
        }
    }
}

/// How many decoys have a score, and which are missing.
pub(super) fn coverage(summary: &PackSummary) -> Markup {
    let Some(coverage) = &summary.metrics.scores_coverage else { return Markup::default() };
    let share = coverage.decoys_scored as f64 / coverage.decoys_total.max(1) as f64;
    html! {
        section { h2 { "Coverage of the scores" }
            p {
                (grouped(coverage.decoys_scored)) " of " (grouped(coverage.decoys_total))
                " decoys have a score (" (percent((coverage.decoys_total > 0).then_some(share)))
                "); " (grouped(coverage.unique_missing_decoy_hashes)) " distinct decoys of "
                (grouped(coverage.rows_with_missing_decoys)) " rows lack one."
            }
            @if !coverage.missing_decoy_hashes_top10.is_empty() {
                div class="scroll" { table {
                    thead { tr { th { "missing decoy" } th class="n" { "rows" } } }
                    tbody {
                        @for decoy in &coverage.missing_decoy_hashes_top10 {
                            tr {
                                td class="smiles" { (Cell(&decoy.decoy_smiles)) }
                                td class="n" { (grouped(decoy.count_rows_affected)) }
                            }
                        }
                    }
                } }
                p { code { "missing_decoy_scores.csv" } " has all of them." }
            }
        } "\n"
    }
}
