//! What the pieces of the reader do; whole files are tested through the library.

use super::hydrogens::Valence;
use super::{MolfileError, smiles_from_molfile};

/// A V2000 molfile of atoms (symbol, place) and lines of bonds.
fn molfile(atoms: &[(&str, f64, f64)], bonds: &[(u8, u8, u8, u8)], after: &str) -> String {
    let counts = format!("{:3}{:3}  0  0  0  0  0  0  0  0999 V2000\n", atoms.len(), bonds.len());
    let mut text = format!("made\n\n\n{counts}");
    for (symbol, x, y) in atoms {
        text += &format!("{x:10.4}{y:10.4}{:10.4} {symbol:<3} 0  0  0  0  0  0\n", 0.0);
    }
    for (begin, end, order, mark) in bonds {
        text += &format!("{begin:3}{end:3}{order:3}{mark:3}\n");
    }
    text + after + "M  END\n"
}

/// The text of a centre with these neighbours around it, the second on a wedge.
fn around(angles: &[f64]) -> String {
    let mut atoms = vec![("C", 0.0, 0.0)];
    for (symbol, angle) in ["F", "Cl", "Br", "I"].iter().zip(angles) {
        let angle = angle.to_radians();
        atoms.push((symbol, 1.5 * libm::cos(angle), 1.5 * libm::sin(angle)));
    }
    let bonds: Vec<_> = (0..angles.len() as u8).map(|i| (1, i + 2, 1, u8::from(i == 1))).collect();
    smiles_from_molfile(&molfile(&atoms, &bonds, "")).unwrap()
}

#[test]
fn a_wedge_says_the_same_as_rdkit_wherever_the_other_bonds_stand() {
    // Spread around the centre; all in one half of the plane; a T.
    assert_eq!(around(&[0.0, 120.0, 240.0]), "[C@@H](F)(Cl)Br");
    assert_eq!(around(&[0.0, 60.0, 120.0]), "[C@H](F)(Cl)Br");
    assert_eq!(around(&[0.0, 90.0, 180.0]), "[C@H](F)(Cl)Br");
    assert_eq!(around(&[0.0, 90.0, 180.0, 270.0]), "[C@@](F)(Cl)(Br)I");
}

#[test]
fn hydrogens_are_those_of_rdkits_valences() {
    let implied = |z, charge, radicals, bonds: i32| {
        Valence { z, charge, radicals, aromatic: false, doubled: 2 * bonds }.implied()
    };
    for (z, charge, radicals, bonds, hs) in [
        (6, 0, 0, 1, 3),
        (6, 0, 1, 1, 2),
        (7, 1, 0, 1, 3),
        (8, -1, 0, 1, 0),
        (14, 0, 0, 1, 3),
        (16, 0, 0, 5, 1),
        (5, -1, 0, 2, 2),
        (15, -1, 0, 6, 0),
        (11, 1, 0, 0, 0),
        (26, 0, 0, 0, 0),
        (17, 0, 0, 0, 1),
    ] {
        assert_eq!(implied(z, charge, radicals, bonds), hs, "{z} {charge} {radicals} {bonds}");
    }
}

#[test]
fn sides_between_known_double_bonds_are_not_invented() {
    let atoms: Vec<_> =
        (0..8).map(|i| ("C", f64::from(i) * 1.3, if i % 2 == 0 { 0.0 } else { 0.75 })).collect();
    let chain = |mark: u8| {
        let bonds: Vec<_> = (1..8)
            .map(|i| (i, i + 1, 1 + u8::from(i % 2 == 0), if i == 4 { mark } else { 0 }))
            .collect();
        smiles_from_molfile(&molfile(&atoms, &bonds, ""))
    };
    assert_eq!(chain(0).unwrap(), "C/C=C/C=C/C=C/C");
    // SMILES has no way to leave the middle one open.
    assert!(matches!(chain(3), Err(MolfileError::UnsupportedStereo(_))), "{:?}", chain(3));
}

#[test]
fn properties_replace_what_the_atom_block_says() {
    let atoms = [("R#", 0.0, 0.0), ("C", 1.3, 0.0), ("O", 2.6, 0.0)];
    let read =
        |after: &str| smiles_from_molfile(&molfile(&atoms, &[(1, 2, 1, 0), (2, 3, 1, 0)], after));
    assert_eq!(read("M  RGP  1   1   7\n").unwrap(), "[7*]CO");
    assert_eq!(read("M  CHG  1   3  -1\nM  ISO  1   2  13\n").unwrap(), "*[13CH2][O-]");
    assert_eq!(read("M  RAD  1   3   2\n").unwrap(), "*C[O]");
    assert!(matches!(read("M  ALS   2  2 F C   N\n"), Err(MolfileError::Query(_))));
    assert!(matches!(read("M  RAD  1   9   2\n"), Err(MolfileError::Syntax(_))));
}
