//! The sections of `index.html` that say what a pack concludes of its scores.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use hetero2_contract::evidence::{
    BinFigures, Equivalence, Evidence, Leakage, Outcomes, ScorerOutcomes,
};

use super::conclusion::{Conclusion, PASS_MEANS, cell, conclusion, interval, leakage_sentence};
use super::html::Text;
use super::text::{self, grouped};
use super::{PackSummary, html_budget, svg};

/// Model and library; a model without a name has that of its scores.
pub(super) fn title(summary: &PackSummary) -> String {
    let file = summary.inputs.iter().find(|input| input.role == "scores");
    let file = file.and_then(|input| Path::new(&input.name).file_stem()?.to_str());
    let model = summary.model.as_deref().or(file).unwrap_or("Unnamed model");
    format!("{model} on {}", summary.library)
}

/// The head of the page: the verdict, what it means, what to do next.
pub(super) fn head(summary: &PackSummary, evidence: &Evidence) -> Markup {
    let Conclusion { headline, meaning, next, limits } = conclusion(evidence);
    html! {
        h1 { (Text(&title(summary))) } "\n"
        p class="verdict" { (Text(&headline)) } "\n"
        p { (Text(&meaning)) } "\n"
        p { b { "Next: " } (Text(&next)) } "\n"
        @if let Some(sentence) = text::audit_top(summary) { p { (Text(&sentence)) } "\n" }
        @for limit in limits { p class="caution" { (Text(&limit)) } "\n" }
        @for caution in text::cautions(summary) { p class="caution" { (Text(&caution)) } "\n" }
        p class="soft" { (PASS_MEANS) } "\n"
    }
}

/// What is said of known outcomes where none is left.
pub(super) const NO_OUTCOME_COUNTS: &str = "No known outcome counts: none is of an audited molecule that \
    the model has not seen in training.";

/// Everything that the verdict rests on.
pub(super) fn sections(summary: &PackSummary, evidence: &Evidence) -> Markup {
    html! {
        @if let Some(leakage) = &evidence.leakage { (leakage_section(leakage)) }
        (panel(evidence))
        @if let Some(outcomes) = &evidence.outcomes {
            (outcomes_section(summary, evidence, outcomes))
        }
        @if let Some(budget) = summary.budget.as_ref().filter(|budget| budget.units > 0) { (html_budget::section(summary, budget)) }
        (against_decoys(summary, evidence))
    }
}

/// Passes against chance, and AUC by similarity of the decoys.
fn against_decoys(summary: &PackSummary, evidence: &Evidence) -> Markup {
    let hardness = &evidence.by_hardness;
    let bins = [("easy", &hardness.easy), ("medium", &hardness.medium), ("hard", &hardness.hard)];
    html! {
        section { h2 { "Is it more than chance?" } "\n"
            @for sentence in passes_sentences(evidence) { p { (Text(&sentence)) } "\n" }
            div class="plots" { figure {
                figcaption {
                    "AUC of each molecule against its decoys; " span class="chance" { "line" }
                    ": expected under random scores"
                }
                (PreEscaped(svg::histogram(&summary.auc_histogram, &summary.null_auc, "AUC", "molecules")))
            } } "\n"
            div class="scroll" { table {
                thead { tr {
                    th { "decoys" } th class="n" { "molecules" } th class="n" { "pairs" }
                    th { "AUC (95 % interval)" } th { "against chance" }
                } }
                tbody {
                    @for (name, found) in bins {
                        @if let Some(found) = found { (bin(name, found)) }
                    }
                }
            } }
            p class="soft" {
                "By Tanimoto similarity to the molecule: easy below 0.50, hard from 0.70. Equivalent to chance \
                 means that the AUC lies within 0.5 ± 0.05 by two one-sided tests at 0.05."
            }
        } "\n"
    }
}

fn bin(name: &str, found: &BinFigures) -> Markup {
    let result = match found.equivalence.result {
        Equivalence::EquivalentToChance => "equivalent to chance",
        Equivalence::AboveChance => "above chance",
        Equivalence::BelowChance => "below chance",
        Equivalence::Undecided => "undecided",
    };
    html! {
        tr {
            td { (name) }
            td class="n" { (grouped(found.units)) }
            td class="n" { (grouped(found.pairs)) }
            td class="f" { (cell(Some(found.auc))) }
            td { (result) }
        }
    }
}

/// How many molecules pass, how many would by chance, and which stand out.
pub(super) fn passes_sentences(evidence: &Evidence) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(passes) = &evidence.passes {
        let stands = match (passes.excess.low, passes.excess.high) {
            (Some(low), _) if low > 0.0 => "more than chance gives",
            (_, Some(high)) if high < 0.0 => "fewer than chance gives",
            _ => "not shown to differ from chance",
        };
        sentences.push(format!(
            "Share of molecules that pass: {}; random scores would let {:.3} pass: {stands}.",
            interval(Some(passes.observed)),
            passes.expected
        ));
    }
    if let Some(found) = &evidence.discoveries {
        sentences.push(format!(
            "{} of {} molecules stand out at a false-discovery rate of {}.",
            grouped(found.discoveries),
            grouped(found.units),
            found.level
        ));
    }
    sentences
}

fn leakage_section(leakage: &Leakage) -> Markup {
    let share = |value: Option<f64>| text::percent(value);
    let similarity = |value: Option<f64>| four(value);
    html! {
        section { h2 { "What the model has seen" } "\n"
            p { (Text(&leakage_sentence(leakage))) } "\n"
            div class="scroll" { table {
                thead { tr { th { "overlap with the training file" } th class="n" { "value" } } }
                tbody {
                    tr { td { "training molecules" } td class="n" { (grouped(leakage.training_molecules)) } }
                    tr { td { "molecules that stand there" } td class="n" { (grouped(leakage.duplicates)) } }
                    tr { td { "the same, compared without stereo" } td class="n" { (grouped(leakage.duplicates_without_stereo)) } }
                    tr { td { "labelled molecules left out for that" } td class="n" { (grouped(leakage.labelled_left_out)) } }
                    tr { td { "similarity to the nearest, median" } td class="n" { (similarity(leakage.nearest_similarity_median)) } }
                    tr { td { "similarity to the nearest, 90 % quantile" } td class="n" { (similarity(leakage.nearest_similarity_p90)) } }
                    tr { td { "scaffolds that stand there" } td class="n" { (share(leakage.scaffold_overlap)) } }
                    tr { td { "AVE bias (Wallach and Heifets 2018)" } td class="n" { (similarity(leakage.ave_bias)) } }
                }
            } }
        } "\n"
    }
}

fn panel(evidence: &Evidence) -> Markup {
    let mut lines = vec![("model".to_owned(), evidence.audit_auc)];
    lines.extend(evidence.controls.iter().map(|c| (c.name.to_string(), c.audit_auc)));
    let plot = svg::panel(&lines);
    let passes = evidence.passes.as_ref();
    html! {
        section { h2 { "The model beside controls that know no activity" } "\n"
            p {
                "Mean AUC of a molecule's score against those of its decoys; 0.5 is chance. "
                (grouped(evidence.units.units)) " molecules in " (grouped(evidence.clusters.clusters))
                " groups of one scaffold or with shared decoys, which the intervals take for independent ("
                code { (Text(&evidence.intervals.method)) } ")."
            } "\n"
            div class="plots" { figure {
                figcaption { "Mean AUC against decoys with 95 % intervals; the line is chance" }
                (PreEscaped(plot))
            } } "\n"
            div class="scroll" { table {
                thead { tr {
                    th { "score" } th class="n" { "molecules" } th { "AUC against decoys (95 % interval)" }
                    th { "share that pass" } th { "model minus control" }
                } }
                tbody {
                    tr {
                        td { b { "model" } }
                        td class="n" { (grouped(evidence.units.units)) }
                        td class="f" { (cell(evidence.audit_auc)) }
                        td class="f" { (cell(passes.map(|p| p.observed))) }
                        td { "–" }
                    }
                    @for control in &evidence.controls {
                        tr {
                            td { code { (control.name.as_str()) } }
                            td class="n" { (grouped(control.units)) }
                            td class="f" { (cell(control.audit_auc)) }
                            td class="f" { (cell(control.pass_rate)) }
                            td class="f" { (cell(control.model_minus_control)) }
                        }
                    }
                }
            } }
            @if let Some(found) = &evidence.separability {
                p class="soft" {
                    "A linear classifier distinguishes originals from decoys with AUC "
                    (interval(found.both)) " (descriptors alone " (interval(found.descriptors))
                    ", environments alone " (interval(found.environments)) ")."
                }
            }
        } "\n"
    }
}

fn outcomes_section(summary: &PackSummary, evidence: &Evidence, outcomes: &Outcomes) -> Markup {
    if outcomes.actives + outcomes.inactives == 0 {
        return html! {
            section { h2 { "Known outcomes" } "\n" p { (NO_OUTCOME_COUNTS) } } "\n"
        };
    }
    let roc = roc_plot(summary, outcomes);
    html! {
        section { h2 { "Known outcomes" } "\n"
            p {
                (grouped(outcomes.actives)) " actives and " (grouped(outcomes.inactives))
                " inactives have a known outcome and a score. Contrast is the AUC of actives against their decoys minus \
                 that of inactives: a score that knows no activity has none."
            } "\n"
            @if let Some((plot, caption)) = roc {
                div class="plots" { figure { figcaption { (caption) } (PreEscaped(plot)) } } "\n"
            }
            div class="scroll" { table {
                thead { tr {
                    th { "score" } th { "contrast (95 % interval)" } th { "ROC AUC" } th { "BEDROC" } th { "cliffs" }
                    th { "ROC AUC: model minus control" } th { "above, after Holm" }
                } }
                tbody {
                    tr { td { b { "model" } } (figures(&outcomes.model)) td { "–" } td { "–" } }
                    @for control in &outcomes.controls {
                        tr {
                            td { code { (control.name.as_str()) } }
                            (figures(&control.figures))
                            @let found = outcomes.differences.iter().find(|d| d.control == control.name);
                            td class="f" { (cell(found.map(|d| d.difference))) }
                            td { (found.map_or("–", |d| if d.above { "yes" } else { "no" })) }
                        }
                    }
                }
            } }
            p class="soft" {
                "Cliffs: of two labelled molecules with similarity of at least 0.6 and different outcomes, how often the \
                 active scores higher (" (grouped(outcomes.model.cliff_pairs)) " pairs). A molecule that fails and is \
                 inactive is not held against the model."
            }
            @if let Some(sentence) = super::conclusion::classes(evidence) { p { (Text(&sentence)) } }
        } "\n"
    }
}

/// The ROC curve of the model beside that of the control that ranks best.
fn roc_plot(summary: &PackSummary, outcomes: &Outcomes) -> Option<(String, String)> {
    let points = |control| {
        let found = summary.roc.iter().find(|curve| curve.control == control)?;
        Some(found.points.as_slice())
    };
    let mut curves = vec![("model", points(None)?)];
    let known = outcomes.controls.iter().filter_map(|c| Some((c.name, c.figures.roc_auc?.value)));
    let best = known.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name);
    curves.extend(best.and_then(|name| Some((name.as_str(), points(Some(name))?))));
    let caption = match best {
        Some(name) => {
            format!(
                "ROC curves of the model and of the best control, {name}; ROC AUC of the model "
            )
        }
        None => "ROC curve of the model; ROC AUC ".to_owned(),
    };
    Some((svg::roc(&curves), caption + &interval(outcomes.model.roc_auc)))
}

fn figures(found: &ScorerOutcomes) -> Markup {
    html! {
        td class="f" { (cell(found.contrast)) }
        td class="f" { (cell(found.roc_auc)) }
        td class="f" { (cell(found.bedroc)) }
        td class="f" { (cell(found.cliffs)) }
    }
}

/// A number with four digits, or a dash.
pub(super) fn four(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"))
}
