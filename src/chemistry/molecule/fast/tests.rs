//! FlatMol molecules must be what the chemistry crate makes of them.

use std::io::Read;
use std::path::Path;

use super::super::fixed_form::fixed_form;
use super::super::parse::{admitted, canonical_smiles};
use super::super::{MolecularGraph, Molecule, MoleculeError, ParseLimits};
use super::{FlatMol, Workspace, sanitized};

/// A molecule by the chemistry crate alone.
fn by_crate(text: &str) -> Result<Molecule, MoleculeError> {
    let scan = admitted(text.as_bytes(), &ParseLimits::default())?;
    let molecule = Molecule::perceived_by_crate(canonical_smiles(&scan)?)?;
    if molecule.perceived_as_written()? {
        return Ok(molecule);
    }
    Molecule::perceived_by_crate(fixed_form(molecule.canonical_smiles)?)
}

/// Compares what is read with what the crate alone reads; whether the text is
/// a plain molecule.
fn agrees(text: &str) -> bool {
    let limits = ParseLimits::default();
    let found = Molecule::from_smiles(text.as_bytes(), &limits);
    let graph = MolecularGraph::from_smiles(text.as_bytes(), &limits);
    match (&found, by_crate(text)) {
        (Ok(found), Ok(expected)) => {
            assert_eq!(found.canonical_smiles, expected.canonical_smiles, "{text}");
            assert_eq!(found.atom_aromatic, expected.atom_aromatic, "{text}");
            assert_eq!(found.bonds, expected.bonds, "{text}");
            assert_eq!(found.graph, expected.graph, "{text}");
            assert_eq!(found.component_count, expected.component_count, "{text}");
            assert_eq!(found.heavy_atom_count, expected.heavy_atom_count, "{text}");
            assert_eq!(graph, Ok(expected.into()), "{text}");
        }
        (Err(found), Err(expected)) => {
            assert_eq!(*found, expected, "{text}");
            assert_eq!(graph, Err(expected), "{text}");
        }
        (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
    }
    let Ok(scan) = admitted(text.as_bytes(), &limits) else { return false };
    let mut workspace = Workspace::default();
    assert_eq!(
        renumbered(&mut workspace, &scan.smiles, |workspace| workspace.renumber()),
        renumbered(&mut workspace, &scan.smiles, |workspace| workspace.reread().map(|_| ())),
        "{text}"
    );
    sanitized(&scan.smiles, |_, _| ()).is_some()
}

/// What is found in the order of a canonical text that is sure to be read the
/// same; `None` of others.
fn renumbered(
    workspace: &mut Workspace,
    text: &str,
    renumber: impl Fn(&mut Workspace) -> Option<()>,
) -> Option<String> {
    if !workspace.canonicalize(text)? {
        return None;
    }
    renumber(workspace)?;
    let graph = workspace.rewirable();
    let FlatMol { atoms, bonds, ring_atoms, .. } = &workspace.mol;
    Some(format!("{atoms:?} {bonds:?} {ring_atoms:?} {graph:?}"))
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)).unwrap()
}

/// The same molecule written from another atom, by the chemistry crate.
fn rewritten(text: &str) -> Option<String> {
    let model = chematic::smiles::parse(text).ok()?;
    Some(chematic::smiles::canonical_smiles(&model))
}

#[test]
fn fixtures_are_read_as_the_chemistry_crate_reads_them() {
    let mut text = String::new();
    let golden = fixture("molecules.jsonl.gz");
    flate2::read::GzDecoder::new(&golden[..]).read_to_string(&mut text).unwrap();
    let mut texts: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|row| Some(row["smiles"].as_str()?.to_owned()))
        .collect();
    let demo = include_str!("../../../library/data/demo.smi");
    texts.extend(demo.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned));
    texts.extend(texts.clone().iter().filter_map(|text| rewritten(text)));
    let fast = texts.iter().filter(|text| agrees(text)).count();
    assert!(2 * fast > texts.len(), "{fast} of {} take the fast path", texts.len());
}

#[test]
fn odd_plain_molecules_are_read_as_the_chemistry_crate_reads_them() {
    for text in [
        "C",
        "[CH3]",
        "[CH2]",
        "[C]",
        "[N+]",
        "[O-]",
        "[BH4-]",
        "[NH4+]",
        "[Si]",
        "[SiH4]",
        "I",
        "C#N",
        "[C-]#[O+]",
        "C=C=C",
        "C#CC#C",
        "O=S(=O)(O)O",
        "OS(O)(=O)=O",
        "C[S+](C)[O-]",
        "C[SH](C)C",
        "FS(F)(F)(F)(F)F",
        "FP(F)(F)(F)F",
        "C[PH](C)(C)C",
        "[Cl-]",
        "C[I+]C",
        "c1ccccc1",
        "C1=CC=CC=C1",
        "c1cc[nH]c1",
        "[nH]1cccc1",
        "c1ccc2ccccc2c1",
        "c1cc2cccc2cc1",
        "C1=CC2=CC=CC2=C1",
        "c1ccc2cccc2cc1",
        "c1cccc2cccc2c1",
        "O=c1cc[nH]cc1",
        "O=c1ccocc1",
        "c1cc[se]c1",
        "c1cc[o+]cc1",
        "C[n+]1ccccc1",
        "[O-][n+]1ccccc1",
        "c1c[nH]c2ncnc2n1",
        "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
        "O=C1C=CC(=O)C=C1",
        "C1=CC=CC=CC=C1",
        "c1ccccc1-c1ccccc1",
        "c1ccccc1c1ccccc1",
        "c1ccc2c(c1)-c1ccccc1-2",
        "c1ccc2c(c1)Cc1ccccc1-2",
        "C12C3C4C1C5C2C3C45",
        "C1CC2CCC1C2",
        "C1C2CC3CC1CC(C2)C3",
        "C1CCC2(CC1)CCCC2",
        "c1cc2ccc3cccc4ccc(c1)c2c34",
        "c1cc2cccc3ccc4cccc1c4c23",
        "C1=CC2=CC=C3C=CC=C4C=CC(=C1)C2=C34",
        "B1OCCO1",
        "b1ccccc1",
        "c1ccb[nH]1",
        "c1cnb2ccccc2c1",
        "[B-]1=CC=CC=C1",
        "C1CCCCCCCCCCC1",
        "C1COCCOCCOCCOCCO1",
        "c1cc2cc3ccc(cc4ccc(cc5ccc(cc1n2)[nH]5)n4)[nH]3",
        "O1C=COC=COC=CO1",
        "c1ccsc1",
        "s1cccc1",
        "c1cs(=O)cc1",
        "O=S1(=O)C=CC=C1",
        "c1cnc2[nH]c3ccccc3c2c1",
        "[CH]1C=CC=C1",
        "[CH-]1C=CC=C1",
        "[cH-]1cccc1",
        "[cH+]1cccccc1",
        "C1=C[CH+]C=CC=C1",
        "CC(C)(C)c1cc(C(C)(C)C)cc(C(C)(C)C)c1",
        "C1CC1C1CC1C1CC1",
        "N[Te]C",
        "[AsH3]",
        "C[As](C)C",
        "[SeH2]",
        "C[Se]C",
        "[S-]C",
        "[SH-]",
        "C%10CC%10",
        "C1CC%01",
        "C=1CCCCC=1",
        "C=1CCCCC1",
        "C1CCCCC=1",
        "[CH]=C",
        "[CH2]C",
        "N=[N+]=[N-]",
        "[N-]=[N+]=NC",
        "C[N+](=O)[O-]",
        "[C]1=CC=CC=C1",
        "c1c[c]ccc1",
        "c1ccc[c-]c1",
        "C#1CCCCC#1",
        "c1ccccc#1",
        "C1=CC#CC=C1",
        "C[C@H](N)O",
        "C[C@@H](N)O",
        "[C@H](C)(N)O",
        "[C@@H](O)(N)C",
        "[C@](C)(N)(O)F",
        "O[C@@](C)(N)F",
        "C[C@H]1CCCCO1",
        "[C@H]1(C)CCCCO1",
        "O1[C@H](C)CCCC1",
        "C[C@]12CCCC[C@@H]1CCO2",
        "C[C@@]12CCCC[C@@H]1CCO2",
        "F[C@]1(Cl)CCCC1=O",
        "[C@]1(F)(Cl)CCCC1=O",
        "C[C@H](c1ccccc1)N",
        "C[C@H](C(F)(F)F)NC(=O)[C@@H](N)CO",
        "O=C(O)[C@@H]1CCCN1",
        "C[C@@H]1[C@H](O)[C@@H](O)[C@H](N)CO1",
        "CC(C)(C)OC(=O)N[C@H]1CC[C@@H](CO)C1",
        "C[P@](=O)(O)CC",
        "C[C@TH1H](N)O",
        "C[C@@@H](N)O",
    ] {
        agrees(text);
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_chemistry_crate() {
    for text in [
        "C.C",
        "[H]C",
        "[2H]C",
        "[13CH4]",
        "*C",
        "C[C@H](N)C",
        "C[S@](=O)CC",
        "C[C@H]1CC[C@H](C)CC1",
        "C[C@H](O)[C@H](N)[C@@H](C)O",
        "C[C@@H2]C",
        // Ring numbers after branches at a handed atom.
        "C1OCC[C@@](C)1F",
        "C1OCC[C@@](F)(C)1",
        // Stereo that depends on other stereo.
        "F/C=C/[C@H](C)/C=C\\F",
        "F/C=C/C(/C=C\\F)=C/F",
        "F[C@H](C)/C(=C/C)[C@@H](C)F",
        "C/C(C)=C/[C@H](F)Cl",
        // Directions that contradict each other.
        "C/C(\\F)=C/F",
        "C/C=C/1CCO/1",
        // Symbols that do.
        "C/1=C/CCCCCC/1",
        "F/C=C1CCC=1",
        // A circle of shared directions.
        "C/1=C/C=C\\C=C/C=C\\1",
        // Another double bond at the end of one.
        "C/S(=O)=N/C",
        "[Fe]",
        "[CH3:1]C",
        "[NH3]->C",
        "C$C",
        "CN(=O)=O",
        "C1C1",
        "C11",
        "c1cccc1",
        "C(C)(C)(C)(C)C",
        "[O+2]",
        "F=F",
        "C12CC12",
        "cc",
        "c1ccc",
    ] {
        assert!(!agrees(text), "{text}");
    }
}

#[test]
fn directions_are_read_as_the_chemistry_crate_reads_them() {
    for text in [
        "F/C=C/F",
        "F/C=C\\F",
        "F\\C=C\\F",
        "C(/F)=C/F",
        "C(\\F)=C/F",
        "C(=C/F)/F",
        "F/C(Cl)=C(/Br)I",
        "FC(/Cl)=C(Br)/I",
        "F/C(/Cl)=C(/Br)\\I",
        "C/C=N/O",
        "C/N=N\\c1ccccc1",
        "C/C(=N\\NC(N)=O)c1ccco1",
        // No stereo: one end marked, or like neighbours at one.
        "C/C=C",
        "C/C=CC",
        "CC(C)=C/C",
        "C/C=C(/C)C",
        "C/C=C(\\C)C",
        "C/C=C=C/C",
        "C/C#C/C",
        "C/CC/C",
        "N/C(=N/C)NC",
        "c1cc/ccc1",
        "C/c1ccccc1",
        // Shared directions.
        "C/C=C/C=C/C",
        "C/C=C\\C=C/C=C\\C",
        "C/C=C/C=C/C=C/C=C\\C(=O)O",
        "C/C=N/N=C/C",
        "CC/C(C)=N\\N=C(/C)CC",
        "F/C(Cl)=C(/Br)\\C=C(/I)N",
        "C/C=C(/C)\\C(=C(/F)Cl)Br",
        "F/C=C(/Cl)C(/Br)=C(/I)N",
        "C/C=C/C(=C)/C=C/C",
        "C/C=C/C(C)=C/C=C/C",
        "C/C=C/C=C(C)/C=C\\C",
        "C/C=C/C(/C=C\\F)=C(/F)C",
        // In rings and beside them.
        "C/C=C1/CCCO1",
        "C/C=C1\\CCCO1",
        "C/C=C/1CCCO1",
        "C/C=C/1CCCO\\1",
        "C/C=C1CCCO/1",
        "O1CCC/C1=C/C",
        "C/C=C1\\CCCC/C1=C/C",
        "C1=C/CCCCC/1",
        "C1=C/CCCCCC/1",
        "C/1=C/CCCCCC1",
        "C1=C\\CCCCCC/1",
        "O=C1CCC/C=C/CCCCC/C=C\\CO1",
        "c1ccccc1/C=C/c1ccc(/C=C\\C)cc1",
        "CS(=O)(=O)/N=c1/cc(C)cc[nH]1",
        "C/N=c1\\sccn1C",
        "C/C=c1\\cccc/c1=C/C",
        "C1=C/C=C\\C=C/1",
        // With handed carbons.
        "C[C@H](O)/C=C/[C@@H](N)CC",
        "C/C=C/[C@]1(F)CCCO1",
        "CC/C=C/C[C@@H]1OC(=O)C[C@H]1/C(C)=C/C",
        "C[C@H]1CCC/C=C/CC(=O)O1",
    ] {
        assert!(agrees(text), "{text}");
    }
}

/// Every line of the SMILES files in the directory `HETERO2_SMILES`.
#[test]
fn every_given_molecule_is_read_as_the_chemistry_crate_reads_it() {
    let Some(directory) = std::env::var_os("HETERO2_SMILES") else {
        eprintln!("SKIPPED: HETERO2_SMILES is not set, no further molecules compared");
        return;
    };
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let texts = text.lines().filter_map(|line| line.split_whitespace().next());
        let (mut mol, mut total) = (0, 0);
        for text in texts {
            total += 1;
            mol += usize::from(agrees(text));
        }
        eprintln!("{}: {mol} of {total} are mol", path.display());
    }
}

#[test]
fn a_small_ring_is_aromatic_whatever_large_ring_passes_through_it() {
    // As RDKit finds it in every numbering; the chemistry crate only in some.
    let smiles = "Cn1c(-c2cccs2)c2c3c1-c1ccc(s1)-c1cc4c(s1)c1sccc1n4C(=O)[Si](C)(C2=O)C3=O";
    let other = "Cn1c2c3c(c1-c1cccs1)C(=O)[Si](C)(C3=O)C(=O)n1c3ccsc3c3sc(cc31)C1=CC=C2S1";
    for text in [smiles, other] {
        let found = sanitized(text, |found, _| found.canonical_smiles.to_owned());
        assert_eq!(found.as_deref(), Some(smiles), "{text}");
    }
}

#[test]
fn cages_whose_rings_the_chemistry_crate_does_not_find_are_read() {
    // As RDKit 2026.09.1 writes them.
    for smiles in [
        "CC1CC23CC4(N)C5(C)CCC6C2CNC4(C3)C1(C)C65",
        "CC1CC2C3CC45C3CC4C13CC2(C)NC35",
        "CCC12CC34CCC5C6CC(C3)(C1C)C1C3N(C)C54CC34C61C24C",
        "CCC12CC3C4CC56CC7(CC18C2(C)CC7(N)C81CC31C5)C6N4",
    ] {
        assert!(matches!(by_crate(smiles), Err(MoleculeError::UnsupportedRings)), "{smiles}");
        let found = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
        assert_eq!(found.canonical_smiles(), smiles);
        assert!(
            found.descriptors().is_ok() && found.fingerprint().is_ok() && found.rings().is_ok()
        );
    }
    // Parts, isotopes, metals and what is too symmetric are left to the crate.
    for smiles in [
        "C123C45C16C21C34C561",
        "CC1CC2C3CC45C3CC4C13CC2(C)NC35.C",
        "[13CH3]C1CC2C3CC45C3CC4C13CC2(C)NC35",
    ] {
        let found = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default());
        assert!(matches!(found, Err(MoleculeError::UnsupportedRings)), "{smiles}: {found:?}");
    }
}

#[test]
fn all_smallest_rings_count_as_in_rdkit() {
    // As RDKit 2026.09.1 writes them: bridged aromatic rings, triple bonds in aromatic rings, rings
    // of which the crate's search leaves out a bond.
    for smiles in [
        "CC1(C)C2=C(c3ccccc31)C1(C)c3ccc2c1c3",
        "C[Si]1(C)C(=O)c2c(c3sc2=c2cc4c(cc(c5nsnc54)=c4cc5c(cc=3c3nsnc35)c3nsnc43)c3nsnc23)C1=O",
        "Cn1nc2c3ccc1c2c3",
        "CC=C1C(=O)c2c(c3sc2c#cc2scc4c2sc(C)c34)C1=O",
        "COC(=O)C1(C)C(=O)c2c(c3sc2c#cc2cc4c(s2)c2sccc2n34)C1=O",
        "CC(COC(=O)N1c2ccccc2C23CC4(CCC2C#CC=CC#CC14)O3)S(=O)(=O)c1ccccc1",
    ] {
        let found = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
        assert_eq!(found.canonical_smiles(), smiles);
    }
}
