//! The verdict, from the grounds it rests on.

use hetero2_contract::evidence::{ControlName, EvidenceReason, EvidenceVerdict};

/// Power below which an audit that does not exclude chance concludes nothing.
pub const POWER_REQUIRED: f64 = 0.8;
/// The mean AUC that counts as a moderate signal.
pub const MODERATE_AUC: f64 = 0.6;
/// Fewer labelled actives, or inactives, than this conclude nothing.
pub const MIN_PER_CLASS: u64 = 10;

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Grounds {
    /// What the decoys say.
    pub audit: AuditGrounds,
    /// What outcomes say.
    pub outcomes: OutcomeGrounds,
}

/// What the decoys say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AuditGrounds {
    /// There is no audited unit, for this reason.
    Nothing(EvidenceReason),
    /// The interval of the mean AUC lies above chance, and beyond what scores
    /// reach that know nothing.
    BetterThanChance,
    /// It lies above chance, and not beyond that, for this reason.
    NotBeyond(EvidenceReason),
    /// It does not lie above chance.
    NotBetter {
        /// Probability that it would at [`MODERATE_AUC`].
        power: f64,
        /// Whether the whole interval lies below 0.5.
        side: Side,
        /// Where it lies about [`MODERATE_AUC`].
        moderate: Side,
        /// Units that would give the power, where that can be said.
        units_needed: Option<u64>,
    },
}

/// Where an interval lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Wholly below 0.5.
    Below,
    /// It holds 0.5, or is not known.
    Around,
    /// Wholly above 0.5.
    Above,
}

/// What outcomes say.
#[derive(Debug, Clone, PartialEq)]
pub enum OutcomeGrounds {
    /// None were given.
    Absent,
    /// Too few labelled units, or no interval.
    TooFew,
    /// Too few are left without those that stand in the training file.
    Leakage,
    /// There is nothing to compare the model with.
    NoControls,
    /// Enough of them.
    Enough {
        /// Where the interval of the ROC AUC lies.
        roc_auc: Side,
        /// Where the interval of the contrast lies, about 0 instead of 0.5.
        contrast: Side,
        /// Controls that the model is not above, in their order.
        not_above: Vec<ControlName>,
    },
}

/// The verdict and its reasons.
///
/// | first that holds | verdict |
/// |---|---|
/// | no audited unit | `NOTHING_AUDITED` |
/// | ROC AUC below 0.5 | `REFUTED`, `contradicts_outcomes` |
/// | contrast above 0 and ROC AUC above every control | `SUPPORTED` |
/// | ROC AUC above 0.5 | `NOT_SUPPORTED` |
/// | too few outcomes left beside those of training molecules | `INCONCLUSIVE`, `leakage` |
/// | AUC below 0.5, or not above it, below 0.6 and power ≥ 0.8 | `REFUTED`, `no_better_than_chance` |
/// | not better than chance | `INCONCLUSIVE` |
/// | no better than what knows nothing | `INCONCLUSIVE` |
/// | no outcomes | `NOT_REFUTED` |
/// | too few outcomes | `INCONCLUSIVE` |
/// | otherwise | `NOT_SUPPORTED` |
///
/// Outcomes that say something of a score go before the decoys: a right model
/// lets inactive originals lose, so that its mean AUC may be that of chance.
#[must_use]
pub fn decide(grounds: &Grounds) -> (EvidenceVerdict, Vec<EvidenceReason>) {
    use EvidenceReason as Reason;
    use EvidenceVerdict as Verdict;
    if let AuditGrounds::Nothing(reason) = grounds.audit {
        return (Verdict::NothingAudited, vec![reason]);
    }
    if let OutcomeGrounds::Enough { roc_auc, contrast, not_above } = &grounds.outcomes {
        if *roc_auc == Side::Below {
            return (Verdict::Refuted, vec![Reason::ContradictsOutcomes]);
        }
        if *contrast == Side::Above && not_above.is_empty() {
            return (Verdict::Supported, vec![Reason::ContrastAndDifferences]);
        }
        if *roc_auc == Side::Above {
            return (Verdict::NotSupported, not_supported(*contrast, not_above));
        }
    }
    if grounds.outcomes == OutcomeGrounds::Leakage {
        return (Verdict::Inconclusive, vec![Reason::Leakage]);
    }
    match grounds.audit {
        AuditGrounds::NotBetter { power, side, moderate, units_needed } => {
            let excluded = power >= POWER_REQUIRED && moderate == Side::Below;
            if excluded || side == Side::Below {
                return (Verdict::Refuted, vec![Reason::NoBetterThanChance]);
            }
            let needed = units_needed.map_or(Reason::NeedsClusters, Reason::NeedsUnits);
            return (Verdict::Inconclusive, vec![needed]);
        }
        AuditGrounds::NotBeyond(reason) => return (Verdict::Inconclusive, vec![reason]),
        AuditGrounds::Nothing(_) | AuditGrounds::BetterThanChance => {}
    }
    match &grounds.outcomes {
        OutcomeGrounds::Absent => (Verdict::NotRefuted, vec![Reason::NoOutcomes]),
        OutcomeGrounds::TooFew => (Verdict::Inconclusive, vec![Reason::NeedsOutcomes]),
        OutcomeGrounds::Leakage => (Verdict::Inconclusive, vec![Reason::Leakage]),
        OutcomeGrounds::NoControls => (Verdict::Inconclusive, vec![Reason::NeedsControls]),
        OutcomeGrounds::Enough { contrast, not_above, .. } => {
            (Verdict::NotSupported, not_supported(*contrast, not_above))
        }
    }
}

/// Each control that the model is not above, and whether it has no contrast.
fn not_supported(contrast: Side, not_above: &[ControlName]) -> Vec<EvidenceReason> {
    let no_contrast = (contrast != Side::Above).then_some(EvidenceReason::NoContrast);
    let controls = not_above.iter().copied().map(EvidenceReason::NoBetterThanControl);
    controls.chain(no_contrast).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use EvidenceReason as Reason;
    use EvidenceVerdict as Verdict;

    const BETTER: AuditGrounds = AuditGrounds::BetterThanChance;

    fn not_better(power: f64, side: Side) -> AuditGrounds {
        AuditGrounds::NotBetter { power, side, moderate: Side::Below, units_needed: Some(300) }
    }

    fn enough(roc_auc: Side, contrast: Side, not_above: &[ControlName]) -> OutcomeGrounds {
        OutcomeGrounds::Enough { roc_auc, contrast, not_above: not_above.to_vec() }
    }

    fn verdict(audit: AuditGrounds, outcomes: OutcomeGrounds) -> (Verdict, Vec<Reason>) {
        decide(&Grounds { audit, outcomes })
    }

    #[test]
    fn nothing_audited_is_said_whatever_outcomes_say() {
        for outcomes in [OutcomeGrounds::Absent, enough(Side::Above, Side::Above, &[])] {
            let (found, reasons) = verdict(AuditGrounds::Nothing(Reason::NoScoredDecoy), outcomes);
            assert_eq!((found, reasons), (Verdict::NothingAudited, vec![Reason::NoScoredDecoy]));
        }
    }

    #[test]
    fn power_divides_refuted_from_inconclusive() {
        let absent = || OutcomeGrounds::Absent;
        let inconclusive = (Verdict::Inconclusive, vec![Reason::NeedsUnits(300)]);
        let refuted = (Verdict::Refuted, vec![Reason::NoBetterThanChance]);
        assert_eq!(verdict(not_better(0.799_999, Side::Around), absent()), inconclusive);
        assert_eq!(verdict(not_better(0.8, Side::Around), absent()), refuted);
        // An AUC below 0.5 excludes 0.6 as well.
        assert_eq!(verdict(not_better(0.1, Side::Below), absent()), refuted);
        let around = Side::Around;
        let unknown = |power, units_needed| AuditGrounds::NotBetter {
            power,
            side: around,
            moderate: around,
            units_needed,
        };
        // An interval that holds both 0.5 and 0.6 excludes neither.
        assert_eq!(verdict(unknown(0.99, Some(300)), absent()), inconclusive);
        let unknown = unknown(0.0, None);
        let needs = (Verdict::Inconclusive, vec![Reason::NeedsClusters]);
        assert_eq!(verdict(unknown, absent()), needs);
    }

    #[test]
    fn without_outcomes_nothing_is_above_not_refuted() {
        let found = verdict(BETTER, OutcomeGrounds::Absent);
        assert_eq!(found, (Verdict::NotRefuted, vec![Reason::NoOutcomes]));
    }

    #[test]
    fn what_knows_nothing_does_as_well_and_nothing_is_concluded() {
        for reason in
            [Reason::NoBetterThanRandomWeights, Reason::NoBetterThanControl(ControlName::Fragments)]
        {
            let audit = AuditGrounds::NotBeyond(reason);
            let inconclusive = (Verdict::Inconclusive, vec![reason]);
            assert_eq!(verdict(audit, OutcomeGrounds::Absent), inconclusive);
            assert_eq!(verdict(audit, OutcomeGrounds::TooFew), inconclusive);
        }
    }

    #[test]
    fn outcomes_against_a_score_refute_it_however_it_audits() {
        let refuted = (Verdict::Refuted, vec![Reason::ContradictsOutcomes]);
        for audit in [BETTER, not_better(0.9, Side::Around), not_better(0.1, Side::Around)] {
            assert_eq!(verdict(audit, enough(Side::Below, Side::Above, &[])), refuted);
        }
    }

    #[test]
    fn support_takes_contrast_and_every_difference() {
        let supported = (Verdict::Supported, vec![Reason::ContrastAndDifferences]);
        // Also where actives and inactives together do no better than chance.
        for audit in [BETTER, not_better(0.9, Side::Around)] {
            assert_eq!(verdict(audit, enough(Side::Above, Side::Above, &[])), supported);
        }
        let qed = ControlName::Qed;
        assert_eq!(
            verdict(BETTER, enough(Side::Above, Side::Above, &[qed])),
            (Verdict::NotSupported, vec![Reason::NoBetterThanControl(qed)])
        );
        for contrast in [Side::Around, Side::Below] {
            assert_eq!(
                verdict(BETTER, enough(Side::Above, contrast, &[])),
                (Verdict::NotSupported, vec![Reason::NoContrast])
            );
        }
        assert_eq!(
            verdict(BETTER, enough(Side::Around, Side::Around, &[qed])),
            (Verdict::NotSupported, vec![Reason::NoBetterThanControl(qed), Reason::NoContrast])
        );
        // What outcomes do not support, chance may still explain.
        assert_eq!(
            verdict(not_better(0.9, Side::Around), enough(Side::Around, Side::Above, &[qed])),
            (Verdict::Refuted, vec![Reason::NoBetterThanChance])
        );
        // But not where outcomes put the score above chance.
        assert_eq!(
            verdict(not_better(0.9, Side::Around), enough(Side::Above, Side::Above, &[qed])),
            (Verdict::NotSupported, vec![Reason::NoBetterThanControl(qed)])
        );
    }

    #[test]
    fn outcomes_that_say_nothing_conclude_nothing() {
        for (outcomes, reason) in [
            (OutcomeGrounds::TooFew, Reason::NeedsOutcomes),
            (OutcomeGrounds::Leakage, Reason::Leakage),
            (OutcomeGrounds::NoControls, Reason::NeedsControls),
        ] {
            let inconclusive = (Verdict::Inconclusive, vec![reason]);
            assert_eq!(verdict(BETTER, outcomes.clone()), inconclusive);
            // What the model has seen in training says nothing of it either way.
            let against_decoys = match reason {
                Reason::Leakage => inconclusive,
                _ => (Verdict::Refuted, vec![Reason::NoBetterThanChance]),
            };
            assert_eq!(verdict(not_better(0.9, Side::Around), outcomes), against_decoys);
        }
    }
}
