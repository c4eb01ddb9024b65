//! Parquet tables and CSV tables of hand-made rows.

use std::fs;
use std::path::Path;

use hetero2::contract::Reason;
use hetero2::files::{FileDigest, digest_file};
use hetero2::pack::PackError;
use hetero2::pack::csv::{EdgeWeightColumns, HardnessCsv, OperatorFeaturesCsv, SummaryCsv};
use hetero2::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2::pack::tables::{TableReader, TableRow, TableWriter};

use super::rows::{decoy, failed, molecule, skipped, spectrum};

fn write<R: TableRow>(path: &Path, rows: &[R], chunk: usize) -> FileDigest {
    let mut writer = TableWriter::create(path).unwrap();
    rows.chunks(chunk).for_each(|part| writer.write(part).unwrap());
    writer.finish().unwrap()
}

fn read<R: TableRow>(path: &Path) -> Result<Vec<R>, PackError> {
    Ok(TableReader::open(path)?.collect::<Result<Vec<_>, _>>()?.concat_rows())
}

trait Concat<R> {
    fn concat_rows(self) -> Vec<R>;
}

impl<R> Concat<R> for Vec<Vec<R>> {
    fn concat_rows(self) -> Vec<R> {
        self.into_iter().flatten().collect()
    }
}

fn molecules(count: u64) -> Vec<MoleculeRow> {
    (0..count)
        .map(|i| match i % 7 {
            5 => skipped(i, Reason::Disconnected),
            6 => failed(i, Reason::MissingPhysicsParams),
            _ => molecule(i),
        })
        .collect()
}

#[test]
fn tables_read_back_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.parquet");
    let rows = molecules(20_000);
    let digest = write(&path, &rows, 777);
    assert_eq!(digest, digest_file(&path).unwrap());
    assert_eq!(read::<MoleculeRow>(&path).unwrap(), rows);

    let rows: Vec<_> = (0..10_000).map(|i| decoy(i / 4, (i % 4) as u32)).collect();
    write(&path, &rows, 4);
    assert_eq!(read::<DecoyRow>(&path).unwrap(), rows);

    let rows: Vec<_> = (0..20_000).map(spectrum).collect();
    write(&path, &rows, 20_000);
    assert_eq!(read::<SpectrumRow>(&path).unwrap(), rows);

    write::<MoleculeRow>(&path, &[], 1);
    assert_eq!(read::<MoleculeRow>(&path).unwrap(), []);
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn passing_tables_read_back_what_was_written() {
    fn same<R: TableRow + PartialEq + std::fmt::Debug>(rows: &[R]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        let mut writer = TableWriter::create_passing(&path).unwrap();
        writer.write(rows).unwrap();
        assert_eq!(writer.finish().unwrap(), digest_file(&path).unwrap());
        assert_eq!(read::<R>(&path).unwrap(), rows);
    }
    same(&molecules(10_000));
    same(&(0..10_000).map(|i| decoy(i / 4, (i % 4) as u32)).collect::<Vec<_>>());
    same(&(0..10_000).map(spectrum).collect::<Vec<_>>());
    same::<MoleculeRow>(&[]);
}

#[test]
fn bytes_do_not_depend_on_how_rows_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let rows = molecules(30_000);
    let digests = [1, 1000, 4096, 30_000]
        .map(|chunk| write(&directory.path().join(format!("{chunk}")), &rows, chunk));
    assert!(digests.iter().all(|d| *d == digests[0]));
}

#[test]
fn an_abandoned_table_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = TableWriter::create(&directory.path().join("t.parquet")).unwrap();
    writer.write(&[spectrum(0)]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn another_tables_file_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.parquet");
    write(&path, &[spectrum(0)], 1);
    let error = read::<DecoyRow>(&path).unwrap_err();
    assert!(matches!(error, PackError::Schema { .. }));
    assert!(error.to_string().contains("hetero2_spectra.v1"), "{error}");
}

#[test]
fn damaged_tables_end_in_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.parquet");
    write(&path, &molecules(300), 300);
    let sound = fs::read(&path).unwrap();
    let expected = molecules(300);
    let mut refused = 0;
    for i in 0..400 {
        let mut bytes = sound.clone();
        let at = i * 7919 % bytes.len();
        bytes[at] ^= 1 << (i % 8);
        fs::write(&path, &bytes).unwrap();
        match read::<MoleculeRow>(&path) {
            Err(_) => refused += 1,
            Ok(rows) => assert!(rows.len() <= expected.len()),
        }
    }
    assert!(refused > 100, "{refused} of 400 damaged files were noticed");
    for length in [0, 3, 8, sound.len() / 2, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        assert!(read::<MoleculeRow>(&path).is_err());
    }
}

#[test]
fn summary_csv_has_the_contracts_columns_and_cells() {
    let mut csv = SummaryCsv::new(Vec::new(), EdgeWeightColumns::Present).unwrap();
    let mut hostile = molecule(3);
    hostile.id = "=HYPERLINK(\"x\"),\nb".into();
    for row in [molecule(1), skipped(2, Reason::Disconnected), failed(4, Reason::Timeout), hostile]
    {
        csv.write(&row).unwrap();
    }
    let text = String::from_utf8(csv.into_inner()).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "id,status,reason,skip_reason,verdict,gate,slack,margin,auc_tie_aware,n_decoys,\
         n_decoys_generated,n_decoys_scored,decoy_strategy_used,warnings_count,report_path,\
         seed_used,spectral_gap,spectral_entropy,spectral_entropy_norm,physics_mode_used,\
         physics_params_source,physics_entropy_beta,physics_missing_params_count,L_gap,L_trace,\
         L_entropy_beta,H_gap,H_trace,H_entropy_beta,W_gap,W_entropy,WH_gap,WH_entropy,\
         outcome_verdict,outcome_reason,n_decoys_exist,p_value,p_min,q_value,power_note,\
         original_score"
    );
    assert_eq!(
        lines.next().unwrap(),
        "mol_1,OK,,,PASS,1.0,0.0,0.05,1.0,2,2,2,rewire_strict_v1,2,,9223372036854775806,\
         0.08700665,2.49347903,,both,atoms_db_v1_json,1.0,0,0.5,36.0,2.27207618,0.25,36.0,\
         2.27207618,0.125,2.27207618,,,,,7,0.33333333,0.33333333,0.33333333,\
         too_few_decoys_for_p<=0.05,1.0"
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("mol_2,SKIP,disconnected,disconnected,SKIP,,,,,0,0,,,0,,")
    );
    assert!(lines.next().unwrap().starts_with("mol_4,ERROR,timeout,,,,,,,,,,,0,,"));
    assert!(lines.next().unwrap().starts_with("\"'=HYPERLINK(\"\"x\"\"),"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.records().map(Result::unwrap).count(), 4);
}

#[test]
fn feature_and_hardness_tables_hold_their_rows() {
    let mut csv = OperatorFeaturesCsv::new(Vec::new(), EdgeWeightColumns::Absent).unwrap();
    csv.write(&molecule(1)).unwrap();
    csv.write(&skipped(2, Reason::Disconnected)).unwrap();
    let text = String::from_utf8(csv.into_inner()).unwrap();
    assert_eq!(
        text.lines().nth(1).unwrap(),
        "mol_1,both,atoms_db_v1_json,1.0,0,0.5,36.0,2.27207618,0.25,36.0,2.27207618"
    );
    assert_eq!(text.lines().count(), 2);

    let mut csv = HardnessCsv::new(Vec::new(), "mock", "both").unwrap();
    csv.write(&decoy(0, 0)).unwrap();
    csv.write(&decoy(0, 1)).unwrap();
    let text = String::from_utf8(csv.into_inner()).unwrap();
    let hash = "0".repeat(63);
    assert_eq!(
        text.lines().skip(1).collect::<Vec<_>>(),
        [
            format!("mol_0,{hash}0,0.30769231,easy,,mock,both,1.0,0.25,1.0,1"),
            format!("mol_0,{hash}1,0.30769231,easy,,mock,both,1.0,,,0"),
        ]
    );
}
