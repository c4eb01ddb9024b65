//! Operators of molecules, through the public API.

use faer::{Mat, Side};
use hetero2::molecule::{HeavyBond, HeavyGraph};
use hetero2::operator::{
    AtomTable, AtomTableError, EdgeWeights, GraphOperators, MissingPhysicsParams, Operator,
    OperatorError, OperatorSettings, Physics, PhysicsKey, PotentialScale, SymmetricGraph,
};
use sha2::{Digest, Sha256};

fn graph(z: &[u8], bonds: &[(u32, u32, u8)]) -> HeavyGraph {
    let bond = |&(i, j, doubled_order): &_| HeavyBond { i, j, doubled_order };
    HeavyGraph { atomic_numbers: z.to_vec(), bonds: bonds.iter().map(bond).collect() }
}

fn settings(physics: Physics, edge_weights: EdgeWeights) -> OperatorSettings {
    OperatorSettings { physics, edge_weights, ..Default::default() }
}

fn build(graph: &HeavyGraph, settings: OperatorSettings) -> GraphOperators {
    GraphOperators::build(graph, AtomTable::embedded(), &settings).unwrap()
}

fn all(graph: &HeavyGraph) -> GraphOperators {
    build(graph, settings(Physics::Both, EdgeWeights::BondOrderDeltaChi))
}

fn spectrum(view: SymmetricGraph<'_>) -> Vec<f64> {
    let dense = view.to_dense();
    let matrix = Mat::from_fn(view.n, view.n, |i, j| dense[i * view.n + j]);
    matrix.self_adjoint_eigenvalues(Side::Lower).unwrap()
}

/// Caffeine, and graphs grown by a fixed rule, with rings and every bond order.
fn graphs() -> Vec<HeavyGraph> {
    let mut graphs = vec![graph(
        &[6, 7, 6, 7, 6, 6, 8, 7, 6, 8, 7, 6, 6, 6],
        &[
            (0, 1, 2),
            (1, 2, 3),
            (1, 13, 3),
            (2, 3, 3),
            (3, 4, 3),
            (4, 5, 3),
            (4, 13, 3),
            (5, 6, 4),
            (5, 7, 3),
            (7, 8, 3),
            (7, 12, 2),
            (8, 9, 4),
            (8, 10, 3),
            (10, 11, 2),
        ],
    )];
    let elements = [6, 7, 8, 9, 15, 16, 17, 35, 14, 26];
    for n in 1..30_u32 {
        let z: Vec<u8> = (0..n).map(|k| elements[(k * k + n) as usize % 10]).collect();
        let mut bonds = Vec::new();
        for j in 1..n {
            bonds.push(((j * 7 + n) % j, j, [2, 3, 4, 6, 0, 8][(j % 6) as usize]));
            if j % 5 == 4 {
                bonds.push((j - 3, j, 3));
            }
        }
        bonds.sort_unstable();
        bonds.dedup_by_key(|&mut (i, j, _)| (i, j));
        graphs.push(graph(&z, &bonds));
    }
    graphs
}

#[test]
fn embedded_table_holds_the_published_parameters() {
    let table = AtomTable::embedded();
    assert_eq!((table.epsilon(6), table.chi(6)), (Some(0.0), Some(2.55)));
    assert_eq!((table.epsilon(8), table.chi(8)), (Some(-1.0), Some(3.44)));
    assert_eq!((table.epsilon(2), table.chi(2)), (Some(-3.0), None));
    assert_eq!(table.get(53).unwrap().symbol, "I");
    for missing in [0, 44, 92, 119, 255] {
        assert_eq!(table.get(missing), None);
    }
    let text = include_bytes!("../../../src/chemistry/data/atoms.csv");
    assert_eq!(table.sha256().as_slice(), Sha256::digest(text).as_slice());
}

#[test]
fn damaged_tables_are_refused() {
    let parse = |lines: &str| AtomTable::parse(&format!("Z,symbol,epsilon,chi\n{lines}"));
    assert!(parse("6,C,0.0,2.55\n2,He,-3.0,\n").is_ok());
    assert!(matches!(AtomTable::parse(""), Err(AtomTableError::Header { .. })));
    for damaged in
        ["6,C,0.0", "6,C,0,1,2", "x,C,0,1", "0,C,0,1", "999,C,0,1", "6,C,nan,1", "6,C,0,inf"]
    {
        assert!(matches!(parse(damaged), Err(AtomTableError::Line { line: 2, .. })), "{damaged}");
    }
    assert!(matches!(parse("6,C,0,1\n6,C,0,1"), Err(AtomTableError::Line { line: 3, .. })));
}

#[test]
fn weights_follow_bond_order_and_electronegativity() {
    let orders = [2, 3, 4, 6, 8, 0];
    let bonds: Vec<_> = (0..6).map(|k| (k, k + 1, orders[k as usize])).collect();
    let chain = graph(&[6, 6, 6, 6, 6, 6, 8], &bonds);
    let weighted = build(&chain, settings(Physics::Both, EdgeWeights::BondOrder));
    let w = weighted.view(Operator::W).unwrap();
    assert_eq!(w.off_diagonal, [-1.0, -1.5, -2.0, -3.0, -4.0, 0.0]);
    assert_eq!(w.diagonal, [1.0, 2.5, 3.5, 5.0, 7.0, 4.0, 0.0]);
    let l = weighted.view(Operator::L).unwrap();
    assert_eq!(l.off_diagonal, [-1.0; 6]);
    assert_eq!(l.diagonal, [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0]);

    let carbonyl = graph(&[6, 8], &[(0, 1, 4)]);
    let operators = all(&carbonyl);
    let weight = 2.0 * (1.0 + (2.55_f64 - 3.44).abs());
    let w = operators.view(Operator::W).unwrap();
    assert_eq!((w.off_diagonal, w.diagonal), ([-weight].as_slice(), [weight, weight].as_slice()));
    let wh = operators.view(Operator::WH).unwrap();
    assert_eq!(wh.diagonal, [weight, weight - 1.0]);
    assert_eq!(operators.scf_base(), w);
}

#[test]
fn the_potential_is_scaled() {
    let scaled = OperatorSettings {
        potential_scale: PotentialScale::try_from(0.28).unwrap(),
        ..Default::default()
    };
    let operators = build(&graph(&[9, 6], &[(0, 1, 2)]), scaled);
    assert_eq!(operators.potential(), Some([-1.5 * 0.28, 0.0].as_slice()));
    assert_eq!(operators.view(Operator::H).unwrap().diagonal, [1.0 - 1.5 * 0.28, 1.0]);
    assert_eq!(operators.scf_base(), operators.view(Operator::L).unwrap());
}

#[test]
fn rows_of_laplacians_sum_to_zero() {
    for graph in graphs() {
        let operators = all(&graph);
        for operator in [Operator::L, Operator::W] {
            let view = operators.view(operator).unwrap();
            let dense = view.to_dense();
            for (i, row) in dense.chunks(view.n).enumerate() {
                let sum: f64 = row.iter().sum();
                assert!(sum.abs() <= 1e-13, "{operator} row {i}: {sum:e}");
                assert!((0..view.n).all(|j| row[j] == dense[j * view.n + i]));
            }
        }
    }
}

/// One topology, one L; but H differs wherever elements of different ε do.
#[test]
fn only_operators_with_a_potential_see_the_elements() {
    let topology = &graphs()[0];
    let atoms = topology.atomic_numbers.len();
    let reference = all(topology);
    let table = AtomTable::embedded();
    let parameters = |z| (table.epsilon(z), table.chi(z));
    for z in (3..=82).filter(|&z| parameters(z).0.is_some() && parameters(z).1.is_some()) {
        for atom in 0..atoms {
            let mut changed = topology.clone();
            let before = std::mem::replace(&mut changed.atomic_numbers[atom], z);
            let operators = all(&changed);
            assert_eq!(operators.view(Operator::L), reference.view(Operator::L));
            let same_epsilon = table.epsilon(z) == table.epsilon(before);
            let same_h = operators.view(Operator::H) == reference.view(Operator::H);
            assert_eq!(same_h, same_epsilon, "Z {before} to {z} at atom {atom}");
            if !same_epsilon && z < 18 {
                let view =
                    |operators: &GraphOperators| spectrum(operators.view(Operator::H).unwrap());
                let (a, b) = (view(&operators), view(&reference));
                let moved = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(moved > 1e-6, "Z {before} to {z} at atom {atom}: {moved:e}");
            }
        }
    }
}

#[test]
fn spectra_do_not_depend_on_the_order_of_atoms() {
    for graph in graphs() {
        let n = graph.atomic_numbers.len() as u32;
        // 31 is prime and larger than n: a permutation of 0..n after ranking.
        let mut by_key: Vec<u32> = (0..n).collect();
        by_key.sort_by_key(|&k| (k * 17 + 5) % 31);
        let place = |atom: u32| by_key.iter().position(|&k| k == atom).unwrap() as u32;
        let mut bonds: Vec<(u32, u32, u8)> = graph
            .bonds
            .iter()
            .map(|b| {
                let (i, j) = (place(b.i), place(b.j));
                (i.min(j), i.max(j), b.doubled_order)
            })
            .collect();
        bonds.sort_unstable();
        let z: Vec<u8> = by_key.iter().map(|&k| graph.atomic_numbers[k as usize]).collect();
        let (straight, permuted) = (all(&graph), all(&self::graph(&z, &bonds)));
        for operator in Operator::ALL {
            let a = spectrum(straight.view(operator).unwrap());
            let b = spectrum(permuted.view(operator).unwrap());
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-12, "{operator}, n = {n}: {a} and {b}");
            }
        }
    }
}

#[test]
fn a_parameter_is_missed_only_where_it_is_needed() {
    // Helium has ε but no χ, uranium neither.
    let both = graph(&[92, 2, 44, 92], &[(0, 1, 2), (1, 2, 2), (2, 3, 2)]);
    let missing = |physics, edge_weights| {
        let result =
            GraphOperators::build(&both, AtomTable::embedded(), &settings(physics, edge_weights));
        match result {
            Ok(_) => None,
            Err(OperatorError::MissingPhysicsParams(missing)) => Some(missing),
            Err(other) => panic!("{other}"),
        }
    };
    use EdgeWeights as W;
    use Physics as P;
    let epsilon = MissingPhysicsParams { key: PhysicsKey::Epsilon, atomic_numbers: vec![44, 92] };
    let chi = MissingPhysicsParams { key: PhysicsKey::Chi, atomic_numbers: vec![2, 44, 92] };
    assert_eq!(missing(P::Topological, W::Unweighted), None);
    assert_eq!(missing(P::Topological, W::BondOrder), None);
    assert_eq!(missing(P::Topological, W::BondOrderDeltaChi).as_ref(), Some(&chi));
    for weights in [W::Unweighted, W::BondOrder, W::BondOrderDeltaChi] {
        assert_eq!(missing(P::Hamiltonian, weights).as_ref(), Some(&epsilon));
        assert_eq!(missing(P::Both, weights).as_ref(), Some(&epsilon));
    }
    assert_eq!(
        chi.warnings().map(|warning| warning.to_string()),
        ["missing_physics_params_key:chi", "missing_physics_params_atomic_numbers:2,44,92"]
    );
    assert!(epsilon.to_string().contains("no epsilon for atomic number 44,92"));
}

#[test]
fn settings_say_which_operators_exist() {
    use Operator::{H, L, W, WH};
    let published = |physics, weights| settings(physics, weights).published().collect::<Vec<_>>();
    assert_eq!(published(Physics::Topological, EdgeWeights::Unweighted), [L]);
    assert_eq!(published(Physics::Topological, EdgeWeights::BondOrder), [L, W]);
    assert_eq!(published(Physics::Hamiltonian, EdgeWeights::Unweighted), [H]);
    assert_eq!(published(Physics::Hamiltonian, EdgeWeights::BondOrder), [H, WH]);
    assert_eq!(published(Physics::Both, EdgeWeights::BondOrder), [L, H, W, WH]);
    let hamiltonian = settings(Physics::Hamiltonian, EdgeWeights::Unweighted);
    assert_eq!(hamiltonian.needed().collect::<Vec<_>>(), [L, H]);
    let operators = build(&graph(&[6], &[]), hamiltonian);
    for operator in Operator::ALL {
        assert_eq!(operators.view(operator).is_some(), hamiltonian.needs(operator));
    }
}

#[test]
fn graphs_that_break_their_rules_are_refused() {
    let bad: [&[(u32, u32, u8)]; 5] = [
        &[(0, 0, 2)],
        &[(1, 0, 2)],
        &[(0, 3, 2)],
        &[(0, 1, 2), (0, 1, 4)],
        &[(1, 2, 2), (0, 1, 2)],
    ];
    for bonds in bad {
        let result = GraphOperators::build(
            &graph(&[6, 6, 6], bonds),
            AtomTable::embedded(),
            &OperatorSettings::default(),
        );
        assert!(matches!(result, Err(OperatorError::InvalidBond { atoms: 3, .. })), "{bonds:?}");
    }
    assert_eq!(all(&graph(&[], &[])).n(), 0);
}

#[test]
fn names_are_the_published_ones_in_text_and_json() {
    for (mode, name) in [
        (EdgeWeights::Unweighted, "unweighted"),
        (EdgeWeights::BondOrder, "bond_order"),
        (EdgeWeights::BondOrderDeltaChi, "bond_order_delta_chi"),
    ] {
        assert_eq!(mode.to_string(), name);
        assert_eq!(name.replace('_', "-").parse(), Ok(mode));
        assert_eq!(serde_json::to_string(&mode).unwrap(), format!("{name:?}"));
    }
    for (mode, name) in [
        (Physics::Topological, "topological"),
        (Physics::Hamiltonian, "hamiltonian"),
        (Physics::Both, "both"),
    ] {
        assert_eq!((mode.to_string().as_str(), name.parse()), (name, Ok(mode)));
    }
    let error = "quantum".parse::<Physics>().unwrap_err().to_string();
    assert_eq!(
        error,
        "unknown physics mode `quantum`; expected one of topological, hamiltonian, both"
    );
    let defaults: OperatorSettings = serde_json::from_str(
        r#"{"physics":"both","edge_weights":"unweighted","potential_scale":1.0}"#,
    )
    .unwrap();
    assert_eq!(defaults, OperatorSettings::default());
}

#[test]
fn potential_scales_are_finite_and_moderate() {
    for good in ["0.28", "-1", "0", "1e6"] {
        assert!(good.parse::<PotentialScale>().is_ok(), "{good}");
    }
    for bad in ["", "one", "nan", "inf", "1e7", "-1e300"] {
        assert!(bad.parse::<PotentialScale>().is_err(), "{bad}");
    }
    assert!(serde_json::from_str::<PotentialScale>("1e300").is_err());
}
