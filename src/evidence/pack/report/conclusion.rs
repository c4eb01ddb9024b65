//! What a verdict says in words: the conclusion, what it means, what to do next.
//! No sentence claims more than the interval that it rests on.

use hetero2_contract::evidence::{
    ControlName, Evidence, EvidenceReason, EvidenceVerdict, EvidenceWarning, Figure, Leakage,
};

use super::text::grouped;

/// A verdict in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The verdict and why, in one sentence.
    pub headline: String,
    /// What that means, and what it does not.
    pub meaning: String,
    /// What to do next.
    pub next: String,
    /// What limits it, a sentence each.
    pub limits: Vec<String>,
}

/// What a PASS is, wherever the word stands.
pub const PASS_MEANS: &str = "A molecule passes (PASS) where the model scores it above every one of \
    its decoys that has a score; decoys are made from it by exchanging bonds, unless others were \
    given.";

/// A verdict in words.
#[must_use]
pub fn conclusion(evidence: &Evidence) -> Conclusion {
    let (why, meaning, next) = match evidence.verdict {
        EvidenceVerdict::NothingAudited => nothing_audited(evidence),
        EvidenceVerdict::Inconclusive => inconclusive(evidence),
        EvidenceVerdict::Refuted => refuted(evidence),
        EvidenceVerdict::NotRefuted => not_refuted(evidence),
        EvidenceVerdict::NotSupported => not_supported(evidence),
        EvidenceVerdict::Supported => supported(evidence),
    };
    Conclusion {
        headline: format!("{}: {why}", evidence.verdict),
        meaning,
        next,
        limits: evidence.warnings.iter().map(warning).collect(),
    }
}

type Words = (String, String, String);

fn nothing_audited(evidence: &Evidence) -> Words {
    let missing = match evidence.reasons.first() {
        Some(EvidenceReason::NoScoredOriginal) => "no original has a score",
        Some(EvidenceReason::NoScoredDecoy) => "no decoy of a scored original has a score",
        _ => "no row has a molecule, decoys and scores",
    };
    (
        format!("{missing}."),
        "Nothing was tested, so nothing is known of the scores.".to_owned(),
        "Score the molecules and their decoys: `hetero2 decoys` writes the table to be scored; \
         use the same seed, number and kind of decoys in the run."
            .to_owned(),
    )
}

fn inconclusive(evidence: &Evidence) -> Words {
    let reasons = &evidence.reasons;
    let has = |wanted: EvidenceReason| reasons.contains(&wanted);
    if has(EvidenceReason::Leakage) {
        return (
            "too few molecules with a known outcome are left that the model has not seen in \
             training."
                .to_owned(),
            "Outcomes of training molecules say how well the model remembers, not how well it \
             predicts."
                .to_owned(),
            "Give outcomes of molecules that are not in the training file.".to_owned(),
        );
    }
    if has(EvidenceReason::NeedsOutcomes) {
        return (
            "the outcomes given are too few to say whether the scores know activity.".to_owned(),
            format!("Against the decoys: {}.", against_decoys(evidence)),
            "Give outcomes of more molecules, actives and inactives both.".to_owned(),
        );
    }
    if let Some(words) = reasons.iter().find_map(|reason| no_better_than(evidence, *reason)) {
        return words;
    }
    let needed = reasons.iter().find_map(|reason| match reason {
        EvidenceReason::NeedsUnits(units) => Some(*units),
        _ => None,
    });
    (
        format!(
            "{}; chance is not excluded, and with {} molecules in {} groups {}.",
            against_decoys(evidence),
            grouped(evidence.units.units),
            grouped(evidence.clusters.clusters),
            // Where it could have been, it is a moderate signal that is not.
            if evidence.power.as_ref().is_some_and(|power| power.power >= power.required) {
                "neither is a moderate signal"
            } else {
                "it could not well have been"
            }
        ),
        "The scores were neither refuted nor supported: the audit is too small.".to_owned(),
        match needed {
            Some(units) => format!(
                "Audit about {} independent molecules, or give known outcomes.",
                grouped(units)
            ),
            None => "Audit more molecules of different scaffolds, or give known outcomes.".into(),
        },
    )
}

/// A score that is above chance, as are scores that know nothing.
fn no_better_than(evidence: &Evidence, reason: EvidenceReason) -> Option<Words> {
    let (what, meaning) = match reason {
        EvidenceReason::NoBetterThanRandomWeights => {
            let spread = evidence.separability.as_ref().map_or(0.0, |s| s.random_weights_spread);
            let what = "scores that weigh parts of molecules at random".to_owned();
            let meaning = format!(
                "Such scores lie {spread:.3} from 0.5 here (one standard deviation, whatever the \
                 number of molecules), because the molecules of a library share their parts."
            );
            (what, meaning)
        }
        EvidenceReason::NoBetterThanControl(name) => {
            let meaning = "These decoys can be distinguished by composition alone; those of set \
                           v2 cannot.";
            (format!("`{name}`"), meaning.to_owned())
        }
        _ => return None,
    };
    Some((
        format!("{}; no better than {what}.", against_decoys(evidence)),
        format!("The scores were neither refuted nor supported. {meaning}"),
        "Give known outcomes: more molecules alone will not decide it.".to_owned(),
    ))
}

fn refuted(evidence: &Evidence) -> Words {
    if evidence.reasons.contains(&EvidenceReason::ContradictsOutcomes) {
        let roc = evidence.outcomes.as_ref().and_then(|o| o.model.roc_auc);
        return (
            format!(
                "known outcomes contradict the scores: an active scores above an inactive with \
                 probability {}.",
                interval(roc)
            ),
            "Inactive molecules score higher than active ones.".to_owned(),
            "Check the sign of the scores (higher must be better) and the ids of the outcomes."
                .to_owned(),
        );
    }
    (
        format!("{}: no better than chance.", against_decoys(evidence)),
        "Molecules are not shown to score above their own decoys, where a moderate signal (a mean \
         AUC of 0.6) would have shown."
            .to_owned(),
        match &evidence.outcomes {
            Some(_) => {
                "Do not rank molecules by these scores; check that the model was given the \
                        same SMILES."
            }
            None => {
                "Do not rank molecules by these scores unless known outcomes speak for them: \
                     a right model lets inactive molecules lose. Check that the model was given \
                     the same SMILES."
            }
        }
        .to_owned(),
    )
}

fn not_refuted(evidence: &Evidence) -> Words {
    let meaning = if evidence.plausibility_suffices == Some(true) {
        let control = best_control(evidence);
        let by = control.map_or_else(|| "a control".to_owned(), |name| format!("`{name}`"));
        format!(
            "The scores prefer molecules to their decoys, but {by}, which knows no activity, does \
             as well: this may be plausibility alone."
        )
    } else {
        "The scores prefer molecules to their decoys. That they know activity is not shown: \
         without outcomes an audit can refute scores and never support them."
            .to_owned()
    };
    (
        format!("{}, better than chance; there are no outcomes.", against_decoys(evidence)),
        meaning,
        "Give known outcomes with --truth to learn whether the scores know activity.".to_owned(),
    )
}

fn not_supported(evidence: &Evidence) -> Words {
    let mut why = Vec::new();
    for reason in &evidence.reasons {
        match reason {
            EvidenceReason::NoContrast => {
                why.push("actives do not beat their decoys more often than inactives".to_owned())
            }
            EvidenceReason::NoBetterThanControl(name) => {
                why.push(format!("the scores are not shown to rank better than `{name}`"));
            }
            _ => {}
        }
    }
    if why.is_empty() {
        why.push("known outcomes do not support the scores".to_owned());
    }
    // A few say it; the table has all.
    let more = why.len().saturating_sub(2);
    why.truncate(2);
    if more > 0 {
        why.push(format!("and {more} more"));
    }
    (
        format!("{}.", why.join("; ")),
        "The scores may know activity; these outcomes do not show it beyond what scores do that \
         know none."
            .to_owned(),
        "Do not rely on the scores yet: give outcomes of more molecules, or improve the model."
            .to_owned(),
    )
}

fn supported(evidence: &Evidence) -> Words {
    let model = evidence.outcomes.as_ref().map(|outcomes| &outcomes.model);
    (
        format!(
            "known outcomes support the scores: ROC AUC {}, above every control; contrast {}.",
            interval(model.and_then(|m| m.roc_auc)),
            interval(model.and_then(|m| m.contrast))
        ),
        "Actives score above inactives beyond what controls explain, and beat their decoys more \
         often than inactives do. A molecule that fails and is inactive is not held against the \
         model."
            .to_owned(),
        match &evidence.leakage {
            None => "Say what the model was trained on with --train: without that, outcomes that \
                     the model has seen are not left out."
                .to_owned(),
            Some(_) => "Spend the budget by the model's score; the outcomes below say how many \
                        hits that finds."
                .to_owned(),
        },
    )
}

/// Mean AUC against the decoys.
fn against_decoys(evidence: &Evidence) -> String {
    format!("mean AUC of molecules against their decoys {}", interval(evidence.audit_auc))
}

fn best_control(evidence: &Evidence) -> Option<ControlName> {
    let known = evidence.controls.iter().filter_map(|c| Some((c.name, c.audit_auc?.value)));
    known.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
}

/// A figure with its interval, to three digits.
pub(super) fn interval(figure: Option<Figure>) -> String {
    match figure {
        None => "not defined".to_owned(),
        Some(Figure { value, low: Some(low), high: Some(high) }) => {
            format!("{value:.3} (95 % interval {low:.3} to {high:.3})")
        }
        Some(Figure { value, .. }) => format!("{value:.3} (no interval: too few groups)"),
    }
}

/// A figure with its interval as a table has it, whose head says what the
/// parentheses are.
pub(super) fn cell(figure: Option<Figure>) -> String {
    match figure {
        None => "–".to_owned(),
        Some(Figure { value, low: Some(low), high: Some(high) }) => {
            format!("{value:.3} ({low:.3} to {high:.3})")
        }
        Some(Figure { value, .. }) => format!("{value:.3} (no interval)"),
    }
}

/// A limit of the evidence as a sentence.
fn warning(warning: &EvidenceWarning) -> String {
    match warning {
        EvidenceWarning::ScoresDisagree(units) => format!(
            "{} molecules stand in several rows with different scores; the first row's counts.",
            grouped(*units)
        ),
        EvidenceWarning::LabelsDisagree(units) => format!(
            "{} molecules have outcomes of both kinds; they count as unknown.",
            grouped(*units)
        ),
        EvidenceWarning::DiscoveriesNeedDecoys(decoys) => format!(
            "If a tenth of the molecules carry a signal, none of them can stand out at a \
             false-discovery rate of 0.05 with so few decoys; with {} decoys each they could.",
            grouped(*decoys)
        ),
        EvidenceWarning::Sampled => {
            "Library-level figures are of a sample of the molecules.".into()
        }
        EvidenceWarning::TooFewOutcomes => {
            "Too few actives or inactives have a known outcome for an interval.".into()
        }
        EvidenceWarning::NoControls => {
            "No control was computed, so nothing can be said of plausibility.".into()
        }
    }
}

/// What the overlap with the training file means.
pub(super) fn leakage_sentence(leakage: &Leakage) -> String {
    if leakage.duplicates_without_stereo == 0 {
        return "No molecule of the library stands in the training file.".to_owned();
    }
    format!(
        "{} molecules of the library stand in the training file: what the model says of them is no \
         prediction. The outcomes of {} of them do not count towards support.",
        grouped(leakage.duplicates_without_stereo),
        grouped(leakage.labelled_left_out)
    )
}

/// The audit of actives and of inactives; none without both.
pub(super) fn classes(evidence: &Evidence) -> Option<String> {
    let by_class = &evidence.outcomes.as_ref()?.by_class;
    let (active, inactive) = (by_class.active.as_ref()?, by_class.inactive.as_ref()?);
    Some(format!(
        "AUC against decoys: {} for {} actives, {} for {} inactives.",
        interval(Some(active.audit_auc)),
        grouped(active.units),
        interval(Some(inactive.audit_auc)),
        grouped(inactive.units)
    ))
}
