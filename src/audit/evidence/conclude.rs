//! From gathered rows to the document.

use hetero2_contract::evidence::{
    ControlName, EVIDENCE_SCHEMA, Evidence, EvidenceReason, EvidenceWarning, IntervalMethod, Units,
};

use super::audited::{self, ControlResult};
use super::clusters::Clustered;
use super::discoveries::SIGNAL_SHARE;
use super::given::{Given, OutcomesGiven};
use super::outcomes::{OutcomeResult, outcomes};
use super::table::{EvidenceTable, UnauditedCounts, UnitOutcome};
use super::verdict::{AuditGrounds, Grounds, OutcomeGrounds, Side, decide};
use super::{interval, resample};

/// Rows that are named where their unit's scores disagree.
const NAMED_ROWS: usize = 20;

impl EvidenceTable {
    /// What the rows show.
    ///
    /// Cost: linear but for sorting, some 3 s for 100,000 units of 20 decoys
    /// with 14 controls and outcomes.
    #[must_use]
    pub fn conclude(&self, given: &Given) -> Evidence {
        let all = Clustered::of(&self.all);
        let labelled = Clustered::of(&self.labelled);
        let spread = given.separability.as_ref().map_or(0.0, |found| found.random_weights_spread);
        let audit = audited::audit_figures(&all, spread);
        let controls: Vec<ControlResult> = self
            .controls
            .iter()
            .enumerate()
            .map(|(index, name)| audited::control(&all, index, *name))
            .collect();
        let with_outcomes = (given.outcomes == OutcomesGiven::Yes || !labelled.units.is_empty())
            .then(|| outcomes(&labelled, &self.controls, &given.cliffs));
        let nothing = AuditGrounds::Nothing(why_nothing(self.unaudited));
        let of_decoys = match audit.grounds.unwrap_or(nothing) {
            AuditGrounds::BetterThanChance => not_beyond_composition(&controls),
            other => other,
        };
        let grounds = Grounds {
            audit: of_decoys,
            outcomes: with_outcomes.as_ref().map_or(OutcomeGrounds::Absent, |o| o.grounds.clone()),
        };
        let (verdict, reasons) = decide(&grounds);
        let better = grounds.audit == AuditGrounds::BetterThanChance;
        let mut compared = controls.iter().filter_map(|control| control.model_is).peekable();
        let plausibility_suffices = (better && compared.peek().is_some())
            .then(|| compared.any(|model| model != Side::Above));
        let mut evidence = Evidence {
            schema_version: EVIDENCE_SCHEMA.to_owned(),
            verdict,
            reasons,
            plausibility_suffices,
            intervals: IntervalMethod {
                method: interval::METHOD.to_owned(),
                ranking_method: resample::METHOD.to_owned(),
                confidence: interval::CONFIDENCE,
            },
            units: self.units(&all),
            clusters: all.summary(),
            audit_auc: audit.auc,
            chance: audit.chance,
            power: audit.power,
            separability: given.separability.clone(),
            passes: audited::passes(&all),
            signal_share: audited::signal_share(&all),
            discoveries: audited::discoveries(&all),
            by_hardness: audited::by_hardness(&all),
            controls: controls.into_iter().map(|control| control.figures).collect(),
            leakage: given.leakage.clone(),
            outcomes: None,
            warnings: Vec::new(),
        };
        evidence.warnings = self.warnings(&evidence, &all, with_outcomes.as_ref());
        evidence.outcomes = with_outcomes.map(|result| result.outcomes);
        evidence
    }

    fn units(&self, all: &Clustered<'_>) -> Units {
        let disagree = || all.units.iter().filter(|unit| unit.scores_disagree());
        Units {
            rows: self.rows,
            units: all.units.len() as u64,
            sampled_share: self.all.sampled_share(),
            units_scores_disagree: disagree().count() as u64,
            rows_scores_disagree: disagree().take(NAMED_ROWS).map(|u| u.first_row).collect(),
        }
    }

    fn warnings(
        &self,
        evidence: &Evidence,
        all: &Clustered<'_>,
        outcomes: Option<&OutcomeResult>,
    ) -> Vec<EvidenceWarning> {
        let units = &evidence.units;
        let mut warnings = Vec::new();
        if units.units_scores_disagree > 0 {
            warnings.push(EvidenceWarning::ScoresDisagree(units.units_scores_disagree));
        }
        let labels = all.units.iter().filter(|u| u.outcome() == UnitOutcome::Disagreeing).count();
        if labels > 0 {
            warnings.push(EvidenceWarning::LabelsDisagree(labels as u64));
        }
        if let Some(found) = &evidence.discoveries
            && found.smallest_share.is_none_or(|share| share > SIGNAL_SHARE)
        {
            warnings.push(EvidenceWarning::DiscoveriesNeedDecoys(found.decoys_needed));
        }
        if units.sampled_share < 1.0 || self.labelled.sampled_share() < 1.0 {
            warnings.push(EvidenceWarning::Sampled);
        }
        let few = [OutcomeGrounds::TooFew, OutcomeGrounds::Leakage];
        if outcomes.is_some_and(|outcomes| few.contains(&outcomes.grounds)) {
            warnings.push(EvidenceWarning::TooFewOutcomes);
        }
        if self.controls.is_empty() {
            warnings.push(EvidenceWarning::NoControls);
        }
        warnings
    }
}

/// Controls that know what a structure is made of, and nothing of how.
const COMPOSITION: [ControlName; 3] =
    [ControlName::Constant, ControlName::HeavyAtoms, ControlName::Fragments];

/// What a score that is better than chance comes to where the decoys differ
/// from their originals in composition: nothing, unless it is above that.
fn not_beyond_composition(controls: &[ControlResult]) -> AuditGrounds {
    let as_good = controls.iter().find(|control| {
        COMPOSITION.contains(&control.figures.name)
            && control.is == Side::Above
            && control.model_is != Some(Side::Above)
    });
    as_good.map_or(AuditGrounds::BetterThanChance, |control| {
        AuditGrounds::NotBeyond(EvidenceReason::NoBetterThanControl(control.figures.name))
    })
}

fn why_nothing(unaudited: UnauditedCounts) -> EvidenceReason {
    if unaudited.no_decoy_score > 0 {
        EvidenceReason::NoScoredDecoy
    } else if unaudited.no_original_score > 0 {
        EvidenceReason::NoScoredOriginal
    } else {
        EvidenceReason::NoUnits
    }
}
