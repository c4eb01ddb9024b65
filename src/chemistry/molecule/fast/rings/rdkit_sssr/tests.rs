use super::super::super::graph::{Atom, Bond};
use super::super::super::numbering::Components;
use super::super::unique::by_crate;
use super::*;
use hetero2_common::random::PythonRandom;

fn graph(atoms: u32, edges: &[(u32, u32)]) -> FlatMol {
    let carbon = Atom {
        z: 6,
        charge: 0,
        explicit_hs: 0,
        no_implicit: false,
        aromatic: false,
        was_aromatic: false,
        radicals: 0,
        chiral_tag: None,
        explicit_valence: 0,
        implicit_hs: 0,
    };
    let mut mol = FlatMol::default();
    mol.atoms.resize(atoms as usize, carbon);
    let bond = |&(begin, end)| Bond::single(begin, end);
    mol.bonds.extend(edges.iter().map(bond));
    mol.connect();
    mol
}

/// A random tree and some more edges.
fn random(rng: &mut PythonRandom, atoms: usize, more: usize) -> FlatMol {
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for v in 1..atoms {
        edges.push((rng.below(v) as u32, v as u32));
    }
    for _ in 0..more {
        let (a, b) = (rng.below(atoms) as u32, rng.below(atoms) as u32);
        let edge = (a.min(b), a.max(b));
        if a != b && !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    rng.shuffle(&mut edges);
    graph(atoms as u32, &edges)
}

/// The rings, and whether any numbering gives them.
fn found(mol: &FlatMol) -> Option<(Vec<Vec<u32>>, bool)> {
    let mut rings = Rows::default();
    let in_cycle = |&at: &u32| {
        let others = (0..).zip(&mol.bonds).filter(|other| other.0 != at).map(|other| other.1);
        let parts = Components::of(mol.atoms.len(), others).of_atom;
        let bond = mol.bonds[at as usize];
        parts[bond.begin as usize] == parts[bond.end as usize]
    };
    let sure = find(mol, (0..mol.bonds.len() as u32).filter(in_cycle), &mut rings)?;
    Some((rings.iter().map(<[u32]>::to_vec).collect(), sure))
}

#[test]
fn rings_of_random_graphs_are_those_of_the_chemistry_crate() {
    let mut rng = PythonRandom::new(23);
    let (mut own, mut total) = (0, 0);
    for round in 0..6_000 {
        let atoms = 3 + rng.below(if round % 9 == 0 { 100 } else { 30 });
        let more = 1 + rng.below(if round % 3 == 0 { 12 } else { 5 });
        let mol = random(&mut rng, atoms, more);
        total += 1;
        if let Some((rings, _)) = found(&mol) {
            own += 1;
            assert_eq!(Some(rings), by_crate(&mol), "{:?}", mol.bonds);
        }
    }
    assert!(own * 10 > total * 9, "{own} of {total}");
}

/// The atoms of each ring, whatever their order.
fn as_sets(rings: Vec<Vec<u32>>, name: impl Fn(u32) -> u32) -> Vec<Vec<u32>> {
    let named = |ring: Vec<u32>| {
        let mut atoms: Vec<u32> = ring.into_iter().map(&name).collect();
        atoms.sort_unstable();
        atoms
    };
    let mut sets: Vec<Vec<u32>> = rings.into_iter().map(named).collect();
    sets.sort_unstable();
    sets
}

#[test]
fn rings_that_are_sure_are_found_in_any_numbering() {
    let mut rng = PythonRandom::new(29);
    let (mut sure, mut total) = (0, 0);
    for round in 0..6_000 {
        let atoms = 3 + rng.below(if round % 5 == 0 { 66 } else { 16 });
        let more = 1 + rng.below(5);
        let mol = random(&mut rng, atoms, more);
        total += 1;
        let Some((rings, true)) = found(&mol) else { continue };
        sure += 1;
        let rings = as_sets(rings, |atom| atom);
        for _ in 0..4 {
            let mut names: Vec<u32> = (0..atoms as u32).collect();
            rng.shuffle(&mut names);
            let named = |v: u32| names[v as usize];
            let ends = mol.bonds.iter().map(|bond| (named(bond.begin), named(bond.end)));
            let mut edges: Vec<_> = ends.map(|(a, b)| (a.min(b), a.max(b))).collect();
            rng.shuffle(&mut edges);
            let other = graph(atoms as u32, &edges);
            let old = |v: u32| names.iter().position(|&name| name == v).unwrap() as u32;
            assert_eq!(as_sets(by_crate(&other).unwrap(), old), rings, "{:?}", mol.bonds);
        }
    }
    assert!(sure * 2 > total, "{sure} of {total}");
}

#[test]
fn rings_are_not_sure_where_a_search_has_a_choice() {
    // A ring of six, and a chain of five atoms from the first to the one at `end`.
    let bridged = |end: u32| {
        let ring = (0..6).map(|v| (v, (v + 1) % 6));
        graph(
            11,
            &ring.chain([(0, 6), (6, 7), (7, 8), (8, 9), (9, 10), (10, end)]).collect::<Vec<_>>(),
        )
    };
    let sizes = |mol| {
        let (rings, sure) = found(&mol).unwrap();
        (rings.iter().map(Vec::len).collect::<Vec<_>>(), sure)
    };
    assert_eq!(sizes(bridged(1)), (vec![6, 7], true));
    assert_eq!(sizes(bridged(2)), (vec![6, 8], true));
    // Either half of the ring closes one of nine.
    assert!(!sizes(bridged(3)).1);
}

#[test]
fn rings_of_cages_are_those_of_the_chemistry_crate() {
    let cube: Vec<_> =
        (0..8u32).flat_map(|v| [1, 2, 4].map(|b| (v, v ^ b))).filter(|e| e.0 < e.1).collect();
    let petersen: Vec<_> =
        (0..5).flat_map(|i| [(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)]).collect();
    let prism: Vec<_> =
        (0..6).flat_map(|i| [(i, (i + 1) % 6), (i + 6, (i + 1) % 6 + 6), (i, i + 6)]).collect();
    let ladder =
        (0..40u32).flat_map(|i| [(2 * i, 2 * i + 1), (2 * i, 2 * i + 2), (2 * i + 1, 2 * i + 3)]);
    for (atoms, edges) in [(8, cube), (10, petersen), (12, prism), (82, ladder.collect())] {
        let mol = graph(atoms, &edges);
        if let Some((rings, _)) = found(&mol) {
            assert_eq!(Some(rings), by_crate(&mol), "{edges:?}");
        }
    }
}

#[test]
fn what_is_too_large_is_left_alone() {
    let ring = |n: u32| graph(n, &(0..n).map(|v| (v, (v + 1) % n)).collect::<Vec<_>>());
    assert_eq!(found(&ring(128)).map(|(rings, _)| rings[0].len()), Some(128));
    assert_eq!(found(&ring(129)), None);
}
