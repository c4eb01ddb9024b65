//! Rows gathered into units: mergeable, and the same in any partition.

use std::collections::HashMap;

use hetero2_contract::evidence::ControlName;

use super::row::{
    ControlAudit, EvidenceRow, Key, Outcome, PairCounts, RowChance, Scaffold, Training, Unaudited,
};
use hetero2_contract::Verdict;

/// Units kept, and as many labelled ones. A larger library is represented by
/// those units whose keys begin with the most zero bits: a sample that depends
/// on the set of molecules alone. Its mean AUC then has a standard error of
/// 0.001 or less.
pub const MAX_UNITS: usize = 1 << 17;
/// Sums of fractions are kept in whole units of this size, so that they are
/// exact.
pub(super) const UNITS_PER_ONE: f64 = 1e8;

/// A sum of fractions and how many they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MeanOf {
    sum: i64,
    count: u32,
}

impl MeanOf {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum = self.sum.saturating_add((value * UNITS_PER_ONE).round() as i64);
            self.count = self.count.saturating_add(1);
        }
    }

    fn merge(&mut self, other: Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.count = self.count.saturating_add(other.count);
    }

    pub(super) fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / UNITS_PER_ONE / f64::from(self.count))
    }
}

/// A control on one unit: 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ControlUnit {
    /// Of the molecule, so the same in each of its rows; NaN where there is
    /// none.
    pub(super) score: f64,
    auc: i64,
    /// Rows with an AUC.
    rows: u32,
    /// Those that pass; [`UNJUDGED`] where one was not held against all decoys.
    passed: u32,
}

/// More than any number of rows that pass, and stays so when others are added.
const UNJUDGED: u32 = u32::MAX;

impl ControlUnit {
    fn of(audit: Option<ControlAudit>) -> Self {
        let Some(audit) = audit else {
            return Self { score: f64::NAN, auc: 0, rows: 0, passed: 0 };
        };
        if !audit.auc.is_finite() {
            return Self { score: audit.score, auc: 0, rows: 0, passed: 0 };
        }
        Self {
            score: audit.score,
            auc: (audit.auc * UNITS_PER_ONE).round() as i64,
            rows: 1,
            passed: match audit.verdict {
                Verdict::Pass => 1,
                Verdict::Fail => 0,
                Verdict::Skip => UNJUDGED,
            },
        }
    }

    fn absorb(&mut self, other: &Self) {
        // The larger of two scores, where they differ all the same: not the
        // one that happened to come first.
        self.score = self.score.max(other.score);
        self.auc = self.auc.saturating_add(other.auc);
        self.rows = self.rows.saturating_add(other.rows);
        self.passed = self.passed.saturating_add(other.passed);
    }

    /// Mean AUC over the rows that the control scored.
    pub(super) fn auc(self) -> Option<f64> {
        (self.rows > 0).then(|| self.auc as f64 / UNITS_PER_ONE / f64::from(self.rows))
    }

    /// Share of these rows that pass; none where one was not held against all its
    /// decoys.
    pub(super) fn pass_rate(self) -> Option<f64> {
        (self.rows > 0 && self.passed != UNJUDGED)
            .then(|| f64::from(self.passed) / f64::from(self.rows))
    }
}

/// What the rows of one canonical SMILES add up to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    pub(super) key: Key,
    pub(super) scaffold: Option<Key>,
    pub(super) first_row: u64,
    /// Of the first row.
    pub(super) score: f64,
    /// Of the first row.
    pub(super) chance: Option<RowChance>,
    score_range: (f64, f64),
    pub(super) rows: u64,
    pub(super) auc: MeanOf,
    pub(super) passed: MeanOf,
    pub(super) expected_pass: MeanOf,
    pub(super) signal: MeanOf,
    pub(super) pairs: PairCounts,
    active: bool,
    inactive: bool,
    pub(super) training: Training,
}

/// What is known of a unit from all its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitOutcome {
    Unknown,
    Known(Outcome),
    Disagreeing,
}

impl Unit {
    fn of(row: &EvidenceRow<'_>) -> Self {
        let mut unit = Self {
            key: row.unit,
            scaffold: match row.scaffold {
                Scaffold::Acyclic => None,
                Scaffold::Of(key) => Some(key),
            },
            first_row: row.row,
            score: row.score,
            chance: row.chance,
            score_range: (row.score, row.score),
            rows: 1,
            auc: MeanOf::default(),
            passed: MeanOf::default(),
            expected_pass: MeanOf::default(),
            signal: MeanOf::default(),
            pairs: row.pairs,
            active: row.outcome == Some(Outcome::Active),
            inactive: row.outcome == Some(Outcome::Inactive),
            training: row.training,
        };
        unit.auc.add(row.auc);
        unit.passed.add(f64::from(u8::from(row.verdict == Verdict::Pass)));
        if let Some(chance) = row.chance {
            unit.expected_pass.add(chance.passing as f64 / chance.labelings as f64);
            unit.signal.add(signal(chance));
        }
        unit
    }

    /// Takes in other rows of the same unit.
    fn absorb(&mut self, other: &Self) {
        if other.first_row < self.first_row {
            self.first_row = other.first_row;
            self.score = other.score;
            self.chance = other.chance;
            self.scaffold = other.scaffold;
        }
        let (low, high) = self.score_range;
        self.score_range = (low.min(other.score_range.0), high.max(other.score_range.1));
        self.rows += other.rows;
        self.auc.merge(other.auc);
        self.passed.merge(other.passed);
        self.expected_pass.merge(other.expected_pass);
        self.signal.merge(other.signal);
        self.pairs.merge(&other.pairs);
        self.active |= other.active;
        self.inactive |= other.inactive;
        if other.training == Training::Contained {
            self.training = Training::Contained;
        }
    }

    pub(super) fn scores_disagree(&self) -> bool {
        self.score_range.0 != self.score_range.1
    }

    pub(super) fn outcome(&self) -> UnitOutcome {
        match (self.active, self.inactive) {
            (false, false) => UnitOutcome::Unknown,
            (true, false) => UnitOutcome::Known(Outcome::Active),
            (false, true) => UnitOutcome::Known(Outcome::Inactive),
            (true, true) => UnitOutcome::Disagreeing,
        }
    }
}

/// One row's part in Storey's (2002) lower estimate of the share of signals,
/// π̂₁ = 1 − #{p > λ} / Σ P₀(p > λ), at λ = 0.5; its mean is at most the share.
fn signal(chance: RowChance) -> f64 {
    let below = chance.labelings / 2;
    if chance.as_high <= below {
        return 1.0;
    }
    1.0 - chance.labelings as f64 / (chance.labelings - below) as f64
}

/// Rows without an audit, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UnauditedCounts {
    pub(super) no_original_score: u64,
    pub(super) no_decoy_score: u64,
    pub(super) not_prepared: u64,
}

/// Units with their controls and decoys, at most so many.
#[derive(Debug, Clone)]
pub(super) struct Store {
    width: usize,
    limit: usize,
    places: HashMap<Key, usize>,
    pub(super) units: Vec<Unit>,
    /// Of each unit, `width` of them.
    controls: Vec<ControlUnit>,
    /// Decoy and unit, sorted and distinct up to `distinct`.
    decoys: Vec<(Key, Key)>,
    distinct: usize,
    /// Leading zero bits that a key needs to be kept.
    level: u32,
}

impl Store {
    fn new(width: usize, limit: usize) -> Self {
        Self {
            width,
            limit,
            places: HashMap::new(),
            units: Vec::new(),
            controls: Vec::new(),
            decoys: Vec::new(),
            distinct: 0,
            level: 0,
        }
    }

    fn keeps(&self, key: Key) -> bool {
        key.0.leading_zeros() >= self.level
    }

    fn add(&mut self, unit: &Unit, row: &EvidenceRow<'_>) {
        if !self.keeps(unit.key) {
            return;
        }
        let control = |index| ControlUnit::of(row.controls.get(index).copied().flatten());
        let controls: Vec<ControlUnit> = (0..self.width).map(control).collect();
        self.put(unit, &controls);
        self.decoys.extend(row.decoys.iter().map(|decoy| (*decoy, row.unit)));
        self.bound();
    }

    fn merge(&mut self, other: &Self) {
        self.level = self.level.max(other.level);
        for (index, unit) in other.units.iter().enumerate() {
            if self.keeps(unit.key) {
                self.put(unit, other.controls_of(index));
            }
        }
        self.decoys.extend(&other.decoys);
        self.thin();
        self.bound();
    }

    /// The controls of a unit.
    pub(super) fn controls_of(&self, unit: usize) -> &[ControlUnit] {
        &self.controls[unit * self.width..(unit + 1) * self.width]
    }

    /// Share of all units that are kept.
    pub(super) fn sampled_share(&self) -> f64 {
        libm::ldexp(1.0, -(self.level as i32))
    }

    /// Adds a row's audit by the control at a place.
    fn add_control(&mut self, unit: Key, place: usize, audit: &ControlUnit) {
        let known = self.places.get(&unit).map(|unit| unit * self.width + place);
        if let Some(control) = known.and_then(|known| self.controls.get_mut(known)) {
            control.absorb(audit);
        }
    }

    /// Each decoy with every unit that has it, sorted, without repetitions.
    pub(super) fn decoys(&self) -> Vec<(Key, Key)> {
        let mut decoys = self.decoys.clone();
        decoys.sort_unstable();
        decoys.dedup();
        decoys
    }

    fn put(&mut self, unit: &Unit, controls: &[ControlUnit]) {
        let place = *self.places.entry(unit.key).or_insert(self.units.len());
        if place == self.units.len() {
            self.units.push(unit.clone());
            self.controls.extend_from_slice(controls);
            return;
        }
        self.units[place].absorb(unit);
        let known = &mut self.controls[place * self.width..(place + 1) * self.width];
        known.iter_mut().zip(controls).for_each(|(control, more)| control.absorb(more));
    }

    /// Keeps memory within its bounds.
    fn bound(&mut self) {
        let count = |store: &Self, level| {
            store.units.iter().filter(|unit| unit.key.0.leading_zeros() >= level).count()
        };
        if self.units.len() > self.limit {
            while count(self, self.level) > self.limit {
                self.level += 1;
            }
            self.thin();
        }
        if self.decoys.len() > 1 << 16 && self.decoys.len() > 2 * self.distinct {
            self.decoys.sort_unstable();
            self.decoys.dedup();
            self.distinct = self.decoys.len();
        }
    }

    /// Drops units below the level.
    fn thin(&mut self) {
        let level = self.level;
        let kept = |key: Key| key.0.leading_zeros() >= level;
        self.decoys.retain(|(_, unit)| kept(*unit));
        self.distinct = self.distinct.min(self.decoys.len());
        if self.units.iter().all(|unit| kept(unit.key)) {
            return;
        }
        let mut thinner = Self::new(self.width, self.limit);
        for (index, unit) in self.units.iter().enumerate() {
            if kept(unit.key) {
                thinner.put(unit, self.controls_of(index));
            }
        }
        self.places = thinner.places;
        self.units = thinner.units;
        self.controls = thinner.controls;
    }
}

/// Audited rows, gathered by molecule.
///
/// Memory: about 250 bytes a unit, 16 for each of its decoys and 24 for each
/// control, of at most [`MAX_UNITS`] units and as many labelled ones.
#[derive(Debug, Clone)]
pub struct EvidenceTable {
    pub(super) controls: Vec<ControlName>,
    /// All rows.
    pub(super) all: Store,
    /// Rows with an outcome.
    pub(super) labelled: Store,
    pub(super) rows: u64,
    pub(super) unaudited: UnauditedCounts,
}

impl EvidenceTable {
    /// A table for these controls.
    #[must_use]
    pub fn new(controls: &[ControlName]) -> Self {
        Self::with_limit(controls, MAX_UNITS)
    }

    pub(super) fn with_limit(controls: &[ControlName], limit: usize) -> Self {
        Self {
            controls: controls.to_vec(),
            all: Store::new(controls.len(), limit),
            labelled: Store::new(controls.len(), limit),
            rows: 0,
            unaudited: UnauditedCounts::default(),
        }
    }

    /// The same, which of unlabelled units keeps only those whose keys begin with
    /// `level` zero bits: a library of known size need not describe the others.
    #[must_use]
    pub fn sampled(mut self, level: u32) -> Self {
        self.all.level = self.all.level.max(level);
        self
    }

    /// A table of the same kind without rows.
    #[must_use]
    pub fn empty(&self) -> Self {
        Self::with_limit(&self.controls, self.all.limit)
    }

    /// The controls, in the order that rows give them in.
    #[must_use]
    pub fn controls(&self) -> &[ControlName] {
        &self.controls
    }

    /// Audited rows added.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes an audited row in. Controls beyond the table's are left out,
    /// missing ones count as not scored.
    pub fn add(&mut self, row: &EvidenceRow<'_>) {
        self.rows += 1;
        let unit = Unit::of(row);
        self.all.add(&unit, row);
        if row.outcome.is_some() {
            self.labelled.add(&unit, row);
        }
    }

    /// Adds what a control that is fitted on all rows says of a row that was
    /// added before without it.
    pub fn add_control(&mut self, unit: Key, control: ControlName, audit: ControlAudit) {
        let Some(place) = self.controls.iter().position(|known| *known == control) else {
            return;
        };
        let audit = ControlUnit::of(Some(audit));
        self.all.add_control(unit, place, &audit);
        self.labelled.add_control(unit, place, &audit);
    }

    /// Counts a row without an audit.
    pub fn add_unaudited(&mut self, reason: Unaudited) {
        let counts = &mut self.unaudited;
        *match reason {
            Unaudited::NoOriginalScore => &mut counts.no_original_score,
            Unaudited::NoDecoyScore => &mut counts.no_decoy_score,
            Unaudited::NotPrepared => &mut counts.not_prepared,
        } += 1;
    }

    /// Takes in all rows of `other`, a table for the same controls.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.unaudited.no_original_score += other.unaudited.no_original_score;
        self.unaudited.no_decoy_score += other.unaudited.no_decoy_score;
        self.unaudited.not_prepared += other.unaudited.not_prepared;
        self.all.merge(&other.all);
        self.labelled.merge(&other.labelled);
    }
}
