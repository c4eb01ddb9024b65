//! From input records to row outcomes: the work of a shard, in memory.
//!
//! Knows nothing of files or threads; a chunk of rows is computed at a time so
//! that spectra of equal size share the lanes of the eigenvalue kernel.

use std::sync::Arc;
use std::time::Duration;

use super::audited::{audit_row, decoy_rows};
use super::chemistry::{Chemistry, EarlyEnd, chemistry, operator_settings};
use super::config::RunConfig;
use super::scoring::{RowScoring, ScoreSource};
use crate::audit::DecoyHash;
use crate::decoy::{DecoyOutcome, SearchExtent};
use crate::library::Record;
use crate::molecule::{DeadlineError, Descriptors, run_with_deadline};
use crate::operator::{Operator, OperatorSettings, OperatorView, PHYSICS_PARAMS_SOURCE};
use crate::pack::rows::{
    AuditColumns, DecoyCounters, DecoyRow, DescriptorColumns, DescriptorDeltas, LocalLines,
    MoleculeRow, OperatorColumns, SpectralColumns, SpectrumRow, Status,
};
use crate::rounding::round8;
use crate::spectra::features::{self, OperatorFeatures, StabilityMetrics};
use crate::spectra::ldos::LocalDensity;
use crate::spectra::{
    ShellDensities, SpectraBackend, SpectraCounts, SpectraError, SymmetricGraph, parts,
};

/// One input row's whole result.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOutcome {
    /// Row of the summary.
    pub molecule: MoleculeRow,
    /// Its decoys.
    pub decoys: Vec<DecoyRow>,
    /// Its eigenvalues; none for rows that are not OK.
    pub spectrum: Option<SpectrumRow>,
}

/// Computes rows under one configuration.
pub struct Engine<'a> {
    config: Arc<RunConfig>,
    settings: OperatorSettings,
    backend: &'a dyn SpectraBackend,
    scores: &'a ScoreSource,
}

impl<'a> Engine<'a> {
    /// An engine on this backend and these scores.
    #[must_use]
    pub fn new(
        config: &RunConfig,
        backend: &'a dyn SpectraBackend,
        scores: &'a ScoreSource,
    ) -> Self {
        Self {
            config: Arc::new(config.clone()),
            settings: operator_settings(config),
            backend,
            scores,
        }
    }

    /// Name of the device that computes the spectra.
    #[must_use]
    pub fn device(&self) -> &str {
        self.backend.name()
    }

    /// What became of the spectra so far, where a GPU takes part.
    #[must_use]
    pub fn spectra_counts(&self) -> Option<SpectraCounts> {
        self.backend.counts()
    }

    /// The outcomes of a chunk of rows, in its order. Each depends on its
    /// record, the configuration and the scores only, not on the chunk.
    ///
    /// # Errors
    /// [`SpectraError`] when the backend cannot go on; trouble with a single
    /// row ends that row only.
    pub fn compute(&self, records: &[Record]) -> Result<Vec<RowOutcome>, SpectraError> {
        let rows: Vec<Chemistry> = records.iter().map(|r| self.chemistry(r)).collect();
        let spectra = self.spectra(&rows)?;
        let outcomes = records.iter().zip(rows).zip(spectra);
        Ok(outcomes.map(|((record, row), spectra)| self.outcome(record, row, spectra)).collect())
    }

    /// The unscored decoys of a row and its canonical SMILES; none for a row
    /// that a run would not audit.
    pub(super) fn unscored(&self, record: &Record) -> Option<(String, Vec<DecoyRow>)> {
        let row = self.chemistry(record);
        if row.end.is_some() {
            return None;
        }
        let decoys = decoy_rows(record.row, &record.id, &row.decoys?.decoys);
        Some((row.canonical_smiles?, decoys))
    }

    fn chemistry(&self, record: &Record) -> Chemistry {
        if let Some(problem) = &record.problem {
            return Chemistry {
                warnings: [format!("unreadable_row:{problem}")].into(),
                end: Some(EarlyEnd::Skip("invalid_smiles")),
                ..Chemistry::default()
            };
        }
        let seed = self.config.seed_strategy.seed_of(self.config.seed, &record.id);
        let scores = self.scores.of_row(record);
        if let RowScoring::Unusable(why) = &scores {
            return Chemistry {
                end: Some(EarlyEnd::Error(format!("scores_input: {why}"))),
                ..Chemistry::default()
            };
        }
        let has_scores = !matches!(scores, RowScoring::None);
        let limit = self.config.timeout_per_row_s.map(Duration::from_secs_f64);
        let config = Arc::clone(&self.config);
        let smiles = record.smiles.clone();
        let work = move || chemistry(&smiles, seed, &config, has_scores);
        run_with_deadline(limit, work).unwrap_or_else(|error| {
            let reason = match &error {
                DeadlineError::Timeout(_) => "timeout".to_owned(),
                error => format!("internal: {error}"),
            };
            Chemistry {
                warnings: [error.to_string()].into(),
                end: Some(EarlyEnd::Error(reason)),
                ..Chemistry::default()
            }
        })
    }

    /// Eigenvalues and local density weights of every row that is still
    /// going, by operator in the order of [`Operator::ALL`].
    fn spectra(&self, rows: &[Chemistry]) -> Result<Vec<RowSpectra>, SpectraError> {
        let mut spectra: Vec<RowSpectra> = rows.iter().map(|_| RowSpectra::default()).collect();
        for operator in self.settings.needed() {
            let going: Vec<(usize, OperatorView<'_>)> = rows
                .iter()
                .enumerate()
                .filter(|(_, row)| row.end.is_none())
                .filter_map(|(i, row)| Some((i, row.operators.as_ref()?.view(operator)?)))
                .collect();
            let batch: Vec<SymmetricGraph<'_>> =
                going.iter().map(|(_, view)| symmetric(*view)).collect();
            if self.settings.publishes(operator) && operator.has_potential() {
                let mut rest = going.iter();
                for part in parts(&batch, batch.len(), |graph| graph.n * graph.n) {
                    let found = self.backend.shell_densities(part)?;
                    // In this order: the shorter side of a zip must be asked first.
                    for (densities, (i, _)) in found.into_iter().zip(rest.by_ref()) {
                        let local = local_lines(&densities, &rows[*i].atomic_numbers);
                        spectra[*i].set(operator, densities.values().to_vec(), local);
                    }
                }
            } else {
                let values = self.backend.eigenvalues(&batch)?;
                for ((i, _), values) in going.iter().zip(values.iter()) {
                    spectra[*i].set(operator, values.to_vec(), None);
                }
            }
        }
        Ok(spectra)
    }

    fn outcome(&self, record: &Record, row: Chemistry, spectra: RowSpectra) -> RowOutcome {
        let seed = self.config.seed_strategy.seed_of(self.config.seed, &record.id);
        let status = match &row.end {
            None => Status::Ok,
            Some(EarlyEnd::Skip(_)) => Status::Skip,
            Some(EarlyEnd::Error(_)) => Status::Error,
        };
        let mut molecule = MoleculeRow::new(record.row, &record.id, status, seed);
        molecule.smiles = String::from_utf8_lossy(&record.smiles).into_owned();
        molecule.canonical_smiles = row.canonical_smiles;
        molecule.heavy_atoms = row.heavy_atoms;
        let mut warnings = row.warnings;
        let mut decoys = Vec::new();
        if let Some(found) = &row.decoys {
            molecule.decoy_strategy_used = found.strategy.map(|s| s.name().to_owned());
            molecule.n_decoys_exist = existing(found);
            molecule.decoy_counters = Some(counters(found));
        }
        match &row.end {
            Some(EarlyEnd::Skip(reason)) => {
                molecule.reason = Some((*reason).to_owned());
                molecule.audit = Some(AuditColumns::skipped());
                molecule.n_decoys = Some(0);
                molecule.n_decoys_generated = Some(0);
            }
            Some(EarlyEnd::Error(reason)) => {
                molecule.reason = Some(reason.clone());
                if reason == "missing_physics_params" {
                    molecule.outcome_verdict = Some("ERROR_MISSING_PHYSICS_PARAMS".into());
                    molecule.outcome_reason = Some(reason.clone());
                }
            }
            None => {
                let scoring = self.scores.of_row(record);
                let found = row.decoys.as_ref().map_or(&[][..], |found| &found.decoys);
                let hashes: Vec<DecoyHash> =
                    found.iter().map(|decoy| DecoyHash(*decoy.hash.as_bytes())).collect();
                let audit =
                    audit_row(&self.config, &hashes, &scoring, &mut molecule, &mut warnings);
                decoys = decoy_rows(record.row, &record.id, found);
                audit.fill(&mut decoys);
                add_deltas(&mut decoys, row.descriptors.as_ref(), &row.decoy_descriptors);
                molecule.descriptors = row.descriptors.map(descriptor_columns);
                molecule.spectral = Some(self.spectral_columns(&spectra, row.missing_params));
            }
        }
        molecule.warnings = warnings.into_iter().collect();
        let spectrum = (status == Status::Ok).then(|| spectra.published(record, &self.settings));
        RowOutcome { molecule, decoys, spectrum }
    }

    fn spectral_columns(&self, spectra: &RowSpectra, missing: u32) -> SpectralColumns {
        let stability = StabilityMetrics::published(&spectra.values[0]);
        let columns = |operator: Operator| {
            if !self.settings.publishes(operator) {
                return OperatorColumns::default();
            }
            let found = OperatorFeatures::published(&spectra.values[operator as usize]);
            OperatorColumns { gap: found.gap, trace: found.trace, entropy_beta: found.entropy_beta }
        };
        SpectralColumns {
            spectral_gap: stability.spectral_gap,
            spectral_entropy: stability.spectral_entropy,
            spectral_entropy_norm: stability.spectral_entropy_norm,
            physics_mode_used: self.config.physics.to_string(),
            physics_params_source: PHYSICS_PARAMS_SOURCE.into(),
            physics_entropy_beta: features::ENTROPY_BETA,
            physics_missing_params_count: missing,
            l: columns(Operator::L),
            h: columns(Operator::H),
            w: columns(Operator::W),
            wh: columns(Operator::WH),
        }
    }
}

/// Eigenvalues of one row by operator (index: position in
/// [`Operator::ALL`]), and the local density weights of H and WH.
#[derive(Default)]
struct RowSpectra {
    values: [Vec<f64>; 4],
    local: [Option<LocalLines>; 4],
}

impl RowSpectra {
    fn set(&mut self, operator: Operator, values: Vec<f64>, local: Option<LocalLines>) {
        self.values[operator as usize] = values;
        self.local[operator as usize] = local;
    }

    fn published(mut self, record: &Record, settings: &OperatorSettings) -> SpectrumRow {
        for operator in Operator::ALL {
            if !settings.publishes(operator) {
                self.values[operator as usize].clear();
            }
        }
        let [l, h, w, wh] = self.values.map(|v| v.into_iter().map(round8).collect());
        let [_, h_local, _, wh_local] = self.local;
        SpectrumRow { row: record.row, id: record.id.clone(), l, h, w, wh, h_local, wh_local }
    }
}

/// The local lines of a row, as published.
fn local_lines(densities: &ShellDensities, atomic_numbers: &[u8]) -> Option<LocalLines> {
    let local = LocalDensity::of(densities)?;
    Some(LocalLines {
        atom_index: u32::try_from(local.atom).ok()?,
        atomic_number: u32::from(*atomic_numbers.get(local.atom)?),
        energies: local.lines.iter().map(|line| round8(line.energy)).collect(),
        weights: local.lines.iter().map(|line| round8(line.weight)).collect(),
    })
}

/// How many decoys there are, where the search saw all.
fn existing(found: &DecoyOutcome) -> Option<u32> {
    match found.extent {
        SearchExtent::Exhausted { distinct } => u32::try_from(distinct).ok(),
        _ => None,
    }
}

fn counters(found: &DecoyOutcome) -> DecoyCounters {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let counters = &found.counters;
    DecoyCounters {
        attempts: narrow(counters.attempts),
        sanitize_fail: narrow(counters.sanitize_fail),
        duplicate: narrow(counters.duplicate),
        no_candidate_swap: narrow(counters.no_candidate_swap),
        hardness_reject: narrow(counters.hardness_reject),
    }
}

fn symmetric(view: OperatorView<'_>) -> SymmetricGraph<'_> {
    SymmetricGraph {
        n: view.n,
        edges: view.edges,
        off_diagonal: view.off_diagonal,
        diagonal: view.diagonal,
    }
}

fn descriptor_columns(d: Descriptors) -> DescriptorColumns {
    DescriptorColumns {
        mw: round8(d.mw),
        logp: round8(d.logp),
        tpsa: round8(d.tpsa),
        hbd: d.hbd,
        hba: d.hba,
        qed: round8(d.qed),
    }
}

fn add_deltas(rows: &mut [DecoyRow], original: Option<&Descriptors>, decoys: &[Descriptors]) {
    let Some(original) = original else { return };
    let signed = |a: u32, b: u32| i32::try_from(i64::from(a) - i64::from(b)).unwrap_or_default();
    for (row, decoy) in rows.iter_mut().zip(decoys) {
        row.descriptor_deltas = Some(DescriptorDeltas {
            mw: round8(decoy.mw - original.mw),
            logp: round8(decoy.logp - original.logp),
            tpsa: round8(decoy.tpsa - original.tpsa),
            hbd: signed(decoy.hbd, original.hbd),
            hba: signed(decoy.hba, original.hba),
            qed: round8(decoy.qed - original.qed),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectra::{CpuBackend, PART_COMPONENTS};

    #[test]
    fn a_row_does_not_depend_on_the_parts_that_its_chunk_is_cut_into() {
        let config = RunConfig { decoys: 0, ..RunConfig::default() };
        let backend = CpuBackend::new();
        let scores = ScoreSource::Mock;
        let engine = Engine::new(&config, &backend, &scores);
        let records: Vec<Record> = (0..40)
            .map(|row| Record {
                row,
                id: row.to_string(),
                smiles: format!("{}O", "C".repeat(160 + row as usize % 7)).into_bytes(),
                scores_input: None,
                problem: None,
                line: row + 1,
            })
            .collect();
        let together = engine.compute(&records).unwrap();
        let apart: Vec<RowOutcome> =
            records.chunks(1).flat_map(|record| engine.compute(record).unwrap()).collect();
        assert_eq!(together, apart);
        let components: usize = records.iter().map(|r| r.smiles.len().pow(2)).sum();
        assert!(components > PART_COMPONENTS, "one part only: nothing was tested");
    }
}
