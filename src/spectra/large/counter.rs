//! Counts of eigenvalues below energies, and single eigenvalues by bisection.
//! Knows steps of an elimination, and nothing of how they were found.

use rayon::prelude::*;

use super::LargeGraphError;
use super::arithmetic::{LANES, Pack, Twofold};
use super::elimination::Elimination;
use super::program::{Pivots, Program};
use crate::{SymmetricGraph, check_graph};

/// Largest order: what the numbering of places can hold.
const MOST_NODES: usize = 1 << 28;
/// Entries that an elimination may change: 1.5 GB of steps.
const MOST_PAIRS: u64 = 1 << 28;
/// Pairs that a graph may have for each of its nodes before it is refused, and
/// those that any graph may have.
const PAIRS_PER_NODE: u64 = 256;
const ANY_PAIRS: u64 = 1 << 24;
/// Slack, relative to the norm, above which a count is repeated in twofold precision.
const LARGEST_SLACK: f64 = 1e-9;
/// How far an energy is moved, relative to the norm, where a pivot vanishes at it.
const STEP: f64 = 1.0 / (1_u64 << 44) as f64;
/// Energies that are tried in twofold precision before the slack is given as it is.
const TRIES: usize = 8;
/// Rounds of bisection: each divides an interval by 17.
const MOST_ROUNDS: usize = 40;

/// How many eigenvalues lie below an energy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// The energy as asked for, in the units of the matrix.
    pub energy: f64,
    /// Eigenvalues below it, with their multiplicities.
    pub below: u64,
    /// How far rounding can have moved the energy: no fewer eigenvalues than
    /// `below` lie below `energy + slack`, no more below `energy − slack`. So
    /// the count is exact unless an eigenvalue lies that close to the energy.
    pub slack: f64,
}

/// Where an eigenvalue lies, ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// No eigenvalue of its number lies below.
    pub low: f64,
    /// Nor above.
    pub high: f64,
}

impl Interval {
    /// The middle.
    #[must_use]
    pub fn middle(&self) -> f64 {
        self.low + (self.high - self.low) / 2.0
    }

    /// The distance of its ends.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// Leaves out what a count says that eigenvalue number `k` cannot be.
    fn narrow(&mut self, k: u64, count: &Count) {
        if count.below <= k {
            self.low = self.low.max(count.energy - count.slack);
        } else {
            self.high = self.high.min(count.energy + count.slack);
        }
    }
}

/// A large sparse matrix, ready to count eigenvalues below any energy.
///
/// Holds about 100 bytes a node of a molecule; counting takes a few kilobytes
/// for each thread.
///
/// ```
/// use hetero2_spectra::SymmetricGraph;
/// use hetero2_spectra::large::EigenvalueCounter;
///
/// // The path of a million nodes: λ_k = 2 − 2 cos(π k / n).
/// let n = 1_000_000;
/// let edges: Vec<(u32, u32)> = (1..n).map(|i| (i - 1, i)).collect();
/// let mut diagonal = vec![2.0; n as usize];
/// (diagonal[0], diagonal[n as usize - 1]) = (1.0, 1.0);
/// let path = SymmetricGraph {
///     n: n as usize,
///     edges: &edges,
///     off_diagonal: &vec![-1.0; edges.len()],
///     diagonal: &diagonal,
/// };
/// let counter = EigenvalueCounter::new(&path)?;
/// let counts = counter.below(&[1.0])?;
/// assert_eq!(counts[0].below, 333_334); // k from 0 to n/3
/// # Ok::<(), hetero2_spectra::large::LargeGraphError>(())
/// ```
pub struct EigenvalueCounter {
    n: usize,
    program: Program,
    /// The largest absolute row sum; 1 where it is 0.
    norm: f64,
    bounds: Interval,
}

impl EigenvalueCounter {
    /// Orders the nodes of a matrix and compiles their elimination. Takes time
    /// linear in the nodes of a molecule: about a microsecond each.
    ///
    /// # Errors
    /// [`LargeGraphError`] where the matrix is malformed, too large, or has too
    /// much fill.
    pub fn new(graph: &SymmetricGraph<'_>) -> Result<Self, LargeGraphError> {
        check_graph(graph, 0)?;
        let n = graph.n;
        if n > MOST_NODES {
            return Err(LargeGraphError::Order { n, most: MOST_NODES });
        }
        let merged = merged(graph);
        let (edges, off_diagonal) =
            merged.as_ref().map_or((graph.edges, graph.off_diagonal), |(e, v)| (e, v));
        let graph = SymmetricGraph { edges, off_diagonal, ..*graph };
        let (bounds, norm) = gershgorin(&graph)?;
        let norm = if norm > 0.0 { norm } else { 1.0 };
        let exponent = libm::ilogb(norm) + 1;
        // Two factors: one could leave the range of exponents.
        let scale = libm::ldexp(1.0, (-exponent).clamp(-1000, 1000));
        let most_pairs = (n as u64 * PAIRS_PER_NODE).clamp(ANY_PAIRS, MOST_PAIRS);
        let elimination = Elimination::of(n, graph.edges.iter().copied(), most_pairs)?;
        let program = Program::compile(&graph, &elimination, scale);
        Ok(Self { n, program, norm, bounds })
    }

    /// The order of the matrix.
    #[must_use]
    pub fn order(&self) -> usize {
        self.n
    }

    /// An interval that holds every eigenvalue (Gershgorin 1931).
    #[must_use]
    pub fn bounds(&self) -> Interval {
        self.bounds
    }

    /// Counts the eigenvalues below each energy, on the threads of the current
    /// rayon pool. A count depends on its own energy alone.
    ///
    /// # Errors
    /// [`LargeGraphError::Energy`] where one is not finite.
    pub fn below(&self, energies: &[f64]) -> Result<Vec<Count>, LargeGraphError> {
        if let Some(&energy) = energies.iter().find(|energy| !energy.is_finite()) {
            return Err(LargeGraphError::Energy(energy));
        }
        let parts = energies.par_chunks(LANES).map(|energies| {
            let pivots = self.program.run::<Pack>(energies);
            let count = |(&energy, pivots): (&f64, &Pivots)| match pivots.slack {
                slack if slack <= LARGEST_SLACK * self.norm.max(energy.abs()) => {
                    Count { energy, below: pivots.negative, slack }
                }
                _ => self.carefully(energy),
            };
            energies.iter().zip(&pivots).map(count).collect::<Vec<_>>()
        });
        Ok(parts.flatten().collect())
    }

    /// Counts the eigenvalues below one energy in twofold precision: `slack` is then a few
    /// rounding errors of the norm.
    ///
    /// # Errors
    /// [`LargeGraphError::Energy`] where it is not finite.
    pub fn below_closely(&self, energy: f64) -> Result<Count, LargeGraphError> {
        if !energy.is_finite() {
            return Err(LargeGraphError::Energy(energy));
        }
        Ok(self.carefully(energy))
    }

    /// One count in twofold precision, at an energy nearby where a pivot
    /// vanishes at this one: pivots fall by at least as much as energies rise.
    fn carefully(&self, energy: f64) -> Count {
        let step = STEP * self.norm.max(energy.abs());
        let mut best = Count { energy, below: 0, slack: f64::INFINITY };
        for attempt in 0..TRIES {
            let moved = energy + step * attempt as f64;
            let pivots = self.program.run::<Twofold>(&[moved]);
            let slack = pivots[0].slack + (moved - energy).abs();
            if slack < best.slack {
                best = Count { energy, below: pivots[0].negative, slack };
            }
            if slack <= (attempt + 1) as f64 * step {
                break;
            }
        }
        best
    }

    /// Where eigenvalue number `k` lies, counted from 0 in ascending order: an
    /// interval no wider than `tolerance`, or as narrow as rounding permits.
    ///
    /// # Errors
    /// [`LargeGraphError::NoEigenvalue`] where the matrix has fewer.
    pub fn eigenvalue(&self, k: u64, tolerance: f64) -> Result<Interval, LargeGraphError> {
        self.eigenvalue_beside(k, &[], tolerance)
    }

    /// As [`eigenvalue`](Self::eigenvalue), where some counts are known already.
    ///
    /// # Errors
    /// As there.
    pub fn eigenvalue_beside(
        &self,
        k: u64,
        known: &[Count],
        tolerance: f64,
    ) -> Result<Interval, LargeGraphError> {
        if k >= self.n as u64 {
            return Err(LargeGraphError::NoEigenvalue { n: self.n, k });
        }
        let mut found = self.bounds;
        known.iter().for_each(|count| found.narrow(k, count));
        for _ in 0..MOST_ROUNDS {
            let width = found.width();
            if width <= tolerance {
                break;
            }
            let part = width / (LANES + 1) as f64;
            let energies: Vec<f64> = (1..=LANES).map(|at| found.low + part * at as f64).collect();
            self.below(&energies)?.iter().for_each(|count| found.narrow(k, count));
            if found.width() > 0.9 * width {
                break;
            }
        }
        Ok(found)
    }
}

/// Edges and entries, each pair once.
type Entries = (Vec<(u32, u32)>, Vec<f64>);

/// The entries of a graph whose pairs are not ascending, with those of one
/// pair added up.
fn merged(graph: &SymmetricGraph<'_>) -> Option<Entries> {
    if graph.edges.is_sorted_by(|a, b| a < b) && graph.edges.iter().all(|(i, j)| i < j) {
        return None;
    }
    let pairs = graph.edges.iter().map(|&(i, j)| (i.min(j), i.max(j)));
    let mut entries: Vec<((u32, u32), f64)> =
        pairs.zip(graph.off_diagonal.iter().copied()).collect();
    entries.sort_by_key(|entry| entry.0);
    entries.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    Some(entries.into_iter().unzip())
}

/// An interval of all eigenvalues, and the largest absolute row sum.
pub(super) fn gershgorin(graph: &SymmetricGraph<'_>) -> Result<(Interval, f64), LargeGraphError> {
    let mut radius = vec![0.0; graph.n];
    for (&(i, j), value) in graph.edges.iter().zip(graph.off_diagonal) {
        radius[i as usize] += value.abs();
        radius[j as usize] += value.abs();
    }
    let (mut low, mut high, mut norm) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
    for (&center, radius) in graph.diagonal.iter().zip(radius) {
        low = low.min(center - radius);
        high = high.max(center + radius);
        norm = norm.max(center.abs() + radius);
    }
    if graph.n == 0 {
        return Ok((Interval { low: 0.0, high: 0.0 }, 0.0));
    }
    if !norm.is_finite() {
        return Err(crate::SpectraError::Overflow { matrix: 0 }.into());
    }
    // Sums of n terms were rounded.
    let margin = 1e-12 * norm;
    Ok((Interval { low: low - margin, high: high + margin }, norm))
}
