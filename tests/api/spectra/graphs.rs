//! Graphs for tests and benchmarks of spectra: molecule-like random ones and
//! families whose spectra are known.

// Each test and benchmark uses its own part of this.
#![allow(dead_code)]

use hetero2::operator::SymmetricMatrix;
use hetero2::random::PythonRandom;
use hetero2::spectra::SymmetricGraph;
use hetero2::spectra::sample::molecule_like;

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

/// See [`molecule_like`].
pub fn molecule(n: usize, rng: &mut PythonRandom) -> Graph {
    let SymmetricMatrix { edges, off_diagonal, diagonal, .. } = molecule_like(n, rng);
    Graph { edges, off_diagonal, diagonal }
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
