//! What is expected of a run's audits under the null hypothesis: p-values, passes, and AUCs under
//! random labels. Everything adds up exactly, so no partition of the rows shows
//! in it.

use std::collections::BTreeMap;

use hetero2_audit::{
    self, AuditSettings, Item, Label, PValues, PassLedger, QValues, SIGNIFICANCE_LEVEL, Verdict,
};
use hetero2_common::rounding::round8;
use hetero2_contract::significance::RunSignificance;
use hetero2_evidence::pack::report::Histogram;
use hetero2_evidence::pack::rows::{DecoyRow, HardnessBin, MoleculeRow, Status};

use crate::run::config::RunConfig;

/// Gathers what the significance of a run's audits is made of.
///
/// Memory: as [`PValues`], an entry for each distinct pass probability, a
/// histogram for each number of labelings, and a weight for each row whose
/// original has one other than 1, until its decoys come.
pub(crate) struct NullExpectation {
    settings: AuditSettings,
    p_values: PValues,
    /// Tested rows that no score could make significant.
    powerless: u64,
    passes: PassLedger,
    /// Passes of originals against only their decoys of one bin.
    by_bin: [PassLedger; HardnessBin::ALL.len()],
    /// AUCs under every labeling, by the number of labelings of their row.
    null_aucs: BTreeMap<usize, Histogram>,
    bins: usize,
    /// Weights of originals whose decoys are still to come.
    weights: BTreeMap<u64, f64>,
}

impl NullExpectation {
    /// Statistics under the audit settings of `config`; distributions of the
    /// AUC have so many bins.
    pub fn new(config: &RunConfig, bins: usize) -> Self {
        // One original against its decoys: every labeling is counted, and nothing
        // is drawn.
        let settings = AuditSettings {
            seed: 0,
            margin: config.margin,
            quantile: config.null_quantile,
            repetitions: config.permutations,
        };
        Self::of(settings, bins)
    }

    /// Statistics under the same settings, of no rows.
    pub fn empty(&self) -> Self {
        Self::of(self.settings, self.bins)
    }

    fn of(settings: AuditSettings, bins: usize) -> Self {
        Self {
            settings,
            p_values: PValues::default(),
            powerless: 0,
            passes: PassLedger::default(),
            by_bin: Default::default(),
            null_aucs: BTreeMap::new(),
            bins,
            weights: BTreeMap::new(),
        }
    }

    /// Takes a row in, before its decoys.
    pub fn add_row(&mut self, row: &MoleculeRow) {
        let audit = row.audit.as_ref().filter(|_| row.status == Status::Ok);
        let Some(audit) = audit else { return };
        if audit.verdict == Verdict::Skip {
            return;
        }
        if let Some(p) = audit.p_value {
            self.p_values.add(p);
            self.powerless += u64::from(audit.power_note.is_some());
        }
        if let (Some(passes), Some(labelings)) = (audit.null_passes, audit.null_labelings) {
            self.passes.count(audit.verdict, passes.into(), labelings.into());
        }
        if let Some(weight) = audit.original_weight.filter(|weight| *weight != 1.0) {
            self.weights.insert(row.row, weight);
        }
    }

    /// Takes in all decoys of one row.
    pub fn add_decoys(&mut self, decoys: &[DecoyRow]) {
        let Some(first) = decoys.first() else { return };
        let weight = self.weights.remove(&first.row).unwrap_or(1.0);
        let Some(score) = first.original_score else { return };
        let original = Item { label: Label::Positive, score, weight };
        let items = |of: &dyn Fn(&DecoyRow) -> bool| -> Vec<Item> {
            let scored = decoys.iter().filter(|decoy| of(decoy)).filter_map(|decoy| {
                let weight = decoy.weight.unwrap_or(1.0);
                Some(Item { label: Label::Negative, score: decoy.score?, weight })
            });
            std::iter::once(original).chain(scored).collect()
        };
        self.add_null_aucs(&items(&|_| true));
        for (bin, passes) in HardnessBin::ALL.into_iter().zip(&mut self.by_bin) {
            let items = items(&|decoy| decoy.hardness_bin == bin);
            // Neither an original alone nor scores that cannot be audited count.
            let Ok(audit) = hetero2_audit::evaluate(&items, &self.settings) else { continue };
            if let Ok(found) = hetero2_audit::significance(&items, &audit, &self.settings) {
                passes.add(&audit, &found);
            }
        }
    }

    /// Takes in the statistics of other rows with all their decoys.
    pub fn merge(&mut self, other: &Self) {
        self.p_values.merge(&other.p_values);
        self.powerless += other.powerless;
        self.passes.merge(&other.passes);
        for (passes, more) in self.by_bin.iter_mut().zip(&other.by_bin) {
            passes.merge(more);
        }
        for (labelings, more) in &other.null_aucs {
            self.null_histogram(*labelings).merge(more);
        }
    }

    fn add_null_aucs(&mut self, items: &[Item]) {
        let Ok(aucs) = hetero2_audit::null_aucs(items, &self.settings) else { return };
        let histogram = self.null_histogram(aucs.len());
        aucs.into_iter().for_each(|auc| histogram.add(auc));
    }

    fn null_histogram(&mut self, labelings: usize) -> &mut Histogram {
        let histogram = self.null_aucs.entry(labelings);
        histogram.or_insert_with(|| Histogram::new(0.0, 1.0, self.bins))
    }

    /// The false-discovery rate of each p-value of the run.
    pub fn q_values(&self) -> QValues {
        self.p_values.q_values()
    }

    /// What the metrics and the report say.
    pub fn summary(&self) -> RunSignificance {
        let q_values = self.q_values();
        let significant = |value: f64| value <= SIGNIFICANCE_LEVEL + 1e-12;
        let count = |wanted: &dyn Fn(f64) -> bool| {
            self.p_values.values().filter(|(p, _)| wanted(*p)).map(|(_, count)| count).sum()
        };
        let published = |ledger: &PassLedger| ledger.report().map(|p| p.rounded(round8));
        RunSignificance {
            level: SIGNIFICANCE_LEVEL,
            rows_tested: self.p_values.total(),
            rows_without_power: self.powerless,
            rows_p_significant: count(&significant),
            rows_q_significant: count(&|p| q_values.get(p).is_some_and(significant)),
            passes: published(&self.passes),
            passes_by_bin: HardnessBin::ALL
                .into_iter()
                .zip(self.by_bin.iter().map(published))
                .collect(),
        }
    }

    /// Molecules expected in each bin of the AUC under random labels.
    pub fn null_auc(&self) -> Vec<f64> {
        let mut expected = vec![0.0; self.bins];
        for (labelings, histogram) in &self.null_aucs {
            for (sum, count) in expected.iter_mut().zip(histogram.counts()) {
                *sum += *count as f64 / *labelings as f64;
            }
        }
        expected
    }
}
