//! Whether a verdict is enough for what a pack is wanted for.

use hetero2_contract::evidence::{AcceptPolicy, EvidenceVerdict, Specificity, StopReason};

use super::given::OutcomesGiven;
use crate::acceptance::Decision;

/// `model` where there are outcomes, else `screen`.
#[must_use]
pub fn default_policy(outcomes: OutcomesGiven) -> AcceptPolicy {
    match outcomes {
        OutcomesGiven::Yes => AcceptPolicy::Model,
        OutcomesGiven::No => AcceptPolicy::Screen,
    }
}

/// Whether a verdict is enough for a policy: anything for `complete`,
/// NOT_REFUTED or SUPPORTED for `screen`, SUPPORTED for `model`.
#[must_use]
pub fn passes_policy(policy: AcceptPolicy, verdict: EvidenceVerdict) -> bool {
    match policy {
        AcceptPolicy::Complete => true,
        AcceptPolicy::Screen => verdict >= EvidenceVerdict::NotRefuted,
        AcceptPolicy::Model => verdict == EvidenceVerdict::Supported,
    }
}

/// Why a pack may not be used; it may where there is no reason.
///
/// `complete` is the decision on counts and coverage, `disqualified` what is
/// wrong with the scores whatever the policy, `verdict` none where the pack
/// holds no evidence. `specificity` is asked for by `screen` and `model`: the
/// policy is not trusted without it.
#[must_use]
pub fn accept_evidence(
    policy: AcceptPolicy,
    complete: Decision,
    disqualified: &[StopReason],
    verdict: Option<EvidenceVerdict>,
    specificity: Option<&Specificity>,
) -> Vec<StopReason> {
    let mut reasons = Vec::new();
    if complete == Decision::Stop {
        reasons.push(StopReason::NotComplete);
    }
    reasons.extend(disqualified);
    match verdict {
        Some(EvidenceVerdict::NothingAudited) => reasons.push(StopReason::NothingAudited),
        Some(verdict) if !passes_policy(policy, verdict) => reasons.push(StopReason::Evidence),
        None if policy != AcceptPolicy::Complete => reasons.push(StopReason::NoEvidence),
        _ => {}
    }
    let specific = specificity.is_some_and(|found| {
        found.passed <= found.allowed && !passes_policy(policy, found.constant)
    });
    if policy != AcceptPolicy::Complete && reasons.is_empty() && !specific {
        reasons.push(StopReason::PolicyNotSpecific);
    }
    let mut seen = Vec::new();
    reasons.retain(|reason| {
        let first = !seen.contains(reason);
        seen.push(*reason);
        first
    });
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use EvidenceVerdict as Verdict;

    fn specificity(passed: u32, constant: Verdict) -> Specificity {
        Specificity { permutations: 20, passed, allowed: 3, constant, units: 100 }
    }

    fn stops(policy: AcceptPolicy, verdict: Verdict) -> Vec<StopReason> {
        let specific = specificity(3, Verdict::Refuted);
        accept_evidence(policy, Decision::Go, &[], Some(verdict), Some(&specific))
    }

    #[test]
    fn policies_ask_for_more_and_more() {
        let passing = |policy| {
            let go = |verdict: &Verdict| stops(policy, *verdict).is_empty();
            Verdict::ALL.into_iter().filter(go).collect::<Vec<_>>()
        };
        assert_eq!(passing(AcceptPolicy::Model), [Verdict::Supported]);
        assert_eq!(passing(AcceptPolicy::Screen), [Verdict::NotRefuted, Verdict::Supported]);
        assert_eq!(passing(AcceptPolicy::Complete).len(), Verdict::ALL.len() - 1);
        for policy in AcceptPolicy::ALL {
            let reasons = stops(policy, Verdict::NothingAudited);
            assert_eq!(reasons, [StopReason::NothingAudited]);
        }
    }

    #[test]
    fn what_is_wrong_with_scores_stops_every_policy() {
        for policy in AcceptPolicy::ALL {
            for wrong in [StopReason::StandInScores, StopReason::DefaultedOriginals] {
                let specific = specificity(0, Verdict::Refuted);
                let found = |complete| {
                    let verdict = Some(Verdict::Supported);
                    accept_evidence(policy, complete, &[wrong], verdict, Some(&specific))
                };
                assert_eq!(found(Decision::Go), [wrong]);
                assert_eq!(found(Decision::Stop), [StopReason::NotComplete, wrong]);
            }
        }
    }

    #[test]
    fn a_policy_that_anything_passes_is_not_trusted() {
        let stop = |specificity: Option<&Specificity>, policy| {
            accept_evidence(policy, Decision::Go, &[], Some(Verdict::Supported), specificity)
        };
        for policy in [AcceptPolicy::Screen, AcceptPolicy::Model] {
            let not_specific = vec![StopReason::PolicyNotSpecific];
            assert_eq!(stop(Some(&specificity(4, Verdict::Refuted)), policy), not_specific);
            assert_eq!(stop(Some(&specificity(0, Verdict::Supported)), policy), not_specific);
            assert_eq!(stop(None, policy), not_specific);
            assert!(stop(Some(&specificity(3, Verdict::Inconclusive)), policy).is_empty());
        }
        assert!(stop(None, AcceptPolicy::Complete).is_empty());
        let missing = accept_evidence(AcceptPolicy::Screen, Decision::Go, &[], None, None);
        assert_eq!(missing, [StopReason::NoEvidence]);
        assert_eq!(default_policy(OutcomesGiven::Yes), AcceptPolicy::Model);
        assert_eq!(default_policy(OutcomesGiven::No), AcceptPolicy::Screen);
    }
}
