//! The slice of the golden results that `tests/api/parity.rs` checks.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use crate::Result;
use crate::causes::is_known;
use crate::golden::{Row, Table, csv_rows};

/// Every how many rows of a source one is taken.
const STEP: usize = 24;
/// Every how many of those have their eigenvalues in the slice.
const STEP_EIGENVALUES: usize = 3;

/// Writes the slice: rows spread evenly, those left out that are known to
/// differ (the report tells why they do).
pub fn write(golden: &Path, molecules: &Table, path: &Path) -> Result<()> {
    let batch = golden.join("batch_k2");
    let mut decoys: HashMap<String, Vec<Value>> = HashMap::new();
    for row in csv_rows(&batch.join("hardness_curve.csv.gz"))? {
        let decoy = json!([row["decoy_id"], row["tanimoto"], row["hardness_bin"]]);
        decoys.entry(row["molecule_id"].clone()).or_default().push(decoy);
    }
    let summaries: HashMap<String, HashMap<String, String>> =
        csv_rows(&batch.join("summary.csv.gz"))?
            .into_iter()
            .map(|row| (row["id"].clone(), row))
            .collect();
    let mut out = GzBuilder::new().write(File::create(path)?, Compression::best());
    let rows = molecules.rows().filter(|row| !is_known(row.id())).step_by(STEP);
    for (place, row) in rows.enumerate() {
        let mut line = json!({
            "id": row.id(),
            "smiles": row.text("smiles").unwrap_or_default(),
            "decoys": decoys.remove(row.id()).unwrap_or_default(),
        });
        if let Some(summary) = summaries.get(row.id()) {
            // Left out: what the other columns say again, or what is empty.
            let kept = |(name, value): &(&String, &String)| {
                !value.is_empty() && !name.starts_with("outcome") && *name != "id"
            };
            line["summary"] = json!(summary.iter().filter(kept).collect::<HashMap<_, _>>());
        }
        if row.flag("parse_ok") {
            line["molecule"] = molecule(row);
            if place.is_multiple_of(STEP_EIGENVALUES) {
                line["eigenvalues"] = json!(eigenvalues(row));
            }
        }
        writeln!(out, "{line}")?;
    }
    out.finish()?;
    Ok(())
}

fn molecule(row: Row<'_>) -> Value {
    let number = |name: &str| row.number(name).unwrap_or(f64::NAN);
    let descriptors = ["mw", "logp", "tpsa", "hbd", "hba", "qed"].map(number);
    json!({
        "canonical_smiles": row.text("canonical_smiles"),
        "rings": [number("n_rings"), number("n_aromatic_rings")],
        "descriptors": descriptors,
    })
}

/// Eigenvalues to 11 decimals, by operator; an operator that Python could not
/// build is left out.
fn eigenvalues(row: Row<'_>) -> HashMap<&'static str, Vec<f64>> {
    let rounded = |x: f64| (x * 1e11).round() / 1e11;
    ["L", "H", "W", "WH"]
        .into_iter()
        .filter_map(|name| Some((name, row.list(&format!("{name}_eigs"))?)))
        .map(|(name, values)| (name, values.into_iter().map(rounded).collect()))
        .collect()
}
