//! Chebyshev moments of a large sparse matrix, estimated with random vectors:
//! the kernel polynomial method (Silver and Röder 1994; Weiße et al. 2006), for
//! graphs with too much fill to be eliminated. The same vectors on every device.
//!
//! μ_m = tr T_m((A − c)/h) / n, where c ± h holds the spectrum, is the mean over
//! vectors of signs v of vᵀ T_m v / n (Hutchinson 1990); the scatter of the
//! vectors is the error of the mean. Two moments come of each product, since
//! T_m·T_m = (T_2m + 1)/2.

use rayon::prelude::*;

use super::counter::gershgorin;
use super::{Interval, LargeGraphError};
use crate::{SymmetricGraph, check_graph};

/// Vectors that are multiplied side by side.
const WIDTH: usize = 8;
/// Rows whose terms are summed by themselves, whatever the number of threads.
const BLOCK: usize = 4096;
/// Vectors whose signs are bits of one word.
pub(crate) const WORD: u32 = 32;
/// Bounds on what is asked for.
const MOST_VECTORS: u32 = 1024;
const MOST_MOMENTS: u32 = 65_536;

/// What is asked of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MomentRequest {
    /// Random vectors, 2 to 1024: the error falls with the root of their number.
    pub vectors: u32,
    /// Moments, 4 to 65536, rounded up to even: the resolution is the width of
    /// the spectrum divided by their number, times π/2.
    pub moments: u32,
    /// What the vectors are drawn with.
    pub seed: u32,
}

impl Default for MomentRequest {
    fn default() -> Self {
        Self { vectors: 16, moments: 256, seed: 0 }
    }
}

impl MomentRequest {
    /// The request with its numbers in range and an even number of moments.
    #[must_use]
    pub fn in_range(self) -> Self {
        Self {
            vectors: self.vectors.clamp(2, MOST_VECTORS),
            moments: self.moments.clamp(4, MOST_MOMENTS).next_multiple_of(2),
            ..self
        }
    }
}

/// A word of random bits for a node and a group of 32 vectors: the hash of
/// Jarzynski and Olano (2020), as `shaders/chebyshev.wgsl` has it.
pub(crate) fn sign_word(seed: u32, group: u32, node: u32) -> u32 {
    fn hash(value: u32) -> u32 {
        let state = value.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
        (word >> 22) ^ word
    }
    hash(node ^ hash(group ^ hash(seed)))
}

/// An estimate with the standard error that the scatter of the vectors gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean over the vectors.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
}

/// Moments of each random vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    n: usize,
    center: f64,
    half_width: f64,
    /// By vector: as many moments for each.
    values: Vec<Vec<f64>>,
}

impl Moments {
    pub(crate) fn new(n: usize, affine: Affine, values: Vec<Vec<f64>>) -> Self {
        Self { n, center: affine.center, half_width: affine.half_width, values }
    }

    /// The first moment of any vector that differs from those of a shorter
    /// estimate by more than `tolerance`.
    #[cfg(feature = "gpu")]
    pub(crate) fn differs_from(&self, shorter: &Self, tolerance: f64) -> Option<usize> {
        let differs = |(own, other): (&f64, &f64)| {
            (own - other).abs().partial_cmp(&tolerance) != Some(std::cmp::Ordering::Less)
        };
        let vectors = self.values.iter().zip(&shorter.values);
        vectors.filter_map(|(own, other)| own.iter().zip(other).position(differs)).min()
    }

    /// Order of the matrix.
    #[must_use]
    pub fn order(&self) -> usize {
        self.n
    }

    /// An interval that holds every eigenvalue.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        (self.center - self.half_width, self.center + self.half_width)
    }

    /// The moment of number `m`; nothing beyond the last.
    #[must_use]
    pub fn moment(&self, m: usize) -> Option<Estimate> {
        let of = self.values.iter().map(|moments| moments.get(m).copied());
        Some(estimate(&of.collect::<Option<Vec<f64>>>()?))
    }

    /// Number of moments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How far the kernel smears each state, as a standard deviation of energy:
    /// structure below it is not resolved, whatever the error says.
    #[must_use]
    pub fn resolution(&self) -> f64 {
        std::f64::consts::PI * self.half_width / self.len() as f64
    }

    /// States below an energy, with Jackson's kernel.
    #[must_use]
    pub fn below(&self, energy: f64) -> Estimate {
        let x = ((energy - self.center) / self.half_width).clamp(-1.0, 1.0);
        let angle = libm::acos(x);
        let pi = std::f64::consts::PI;
        let weights: Vec<f64> = (0..self.len())
            .map(|m| match m {
                0 => 1.0 - angle / pi,
                _ => {
                    let m_real = m as f64;
                    -2.0 * jackson(m, self.len()) * libm::sin(m_real * angle) / (m_real * pi)
                }
            })
            .collect();
        self.sum(&weights)
    }

    /// Tr f(A) for a function of energies, by its Chebyshev expansion without a
    /// kernel: for functions that are smooth on the whole spectrum.
    #[must_use]
    pub fn trace(&self, f: impl Fn(f64) -> f64) -> Estimate {
        self.sum(&self.expansion(f))
    }

    /// Values of several traces, vector by vector, for what is computed of them
    /// together.
    #[must_use]
    pub fn traces_by_vector(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let weights = self.expansion(f);
        self.by_vector(&weights).collect()
    }

    /// Coefficients of a function by its values at Chebyshev's points.
    fn expansion(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let count = self.len();
        let angles: Vec<f64> =
            (0..count).map(|k| std::f64::consts::PI * (k as f64 + 0.5) / count as f64).collect();
        let values: Vec<f64> =
            angles.iter().map(|&a| f(self.center + self.half_width * libm::cos(a))).collect();
        let coefficient = |m: usize| {
            let terms = angles.iter().zip(&values);
            let sum: f64 = terms.map(|(angle, value)| value * libm::cos(m as f64 * angle)).sum();
            sum * if m == 0 { 1.0 } else { 2.0 } / count as f64
        };
        (0..count).map(coefficient).collect()
    }

    fn sum(&self, weights: &[f64]) -> Estimate {
        estimate(&self.by_vector(weights).collect::<Vec<f64>>())
    }

    fn by_vector(&self, weights: &[f64]) -> impl Iterator<Item = f64> {
        let n = self.n as f64;
        let sum = move |moments: &Vec<f64>| {
            n * moments.iter().zip(weights).map(|(moment, weight)| moment * weight).sum::<f64>()
        };
        self.values.iter().map(sum)
    }
}

/// Mean and standard error.
#[must_use]
pub fn estimate(values: &[f64]) -> Estimate {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error =
        if count > 1.0 { (squares / (count * (count - 1.0))).sqrt() } else { f64::INFINITY };
    Estimate { mean, error }
}

/// The factor of Jackson's kernel for moment `m` of `count`.
fn jackson(m: usize, count: usize) -> f64 {
    let (m, next) = (m as f64, count as f64 + 1.0);
    let turn = std::f64::consts::PI / next;
    let (sin, cos) = (libm::sin(turn * m), libm::cos(turn * m));
    ((next - m) * cos + sin * libm::cos(turn) / libm::sin(turn)) / next
}

/// How energies are brought into [−1, 1].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine {
    pub center: f64,
    pub half_width: f64,
}

impl Affine {
    fn of(bounds: Interval) -> Self {
        // Rounding must not lead outside.
        let half_width = (bounds.width() / 2.0 * (1.0 + 1e-6)).max(f64::MIN_POSITIVE);
        Self { center: bounds.middle(), half_width }
    }
}

/// A matrix by rows, entries brought into [−1, 1].
pub(crate) struct Rows {
    pub affine: Affine,
    pub diagonal: Vec<f64>,
    /// Entries of row `i`: `starts[i]..starts[i + 1]`.
    pub starts: Vec<u32>,
    pub columns: Vec<u32>,
    pub values: Vec<f64>,
}

impl Rows {
    pub fn of(graph: &SymmetricGraph<'_>) -> Result<Self, LargeGraphError> {
        check_graph(graph, 0)?;
        let most = 1 << 28;
        if graph.n > most || graph.edges.len() > most {
            return Err(LargeGraphError::Order { n: graph.n.max(graph.edges.len()), most });
        }
        let affine = Affine::of(gershgorin(graph)?.0);
        let mut starts = vec![0_u32; graph.n + 1];
        for &(i, j) in graph.edges {
            starts[i as usize + 1] += 1;
            starts[j as usize + 1] += 1;
        }
        for row in 0..graph.n {
            starts[row + 1] += starts[row];
        }
        let mut free = starts.clone();
        let (mut columns, mut values) = (vec![0; 2 * graph.edges.len()], Vec::new());
        values.resize(columns.len(), 0.0);
        for (&(i, j), value) in graph.edges.iter().zip(graph.off_diagonal) {
            for (row, column) in [(i as usize, j), (j as usize, i)] {
                let place = &mut free[row];
                columns[*place as usize] = column;
                values[*place as usize] = value / affine.half_width;
                *place += 1;
            }
        }
        let scaled = |value: &f64| (value - affine.center) / affine.half_width;
        let diagonal = graph.diagonal.iter().map(scaled).collect();
        Ok(Self { affine, diagonal, starts, columns, values })
    }

    pub fn n(&self) -> usize {
        self.diagonal.len()
    }
}

/// Estimates moments on the CPU, on the threads of the current rayon pool: the
/// same bits for any number of them. Holds 128 bytes a node.
///
/// # Errors
/// [`LargeGraphError`] where the matrix is malformed or too large.
pub fn moments(
    graph: &SymmetricGraph<'_>,
    request: &MomentRequest,
) -> Result<Moments, LargeGraphError> {
    let rows = Rows::of(graph)?;
    let request = request.in_range();
    let mut values = Vec::new();
    for first in (0..request.vectors).step_by(WIDTH) {
        let group = of_group(&rows, &request, first);
        values.extend(group.into_iter().take((request.vectors - first) as usize));
    }
    Ok(Moments::new(rows.n(), rows.affine, values))
}

type Row = [f64; WIDTH];

/// The moments of [`WIDTH`] vectors from number `first` on.
fn of_group(rows: &Rows, request: &MomentRequest, first: u32) -> Vec<Vec<f64>> {
    let n = rows.n();
    let start = |node: usize| {
        let word = sign_word(request.seed, first / WORD, node as u32);
        std::array::from_fn(|lane| match word >> (first % WORD + lane as u32) & 1 {
            0 => 1.0,
            _ => -1.0,
        })
    };
    let mut last: Vec<Row> = (0..n).into_par_iter().map(start).collect();
    let mut next = vec![[0.0; WIDTH]; n];
    let mut moments = vec![vec![0.0; request.moments as usize]; WIDTH];
    // T_0 v, T_1 v, and so on; `next` holds the one before last, and gets the next.
    for step in 0..request.moments as usize / 2 {
        let (factor, before) = if step == 0 { (1.0, 0.0) } else { (2.0, 1.0) };
        let sums = advance(rows, &last, &mut next, (factor, before));
        for (lane, moments) in moments.iter_mut().enumerate() {
            let [same, other] = [sums[0][lane] / n as f64, sums[1][lane] / n as f64];
            let (zeroth, first) = (if step == 0 { 1.0 } else { moments[0] }, moments[1]);
            moments[2 * step] = if step == 0 { same } else { 2.0 * same - zeroth };
            moments[2 * step + 1] = if step == 0 { other } else { 2.0 * other - first };
        }
        std::mem::swap(&mut last, &mut next);
    }
    moments
}

/// `next = factor · A last − before · next`; the sums of `last²` and `last · next`.
fn advance(rows: &Rows, last: &[Row], next: &mut [Row], factors: (f64, f64)) -> [Row; 2] {
    let blocks: Vec<[Row; 2]> = next
        .par_chunks_mut(BLOCK)
        .enumerate()
        .map(|(block, next)| {
            let mut sums = [[0.0; WIDTH]; 2];
            for (row, next) in (block * BLOCK..).zip(next) {
                let own = &last[row];
                let mut product = own.map(|value| rows.diagonal[row] * value);
                for at in rows.starts[row] as usize..rows.starts[row + 1] as usize {
                    let (entry, other) = (rows.values[at], &last[rows.columns[at] as usize]);
                    for (sum, value) in product.iter_mut().zip(other) {
                        *sum += entry * value;
                    }
                }
                for lane in 0..WIDTH {
                    next[lane] = factors.0 * product[lane] - factors.1 * next[lane];
                    sums[0][lane] += own[lane] * own[lane];
                    sums[1][lane] += own[lane] * next[lane];
                }
            }
            sums
        })
        .collect();
    let mut total = [[0.0; WIDTH]; 2];
    for block in blocks {
        for (total, part) in total.iter_mut().zip(block) {
            total.iter_mut().zip(part).for_each(|(sum, term)| *sum += term);
        }
    }
    total
}
