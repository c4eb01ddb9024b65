//! Hand-made rows that other tests share.

use hetero2::contract::{OutcomeVerdict, Reason, Warning};
use hetero2::pack::rows::*;

/// An OK row with everything defined.
pub fn molecule(row: u64) -> MoleculeRow {
    let features = |x: f64| OperatorColumns {
        gap: Some(x),
        trace: Some(36.0),
        entropy_beta: Some(2.27207618),
    };
    MoleculeRow {
        row,
        id: format!("mol_{row}"),
        smiles: "OCC".into(),
        canonical_smiles: Some("CCO".into()),
        status: Status::Ok,
        reason: None,
        warnings: vec![Warning::CandidatesStrict(4), Warning::FallbackUsed],
        seed_used: i64::MAX - i64::try_from(row).unwrap(),
        heavy_atoms: Some(3),
        audit: Some(AuditColumns {
            verdict: if row.is_multiple_of(3) { Verdict::Fail } else { Verdict::Pass },
            gate: Some(1.0),
            slack: Some(if row.is_multiple_of(3) { -0.25 } else { 0.0 }),
            margin: Some(0.05),
            auc: Some(if row.is_multiple_of(3) { 0.75 } else { 1.0 }),
            null_q: Some(0.95),
            perm_q: None,
            method: Some("exact".into()),
            original_score: Some(1.0),
            original_weight: Some(1.0),
            p_value: Some(0.33333333),
            p_min: Some(0.33333333),
            q_value: Some(0.33333333),
            power_note: Some("too_few_decoys_for_p<=0.05".into()),
            null_passes: Some(1),
            null_labelings: Some(3),
        }),
        n_decoys: Some(2),
        n_decoys_generated: Some(2),
        n_decoys_scored: Some(2),
        n_decoys_exist: Some(7),
        decoy_strategy_used: Some("rewire_strict_v1".into()),
        decoy_counters: Some(DecoyCounters { attempts: 5, duplicate: 1, ..Default::default() }),
        spectral: Some(SpectralColumns {
            spectral_gap: Some(0.08700665),
            spectral_entropy: Some(2.49347903),
            spectral_entropy_norm: None,
            physics_mode_used: "both".into(),
            physics_params_source: "atoms_db_v1_json".into(),
            physics_entropy_beta: 1.0,
            physics_missing_params_count: 0,
            l: features(0.5),
            h: features(0.25),
            w: features(0.125),
            wh: OperatorColumns::default(),
        }),
        descriptors: Some(DescriptorColumns {
            mw: 46.069,
            logp: -0.0014,
            tpsa: 20.23,
            hbd: 1,
            hba: 1,
            qed: 0.40680796,
        }),
        outcome_verdict: None,
        outcome_reason: None,
    }
}

/// A SKIP row.
pub fn skipped(row: u64, reason: Reason) -> MoleculeRow {
    MoleculeRow {
        status: Status::Skip,
        reason: Some(reason),
        canonical_smiles: None,
        audit: Some(AuditColumns::skipped()),
        n_decoys: Some(0),
        n_decoys_generated: Some(0),
        ..bare(row)
    }
}

/// An ERROR row.
pub fn failed(row: u64, reason: Reason) -> MoleculeRow {
    MoleculeRow {
        status: Status::Error,
        reason: Some(reason.clone()),
        outcome_verdict: Some(OutcomeVerdict::MissingPhysicsParams),
        outcome_reason: Some(reason),
        ..bare(row)
    }
}

fn bare(row: u64) -> MoleculeRow {
    MoleculeRow {
        audit: None,
        n_decoys: None,
        n_decoys_generated: None,
        n_decoys_scored: None,
        n_decoys_exist: None,
        decoy_strategy_used: None,
        decoy_counters: None,
        spectral: None,
        descriptors: None,
        heavy_atoms: None,
        warnings: vec![],
        ..molecule(row)
    }
}

/// Decoy `index` of row `row`.
pub fn decoy(row: u64, index: u32) -> DecoyRow {
    DecoyRow {
        row,
        molecule_id: format!("mol_{row}"),
        decoy_index: index,
        decoy_smiles: "COC".into(),
        decoy_hash: format!("{:064x}", row * 100 + u64::from(index)),
        strategy: "rewire_strict_v1".into(),
        tanimoto_shared_bits: Some(4),
        tanimoto_total_bits: Some(13),
        hardness_bin: HardnessBin::Easy,
        original_score: Some(1.0),
        score: index.is_multiple_of(2).then_some(0.25),
        weight: Some(1.0),
        descriptor_deltas: (index == 0).then_some(DescriptorDeltas {
            mw: 0.0,
            logp: 0.5,
            tpsa: -11.0,
            hbd: -1,
            hba: 0,
            qed: 0.1,
        }),
    }
}

/// Eigenvalues of row `row`.
pub fn spectrum(row: u64) -> SpectrumRow {
    SpectrumRow {
        row,
        id: format!("mol_{row}"),
        l: vec![0.0, 1.0, 3.0],
        h: vec![-0.5, 0.5, 2.5],
        w: vec![],
        wh: vec![0.1],
        h_local: Some(LocalLines {
            atom_index: 2,
            atomic_number: 8,
            energies: vec![-0.5, 0.5, 2.5],
            weights: vec![0.25, 0.25, 0.5],
        }),
        wh_local: None,
    }
}
