//! The sections of `index.html` that say what a pack concludes of its scores.

use maud::{Markup, PreEscaped, html};

use hetero2_contract::evidence::{Evidence, Leakage, Outcomes, ScorerOutcomes};

use super::conclusion::{Conclusion, PASS_MEANS, conclusion, interval, leakage_sentence};
use super::html::Text;
use super::text::{self, grouped};
use super::{PackSummary, svg};

/// Model and library.
pub(super) fn title(summary: &PackSummary) -> String {
    let model = summary.model.as_deref().unwrap_or("Unnamed model");
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
        @for limit in limits { p class="caution" { (Text(&limit)) } "\n" }
        @for caution in text::cautions(summary) { p class="caution" { (Text(&caution)) } "\n" }
        p class="soft" { (PASS_MEANS) } "\n"
    }
}

/// Everything that the verdict rests on.
pub(super) fn sections(evidence: &Evidence) -> Markup {
    html! {
        @if let Some(leakage) = &evidence.leakage { (leakage_section(leakage)) }
        (panel(evidence))
        @if let Some(outcomes) = &evidence.outcomes { (outcomes_section(evidence, outcomes)) }
    }
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
                (Text(&evidence.intervals.method)) ")."
            } "\n"
            div class="plots" { figure {
                figcaption { "Mean AUC against decoys with 95 % intervals; the line is chance" }
                (PreEscaped(plot))
            } } "\n"
            div class="scroll" { table {
                thead { tr {
                    th { "score" } th class="n" { "molecules" } th { "AUC against decoys" }
                    th { "share that pass" } th { "model minus control" }
                } }
                tbody {
                    tr {
                        td { b { "model" } }
                        td class="n" { (grouped(evidence.units.units)) }
                        td { (interval(evidence.audit_auc)) }
                        td { (interval(passes.map(|p| p.observed))) }
                        td { "–" }
                    }
                    @for control in &evidence.controls {
                        tr {
                            td { code { (control.name.as_str()) } }
                            td class="n" { (grouped(control.units)) }
                            td { (interval(control.audit_auc)) }
                            td { (interval(control.pass_rate)) }
                            td { (interval(control.model_minus_control)) }
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

fn outcomes_section(evidence: &Evidence, outcomes: &Outcomes) -> Markup {
    html! {
        section { h2 { "Known outcomes" } "\n"
            p {
                (grouped(outcomes.actives)) " actives and " (grouped(outcomes.inactives))
                " inactives have a known outcome and a score. Contrast is the AUC of actives against their decoys minus \
                 that of inactives: a score that knows no activity has none."
            } "\n"
            div class="scroll" { table {
                thead { tr {
                    th { "score" } th { "contrast" } th { "ROC AUC" } th { "BEDROC" } th { "cliffs" }
                    th { "ROC AUC: model minus control" } th { "above, after Holm" }
                } }
                tbody {
                    tr { td { b { "model" } } (figures(&outcomes.model)) td { "–" } td { "–" } }
                    @for control in &outcomes.controls {
                        tr {
                            td { code { (control.name.as_str()) } }
                            (figures(&control.figures))
                            @let found = outcomes.differences.iter().find(|d| d.control == control.name);
                            td { (interval(found.map(|d| d.difference))) }
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

fn figures(found: &ScorerOutcomes) -> Markup {
    html! {
        td { (interval(found.contrast)) }
        td { (interval(found.roc_auc)) }
        td { (interval(found.bedroc)) }
        td { (interval(found.cliffs)) }
    }
}

/// A number with four digits, or a dash.
pub(super) fn four(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"))
}
