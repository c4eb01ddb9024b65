//! Graphs for tests and benchmarks of spectra: molecule-like random ones and
//! families whose spectra are known.

// Each test and benchmark uses its own part of this.
#![allow(dead_code)]

use hetero2::random::PythonRandom;
use hetero2::spectra::SymmetricGraph;

/// An owned [`SymmetricGraph`].
#[derive(Debug, Clone)]
pub struct Graph {
    pub edges: Vec<(u32, u32)>,
    pub off_diagonal: Vec<f64>,
    pub diagonal: Vec<f64>,
}

impl Graph {
    /// The Laplacian of an unweighted graph.
    pub fn laplacian(n: usize, edges: Vec<(u32, u32)>) -> Self {
        let mut diagonal = vec![0.0; n];
        for &(i, j) in &edges {
            diagonal[i as usize] += 1.0;
            diagonal[j as usize] += 1.0;
        }
        Self { off_diagonal: vec![-1.0; edges.len()], edges, diagonal }
    }

    pub fn view(&self) -> SymmetricGraph<'_> {
        SymmetricGraph {
            n: self.diagonal.len(),
            edges: &self.edges,
            off_diagonal: &self.off_diagonal,
            diagonal: &self.diagonal,
        }
    }

    pub fn views(graphs: &[Self]) -> Vec<SymmetricGraph<'_>> {
        graphs.iter().map(Self::view).collect()
    }

    /// The full matrix, row by row.
    pub fn dense(&self) -> Vec<f64> {
        let n = self.diagonal.len();
        let mut dense = vec![0.0; n * n];
        for (i, x) in self.diagonal.iter().enumerate() {
            dense[i * n + i] = *x;
        }
        for (&(i, j), x) in self.edges.iter().zip(&self.off_diagonal) {
            dense[i as usize * n + j as usize] += x;
            dense[j as usize * n + i as usize] += x;
        }
        dense
    }
}

fn below(rng: &mut PythonRandom, n: usize) -> usize {
    (rng.random() * n as f64) as usize
}

/// Like a drug: atoms of degree up to 4, five- and six-membered rings, in a
/// partly shuffled order; every second one with bond orders and a potential.
pub fn molecule(n: usize, rng: &mut PythonRandom) -> Graph {
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
    let mut graph = Graph::laplacian(n, edges);
    if rng.random() < 0.5 {
        for (&(i, j), entry) in graph.edges.iter().zip(&mut graph.off_diagonal) {
            let order = [1.0, 1.5, 2.0][below(rng, 3)];
            *entry = -order;
            graph.diagonal[i as usize] += order - 1.0;
            graph.diagonal[j as usize] += order - 1.0;
        }
        for d in &mut graph.diagonal {
            *d += [0.0, 0.0, 0.0, 0.55, 1.5, 2.7][below(rng, 6)];
        }
    }
    graph
}

/// `count` molecules whose sizes follow N(25, 7), cut to 5..=60.
pub fn library(count: usize, seed: i64) -> Vec<Graph> {
    let mut rng = PythonRandom::new(seed);
    let size = |rng: &mut PythonRandom| {
        // The sum of twelve uniform numbers has variance 1.
        let normal: f64 = (0..12).map(|_| rng.random()).sum::<f64>() - 6.0;
        (25.0 + 7.0 * normal).round().clamp(5.0, 60.0) as usize
    };
    (0..count)
        .map(|_| {
            let n = size(&mut rng);
            molecule(n, &mut rng)
        })
        .collect()
}
