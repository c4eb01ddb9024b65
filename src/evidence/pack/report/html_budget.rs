//! The section of `index.html` that says what a budget buys (`cost_lift.v2`).

use maud::{Markup, PreEscaped, html};

use hetero2_contract::evidence::{BudgetResult, CostLiftV2, Figure};

use super::conclusion::cell;
use super::html::Text;
use super::text::grouped;
use super::{PackSummary, svg};

/// Hits of a budget, by several rankings.
pub(super) fn section(summary: &PackSummary, budget: &CostLiftV2) -> Markup {
    html! {
        section { h2 { "What a budget of " (grouped(budget.budget)) " buys" } "\n"
            p { (Text(&budget.sentence)) } "\n"
            p {
                (grouped(budget.hits)) " of " (grouped(budget.units))
                " molecules with a known outcome and a score are active, and " (grouped(budget.passed))
                " pass. Ties count with their mean; intervals treat groups of related molecules as one."
            } "\n"
            div class="scroll" { table {
                thead { tr {
                    th { "ranked by" } th class="n" { "tried" } th class="n" { "hits" }
                    th { "95 % interval" } th { "hit rate (95 % interval)" }
                } }
                tbody {
                    @for (name, result) in lines(budget) {
                        tr {
                            td { (name) }
                            td class="n" { (grouped(result.selected)) }
                            td class="n" { (format!("{:.1}", result.hits)) }
                            td class="f" { (hits_interval(result)) }
                            td class="f" { (cell(Some(result.hit_rate))) }
                        }
                    }
                }
            } } "\n"
            @if let Some(outcomes) = &summary.outcomes {
                div class="plots" { figure {
                    figcaption {
                        "Hits against budget, of rows with a verdict; the upright line is the budget of "
                        (grouped(outcomes.budget))
                    }
                    (PreEscaped(svg::cost_curve(outcomes)))
                } }
            }
        } "\n"
    }
}

/// Every ranking with its name: the model's, at random, the controls'.
pub(super) fn lines(budget: &CostLiftV2) -> Vec<(&'static str, &BudgetResult)> {
    let mut lines = vec![("the model's score", &budget.by_score)];
    if let Some(result) = &budget.by_score_among_pass {
        lines.push(("the model's score, among PASS", result));
    }
    lines.push(("chance", &budget.random));
    lines.extend(budget.by_control.iter().map(|c| (c.control.as_str(), &c.result)));
    lines
}

/// The interval of the hits, which is that of the hit rate.
pub(super) fn hits_interval(result: &BudgetResult) -> String {
    let hits = |rate: f64| rate * result.selected as f64;
    match result.hit_rate {
        Figure { low: Some(low), high: Some(high), .. } => {
            format!("{:.1} to {:.1}", hits(low), hits(high))
        }
        _ => "–".to_owned(),
    }
}
