//! `fingerprint`: a row for each row, and bytes that depend on the molecule alone.

use std::path::Path;

use hetero2::contract::Reason;
use hetero2::pack::rows::FingerprintRow;
use hetero2::pack::tables::TableReader;

use crate::support::{call, fixture, hetero2, scratch, write};

fn table(library: &Path, out: &Path, more: &[&str]) -> Vec<FingerprintRow> {
    let mut command = hetero2();
    command.arg("fingerprint").arg(library).arg("--out").arg(out).arg("--quiet").args(more);
    call(&mut command).expect_code(0);
    let rows = TableReader::<FingerprintRow>::open(out).unwrap();
    rows.flat_map(|rows| rows.unwrap()).collect()
}

#[test]
fn every_row_has_a_fingerprint_or_a_reason() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = write(
        dir,
        "library.smi",
        "OC(=O)c1ccccc1OC(C)=O aspirin\nC1CC ring\n[Hg]C mercury\nCC(=O)Oc1ccccc1C(=O)O again\n\
         CCO ethanol\nCC(=O)O.NCCc1c[nH]c2ccccc12 salt\n",
    );
    let rows = table(&library, &dir.join("one.parquet"), &["--threads", "1"]);
    let reasons: Vec<_> = rows.iter().map(|row| row.reason.clone()).collect();
    let (invalid, missing) = (Some(Reason::InvalidSmiles), Some(Reason::MissingPhysicsParams));
    assert_eq!(reasons, [None, invalid, missing, None, None, None]);
    assert!(rows.iter().all(|row| row.fingerprint.is_some() == row.reason.is_none()));
    // However it is written, and whatever stands beside it.
    assert_eq!(rows[0].fingerprint, rows[3].fingerprint);
    let reference = std::fs::read_to_string(fixture("fingerprint/reference.tsv")).unwrap();
    for row in rows.iter().filter(|row| row.reason.is_none()) {
        let smiles = row.canonical_smiles.as_deref().unwrap();
        let digits: String =
            row.fingerprint.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
        if let Some(line) = reference.lines().find(|line| line.split('\t').next() == Some(smiles)) {
            assert_eq!(line, format!("{smiles}\t{digits}"));
        }
    }

    let again = table(&library, &dir.join("two.parquet"), &["--threads", "2"]);
    assert_eq!(again, rows);
    let bytes = |name: &str| std::fs::read(dir.join(name)).unwrap();
    assert_eq!(bytes("one.parquet"), bytes("two.parquet"));

    let rows = table(&library, &dir.join("small.parquet"), &["--max-atoms", "3"]);
    assert_eq!(rows[0].reason, Some(Reason::TooManyAtoms));
    assert!(rows[4].fingerprint.is_some());
}

#[test]
fn a_table_that_is_there_is_kept() {
    let scratch = scratch();
    let out = write(scratch.path(), "out.parquet", "precious");
    let mut command = hetero2();
    command.arg("fingerprint").arg("--out").arg(&out);
    let done = call(&mut command).expect_code(2);
    assert!(done.stderr.contains("--force"), "{}", done.stderr);
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
}
