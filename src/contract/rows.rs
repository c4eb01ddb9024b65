//! The typed rows that packs and shards are made of.

use crate::hardness::HardnessBin;
use crate::reason::{OutcomeVerdict, Reason};
use crate::verdict::{Status, Verdict};
use crate::warning::Warning;

/// The audit columns of a row; numbers are published values (8 decimals).
#[derive(Debug, Clone, PartialEq)]
pub struct AuditColumns {
    /// PASS, FAIL or SKIP.
    pub verdict: Verdict,
    /// Gate that the AUC had to reach, 0 to 1.
    pub gate: Option<f64>,
    /// AUC minus gate.
    pub slack: Option<f64>,
    /// Margin added to the null quantile.
    pub margin: Option<f64>,
    /// Tie-aware AUC, 0 to 1.
    pub auc: Option<f64>,
    /// q-quantile of the AUC under random labels with fixed ranks.
    pub null_q: Option<f64>,
    /// q-quantile of the AUC under permuted labels of these scores.
    pub perm_q: Option<f64>,
    /// `exact` or `mc`.
    pub method: Option<String>,
    /// Score of the original.
    pub original_score: Option<f64>,
    /// Weight of the original.
    pub original_weight: Option<f64>,
    /// Exact probability of an AUC at least this large under random labels.
    pub p_value: Option<f64>,
    /// Smallest p-value that this number of scored decoys can give.
    pub p_min: Option<f64>,
    /// False-discovery rate over all rows of the run (Benjamini and Hochberg);
    /// known once every row is.
    pub q_value: Option<f64>,
    /// What limits the test, e.g. `too_few_decoys_for_p<=0.05`.
    pub power_note: Option<String>,
    /// Labelings of these scores that would pass the gate …
    pub null_passes: Option<u32>,
    /// … of so many.
    pub null_labelings: Option<u32>,
}

/// Features of one operator's spectrum; published values (8 decimals).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OperatorColumns {
    /// λ₁ − λ₀.
    pub gap: Option<f64>,
    /// Σ λ.
    pub trace: Option<f64>,
    /// Entropy of the Boltzmann weights at β = 1.
    pub entropy_beta: Option<f64>,
}

/// The spectral columns of an OK row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpectralColumns {
    /// Smallest eigenvalue of L above 1e-9.
    pub spectral_gap: Option<f64>,
    /// Entropy of the normalised eigenvalues of L.
    pub spectral_entropy: Option<f64>,
    /// The same over its maximum.
    pub spectral_entropy_norm: Option<f64>,
    /// Physics mode, as published.
    pub physics_mode_used: String,
    /// Source of the atom parameters, as published.
    pub physics_params_source: String,
    /// Inverse temperature of the entropies.
    pub physics_entropy_beta: f64,
    /// Atoms without a parameter.
    pub physics_missing_params_count: u32,
    /// Features of L.
    pub l: OperatorColumns,
    /// Features of H.
    pub h: OperatorColumns,
    /// Features of W.
    pub w: OperatorColumns,
    /// Features of WH.
    pub wh: OperatorColumns,
}

/// Physico-chemical descriptors of a molecule (full packs).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DescriptorColumns {
    /// Molecular weight, g/mol.
    pub mw: f64,
    /// Crippen log P.
    pub logp: f64,
    /// Topological polar surface area, Å².
    pub tpsa: f64,
    /// Hydrogen-bond donors.
    pub hbd: u32,
    /// Hydrogen-bond acceptors.
    pub hba: u32,
    /// Drug-likeness, 0 to 1.
    pub qed: f64,
}

/// Counters of the decoy search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecoyCounters {
    /// Swaps drawn or enumerated.
    pub attempts: u32,
    /// Swaps whose graph did not sanitise.
    pub sanitize_fail: u32,
    /// Swaps that gave a molecule seen before.
    pub duplicate: u32,
    /// Draws that found no valid swap.
    pub no_candidate_swap: u32,
    /// Decoys outside the Tanimoto range.
    pub hardness_reject: u32,
}

/// One input row's outcome: a row of `summary.csv` and `summary.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct MoleculeRow {
    /// Row of the input, from 0.
    pub row: u64,
    /// Identifier as read.
    pub id: String,
    /// SMILES as read (invalid UTF-8 replaced).
    pub smiles: String,
    /// Canonical SMILES where the row has a molecule.
    pub canonical_smiles: Option<String>,
    /// How the row ended.
    pub status: Status,
    /// Why, for SKIP and ERROR.
    pub reason: Option<Reason>,
    /// Warnings in the order of their texts, without repeats.
    pub warnings: Vec<Warning>,
    /// Seed that the row's decoys were drawn with.
    pub seed_used: i64,
    /// Heavy atoms where the row has a molecule.
    pub heavy_atoms: Option<u32>,
    /// Audit results; none for ERROR rows and rows without an audit.
    pub audit: Option<AuditColumns>,
    /// Decoys published for the row.
    pub n_decoys: Option<u32>,
    /// Decoys generated.
    pub n_decoys_generated: Option<u32>,
    /// Decoys with a score.
    pub n_decoys_scored: Option<u32>,
    /// Distinct decoys that exist, where the search was exhaustive.
    pub n_decoys_exist: Option<u32>,
    /// Strategy that gave the decoys.
    pub decoy_strategy_used: Option<String>,
    /// Counters of the search.
    pub decoy_counters: Option<DecoyCounters>,
    /// Spectral features of OK rows.
    pub spectral: Option<SpectralColumns>,
    /// Descriptors (full packs).
    pub descriptors: Option<DescriptorColumns>,
    /// Outcome verdict beyond the status.
    pub outcome_verdict: Option<OutcomeVerdict>,
    /// Why.
    pub outcome_reason: Option<Reason>,
}

/// One (molecule, decoy) pair: a row of `decoys.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoyRow {
    /// Row of the input that the decoy belongs to.
    pub row: u64,
    /// That row's identifier.
    pub molecule_id: String,
    /// Rank of the decoy within its molecule, from 0.
    pub decoy_index: u32,
    /// Canonical SMILES of the decoy.
    pub decoy_smiles: String,
    /// SHA-256 of the canonical SMILES, lower-case hex.
    pub decoy_hash: String,
    /// Strategy that found it.
    pub strategy: String,
    /// Tanimoto similarity to the original: shared bits …
    pub tanimoto_shared_bits: Option<u32>,
    /// … over all bits of either.
    pub tanimoto_total_bits: Option<u32>,
    /// Hardness bin.
    pub hardness_bin: HardnessBin,
    /// Score of the original that it is compared with.
    pub original_score: Option<f64>,
    /// Score of the decoy, if any.
    pub score: Option<f64>,
    /// Weight of the decoy's score.
    pub weight: Option<f64>,
    /// Descriptors of the decoy minus those of the original (full packs).
    pub descriptor_deltas: Option<DescriptorDeltas>,
}

/// Differences decoy − original.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DescriptorDeltas {
    /// Molecular weight, g/mol.
    pub mw: f64,
    /// Crippen log P.
    pub logp: f64,
    /// Topological polar surface area, Å².
    pub tpsa: f64,
    /// Hydrogen-bond donors.
    pub hbd: i32,
    /// Hydrogen-bond acceptors.
    pub hba: i32,
    /// Drug-likeness.
    pub qed: f64,
}

/// Eigenvalues of one molecule: a row of `spectra.parquet`. Values are
/// published rounded to 8 decimals; an operator that was not asked for is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpectrumRow {
    /// Row of the input.
    pub row: u64,
    /// Identifier as read.
    pub id: String,
    /// Eigenvalues of L, ascending.
    pub l: Vec<f64>,
    /// Eigenvalues of H, ascending.
    pub h: Vec<f64>,
    /// Eigenvalues of W, ascending.
    pub w: Vec<f64>,
    /// Eigenvalues of WH, ascending.
    pub wh: Vec<f64>,
    /// Lines of the local density of states under H.
    pub h_local: Option<LocalLines>,
    /// Lines of the local density of states under WH.
    pub wh_local: Option<LocalLines>,
}

/// Numbers of a spectral fingerprint, `hetero_spectral_fp.v1`.
pub const FINGERPRINT_LENGTH: usize = 512;

/// The spectral fingerprint of one molecule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FingerprintRow {
    /// Row of the input.
    pub row: u64,
    /// Identifier as read.
    pub id: String,
    /// Canonical SMILES, where the molecule could be read.
    pub canonical_smiles: Option<String>,
    /// Why there is no fingerprint.
    pub reason: Option<Reason>,
    /// [`FINGERPRINT_LENGTH`] numbers: by operator, class of atoms, energy.
    pub fingerprint: Option<Vec<u8>>,
}

/// The shells of one molecule as seen from the atom that stands for it in the
/// local density of states; published values (8 decimals).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LocalLines {
    /// Node index of the atom.
    pub atom_index: u32,
    /// Its atomic number.
    pub atomic_number: u32,
    /// Energy of each shell, ascending, dimensionless.
    pub energies: Vec<f64>,
    /// Weight of each shell on the atom; they sum to 1.
    pub weights: Vec<f64>,
}

/// Local density of states of one molecule: the selected atom's curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalDosColumns {
    /// Node index of the atom.
    pub atom_index: u32,
    /// Its atomic number.
    pub atomic_number: u8,
    /// Energy of the curve's peak, dimensionless.
    pub peak_energy: f64,
    /// Value at the peak.
    pub peak_value: f64,
    /// Entropy of the curve.
    pub entropy: f64,
}

impl DecoyRow {
    /// Tanimoto similarity to the original, 0 to 1;
    /// none where it is unknown; 1 where neither fingerprint has a bit, as RDKit
    /// has it.
    #[must_use]
    pub fn tanimoto(&self) -> Option<f64> {
        match (self.tanimoto_shared_bits?, self.tanimoto_total_bits?) {
            (_, 0) => Some(1.0),
            (shared, total) => Some(f64::from(shared) / f64::from(total)),
        }
    }
}

impl MoleculeRow {
    /// A row of which only the outcome is known so far.
    #[must_use]
    pub fn new(row: u64, id: &str, status: Status, seed_used: i64) -> Self {
        Self {
            row,
            id: id.to_owned(),
            smiles: String::new(),
            canonical_smiles: None,
            status,
            reason: None,
            warnings: Vec::new(),
            seed_used,
            heavy_atoms: None,
            audit: None,
            n_decoys: None,
            n_decoys_generated: None,
            n_decoys_scored: None,
            n_decoys_exist: None,
            decoy_strategy_used: None,
            decoy_counters: None,
            spectral: None,
            descriptors: None,
            outcome_verdict: None,
            outcome_reason: None,
        }
    }

    /// Whether the row was computed, and not audited because the scores have none
    /// for its original.
    #[must_use]
    pub fn lacks_original_score(&self) -> bool {
        self.reason == Some(Reason::MissingOriginalScore)
    }

    /// Whether the row was computed, and not audited because its original is none
    /// of the best that the run audits.
    #[must_use]
    pub fn is_below_audit_top(&self) -> bool {
        self.reason == Some(Reason::BelowAuditTop)
    }

    /// Whether the row keeps decoys that other scores may audit, although it was
    /// not audited itself.
    #[must_use]
    pub fn keeps_unaudited_decoys(&self) -> bool {
        self.lacks_original_score() || self.is_below_audit_top()
    }

    /// Whether the scores have none for the row's original, which counts as a
    /// default.
    #[must_use]
    pub fn has_defaulted_score(&self) -> bool {
        self.warnings.contains(&Warning::OriginalScoreDefaulted)
    }

    /// The reason of a SKIP row; none for every other row.
    #[must_use]
    pub fn skip_reason(&self) -> Option<&Reason> {
        self.reason.as_ref().filter(|_| self.status == Status::Skip)
    }
}

impl AuditColumns {
    /// The audit of a SKIP row, or of one where nothing was scored: the verdict
    /// is SKIP and no number is defined.
    #[must_use]
    pub fn skipped() -> Self {
        Self {
            verdict: Verdict::Skip,
            gate: None,
            slack: None,
            margin: None,
            auc: None,
            null_q: None,
            perm_q: None,
            method: None,
            original_score: None,
            original_weight: None,
            p_value: None,
            p_min: None,
            q_value: None,
            power_note: None,
            null_passes: None,
            null_labelings: None,
        }
    }
}
