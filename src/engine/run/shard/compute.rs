//! From input records to row outcomes: the work of a shard, in memory.
//!
//! Knows nothing of files or threads. A row is begun by itself, and its spectra
//! are added together with those of other rows, so that matrices of equal order
//! share the lanes of the eigenvalue kernel.

use std::sync::Arc;
use std::time::Duration;

use hetero2_audit::DecoyHash;
use hetero2_audit::evidence::LastOfTop;
use hetero2_chemistry::decoy::{DecoyOutcome, SearchExtent};
use hetero2_chemistry::molecule::{DeadlineError, Descriptors, run_with_deadline};
use hetero2_chemistry::operator::{
    GraphOperators, Operator, OperatorSettings, PHYSICS_PARAMS_SOURCE, SymmetricGraph,
};
use hetero2_common::rounding::round8;
use hetero2_contract::warning::StuckTimeouts;
use hetero2_contract::{OutcomeVerdict, Reason, Warning};
use hetero2_evidence::pack::rows::{
    AuditColumns, DecoyCounters, DecoyRow, DescriptorColumns, DescriptorDeltas, LocalLines,
    MoleculeRow, OperatorColumns, SpectralColumns, SpectrumRow, Status,
};
use hetero2_library::{Record, RowProblem, differing_item};
use hetero2_spectra::features::{self, OperatorFeatures, StabilityMetrics};
use hetero2_spectra::ldos::LocalDensity;
use hetero2_spectra::{SpectraBackend, SpectraCounts, SpectraError};

use super::audited::{audit_row, decoy_rows};
use super::chemistry::{Chemistry, EarlyEnd, RowDecoys, chemistry, operator_settings};
use super::large::{self, LARGE_ORDER};
use super::scoring::{RowScoring, ScoreSource};
use crate::run::config::{Connectivity, RunConfig};
use crate::run::decoy_source::DecoySource;

/// The reason of a row that could not be read.
fn reason_of(problem: &RowProblem) -> Reason {
    match problem {
        RowProblem::Query(_) => Reason::QueryAtom,
        RowProblem::UnsupportedBond(_) => Reason::UnsupportedBond,
        RowProblem::UnsupportedStereo(_) => Reason::UnsupportedStereo,
        _ => Reason::InvalidSmiles,
    }
}

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

/// The matrices of a row that is OK, and what its spectra are published with.
pub(crate) struct Matrices {
    operators: GraphOperators,
    atomic_numbers: Vec<u8>,
    missing_params: u32,
}

impl Matrices {
    /// Order of the matrices.
    pub fn order(&self) -> usize {
        self.operators.n()
    }
}

/// Computes rows under one configuration.
pub struct Engine<'a> {
    config: Arc<RunConfig>,
    settings: OperatorSettings,
    backend: &'a dyn SpectraBackend,
    scores: &'a ScoreSource,
    decoys: Arc<DecoySource>,
    /// The last original that is audited, where only the best are.
    last: Option<LastOfTop>,
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
            decoys: Arc::default(),
            last: None,
        }
    }

    /// The same, with decoys from there.
    #[must_use]
    pub(crate) fn with_decoys(self, decoys: &Arc<DecoySource>) -> Self {
        Self { decoys: Arc::clone(decoys), ..self }
    }

    /// The same, where originals beyond this one are not audited.
    #[must_use]
    pub fn auditing_up_to(self, last: Option<LastOfTop>) -> Self {
        Self { last, ..self }
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

    /// The outcomes of some rows, in their order. Each depends on its record,
    /// the configuration and the scores only, not on the rows beside it.
    ///
    /// # Errors
    /// [`SpectraError`] when the backend cannot go on; trouble with a single
    /// row ends that row only.
    pub fn compute(&self, records: &[Record]) -> Result<Vec<RowOutcome>, SpectraError> {
        let (mut outcomes, matrices) = self.begin(records);
        let mut rows: Vec<_> = with_matrices(&mut outcomes, &matrices).collect();
        self.add_spectra(&mut rows)?;
        Ok(outcomes)
    }

    /// The outcomes of some rows but for their spectra, and the matrices of
    /// those that have any.
    pub(crate) fn begin(&self, records: &[Record]) -> (Vec<RowOutcome>, Vec<Option<Matrices>>) {
        records.iter().map(|record| self.outcome(record, self.chemistry(record))).unzip()
    }

    /// The unscored decoys of a row and its canonical SMILES.
    ///
    /// # Errors
    /// Why a run would not audit the row.
    pub(crate) fn unscored(&self, record: &Record) -> Result<(String, Vec<DecoyRow>), Reason> {
        let row = self.chemistry(record);
        match (row.end, row.decoys, row.canonical_smiles) {
            (Some(EarlyEnd::Skip(reason) | EarlyEnd::Error(reason)), ..) => Err(reason),
            (None, Some(found), Some(smiles)) => {
                Ok((smiles, decoy_rows(record.row, &record.id, &found.decoys)))
            }
            (None, ..) => Err(Reason::NoDecoysGenerated),
        }
    }

    /// The chemistry of a row, whether or not it could be read.
    pub(super) fn chemistry(&self, record: &Record) -> Chemistry {
        if let Some(problem) = record.problem.as_ref().filter(|problem| problem.ends_row()) {
            return Chemistry {
                warnings: vec![Warning::UnreadableRow(problem.to_string())],
                end: Some(EarlyEnd::Skip(reason_of(problem))),
                ..Chemistry::default()
            };
        }
        let mut row = self.readable(record);
        if let Some(RowProblem::SmilesItem(item)) = &record.problem {
            // Of a molecule without its salts the canonical SMILES is another.
            let is_whole =
                matches!(self.config.connectivity, Connectivity::Required | Connectivity::Any);
            let canonical = row.canonical_smiles.as_deref().filter(|_| is_whole);
            let differing = differing_item(&record.smiles, item, canonical);
            row.warnings.extend(differing.map(Warning::SmilesItemDiffers));
        }
        row
    }

    /// The chemistry of a row that could be read.
    fn readable(&self, record: &Record) -> Chemistry {
        let seed = self.config.seed_strategy.seed_of(self.config.seed, &record.id);
        let scores = self.scores.of_row(record);
        if let RowScoring::Unusable(why) = &scores {
            return Chemistry {
                end: Some(EarlyEnd::Error(Reason::ScoresInput((*why).to_owned()))),
                ..Chemistry::default()
            };
        }
        let has_scores = !matches!(scores, RowScoring::None);
        let limit = self.config.timeout_per_row_s.map(Duration::from_secs_f64);
        let config = Arc::clone(&self.config);
        let (smiles, id) = (record.smiles.clone(), record.id.clone());
        let source = Arc::clone(&self.decoys);
        let work = move || {
            let decoys = RowDecoys { from: &source, id: &id };
            chemistry(&smiles, seed, &config, has_scores, decoys)
        };
        run_with_deadline(limit, work).unwrap_or_else(|error| {
            let internal = Reason::Internal(error.to_string());
            let (reason, warning) = match error {
                DeadlineError::Timeout(limit) => {
                    (Reason::Timeout, Warning::TimedOut(format!("{limit:?}")))
                }
                DeadlineError::Exhausted(rows) => {
                    (internal, Warning::StuckTimeouts(StuckTimeouts(rows as u64)))
                }
                DeadlineError::NoThread(why) => (internal, Warning::NoThread(why)),
            };
            Chemistry {
                warnings: vec![warning],
                end: Some(EarlyEnd::Error(reason)),
                ..Chemistry::default()
            }
        })
    }

    /// Adds to rows their eigenvalues and what is read from them.
    ///
    /// # Errors
    /// [`SpectraError`] when the backend cannot go on.
    pub(crate) fn add_spectra(
        &self,
        rows: &mut [(&mut RowOutcome, &Matrices)],
    ) -> Result<(), SpectraError> {
        let (large, mut rows): (Vec<_>, Vec<_>) =
            rows.iter_mut().partition(|(_, m)| m.order() > LARGE_ORDER);
        for (outcome, matrices) in large {
            self.add_large(outcome, matrices);
        }
        let mut spectra: Vec<RowSpectra> = rows.iter().map(|_| RowSpectra::default()).collect();
        for operator in self.settings.needed() {
            let views = rows.iter().filter_map(|(_, m)| m.operators.view(operator));
            let batch: Vec<SymmetricGraph<'_>> = views.collect();
            // Whether there is a view depends on the settings, not on the row.
            let places = spectra.iter_mut().zip(rows.iter());
            if self.settings.publishes(operator) && operator.has_potential() {
                for ((row, (_, m)), found) in places.zip(self.backend.local_spectra(&batch)?) {
                    let local = found.local.and_then(|l| local_lines(&l, &m.atomic_numbers));
                    row.set(operator, found.values, local);
                }
            } else {
                let found = self.backend.eigenvalues(&batch)?;
                for ((row, _), values) in places.zip(found.iter()) {
                    row.set(operator, values.to_vec(), None);
                }
            }
        }
        for ((outcome, matrices), spectra) in rows.iter_mut().zip(spectra) {
            let RowOutcome { molecule, spectrum, .. } = &mut **outcome;
            molecule.spectral = Some(self.spectral_columns(&spectra, matrices.missing_params));
            *spectrum = Some(spectra.published(molecule, &self.settings));
        }
        Ok(())
    }

    /// Adds to a row what can be said of a spectrum without diagonalising.
    fn add_large(&self, outcome: &mut RowOutcome, matrices: &Matrices) {
        let RowOutcome { molecule, spectrum, .. } = outcome;
        let (columns, warning) = large::features(&matrices.operators, &self.settings);
        molecule.spectral = Some(SpectralColumns {
            physics_missing_params_count: matrices.missing_params,
            ..columns
        });
        molecule.warnings.push(warning);
        molecule.warnings = Warning::in_order(std::mem::take(&mut molecule.warnings));
        *spectrum = Some(RowSpectra::default().published(molecule, &self.settings));
    }

    fn outcome(&self, record: &Record, row: Chemistry) -> (RowOutcome, Option<Matrices>) {
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
                molecule.reason = Some(reason.clone());
                molecule.audit = Some(AuditColumns::skipped());
                molecule.n_decoys = Some(0);
                molecule.n_decoys_generated = Some(0);
            }
            Some(EarlyEnd::Error(reason)) => {
                molecule.reason = Some(reason.clone());
                if *reason == Reason::MissingPhysicsParams {
                    molecule.outcome_verdict = Some(OutcomeVerdict::MissingPhysicsParams);
                    molecule.outcome_reason = Some(reason.clone());
                }
            }
            None => {
                let scoring = self.scores.of_row(record);
                let found = row.decoys.as_ref().map_or(&[][..], |found| &found.decoys);
                let hashes: Vec<DecoyHash> = found.iter().map(|decoy| decoy.hash).collect();
                let audit = audit_row(
                    &self.config,
                    self.last.as_ref(),
                    &hashes,
                    &scoring,
                    &mut molecule,
                    &mut warnings,
                );
                decoys = decoy_rows(record.row, &record.id, found);
                audit.fill(&mut decoys);
                add_deltas(&mut decoys, row.descriptors.as_ref(), &row.decoy_descriptors);
                molecule.descriptors = row.descriptors.map(descriptor_columns);
            }
        }
        molecule.warnings = Warning::in_order(warnings);
        let matrices = row.operators.filter(|_| status == Status::Ok).map(|operators| Matrices {
            operators,
            atomic_numbers: row.atomic_numbers,
            missing_params: row.missing_params,
        });
        (RowOutcome { molecule, decoys, spectrum: None }, matrices)
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

/// The rows that have matrices, with them.
pub(crate) fn with_matrices<'a>(
    outcomes: &'a mut [RowOutcome],
    matrices: &'a [Option<Matrices>],
) -> impl Iterator<Item = (&'a mut RowOutcome, &'a Matrices)> {
    outcomes.iter_mut().zip(matrices).filter_map(|(row, m)| Some((row, m.as_ref()?)))
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

    fn published(mut self, molecule: &MoleculeRow, settings: &OperatorSettings) -> SpectrumRow {
        for operator in Operator::ALL {
            if !settings.publishes(operator) {
                self.values[operator as usize].clear();
            }
        }
        let [l, h, w, wh] = self.values.map(|v| v.into_iter().map(round8).collect());
        let [_, h_local, _, wh_local] = self.local;
        let (row, id) = (molecule.row, molecule.id.clone());
        SpectrumRow { row, id, l, h, w, wh, h_local, wh_local }
    }
}

/// The local lines of a row, as published.
fn local_lines(local: &LocalDensity, atomic_numbers: &[u8]) -> Option<LocalLines> {
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
