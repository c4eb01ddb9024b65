//! Documents of small libraries, and how often intervals hold.

use hetero2_contract::evidence::{
    ControlName, Equivalence, Evidence, EvidenceReason, EvidenceVerdict, EvidenceWarning,
};

use super::resample::Numbers;
use super::simulations::{audited, key, normal};
use super::{
    ControlAudit, EvidenceRow, EvidenceTable, Given, Key, Outcome, OutcomesGiven, Scaffold,
    Training, Unaudited,
};

/// A score that knows activity, over a third of active units, two of each
/// scaffold; `change` may alter a row.
fn labelled(units: u64, seed: u64, change: impl Fn(u64, &mut EvidenceRow<'_>)) -> EvidenceTable {
    let mut numbers = Numbers::new(seed);
    let mut table = EvidenceTable::new(&[ControlName::Constant]);
    for unit in 0..units {
        let active = unit.is_multiple_of(3);
        let shift = if active { 1.5 } else { 0.0 };
        let decoys: Vec<f64> = (0..20).map(|_| normal(&mut numbers)).collect();
        let keys: Vec<Key> = (0..20).map(|d| key(1, unit * 20 + d)).collect();
        let score = shift + normal(&mut numbers);
        let scaffold = Scaffold::Of(key(3, unit / 2));
        let mut row = audited(unit, key(2, unit), scaffold, &keys, score, &decoys);
        row.outcome = Some(if active { Outcome::Active } else { Outcome::Inactive });
        let controls = [ControlAudit::of(0.0, [0.0; 20])];
        row.controls = &controls;
        change(unit, &mut row);
        table.add(&row);
    }
    table
}

fn conclude(table: &EvidenceTable) -> Evidence {
    table.conclude(&Given::default())
}

#[test]
fn nothing_audited_says_what_was_missing() {
    let mut table = EvidenceTable::new(&[]);
    assert_eq!(conclude(&table).reasons, [EvidenceReason::NoUnits]);
    table.add_unaudited(Unaudited::NotPrepared);
    table.add_unaudited(Unaudited::NoOriginalScore);
    assert_eq!(conclude(&table).reasons, [EvidenceReason::NoScoredOriginal]);
    table.add_unaudited(Unaudited::NoDecoyScore);
    let found = conclude(&table);
    assert_eq!(found.verdict, EvidenceVerdict::NothingAudited);
    assert_eq!(found.reasons, [EvidenceReason::NoScoredDecoy]);
    assert!(found.audit_auc.is_none() && found.passes.is_none() && found.discoveries.is_none());
}

#[test]
fn molecules_of_the_training_file_do_not_count() {
    let all = conclude(&labelled(150, 1, |_, _| ()));
    assert_eq!(all.verdict, EvidenceVerdict::Supported);
    let contained = |share: u64| {
        conclude(&labelled(150, 1, |unit, row| {
            if unit % 10 < share {
                row.training = Training::Contained;
            }
        }))
    };
    let half = contained(5);
    let outcomes = half.outcomes.as_ref().unwrap();
    assert_eq!((outcomes.actives + outcomes.inactives, outcomes.left_out_in_training), (75, 75));
    let nine_tenths = contained(9);
    assert_eq!(nine_tenths.verdict, EvidenceVerdict::Inconclusive);
    assert_eq!(nine_tenths.reasons, [EvidenceReason::Leakage]);
    assert!(nine_tenths.warnings.contains(&EvidenceWarning::TooFewOutcomes));
}

#[test]
fn outcomes_that_match_no_row_conclude_nothing() {
    let table = labelled(150, 2, |_, row| row.outcome = None);
    assert_eq!(conclude(&table).verdict, EvidenceVerdict::NotRefuted);
    let given = Given { outcomes: OutcomesGiven::Yes, ..Given::default() };
    let found = table.conclude(&given);
    assert_eq!(found.verdict, EvidenceVerdict::Inconclusive);
    assert_eq!(found.reasons, [EvidenceReason::NeedsOutcomes]);
}

/// Where a control of composition beats the decoys as often as the model, that
/// the model does is no evidence.
#[test]
fn what_composition_alone_does_is_no_evidence() {
    let found = conclude(&labelled(150, 2, |_, row| {
        row.outcome = None;
        let same = ControlAudit { score: 0.0, auc: row.auc, verdict: row.verdict };
        row.controls = Box::leak(Box::new([Some(same)]));
    }));
    assert!(found.chance.unwrap().better_than_chance);
    assert_eq!(found.verdict, EvidenceVerdict::Inconclusive);
    assert_eq!(found.reasons, [EvidenceReason::NoBetterThanControl(ControlName::Constant)]);
}

#[test]
fn rows_of_one_molecule_that_disagree_are_named() {
    let found = conclude(&labelled(60, 3, |unit, row| {
        // Rows 10 and 11 are one molecule, as are 20 and 21.
        if unit % 10 == 1 && unit / 10 < 3 && unit > 10 {
            row.unit = key(2, unit - 1);
        }
    }));
    assert_eq!((found.units.rows, found.units.units), (60, 58));
    assert_eq!(found.units.units_scores_disagree, 2);
    assert_eq!(found.units.rows_scores_disagree, [10, 20]);
    assert!(found.warnings.contains(&EvidenceWarning::ScoresDisagree(2)));
    let outcomes = found.outcomes.unwrap();
    let conflicts = found
        .warnings
        .iter()
        .find_map(|w| if let EvidenceWarning::LabelsDisagree(n) = w { Some(*n) } else { None });
    assert_eq!(conflicts.unwrap_or(0), outcomes.labels_disagree);
}

#[test]
fn a_shared_decoy_makes_one_cluster() {
    let shared = [key(9, 9)];
    let found = conclude(&labelled(60, 4, |unit, row| {
        row.scaffold = Scaffold::Acyclic;
        if unit < 7 {
            // Not the keys of the row: these are borrowed for the test's length.
            row.decoys = Box::leak(Box::new(shared));
        }
    }));
    assert_eq!((found.clusters.clusters, found.clusters.largest), (54, 7));
    assert_eq!(found.clusters.joined_by_decoys, 6);
    let scaffolds = conclude(&labelled(60, 4, |_, _| ()));
    assert_eq!((scaffolds.clusters.clusters, scaffolds.clusters.effective), (30, 30.0));
}

#[test]
fn a_bin_of_chance_is_called_so_only_with_enough_molecules() {
    let bin = |units| {
        let random = |unit: u64, row: &mut EvidenceRow<'_>| {
            let pairs = &mut row.pairs;
            (pairs.pairs, pairs.half_wins) = ([0, 0, 20], [0, 0, 2 * (unit * 8 % 21)]);
        };
        conclude(&labelled(units, 5, random)).by_hardness.hard.unwrap()
    };
    assert_eq!(bin(30).equivalence.result, Equivalence::Undecided);
    let large = bin(840);
    assert!((large.auc.value - 0.5).abs() < 0.01);
    assert_eq!(large.equivalence.result, Equivalence::EquivalentToChance);
    assert!(large.equivalence.p_value.unwrap() < 0.05);
}

#[test]
fn cliffs_count_pairs_of_both_labels() {
    let table = labelled(150, 6, |_, _| ());
    let pairs = (0..49).map(|i| (key(2, 3 * i), key(2, 3 * i + 1)));
    // Of one label, and of a molecule that is not there.
    let others = [(key(2, 1), key(2, 2)), (key(2, 0), key(7, 7))];
    let given = Given { cliffs: pairs.chain(others).collect(), ..Given::default() };
    let outcomes = table.conclude(&given).outcomes.unwrap();
    assert_eq!(outcomes.model.cliff_pairs, 49);
    let cliffs = outcomes.model.cliffs.unwrap();
    assert!(cliffs.low.unwrap() > 0.6 && cliffs.value < 1.0, "{cliffs:?}");
    assert_eq!(outcomes.controls[0].figures.cliffs.unwrap().value, 0.5);
}

/// 95 % intervals of ROC AUC and contrast, of 90 units in 45 scaffolds.
#[test]
fn intervals_hold_as_often_as_they_say() {
    // Φ(1.5 / √2), and twice that less a half and a half.
    let (roc_auc, contrast) = (0.855_6, 0.855_6 - 0.5);
    let seeds = 300;
    let mut held = [0u32; 2];
    for seed in 0..seeds {
        let table = labelled(90, 10_000 + seed, |_, _| ());
        let model = conclude(&table).outcomes.unwrap().model;
        let figures = [(model.roc_auc.unwrap(), roc_auc), (model.contrast.unwrap(), contrast)];
        for (held, (figure, truth)) in held.iter_mut().zip(figures) {
            *held += u32::from(figure.low.unwrap() <= truth && truth <= figure.high.unwrap());
        }
    }
    let as_said = |held: &u32| (0.925..=0.985).contains(&(f64::from(*held) / seeds as f64));
    assert!(held.iter().all(as_said), "of {seeds}: {held:?}");
}
