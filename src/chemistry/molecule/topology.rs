//! Graph questions that need no chemistry: ring bonds, components, rings.

use chematic::core as cc;
use chematic::perception;
use hetero2_common::union_find::{Union, UnionFind};

use super::adjacency::Adjacency;
use super::error::MoleculeError;
use super::graph::{Bond, BondOrder, HeavyBond, HeavyGraph};

/// More relevant cycles than this make a molecule too large: families of
/// equally short rings in cages can grow combinatorially.
const MAX_CYCLES: usize = 10_000;

/// The heavy-atom graph (Z > 1), nodes in atom order.
pub(super) fn heavy_graph(model: &cc::Molecule, bonds: &[Bond]) -> HeavyGraph {
    let mut node = vec![u32::MAX; model.atom_count()];
    let mut atomic_numbers = Vec::with_capacity(model.atom_count());
    for (index, atom) in model.atoms() {
        let z = if atom.wildcard { 0 } else { atom.element.atomic_number() };
        if z > 1 {
            node[index.0 as usize] = atomic_numbers.len() as u32;
            atomic_numbers.push(z);
        }
    }
    let mut heavy: Vec<HeavyBond> = bonds
        .iter()
        .filter_map(|bond| {
            let (a, b) = (node[bond.begin as usize], node[bond.end as usize]);
            (a != u32::MAX && b != u32::MAX).then(|| HeavyBond {
                i: a.min(b),
                j: a.max(b),
                doubled_order: bond.order.doubled(),
            })
        })
        .collect();
    heavy.sort_unstable();
    HeavyGraph { atomic_numbers, bonds: heavy }
}

/// A bond is in a ring unless removing it disconnects its ends: bridges by
/// one depth-first search (Tarjan), iterative so that chains cannot overflow.
pub(super) fn mark_ring_bonds(n: usize, bonds: &mut [Bond]) {
    let neighbours = neighbours(n, bonds);
    let mut order = vec![u32::MAX; n];
    let mut low = vec![u32::MAX; n];
    let mut clock = 0;
    let mut stack: Vec<(u32, u32, usize)> = Vec::new();
    for bond in bonds.iter_mut() {
        bond.in_ring = true;
    }
    for root in 0..n {
        if order[root] != u32::MAX {
            continue;
        }
        order[root] = clock;
        low[root] = clock;
        clock += 1;
        stack.push((root as u32, u32::MAX, 0));
        while let Some((atom, via, next)) = stack.pop() {
            let a = atom as usize;
            if let Some(&(other, bond)) = neighbours.of(a).get(next) {
                stack.push((atom, via, next + 1));
                let o = other as usize;
                if bond == via {
                    continue;
                }
                if order[o] == u32::MAX {
                    order[o] = clock;
                    low[o] = clock;
                    clock += 1;
                    stack.push((other, bond, 0));
                } else {
                    low[a] = low[a].min(order[o]);
                }
            } else if let Some(&(parent, _, _)) = stack.last() {
                let p = parent as usize;
                low[p] = low[p].min(low[a]);
                if low[a] > order[p] {
                    bonds[via as usize].in_ring = false;
                }
            }
        }
    }
}

/// For each atom its neighbours and the bonds to them.
fn neighbours(n: usize, bonds: &[Bond]) -> Adjacency<(u32, u32)> {
    let ends = |(bond, index): (&Bond, u32)| {
        [(bond.begin, (bond.end, index)), (bond.end, (bond.begin, index))]
    };
    Adjacency::new(n, bonds.iter().zip(0..).map(ends))
}

/// Number of connected components.
pub(super) fn count_components(n: usize, bonds: &[Bond]) -> usize {
    let mut atoms = UnionFind::new(n as u32);
    let joined = |bond: &&Bond| atoms.union(bond.begin, bond.end) == Union::Joined;
    n - bonds.iter().filter(joined).count()
}

/// The relevant cycles (Vismara 1997), each as its atoms in ring order; bonds
/// of order zero and dative bonds are in no ring.
pub(super) fn relevant_cycles(n: usize, bonds: &[Bond]) -> Result<Vec<Vec<usize>>, MoleculeError> {
    let eligible =
        |bond: &Bond| bond.in_ring && !matches!(bond.order, BondOrder::Zero | BondOrder::Dative);
    if !bonds.iter().any(eligible) {
        return Ok(Vec::new());
    }
    let edges: Vec<(usize, usize, bool)> =
        bonds.iter().map(|b| (b.begin as usize, b.end as usize, eligible(b))).collect();
    perception::relevant_cycles_from_graph(n, &edges, MAX_CYCLES).map_err(|_| {
        MoleculeError::TooLarge(format!("more than {MAX_CYCLES} rings (relevant cycles)"))
    })
}

/// Sums of cycles, each a set of bonds, modulo two.
pub(super) struct CycleSpace {
    bond_at: std::collections::HashMap<(u32, u32), usize>,
    words: usize,
    /// Reduced rows, each with its leading bond.
    rows: Vec<(usize, Vec<u64>)>,
}

impl CycleSpace {
    /// The empty sum over these bonds.
    pub(super) fn new(bonds: &[Bond]) -> Self {
        let ends = |bond: &Bond| (bond.begin.min(bond.end), bond.begin.max(bond.end));
        let bond_at = bonds.iter().filter(|bond| bond.in_ring).map(ends).zip(0..).collect();
        Self { bond_at, words: bonds.len().div_ceil(64), rows: Vec::new() }
    }

    /// Adds a cycle, its atoms in ring order; whether it is no sum of those
    /// that were added before.
    pub(super) fn adds(&mut self, cycle: &[usize]) -> bool {
        let mut row = vec![0u64; self.words];
        for (at, &atom) in cycle.iter().enumerate() {
            let next = cycle[(at + 1) % cycle.len()];
            let ends = (atom.min(next) as u32, atom.max(next) as u32);
            if let Some(&bond) = self.bond_at.get(&ends) {
                row[bond / 64] ^= 1 << (bond % 64);
            }
        }
        for (leading, known) in &self.rows {
            if row[leading / 64] >> (leading % 64) & 1 == 1 {
                row.iter_mut().zip(known).for_each(|(word, known)| *word ^= known);
            }
        }
        let leading = row.iter().position(|&word| word != 0);
        let leading = leading.map(|at| 64 * at + row[at].trailing_zeros() as usize);
        self.rows.extend(leading.map(|leading| (leading, row)));
        leading.is_some()
    }
}

/// How many of `cycles` have aromatic atoms only.
pub(super) fn count_aromatic(cycles: &[Vec<usize>], atom_aromatic: &[bool]) -> usize {
    cycles.iter().filter(|cycle| cycle.iter().all(|&atom| atom_aromatic[atom])).count()
}
