//! A pack's own tables, audited again with scores that say nothing.

use hetero2_audit::evidence::{Outcome, OutcomesGiven, Reaudit};
use hetero2_audit::{ActiveIf, Truth, TruthLabel};
use hetero2_contract::controls::ControlRow;
use hetero2_contract::evidence::{AcceptPolicy, ControlName, Evidence, Specificity};
use hetero2_contract::rows::{DecoyRow, MoleculeRow};

use super::error::OutcomesError;
use crate::conclusion::reaudit_row;
use crate::pack::PackSource;
use crate::pack::manifest::Manifest;
use crate::pack::tables::{TableReader, TableRow};

/// Tables of a pack that are read.
pub(super) const TABLES: [&str; 4] =
    ["decoys.parquet", "summary.parquet", "controls.parquet", TRUTH];
const TRUTH: &str = "truth.csv";

/// How often a constant and random orders of the pack's scores pass a policy.
///
/// # Errors
/// [`OutcomesError`] where the pack's tables cannot be read.
pub(super) fn specificity(
    source: &mut PackSource,
    manifest: &Manifest,
    policy: AcceptPolicy,
    evidence: &Evidence,
) -> Result<Specificity, OutcomesError> {
    let names: Vec<ControlName> = evidence.controls.iter().map(|control| control.name).collect();
    let given = match evidence.outcomes {
        Some(_) => OutcomesGiven::Yes,
        None => OutcomesGiven::No,
    };
    Ok(gather(source, manifest, &names)?.specificity(policy, given))
}

fn gather(
    source: &mut PackSource,
    manifest: &Manifest,
    names: &[ControlName],
) -> Result<Reaudit, OutcomesError> {
    let truth = read_truth(source, manifest)?;
    let mut controls = read_all::<ControlRow>(source, "controls.parquet")?.into_iter().peekable();
    let molecules = TableReader::<MoleculeRow>::from_batches(source.table("summary.parquet")?)?;
    let mut decoys = TableReader::<DecoyRow>::from_batches(source.table("decoys.parquet")?)?;
    let mut waiting: Vec<DecoyRow> = Vec::new();
    let mut rows = Reaudit::new(names);
    for batch in molecules {
        for molecule in batch? {
            while waiting.last().is_none_or(|last| last.row <= molecule.row) {
                match decoys.next() {
                    Some(more) => waiting.extend(more?),
                    None => break,
                }
            }
            let end = waiting.partition_point(|decoy| decoy.row <= molecule.row);
            let first = waiting.partition_point(|decoy| decoy.row < molecule.row);
            let own = controls.next_if(|control| control.row == molecule.row);
            let label = truth.as_ref().and_then(|truth| truth.get(molecule.id.trim()));
            let outcome = label.map(|label| match label {
                TruthLabel::Pass => Outcome::Active,
                TruthLabel::Fail => Outcome::Inactive,
            });
            let decoys = &waiting[first..end];
            if let Some(row) = reaudit_row(names, &molecule, decoys, own.as_ref(), outcome) {
                rows.add(row);
            }
            waiting.drain(..end);
        }
    }
    Ok(rows)
}

fn read_all<R: TableRow>(source: &mut PackSource, name: &str) -> Result<Vec<R>, OutcomesError> {
    if !source.entries().contains_key(name) {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for batch in TableReader::<R>::from_batches(source.table(name)?)? {
        rows.extend(batch?);
    }
    Ok(rows)
}

fn read_truth(
    source: &mut PackSource,
    manifest: &Manifest,
) -> Result<Option<Truth>, OutcomesError> {
    if !source.entries().contains_key(TRUTH) {
        return Ok(None);
    }
    let rule = manifest.body.notes.truth_active_if.as_deref();
    let rule: Option<ActiveIf> = rule.and_then(|rule| rule.parse().ok());
    let path = source.path().join(TRUTH);
    Truth::from_table(source.reader(TRUTH)?, rule.as_ref())
        .map(Some)
        .map_err(|source| OutcomesError::Truth { path, source })
}
