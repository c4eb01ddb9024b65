//! Molfiles of known molecules, and odd ones. Made by `benches/readers/make_sdf.py` and by hand.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use hetero2::library::{ReadOptions, Record, RowProblem, Source, differing_item};
use hetero2::molecule::{Molecule, ParseLimits};

use super::support::{read, read_bytes};

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/molfiles").join(name)
}

fn canonical(smiles: &[u8]) -> Result<String, String> {
    let molecule = Molecule::from_smiles(smiles, &ParseLimits::default());
    molecule.map(|it| it.canonical_smiles().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn known_molecules_come_back_from_every_form_of_file() {
    let path = fixture("known.sdf.gz");
    let mut text = String::new();
    let file = fs::File::open(&path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let expected = text.split("> <EXPECTED>\n").skip(1).map(|rest| rest.lines().next().unwrap());
    let records = read(Source::open(&path, &ReadOptions::default()).unwrap());
    assert_eq!(records.len(), 319);
    for (record, expected) in records.iter().zip(expected) {
        assert_eq!(record.problem, None, "{}", record.id);
        let found = canonical(&record.smiles);
        assert_eq!(found, canonical(expected.as_bytes()), "{}", record.id);
    }
}

/// What became of a record: its molecule, or the kind of its problem.
fn end(record: &Record) -> String {
    match &record.problem {
        None => canonical(&record.smiles).unwrap_or_else(|_| "invalid".into()),
        Some(RowProblem::Query(_)) => "query".into(),
        Some(RowProblem::UnsupportedBond(_)) => "bond".into(),
        Some(RowProblem::UnsupportedStereo(_)) => "stereo".into(),
        Some(_) => "unreadable".into(),
    }
}

#[test]
fn odd_molfiles_are_read_or_refused_with_their_reason() {
    let records = read(Source::open(&fixture("quirks.sdf"), &ReadOptions::default()).unwrap());
    let found: BTreeMap<&str, String> = records.iter().map(|r| (r.id.as_str(), end(r))).collect();
    assert_eq!(found.len(), 59);
    for (id, expected) in [
        // Radicals, bonds of no order.
        ("r_ethyl_radical", "[CH2]C"),
        ("r_tempo_like", "CN(C)[O]"),
        ("r_carbene", "C[C]C"),
        ("r_triplet", "C[C]C"),
        ("r_zbo_complex", "bond"),
        ("r_order0", "bond"),
        ("r_hbond10", "bond"),
        ("v2_zero0", "bond"),
        ("v2_zbo", "bond"),
        ("v3_hbond10", "bond"),
        ("v3_zero0", "bond"),
        ("v3_endpts", "bond"),
        // What is drawn as unknown.
        ("u_crossed", "CC=CC"),
        ("u_wiggly_on_dbl", "CC=CC"),
        ("u_plain_E", "C/C=C/C"),
        ("u_wiggly_centre", "CC(N)F"),
        ("u_wedge_centre", "C[C@@H](N)F"),
        ("u_wedge_wrong_end", "CC(N)F"),
        // Queries.
        ("v2_any8", "query"),
        ("v2_query_bonds", "query"),
        ("v2_atomA", "query"),
        ("v2_atomQ", "query"),
        ("v2_X", "query"),
        ("v3_any8", "query"),
        ("v3_list", "query"),
        // Spellings and short lines.
        ("m_pyrrole_marvin", "c1cc[nH]c1"),
        ("v2_counts_blank", "CCO"),
        ("v2_counts_noversion", "CCO"),
        ("v2_counts_short", "CCO"),
        ("v2_upper_CL", "CCl"),
        ("v2_upper_BR", "CBr"),
        ("v2_D", "[2H]C"),
        ("v2_R", "*C"),
        ("v2_Pol", "*C"),
        ("v2_lower", "unreadable"),
        ("v3_lower", "CCO"),
        ("v3_cont_line", "CCO"),
        ("v3_Dt", "[2H]C[3H]"),
        ("v3_rgroup", "[1*]C"),
        ("v3_template", "unreadable"),
        ("v3_mass_chg", "[NH3+][13CH2][O]"),
        ("v3_cfg_atom", "FC(Cl)(Br)I"),
        ("v2_dative9", "[CH4]->[Fe]"),
        ("v2_chg_col", "[CH2+]CO"),
        ("v2_chg_M", "C[NH3+]"),
        ("v2_rad", "[CH2]N"),
        ("v2_iso", "[13CH3]N"),
        ("v2_benzene4", "c1ccccc1"),
        // What is no molecule.
        ("v2_pyrrole4", "invalid"),
        ("v2_arom_nonring", "invalid"),
        ("v2_dup_bond", "unreadable"),
        ("v2_bond_out", "unreadable"),
        ("v2_self", "unreadable"),
        ("v3_val5", "invalid"),
        ("v3_dative9", "invalid"),
        ("v2_after", "CCO"),
    ] {
        assert_eq!(found[id], expected, "{id}");
    }
}

/// A V3000 record of atoms `(symbol, place)` and of bonds `order begin end`.
fn record(atoms: &[(&str, [f64; 3])], bonds: &[&str], items: &str) -> String {
    let mut text =
        "made\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n".to_owned();
    text += &format!("M  V30 COUNTS {} {} 0 0 0\nM  V30 BEGIN ATOM\n", atoms.len(), bonds.len());
    for (i, (symbol, [x, y, z])) in atoms.iter().enumerate() {
        text += &format!("M  V30 {} {symbol} {x} {y} {z} 0\n", i + 1);
    }
    text += "M  V30 END ATOM\nM  V30 BEGIN BOND\n";
    for (i, bond) in bonds.iter().enumerate() {
        text += &format!("M  V30 {} {bond}\n", i + 1);
    }
    text + "M  V30 END BOND\nM  V30 END CTAB\nM  END\n" + items + "$$$$\n"
}

fn only(text: &str) -> Record {
    read_bytes(text.as_bytes(), "made.sdf").remove(0)
}

#[test]
fn a_lone_pair_has_its_side_whatever_the_order_of_the_atoms() {
    let places = [
        ("S", [0.0, 0.0, 0.0]),
        ("O", [0.9, 0.9, 0.7]),
        ("C", [-1.4, 0.4, 0.7]),
        ("F", [0.5, -1.3, 0.7]),
    ];
    let mut found = Vec::new();
    for order in [[0, 1, 2, 3], [3, 0, 2, 1], [2, 3, 1, 0], [1, 2, 0, 3], [2, 1, 0, 3]] {
        let atoms = order.map(|at| places[at]);
        let place = |of: usize| order.iter().position(|&at| at == of).unwrap() + 1;
        let bond = |kind: u8, to: usize| format!("{kind} {} {}", place(0), place(to));
        let bonds = [bond(1, 3), bond(2, 1), bond(1, 2)];
        let bonds: Vec<&str> = bonds.iter().map(String::as_str).collect();
        found.push(canonical(&only(&record(&atoms, &bonds, "")).smiles).unwrap());
    }
    assert!(found[0].contains('@'), "{found:?}");
    assert!(found.iter().all(|smiles| *smiles == found[0]), "{found:?}");
}

#[test]
fn a_square_of_ligands_is_refused_and_a_symmetric_one_is_not() {
    let square = |ligands: [&'static str; 4]| {
        let [a, b, c, d] = ligands;
        let atoms = [
            ("Pt", [0.0, 0.0, 0.1]),
            (a, [2.0, 0.0, 0.0]),
            (b, [0.0, 2.0, 0.0]),
            (c, [-2.0, 0.0, 0.0]),
            (d, [0.0, -2.0, 0.0]),
        ];
        end(&only(&record(&atoms, &["1 1 2", "1 1 3", "1 1 4", "1 1 5"], "")))
    };
    assert_eq!(square(["Cl", "Cl", "Br", "Br"]), "stereo");
    assert_eq!(square(["Cl", "Cl", "Cl", "Br"]), "[Cl][Pt]([Cl])([Cl])[Br]");
}

#[test]
fn a_smiles_among_the_items_that_is_another_molecule_is_remarked() {
    let atoms = [("C", [0.0, 0.0, 0.0]), ("C", [1.5, 0.0, 0.0]), ("O", [2.2, 1.2, 0.0])];
    let with = |smiles: &str| {
        let items = format!("> <SMILES>\n{smiles}\n\n");
        let record = only(&record(&atoms, &["1 1 2", "1 2 3"], &items));
        assert_eq!(record.smiles, b"CCO", "the molfile counts");
        record.problem
    };
    assert_eq!(with("CCO"), None);
    let remark = |smiles: &str| Some(RowProblem::SmilesItem(smiles.to_owned()));
    for said in ["OCC", "COC", "no"] {
        assert_eq!(with(said), remark(said));
        assert!(!with(said).unwrap().ends_row());
    }
    let differs = |drawn: &str, item| differing_item(drawn.as_bytes(), item, None);
    assert_eq!(differs("CCO", "OCC"), None);
    assert_eq!(differs("CCO", "no"), None);
    assert_eq!(differs("CCO", "COC").as_deref(), Some("COC"));
    // An item without stereochemistry contradicts none, one with another does.
    assert_eq!(differs("C[C@H](N)O", "CC(N)O"), None);
    assert_eq!(differs("CC(N)O", "C[C@H](N)O").as_deref(), Some("C[C@H](N)O"));
    assert_eq!(differing_item(b"CCO", "OCC", Some("CCO")), None);
}
