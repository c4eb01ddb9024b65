//! Compares this program with the Python implementation, row by row.
//!
//!     cargo run --release -p hetero2-examples --bin parity -- GOLDEN_DIR > docs/parity.md
//!
//! With a second argument it writes the slice that `tests/api/parity.rs` checks:
//!
//!     cargo run --release -p hetero2-examples --bin parity -- GOLDEN_DIR fixtures/parity/rows.jsonl.gz
//!
//! `GOLDEN_DIR` holds what the Python implementation gave: `molecules.parquet`,
//! `decoys.jsonl.gz`, `decoys_variants.jsonl.gz`, `audit_items.jsonl.gz`,
//! `null_auc_q95.csv` and a whole run in `batch_k2/`.

mod audits;
mod batch;
mod causes;
mod chemistry;
mod decoys;
mod densities;
mod golden;
mod report;
mod slice;
mod spectra;

use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (golden, slice) = match arguments.as_slice() {
        [golden] => (Path::new(golden), None),
        [golden, slice] => (Path::new(golden), Some(Path::new(slice))),
        _ => return Err("usage: parity GOLDEN_DIR [SLICE]".into()),
    };
    let molecules = golden::Table::open(&golden.join("molecules.parquet"))?;
    if let Some(path) = slice {
        return slice::write(golden, &molecules, path);
    }
    let sections = [
        chemistry::compare(&molecules)?,
        spectra::compare(&molecules)?,
        audits::compare(golden)?,
        decoys::compare(golden)?,
        batch::compare(golden)?,
        densities::compare(golden, &molecules)?,
    ];
    print!("{}", report::markdown(&sections));
    Ok(())
}
