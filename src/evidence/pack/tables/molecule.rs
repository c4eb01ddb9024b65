//! Columns of `summary.parquet` and of a shard's `molecules.parquet`: those of
//! `summary.csv` under the same names, and what only the typed table holds.

use std::fmt::{self, Display, Write};

use super::column::{Cells, Column, Get, Layout};
use super::sealed::Row;
use crate::pack::error::PackError;
use crate::pack::rows::{
    AuditColumns, DecoyCounters, DescriptorColumns, MoleculeRow, OperatorColumns, SpectralColumns,
};
use hetero2_contract::Reason;

impl Row for MoleculeRow {
    fn columns() -> Vec<Column<Self>> {
        let mut columns = identity();
        columns.extend(audit());
        columns.extend(decoys());
        columns.extend(spectral());
        columns.extend(descriptors());
        columns.push(Column::word("outcome_verdict", |r| Some(r.outcome_verdict?.as_str())));
        columns.push(Column::shown("outcome_reason", |r| show(r.outcome_reason.as_ref())));
        columns.extend(chance());
        columns
    }

    fn weight(&self) -> usize {
        self.id.len()
            + self.smiles.len()
            + self.canonical_smiles.as_ref().map_or(0, String::len)
            + self.reason.as_ref().map_or(0, shown_length)
            + self.outcome_reason.as_ref().map_or(0, shown_length)
            + self.warnings.iter().map(shown_length).sum::<usize>()
    }

    fn decode(cells: &Cells<'_>) -> Result<Vec<Self>, PackError> {
        let (row, id, smiles) = (cells.u64("row")?, cells.text("id")?, cells.text("smiles")?);
        let (canonical, status) = (cells.text("canonical_smiles")?, cells.text("status")?);
        let (reason, warnings) = (cells.text("reason")?, cells.words("warnings")?);
        let (seed_used, heavy_atoms) = (cells.i64("seed_used")?, cells.u32("heavy_atoms")?);
        let n_decoys = cells.u32("n_decoys")?;
        let generated = cells.u32("n_decoys_generated")?;
        let (scored, exist) = (cells.u32("n_decoys_scored")?, cells.u32("n_decoys_exist")?);
        let strategy = cells.text("decoy_strategy_used")?;
        let outcome_verdict = cells.text("outcome_verdict")?;
        let outcome_reason = cells.text("outcome_reason")?;
        let (audit, counters) = (read_audit(cells)?, read_counters(cells)?);
        let (spectral, descriptors) = (read_spectral(cells)?, read_descriptors(cells)?);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        (0..cells.batch.num_rows())
            .map(|i| {
                Ok(Self {
                    row: cells.need(row(i), i, "row")?,
                    id: cells.need(owned(id(i)), i, "id")?,
                    smiles: cells.need(owned(smiles(i)), i, "smiles")?,
                    canonical_smiles: owned(canonical(i)),
                    status: cells.parse(status(i), i, "status")?,
                    reason: cells.parse_any(reason(i), i, "reason")?,
                    warnings: warnings(i)?,
                    seed_used: cells.need(seed_used(i), i, "seed_used")?,
                    heavy_atoms: heavy_atoms(i),
                    audit: audit(i)?,
                    n_decoys: n_decoys(i),
                    n_decoys_generated: generated(i),
                    n_decoys_scored: scored(i),
                    n_decoys_exist: exist(i),
                    decoy_strategy_used: owned(strategy(i)),
                    decoy_counters: counters(i),
                    spectral: spectral(i)?,
                    descriptors: descriptors(i),
                    outcome_verdict: cells.parse_any(outcome_verdict(i), i, "outcome_verdict")?,
                    outcome_reason: cells.parse_any(outcome_reason(i), i, "outcome_reason")?,
                })
            })
            .collect()
    }
}

fn show(reason: Option<&Reason>) -> Option<&dyn Display> {
    reason.map(|reason| reason as &dyn Display)
}

/// Bytes of what a value shows.
fn shown_length(value: &impl Display) -> usize {
    struct Counter(usize);
    impl fmt::Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail.
    let _ = write!(counter, "{value}");
    counter.0
}

type Columns = Vec<Column<MoleculeRow>>;

fn identity() -> Columns {
    vec![
        Column::required("row", Layout::Delta, Get::U64(|r: &MoleculeRow| Some(r.row))),
        Column::required("id", Layout::Plain, Get::Text(|r| Some(&r.id))),
        Column::required("smiles", Layout::Plain, Get::Text(|r| Some(&r.smiles))),
        Column::optional(
            "canonical_smiles",
            Layout::Plain,
            Get::Text(|r| r.canonical_smiles.as_deref()),
        ),
        Column::required("status", Layout::Dictionary, Get::Text(|r| Some(r.status.as_str()))),
        Column::shown("reason", |r| show(r.reason.as_ref())),
        Column::shown("skip_reason", |r| show(r.skip_reason())),
        Column::required("warnings", Layout::Dictionary, Get::Warnings(|r| &r.warnings)),
        Column::required("seed_used", Layout::Plain, Get::I64(|r| Some(r.seed_used))),
        Column::count("heavy_atoms", |r| r.heavy_atoms),
    ]
}

fn audit() -> Columns {
    vec![
        Column::word("verdict", |r| Some(r.audit.as_ref()?.verdict.as_str())),
        Column::number("gate", |r| r.audit.as_ref()?.gate),
        Column::number("slack", |r| r.audit.as_ref()?.slack),
        Column::number("margin", |r| r.audit.as_ref()?.margin),
        Column::number("auc_tie_aware", |r| r.audit.as_ref()?.auc),
        Column::number("null_q", |r| r.audit.as_ref()?.null_q),
        Column::number("perm_q", |r| r.audit.as_ref()?.perm_q),
        Column::word("method", |r| r.audit.as_ref()?.method.as_deref()),
        Column::number("original_score", |r| r.audit.as_ref()?.original_score),
        Column::number("original_weight", |r| r.audit.as_ref()?.original_weight),
        Column::number("p_value", |r| r.audit.as_ref()?.p_value),
        Column::number("p_min", |r| r.audit.as_ref()?.p_min),
    ]
}

fn decoys() -> Columns {
    vec![
        Column::count("n_decoys", |r| r.n_decoys),
        Column::count("n_decoys_generated", |r| r.n_decoys_generated),
        Column::count("n_decoys_scored", |r| r.n_decoys_scored),
        Column::count("n_decoys_exist", |r| r.n_decoys_exist),
        Column::word("decoy_strategy_used", |r| r.decoy_strategy_used.as_deref()),
        Column::count("attempts", |r| Some(r.decoy_counters?.attempts)),
        Column::count("sanitize_fail", |r| Some(r.decoy_counters?.sanitize_fail)),
        Column::count("duplicate", |r| Some(r.decoy_counters?.duplicate)),
        Column::count("no_candidate_swap", |r| Some(r.decoy_counters?.no_candidate_swap)),
        Column::count("hardness_reject", |r| Some(r.decoy_counters?.hardness_reject)),
    ]
}

fn spectral() -> Columns {
    let mut columns: Columns = vec![
        Column::number("spectral_gap", |r| r.spectral.as_ref()?.spectral_gap),
        Column::number("spectral_entropy", |r| r.spectral.as_ref()?.spectral_entropy),
        Column::number("spectral_entropy_norm", |r| r.spectral.as_ref()?.spectral_entropy_norm),
        Column::word("physics_mode_used", |r| Some(&r.spectral.as_ref()?.physics_mode_used)),
        Column::word("physics_params_source", |r| {
            Some(&r.spectral.as_ref()?.physics_params_source)
        }),
        Column::number("physics_entropy_beta", |r| Some(r.spectral.as_ref()?.physics_entropy_beta)),
        Column::count("physics_missing_params_count", |r| {
            Some(r.spectral.as_ref()?.physics_missing_params_count)
        }),
    ];
    columns.extend(vec![
        Column::number("L_gap", |r: &MoleculeRow| r.spectral.as_ref()?.l.gap),
        Column::number("L_trace", |r| r.spectral.as_ref()?.l.trace),
        Column::number("L_entropy_beta", |r| r.spectral.as_ref()?.l.entropy_beta),
        Column::number("H_gap", |r| r.spectral.as_ref()?.h.gap),
        Column::number("H_trace", |r| r.spectral.as_ref()?.h.trace),
        Column::number("H_entropy_beta", |r| r.spectral.as_ref()?.h.entropy_beta),
        Column::number("W_gap", |r| r.spectral.as_ref()?.w.gap),
        Column::number("W_trace", |r| r.spectral.as_ref()?.w.trace),
        Column::number("W_entropy", |r| r.spectral.as_ref()?.w.entropy_beta),
        Column::number("WH_gap", |r| r.spectral.as_ref()?.wh.gap),
        Column::number("WH_trace", |r| r.spectral.as_ref()?.wh.trace),
        Column::number("WH_entropy", |r| r.spectral.as_ref()?.wh.entropy_beta),
    ]);
    columns
}

fn descriptors() -> Columns {
    vec![
        Column::number("mw", |r: &MoleculeRow| Some(r.descriptors?.mw)),
        Column::number("logp", |r| Some(r.descriptors?.logp)),
        Column::number("tpsa", |r| Some(r.descriptors?.tpsa)),
        Column::count("hbd", |r| Some(r.descriptors?.hbd)),
        Column::count("hba", |r| Some(r.descriptors?.hba)),
        Column::number("qed", |r| Some(r.descriptors?.qed)),
    ]
}

fn chance() -> Columns {
    vec![
        Column::number("q_value", |r: &MoleculeRow| r.audit.as_ref()?.q_value),
        Column::word("power_note", |r| r.audit.as_ref()?.power_note.as_deref()),
        Column::count("null_passes", |r| r.audit.as_ref()?.null_passes),
        Column::count("null_labelings", |r| r.audit.as_ref()?.null_labelings),
    ]
}

/// The audit of a row is there where it has a verdict.
fn read_audit<'a, 'b>(
    cells: &'b Cells<'a>,
) -> Result<impl Fn(usize) -> Result<Option<AuditColumns>, PackError> + use<'a, 'b>, PackError> {
    let (verdict, method) = (cells.text("verdict")?, cells.text("method")?);
    let (gate, slack) = (cells.f64("gate")?, cells.f64("slack")?);
    let (margin, auc) = (cells.f64("margin")?, cells.f64("auc_tie_aware")?);
    let (null_q, perm_q) = (cells.f64("null_q")?, cells.f64("perm_q")?);
    let original_score = cells.f64("original_score")?;
    let original_weight = cells.f64("original_weight")?;
    let (p_value, p_min) = (cells.f64("p_value")?, cells.f64("p_min")?);
    let (q_value, power_note) = (cells.f64("q_value")?, cells.text("power_note")?);
    let (null_passes, labelings) = (cells.u32("null_passes")?, cells.u32("null_labelings")?);
    Ok(move |i| {
        let Some(text) = verdict(i) else { return Ok(None) };
        Ok(Some(AuditColumns {
            verdict: cells.parse(Some(text), i, "verdict")?,
            gate: gate(i),
            slack: slack(i),
            margin: margin(i),
            auc: auc(i),
            null_q: null_q(i),
            perm_q: perm_q(i),
            method: method(i).map(str::to_owned),
            original_score: original_score(i),
            original_weight: original_weight(i),
            p_value: p_value(i),
            p_min: p_min(i),
            q_value: q_value(i),
            power_note: power_note(i).map(str::to_owned),
            null_passes: null_passes(i),
            null_labelings: labelings(i),
        }))
    })
}

fn read_counters<'a>(
    cells: &Cells<'a>,
) -> Result<impl Fn(usize) -> Option<DecoyCounters> + use<'a>, PackError> {
    let (attempts, sanitize_fail) = (cells.u32("attempts")?, cells.u32("sanitize_fail")?);
    let (duplicate, no_swap) = (cells.u32("duplicate")?, cells.u32("no_candidate_swap")?);
    let hardness_reject = cells.u32("hardness_reject")?;
    Ok(move |i| {
        Some(DecoyCounters {
            attempts: attempts(i)?,
            sanitize_fail: sanitize_fail(i)?,
            duplicate: duplicate(i)?,
            no_candidate_swap: no_swap(i)?,
            hardness_reject: hardness_reject(i)?,
        })
    })
}

/// The spectral columns of a row are there where it has a physics mode.
fn read_spectral<'a, 'b>(
    cells: &'b Cells<'a>,
) -> Result<impl Fn(usize) -> Result<Option<SpectralColumns>, PackError> + use<'a, 'b>, PackError> {
    let gap = cells.f64("spectral_gap")?;
    let entropy = cells.f64("spectral_entropy")?;
    let entropy_norm = cells.f64("spectral_entropy_norm")?;
    let (mode, source) = (cells.text("physics_mode_used")?, cells.text("physics_params_source")?);
    let beta = cells.f64("physics_entropy_beta")?;
    let missing = cells.u32("physics_missing_params_count")?;
    let l = operator(cells, ["L_gap", "L_trace", "L_entropy_beta"])?;
    let h = operator(cells, ["H_gap", "H_trace", "H_entropy_beta"])?;
    let w = operator(cells, ["W_gap", "W_trace", "W_entropy"])?;
    let wh = operator(cells, ["WH_gap", "WH_trace", "WH_entropy"])?;
    Ok(move |i| {
        let Some(mode) = mode(i) else { return Ok(None) };
        Ok(Some(SpectralColumns {
            spectral_gap: gap(i),
            spectral_entropy: entropy(i),
            spectral_entropy_norm: entropy_norm(i),
            physics_mode_used: mode.to_owned(),
            physics_params_source: cells.need(source(i), i, "physics_params_source")?.to_owned(),
            physics_entropy_beta: cells.need(beta(i), i, "physics_entropy_beta")?,
            physics_missing_params_count: cells.need(
                missing(i),
                i,
                "physics_missing_params_count",
            )?,
            l: l(i),
            h: h(i),
            w: w(i),
            wh: wh(i),
        }))
    })
}

fn operator<'a>(
    cells: &Cells<'a>,
    [gap, trace, entropy]: [&str; 3],
) -> Result<impl Fn(usize) -> OperatorColumns + use<'a>, PackError> {
    let (gap, trace, entropy) = (cells.f64(gap)?, cells.f64(trace)?, cells.f64(entropy)?);
    Ok(move |i| OperatorColumns { gap: gap(i), trace: trace(i), entropy_beta: entropy(i) })
}

fn read_descriptors<'a>(
    cells: &Cells<'a>,
) -> Result<impl Fn(usize) -> Option<DescriptorColumns> + use<'a>, PackError> {
    let (mw, logp, tpsa) = (cells.f64("mw")?, cells.f64("logp")?, cells.f64("tpsa")?);
    let (hbd, hba, qed) = (cells.u32("hbd")?, cells.u32("hba")?, cells.f64("qed")?);
    Ok(move |i| {
        Some(DescriptorColumns {
            mw: mw(i)?,
            logp: logp(i)?,
            tpsa: tpsa(i)?,
            hbd: hbd(i)?,
            hba: hba(i)?,
            qed: qed(i)?,
        })
    })
}
