//! Molecule-like graphs of any order, to test and to measure on.

use hetero2_common::random::PythonRandom;
use hetero2_contract::SymmetricMatrix;

/// Molecule-like graphs of one order, with the same matrices each time.
#[must_use]
pub fn of_order(n: usize, count: usize) -> Vec<SymmetricMatrix> {
    let mut rng = PythonRandom::new(n as i64);
    (0..count).map(|_| molecule_like(n, &mut rng)).collect()
}

/// A Laplacian like a drug's: atoms of degree up to 4, five- and six-membered
/// rings, in a partly shuffled order; every second one with bond orders and a
/// potential. The order of `edges` is that of construction.
#[must_use]
pub fn molecule_like(n: usize, rng: &mut PythonRandom) -> SymmetricMatrix {
    let mut edges: Vec<(u32, u32)> = Vec::new();
    let mut degree = vec![0; n];
    let mut placed = usize::from(n > 0);
    let bond = |edges: &mut Vec<_>, degree: &mut Vec<i32>, i: usize, j: usize| {
        edges.push((i as u32, j as u32));
        degree[i] += 1;
        degree[j] += 1;
    };
    while placed < n {
        let pick =
            std::iter::repeat_with(|| below(&mut *rng, placed)).take(50).find(|&i| degree[i] < 3);
        let at = pick.unwrap_or(placed - 1);
        bond(&mut edges, &mut degree, at, placed);
        let ring = if rng.random() < 0.7 { 6 } else { 5 };
        if rng.random() < 0.16 && placed + ring <= n {
            for step in 0..ring {
                bond(&mut edges, &mut degree, placed + step, placed + (step + 1) % ring);
            }
            placed += ring;
        } else {
            placed += 1;
        }
    }
    if rng.random() < 0.5 {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, below(rng, i + 1));
        }
        for (i, j) in &mut edges {
            (*i, *j) = (order[*i as usize], order[*j as usize]);
        }
    }
    let weighted = rng.random() < 0.5;
    let mut off_diagonal = vec![-1.0; edges.len()];
    if weighted {
        off_diagonal.fill_with(|| -[1.0, 1.5, 2.0][below(rng, 3)]);
    }
    let mut diagonal = vec![0.0; n];
    for (&(i, j), entry) in edges.iter().zip(&off_diagonal) {
        diagonal[i as usize] -= entry;
        diagonal[j as usize] -= entry;
    }
    if weighted {
        for d in &mut diagonal {
            *d += [0.0, 0.0, 0.0, 0.55, 1.5, 2.7][below(rng, 6)];
        }
    }
    SymmetricMatrix { n, edges, off_diagonal, diagonal }
}

fn below(rng: &mut PythonRandom, n: usize) -> usize {
    (rng.random() * n as f64) as usize
}
