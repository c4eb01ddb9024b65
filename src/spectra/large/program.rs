//! A matrix as a list of steps that eliminate its nodes for any energy: every
//! sum that is open during an elimination has a place of its own, so that the
//! working memory of an energy is a few kilobytes however large the graph is.
//! Knows nothing of what the pivots are counted for.

use pulp::{Simd, WithSimd};
use rustc_hash::FxHashMap;

use super::arithmetic::{LANES, Lanes, Number};
use super::elimination::Elimination;
use crate::SymmetricGraph;

/// No place.
const NONE: u32 = u32::MAX;
/// Marks a place that is written for the first time.
const FIRST: u32 = 1 << 31;
/// A pivot of smaller magnitude is moved away from zero.
const LEAST_PIVOT: f64 = 1e-30;

/// The elimination of one node.
struct Step {
    diagonal: f64,
    /// Place of what eliminations before have taken from the diagonal.
    taken: u32,
    /// Place of the bound on the terms that they have added to the node's row.
    growth: u32,
    /// Number of neighbours left.
    front: u32,
}

/// A neighbour that is left.
struct Neighbour {
    /// The matrix' entry.
    entry: f64,
    /// Place of what eliminations before have taken from it.
    taken: u32,
    /// Place of the bound on the terms added to the neighbour's row.
    growth: u32,
}

/// The steps of one matrix, scaled so that its largest absolute row sum lies
/// in [1/2, 1].
pub(super) struct Program {
    steps: Vec<Step>,
    /// The neighbours of each step, one step after the other.
    neighbours: Vec<Neighbour>,
    /// Places of the entries that each step changes: the pairs `i ≤ j` of its front.
    targets: Vec<u32>,
    places: usize,
    /// Most sums that one entry takes part in.
    most_terms: f64,
    /// The power of two that the matrix was multiplied with.
    scale: f64,
}

/// What an elimination says of one energy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pivots {
    /// Pivots below zero.
    pub negative: u64,
    /// The count is that of the matrix at an energy no further away.
    pub slack: f64,
}

impl Program {
    /// Compiles the elimination of a checked graph whose repeated edges were
    /// added up.
    pub fn compile(graph: &SymmetricGraph<'_>, elimination: &Elimination, scale: f64) -> Self {
        let n = graph.n;
        let rows = Rows::of(graph);
        let mut places = Places::new(n);
        let mut program = Self {
            steps: Vec::with_capacity(n),
            neighbours: Vec::with_capacity(graph.edges.len()),
            targets: Vec::new(),
            places: 0,
            most_terms: 0.0,
            scale,
        };
        let mut entry_of = vec![0.0; n];
        for &node in &elimination.order {
            let front = elimination.front(node);
            for (other, value) in rows.of_node(node) {
                entry_of[other as usize] = value;
            }
            let taken = places.close(node, node);
            let growth = places.close_growth(node);
            for &other in front {
                let entry = entry_of[other as usize] * scale;
                let taken = places.close(node, other);
                let growth = if front.len() > 1 { places.open_growth(other) } else { NONE };
                program.neighbours.push(Neighbour { entry, taken, growth });
            }
            for (at, &i) in front.iter().enumerate() {
                for &j in &front[at..] {
                    program.targets.push(places.open(i, j));
                }
            }
            for (other, _) in rows.of_node(node) {
                entry_of[other as usize] = 0.0;
            }
            let diagonal = graph.diagonal[node as usize] * scale;
            program.steps.push(Step { diagonal, taken, growth, front: front.len() as u32 });
        }
        program.places = places.used as usize;
        program.most_terms = f64::from(places.most_terms);
        program
    }

    /// Eliminates all nodes at up to [`LANES`] energies.
    pub fn run<N: Number + Lanes + FromEnergies>(&self, energies: &[f64]) -> Vec<Pivots> {
        pulp::Arch::new().dispatch(Task::<N> { program: self, energies, kind: Default::default() })
    }

    #[inline(always)]
    fn eliminate<N: Number + Lanes + FromEnergies>(&self, energies: &[f64]) -> Vec<Pivots> {
        let shift = N::from_energies(energies, self.scale);
        let mut places = vec![N::splat(0.0); self.places];
        let mut counts = [0.0; LANES];
        let mut worst = N::splat(0.0);
        let (mut neighbours, mut targets) = (self.neighbours.as_slice(), self.targets.as_slice());
        let (mut row, mut factors) = (Vec::new(), Vec::new());
        for step in &self.steps {
            let mut pivot = N::splat(step.diagonal).sub(shift);
            if step.taken != NONE {
                pivot = pivot.add(places[step.taken as usize]);
            }
            if step.growth != NONE {
                worst = worst.max(places[step.growth as usize]);
            }
            let pivot = pivot.away_from_zero(LEAST_PIVOT);
            pivot.count_negative(&mut counts);
            let k = step.front as usize;
            let front;
            (front, neighbours) = neighbours.split_at(k);
            let pairs;
            (pairs, targets) = targets.split_at(k * (k + 1) / 2);
            let entry = |neighbour: &Neighbour| {
                let entry = N::splat(neighbour.entry);
                match neighbour.taken {
                    NONE => entry,
                    place => entry.add(places[place as usize]),
                }
            };
            match front {
                [] => {}
                [parent] => {
                    let entry = entry(parent);
                    let term = entry.mul(entry).mul(pivot.recip());
                    take(&mut places, pairs[0], term);
                }
                [first, second] => {
                    let (a, b) = (entry(first), entry(second));
                    let inverse = pivot.recip();
                    let (fa, fb) = (a.mul(inverse), b.mul(inverse));
                    take(&mut places, pairs[0], fa.mul(a));
                    take(&mut places, pairs[1], fa.mul(b));
                    take(&mut places, pairs[2], fb.mul(b));
                    let sum = a.abs().add(b.abs());
                    let growth = sum.mul(sum).mul(inverse.abs());
                    grow(&mut places, first.growth, growth);
                    grow(&mut places, second.growth, growth);
                }
                _ => {
                    let inverse = pivot.recip();
                    row.clear();
                    row.extend(front.iter().map(entry));
                    factors.clear();
                    factors.extend(row.iter().map(|a: &N| a.mul(inverse)));
                    let mut pair = 0;
                    for (at, factor) in factors.iter().enumerate() {
                        for value in &row[at..] {
                            take(&mut places, pairs[pair], factor.mul(*value));
                            pair += 1;
                        }
                    }
                    let sum = row.iter().fold(N::splat(0.0), |sum, a| sum.add(a.abs()));
                    let growth = sum.mul(sum).mul(inverse.abs());
                    for neighbour in front {
                        grow(&mut places, neighbour.growth, growth);
                    }
                }
            }
        }
        // Backward error: docs/large_graphs.md derives it.
        let unit = (2.0 * self.most_terms + 8.0) * N::ROUNDING;
        let of = |(lane, &energy): (usize, &f64)| {
            let norm = 1.0 + (energy * self.scale).abs();
            let slack = (unit * (norm + worst.lanes()[lane]) + 2.0 * LEAST_PIVOT) / self.scale;
            let slack = if slack.is_nan() { f64::INFINITY } else { slack };
            Pivots { negative: counts[lane] as u64, slack }
        };
        energies.iter().enumerate().map(of).collect()
    }
}

#[inline(always)]
fn take<N: Number>(places: &mut [N], target: u32, term: N) {
    let place = &mut places[(target & !FIRST) as usize];
    let before = if target & FIRST != 0 { N::splat(0.0) } else { *place };
    *place = before.sub(term);
}

#[inline(always)]
fn grow<N: Number>(places: &mut [N], target: u32, term: N) {
    let place = &mut places[(target & !FIRST) as usize];
    *place = if target & FIRST != 0 { term } else { place.add(term) };
}

/// Numbers that hold energies, multiplied with a power of two.
pub(super) trait FromEnergies {
    fn from_energies(energies: &[f64], scale: f64) -> Self;
}

impl FromEnergies for super::arithmetic::Pack {
    #[inline(always)]
    fn from_energies(energies: &[f64], scale: f64) -> Self {
        let mut pack = [0.0; LANES];
        for (lane, energy) in pack.iter_mut().zip(energies) {
            *lane = energy * scale;
        }
        Self(pack)
    }
}

impl FromEnergies for super::arithmetic::Twofold {
    #[inline(always)]
    fn from_energies(energies: &[f64], scale: f64) -> Self {
        Self::splat(energies[0] * scale)
    }
}

/// [`Program::eliminate`] with the widest vectors of this machine.
struct Task<'a, N> {
    program: &'a Program,
    energies: &'a [f64],
    kind: std::marker::PhantomData<N>,
}

impl<N: Number + Lanes + FromEnergies> WithSimd for Task<'_, N> {
    type Output = Vec<Pivots>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Vec<Pivots> {
        self.program.eliminate::<N>(self.energies)
    }
}

/// The entries of each row of the matrix.
struct Rows {
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Rows {
    fn of(graph: &SymmetricGraph<'_>) -> Self {
        let mut starts = vec![0; graph.n + 1];
        for &(i, j) in graph.edges {
            starts[i as usize + 1] += 1;
            starts[j as usize + 1] += 1;
        }
        for node in 0..graph.n {
            starts[node + 1] += starts[node];
        }
        let mut free = starts.clone();
        let mut entries = vec![(0, 0.0); 2 * graph.edges.len()];
        for (&(i, j), &value) in graph.edges.iter().zip(graph.off_diagonal) {
            for (node, other) in [(i as usize, j), (j as usize, i)] {
                entries[free[node]] = (other, value);
                free[node] += 1;
            }
        }
        Self { starts, entries }
    }

    fn of_node(&self, node: u32) -> impl Iterator<Item = (u32, f64)> {
        let node = node as usize;
        self.entries[self.starts[node]..self.starts[node + 1]].iter().copied()
    }
}

/// Gives open sums their places.
struct Places {
    /// Off the diagonal: by the pair, the place and the number of terms.
    pairs: FxHashMap<(u32, u32), (u32, u32)>,
    /// On the diagonal.
    diagonal: Vec<(u32, u32)>,
    growth: Vec<u32>,
    free: Vec<u32>,
    used: u32,
    most_terms: u32,
}

impl Places {
    fn new(n: usize) -> Self {
        Self {
            pairs: FxHashMap::default(),
            diagonal: vec![(NONE, 0); n],
            growth: vec![NONE; n],
            free: Vec::new(),
            used: 0,
            most_terms: 0,
        }
    }

    fn take(free: &mut Vec<u32>, used: &mut u32) -> u32 {
        free.pop().unwrap_or_else(|| {
            *used += 1;
            *used - 1
        })
    }

    /// Where a term of entry (i, j) goes.
    fn open(&mut self, i: u32, j: u32) -> u32 {
        let entry = if i == j {
            &mut self.diagonal[i as usize]
        } else {
            self.pairs.entry((i.min(j), i.max(j))).or_insert((NONE, 0))
        };
        entry.1 += 1;
        self.most_terms = self.most_terms.max(entry.1);
        if entry.0 != NONE {
            return entry.0;
        }
        entry.0 = Self::take(&mut self.free, &mut self.used);
        entry.0 | FIRST
    }

    /// Where the terms of entry (i, j) were summed; the place becomes free.
    fn close(&mut self, i: u32, j: u32) -> u32 {
        let place = if i == j {
            self.diagonal[i as usize].0
        } else {
            self.pairs.remove(&(i.min(j), i.max(j))).map_or(NONE, |entry| entry.0)
        };
        if place != NONE {
            self.free.push(place);
        }
        place
    }

    fn open_growth(&mut self, node: u32) -> u32 {
        let place = &mut self.growth[node as usize];
        if *place != NONE {
            return *place;
        }
        *place = Self::take(&mut self.free, &mut self.used);
        *place | FIRST
    }

    fn close_growth(&mut self, node: u32) -> u32 {
        let place = self.growth[node as usize];
        if place != NONE {
            self.free.push(place);
        }
        place
    }
}
