//! Differences of packs.

use hetero2::contract::Warning;
use hetero2::pack::diff;
use hetero2::pack::diff::Difference;

use super::fixture::{build, rows};

#[test]
fn equal_packs_have_no_differences_and_provenance_is_no_evidence() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    build(&a, &rows(), "2026-01-01T00:00:00Z");
    build(&b, &rows(), "2026-01-01T00:00:00Z");
    assert!(diff(&a, &b).unwrap().is_empty());
    assert!(diff(&a, &b.join("evidence_pack.zip")).unwrap().is_empty());

    build(&b, &rows(), "2027-01-01T00:00:00Z");
    let found = diff(&a, &b).unwrap();
    assert!(!found.is_empty() && found.is_same_evidence());
    let names: Vec<_> = found.files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["checksums.sha256", "provenance.json", "ro-crate-metadata.json"]);
}

#[test]
fn differences_are_named_down_to_cells_and_paths() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    build(&a, &rows(), "t");
    let mut changed = rows();
    changed[11].audit.as_mut().unwrap().slack = Some(-0.5);
    changed[12].warnings = vec![Warning::NotRewirable];
    build(&b, &changed, "t");
    std::fs::write(a.join("only_a.txt"), "x").unwrap();
    let found = diff(&a, &b.join("evidence_pack.zip")).unwrap();
    assert_eq!(found.only_in_a, ["only_a.txt"]);
    assert!(!found.is_same_evidence());
    let of = |name: &str| &found.files.iter().find(|f| f.name == name).unwrap().difference;

    let Difference::Table(csv) = of("summary.csv") else { panic!() };
    assert_eq!((csv.rows_a, csv.rows_b, csv.rows_differing), (40, 40, 2));
    let cell = &csv.cells[0];
    assert_eq!((cell.row, cell.id.as_deref()), (11, Some("mol_11")));
    assert_eq!((&*cell.column, &*cell.a, &*cell.b), ("slack", "0.0", "-0.5"));

    let Difference::Table(parquet) = of("summary.parquet") else { panic!() };
    assert_eq!(parquet.cells_differing["slack"], 1);
    assert_eq!(parquet.cells_differing["warnings"], 1);
    let warning = parquet.cells.iter().find(|c| c.column == "warnings").unwrap();
    assert_eq!(
        (&*warning.a, &*warning.b),
        ("[candidates_strict:4, decoy_fallback_used:1]", "[molecule_not_rewirable]")
    );

    let Difference::Json(json) = of("manifest.json") else { panic!() };
    assert!(json.paths.iter().any(|p| p.path == "/content_digest"));
    assert!(matches!(of("index.html"), Difference::Bytes { .. }));
}

#[test]
fn tables_of_different_length_and_columns_compare() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    build(&a, &rows(), "t");
    build(&b, &rows()[..30], "t");
    let text = std::fs::read_to_string(b.join("summary.csv")).unwrap();
    std::fs::write(b.join("summary.csv"), text.replacen(",margin,", ",edge,", 1)).unwrap();
    let found = diff(&a, &b).unwrap();
    let of = |name: &str| &found.files.iter().find(|f| f.name == name).unwrap().difference;
    let Difference::Table(csv) = of("summary.csv") else { panic!() };
    assert_eq!((csv.rows_a, csv.rows_b, csv.rows_differing), (40, 30, 0));
    assert_eq!(
        (&csv.columns_only_in_a[..], &csv.columns_only_in_b[..]),
        (&["margin".to_owned()][..], &["edge".to_owned()][..])
    );
    let Difference::Table(parquet) = of("summary.parquet") else { panic!() };
    assert_eq!((parquet.rows_a, parquet.rows_b), (40, 30));
}

#[test]
fn a_molecule_that_was_left_out_moves_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    build(&a, &rows(), "t");
    let mut fewer = rows();
    fewer.remove(5);
    fewer[20].audit.as_mut().unwrap().slack = Some(-0.5);
    build(&b, &fewer, "t");
    let found = diff(&a, &b).unwrap();
    for name in ["summary.csv", "summary.parquet"] {
        let of = &found.files.iter().find(|f| f.name == name).unwrap().difference;
        let Difference::Table(table) = of else { panic!() };
        assert_eq!((table.rows_only_in_a, table.rows_only_in_b), (1, 0), "{name}");
        assert_eq!(table.ids_only_in_a, ["mol_5"], "{name}");
        assert_eq!(table.cells_differing["slack"], 1, "{name}");
    }
    assert_eq!(found.files[0].name, "manifest.json");
}
