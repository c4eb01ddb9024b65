//! Which atoms of a matrix may have the largest weight in a shell, from upper
//! bounds that cost far less than the weights. Knows nothing of eigenvectors.
//!
//! The weights of an atom's states make a measure on the eigenvalues. The
//! Lanczos process from the atom gives the first polynomials `p` orthonormal
//! under it, and its mass at `x` is at most `1 / Σ p(x)²`, the Christoffel
//! function (Szegő, Orthogonal Polynomials, 3.41; Golub & Meurant, Matrices,
//! Moments and Quadrature with Applications, 2010). Any number of polynomials
//! gives a bound. The process stops where the next one would come of a small
//! difference, so rounding errors stay far below [`SLACK`].

use super::Problem;
use super::lane::Lane;

/// Atoms that a lane chooses at a time.
pub(super) const CHOSEN: usize = 4;
/// Polynomials beyond the constant one. Three suit amides as well,
/// natural products less; five cost more than they save.
const STEPS: usize = 4;
/// Lanczos stops where the coupling is at most this, relative to the norm.
const SMALLEST_COUPLING: f64 = 0.02;
/// Entries of a row that are kept side by side: few atoms have more bonds.
const ROW: usize = 4;
/// Levels of one shell must be this close, relative to the norm, to count as
/// one point of the measure.
const POINT: f64 = 1e-12;
/// An atom is left out where its bound is below the largest weight by more than
/// this, relatively and absolutely.
const SLACK: (f64, f64) = (1e-3, 1e-6);

/// The atoms of each lane's matrix that have not been chosen yet.
pub(super) struct Candidates<L: Lane> {
    token: L::Token,
    /// By atom, the bound of its weights; negative once it was chosen.
    bounds: Vec<L>,
    diagonal: Vec<f64>,
    /// Entries off the diagonal: of each row the first ones, column and value,
    /// the rest zero, so that rows take the same steps; then row, column and
    /// value of those beyond.
    rows: Vec<[(usize, f64); ROW]>,
    further: Vec<(usize, usize, f64)>,
    /// How many entries each row has.
    filled: Vec<usize>,
    /// A vector for each of some atoms, side by side: that of the step before,
    /// that of the step, and the matrix times it.
    before: Vec<L::Single>,
    here: Vec<L::Single>,
    product: Vec<L::Single>,
}

impl<L: Lane> Candidates<L> {
    pub fn new(token: L::Token) -> Self {
        Self {
            token,
            bounds: Vec::new(),
            diagonal: Vec::new(),
            rows: Vec::new(),
            further: Vec::new(),
            filled: Vec::new(),
            before: Vec::new(),
            here: Vec::new(),
            product: Vec::new(),
        }
    }

    /// No atoms in any lane, of matrices of order `n`.
    pub fn reset(&mut self, n: usize) {
        self.bounds.clear();
        self.bounds.resize(n, L::splat(self.token, -1.0));
    }

    /// Makes all atoms of a matrix candidates in a lane. `values` are the
    /// eigenvalues of the scaled matrix, ascending; those of one shell differ by
    /// at most `widest`.
    #[inline(always)]
    pub fn add(&mut self, lane: usize, problem: &Problem<'_>, values: &[f64], widest: f64) {
        let norm = values.iter().fold(0.0_f64, |norm, value| norm.max(value.abs()));
        if widest > POINT * norm {
            self.bounds.iter_mut().for_each(|bound| bound.set(lane, 1.0));
            return;
        }
        self.load(problem);
        let width = L::Single::WIDTH;
        for first in (0..values.len()).step_by(width) {
            let sums = self.sums(first, values, norm);
            for (k, bound) in self.bounds[first..].iter_mut().take(width).enumerate() {
                bound.set(lane, (1.0 / sums.get(k)).min(1.0));
            }
        }
    }

    /// Chooses the `CHOSEN` atoms of largest bounds in each lane, slot by slot;
    /// false when none is left that may have a weight near `best`. A lane
    /// without atoms chooses any.
    #[inline(always)]
    pub fn choose(&mut self, best: L, chosen: &mut [usize]) -> bool {
        let token = self.token;
        let least = best * L::splat(token, 1.0 - SLACK.0) - L::splat(token, SLACK.1);
        for (slot, chosen) in chosen.chunks_exact_mut(L::WIDTH).enumerate() {
            let (mut largest, mut atom) = (L::splat(token, -1.0), L::splat(token, 0.0));
            for (i, &bound) in self.bounds.iter().enumerate() {
                let more = largest.less(bound);
                largest = bound.or_else(more, largest);
                atom = L::splat(token, i as f64).or_else(more, atom);
            }
            if slot == 0 && (largest - least).largest() < 0.0 {
                return false;
            }
            for (lane, chosen) in chosen.iter_mut().enumerate() {
                *chosen = atom.get(lane) as usize;
                self.bounds[*chosen].set(lane, -1.0);
            }
        }
        true
    }

    /// The entries of the scaled matrix.
    fn load(&mut self, Problem { graph, scale }: &Problem<'_>) {
        let n = graph.n;
        self.diagonal.clear();
        self.diagonal.extend(graph.diagonal.iter().map(|x| x * scale));
        self.rows.clear();
        self.rows.resize(n, [(0, 0.0); ROW]);
        self.further.clear();
        self.filled.clear();
        self.filled.resize(n, 0);
        for (&(i, j), x) in graph.edges.iter().zip(graph.off_diagonal) {
            for (row, column) in [(i as usize, j as usize), (j as usize, i as usize)] {
                let filled = &mut self.filled[row];
                match self.rows[row].get_mut(*filled) {
                    Some(entry) => *entry = (column, x * scale),
                    None => self.further.push((row, column, x * scale)),
                }
                *filled += 1;
            }
        }
    }

    /// For the atoms from `first` on, one a lane, the least `Σ p(x)²` over the
    /// eigenvalues. The polynomials are kept with leading coefficient 1:
    /// `π⁺ = (x − a)π − βπ⁻`, and `p² = π²/N`.
    #[inline(always)]
    fn sums(&mut self, first: usize, values: &[f64], norm: f64) -> L::Single {
        let token = self.token;
        let (zero, one) = (L::Single::splat(token, 0.0), L::Single::splat(token, 1.0));
        let least =
            L::Single::splat(token, (SMALLEST_COUPLING * norm) * (SMALLEST_COUPLING * norm));
        let (mut a, mut beta, mut inverse) = ([zero; STEPS], [zero; STEPS], [zero; STEPS]);
        let (a0, mut length) = self.start(first);
        a[0] = a0;
        let mut more = least.less(length);
        inverse[0] = (one / length).or_else(more, zero);
        let mut inverse_before = one;
        for step in 1..STEPS {
            let [dot, square] = self.multiply();
            let r = inverse[step - 1];
            a[step] = dot * r;
            beta[step] = length * inverse_before;
            let next = square - a[step] * dot - beta[step] * length;
            if step + 1 < STEPS {
                self.advance(a[step], beta[step]);
            }
            more = next.both(more, (least * length).less(next));
            inverse_before = r;
            length = next;
            inverse[step] = (one / next).or_else(more, zero);
        }
        let mut smallest = L::Single::splat(token, f64::INFINITY);
        for &value in values {
            let x = L::Single::splat(token, value);
            let (mut before, mut here) = (one, x - a[0]);
            let mut sum = one + here * here * inverse[0];
            for step in 1..STEPS {
                let next = (x - a[step]) * here - beta[step] * before;
                sum = sum + next * next * inverse[step];
                (before, here) = (here, next);
            }
            smallest = sum.or_else(sum.less(smallest), smallest);
        }
        smallest
    }

    /// The first step, from the unit vectors of the atoms: the diagonal entry of
    /// each and the squared length of the rest of its row, left in `here`.
    #[inline(always)]
    fn start(&mut self, first: usize) -> (L::Single, L::Single) {
        let zero = L::Single::splat(self.token, 0.0);
        let n = self.diagonal.len();
        for vectors in [&mut self.before, &mut self.here] {
            vectors.clear();
            vectors.resize(n, zero);
        }
        self.product.resize(n, zero);
        let (mut diagonal, mut square) = (zero, zero);
        let mut add = |lane: usize, other: usize, x: f64| {
            let place = &mut self.here[other];
            place.set(lane, place.get(lane) + x);
        };
        let atoms = first..n.min(first + L::Single::WIDTH);
        for (lane, atom) in atoms.clone().enumerate() {
            diagonal.set(lane, self.diagonal[atom]);
            self.before[atom].set(lane, 1.0);
            self.rows[atom].iter().for_each(|&(other, x)| add(lane, other, x));
        }
        for &(row, other, x) in self.further.iter().filter(|entry| atoms.contains(&entry.0)) {
            add(row - first, other, x);
        }
        for &x in &self.here {
            square = square + x * x;
        }
        (diagonal, square)
    }

    /// `product` = the matrix times `here`; its products with `here` and itself.
    #[inline(always)]
    fn multiply(&mut self) -> [L::Single; 2] {
        let token = self.token;
        let rows =
            self.product.iter_mut().zip(&self.here).zip(self.diagonal.iter().zip(&self.rows));
        for ((product, &here), (&diagonal, row)) in rows {
            let mut sum = L::Single::splat(token, diagonal) * here;
            for &(other, x) in row {
                sum = sum + L::Single::splat(token, x) * self.here[other];
            }
            *product = sum;
        }
        for &(row, other, x) in &self.further {
            self.product[row] = self.product[row] + L::Single::splat(token, x) * self.here[other];
        }
        let (mut dot, mut square) = (L::Single::splat(token, 0.0), L::Single::splat(token, 0.0));
        for (&product, &here) in self.product.iter().zip(&self.here) {
            dot = dot + product * here;
            square = square + product * product;
        }
        [dot, square]
    }

    /// Goes on to the next vector, orthogonal to the two before.
    #[inline(always)]
    fn advance(&mut self, a: L::Single, beta: L::Single) {
        for ((before, &here), &product) in self.before.iter_mut().zip(&self.here).zip(&self.product)
        {
            *before = product - a * here - beta * *before;
        }
        std::mem::swap(&mut self.before, &mut self.here);
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;
    use crate::kernel::lane::{Pair, Vector};
    use crate::sample::molecule_like;
    use crate::{CpuBackend, SpectraBackend, SymmetricGraph};
    use hetero2_common::random::PythonRandom;
    use hetero2_contract::SymmetricMatrix;

    /// The bound of each atom, and its largest weight in a shell.
    fn bounds_and_weights(molecule: &SymmetricMatrix) -> Vec<(f64, f64)> {
        let graph = SymmetricGraph {
            n: molecule.diagonal.len(),
            edges: &molecule.edges,
            off_diagonal: &molecule.off_diagonal,
            diagonal: &molecule.diagonal,
        };
        let densities = CpuBackend::new().shell_projectors(&[graph]).unwrap().remove(0);
        let mut candidates = Candidates::<Pair<Vector<Scalar>>>::new(Scalar::new());
        candidates.reset(graph.n);
        let problem = Problem { graph, scale: 1.0 };
        candidates.add(1, &problem, densities.values(), 0.0);
        let largest = |atom: usize| densities.shells().map(|(_, d)| d[atom]).fold(0.0, f64::max);
        candidates.bounds.iter().enumerate().map(|(i, b)| (b.get(1), largest(i))).collect()
    }

    #[test]
    fn no_weight_exceeds_its_bound() {
        let mut rng = PythonRandom::new(5);
        for n in (1..=60).chain([90]).flat_map(|n| [n; 6]) {
            let mut molecule = molecule_like(n, &mut rng);
            for x in molecule.diagonal.iter_mut().chain(&mut molecule.off_diagonal) {
                *x *= 0.2 + rng.random();
            }
            for (atom, (bound, weight)) in bounds_and_weights(&molecule).into_iter().enumerate() {
                assert!(weight <= bound + 1e-9, "n = {n}, atom {atom}: {weight} {bound}");
            }
        }
    }

    #[test]
    fn most_atoms_are_excluded() {
        let mut rng = PythonRandom::new(6);
        let (mut kept, mut all) = (0, 0);
        for n in [25, 30, 35].into_iter().flat_map(|n| [n; 10]) {
            let molecule = molecule_like(n, &mut rng);
            let atoms = bounds_and_weights(&molecule);
            let best = atoms.iter().fold(0.0, |best, atom| atom.1.max(best));
            kept += atoms.iter().filter(|atom| atom.0 >= best * (1.0 - SLACK.0)).count();
            all += n;
        }
        assert!(3 * kept < all, "{kept} of {all} atoms are left");
    }
}
