//! One page on several models: verdicts, panel, outcomes, budget.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use hetero2_contract::evidence::{ControlName, Evidence, Figure, ScorerOutcomes};

use super::conclusion::{conclusion, interval};
use super::html::{STYLE, Text};
use super::svg;
use crate::outcomes::{Comparable, ComparedPack, Comparison};

/// One self-contained page on several packs.
#[must_use]
pub fn comparison_html(comparison: &Comparison) -> String {
    let packs = &comparison.packs;
    let library = packs.first().map_or("", |pack| pack.library.as_str());
    let lines: Vec<(String, Option<Figure>)> = packs
        .iter()
        .map(|pack| (pack.model.clone(), pack.evidence.as_ref().and_then(|e| e.audit_auc)))
        .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Models on " (Text(library)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Models on " (Text(library)) }
                    @if let Some(caution) = caution(comparison.comparable) {
                        p class="caution" { (caution) }
                    }
                }
                main {
                    section { h2 { "Verdicts" } (verdicts(packs)) }
                    section { h2 { "Against decoys" }
                        div class="plots" { figure {
                            figcaption { "Mean AUC against decoys with 95 % intervals; the line is chance" }
                            (PreEscaped(svg::panel(&lines)))
                        } }
                        (panel(packs))
                    }
                    section { h2 { "Known outcomes" } (outcomes(packs)) }
                    section { h2 { "What a budget buys" } (budgets(packs)) }
                }
            }
        }
    };
    page.into_string()
}

/// Why packs may not be held against one another figure by figure.
#[must_use]
pub fn caution(comparable: Comparable) -> Option<&'static str> {
    match comparable {
        Comparable::Yes => None,
        Comparable::DifferentLibraries => {
            Some("These packs are of different libraries: their figures are not comparable.")
        }
        Comparable::DifferentSettings => Some(
            "These packs were made with different settings (decoys, seed, limits): compare their \
             figures with care.",
        ),
    }
}

fn verdicts(packs: &[ComparedPack]) -> Markup {
    html! {
        div class="scroll" { table {
            thead { tr { th { "model" } th { "conclusion" } } }
            tbody {
                @for pack in packs {
                    tr {
                        td { b { (Text(&pack.model)) } }
                        td { (Text(&pack.evidence.as_ref().map_or_else(
                            || "no verdict".to_owned(), |evidence| conclusion(evidence).headline))) }
                    }
                }
            }
        } }
    }
}

/// Controls that any of the packs has, in their order.
fn controls(packs: &[ComparedPack]) -> Vec<ControlName> {
    let known = |name: &ControlName| {
        let has = |e: &Evidence| e.controls.iter().any(|control| control.name == *name);
        packs.iter().filter_map(|pack| pack.evidence.as_ref()).any(has)
    };
    ControlName::ALL.into_iter().filter(known).collect()
}

fn panel(packs: &[ComparedPack]) -> Markup {
    let figure = |pack: &ComparedPack, name: Option<ControlName>| {
        let evidence = pack.evidence.as_ref()?;
        match name {
            None => evidence.audit_auc,
            Some(name) => evidence.controls.iter().find(|c| c.name == name)?.audit_auc,
        }
    };
    grid(packs, &controls(packs), &figure)
}

fn outcomes(packs: &[ComparedPack]) -> Markup {
    type Pick = fn(&ScorerOutcomes) -> Option<Figure>;
    let rows: [(&str, Pick); 4] = [
        ("contrast", |o| o.contrast),
        ("ROC AUC", |o| o.roc_auc),
        ("BEDROC", |o| o.bedroc),
        ("cliffs", |o| o.cliffs),
    ];
    html! {
        div class="scroll" { table {
            thead { tr { th { "model" } @for (name, _) in rows { th { (name) } } } }
            tbody {
                @for pack in packs {
                    @let found = pack.evidence.as_ref().and_then(|e| e.outcomes.as_ref());
                    tr {
                        td { b { (Text(&pack.model)) } }
                        @for (_, pick) in rows { td { (interval(found.and_then(|o| pick(&o.model)))) } }
                    }
                }
            }
        } }
    }
}

fn budgets(packs: &[ComparedPack]) -> Markup {
    html! {
        div class="scroll" { table {
            thead { tr { th { "model" } th class="n" { "budget" } th { "hit rate by score" }
                th { "hit rate by score among PASS" } th { "at random" } th { "what the audit does" } } }
            tbody {
                @for pack in packs {
                    @if let Some(budget) = &pack.budget {
                        tr {
                            td { b { (Text(&pack.model)) } }
                            td class="n" { (budget.budget) }
                            td { (interval(Some(budget.by_score.hit_rate))) }
                            td { (interval(budget.by_score_among_pass.as_ref().map(|r| r.hit_rate))) }
                            td { (interval(Some(budget.random.hit_rate))) }
                            td { (Text(&budget.sentence)) }
                        }
                    }
                }
            }
        } }
    }
}

/// A line for each control, a column for each pack.
fn grid(
    packs: &[ComparedPack],
    controls: &[ControlName],
    figure: &dyn Fn(&ComparedPack, Option<ControlName>) -> Option<Figure>,
) -> Markup {
    html! {
        div class="scroll" { table {
            thead { tr { th { "score" } @for pack in packs { th { (Text(&pack.model)) } } } }
            tbody {
                tr { td { b { "the model" } } @for pack in packs { td { (interval(figure(pack, None))) } } }
                @for name in controls {
                    tr {
                        td { code { (name.as_str()) } }
                        @for pack in packs { td { (interval(figure(pack, Some(*name)))) } }
                    }
                }
            }
        } }
    }
}
