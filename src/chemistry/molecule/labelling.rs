//! One numbering for a coloured graph, whatever numbering it came in.
//!
//! Partition refinement with individualisation, as in McKay & Piperno,
//! "Practical graph isomorphism, II" (2014): cells are split by how often their
//! members touch other cells, remaining ties are broken in every way that no
//! known automorphism makes equal, and the least certificate wins. It must not
//! know what atoms and bonds mean.

use std::collections::VecDeque;

use super::adjacency::Adjacency;

/// Leaves of the search tree that are looked at before the best numbering so
/// far is taken; real molecules need a few dozen at most.
const MAX_LEAVES: usize = 2_000;

/// Larger graphs break ties one way only.
const MAX_EXACT_VERTICES: usize = 2_000;

/// A graph whose vertices and edge ends carry colours.
#[derive(Debug, Clone, Default)]
pub(super) struct ColouredGraph {
    /// Colour of each vertex, compared as numbers.
    pub colours: Vec<u32>,
    /// ChiralTag of a vertex: the parity of the order of its neighbours.
    pub parity: Vec<Option<bool>>,
    /// Neighbour, kind of the edge seen from the vertex.
    edges: Adjacency<(u32, u8)>,
}

impl ColouredGraph {
    /// A graph of `edges`: their ends, and their kind (below 12) seen from
    /// each. Their order is that of each vertex's neighbours.
    pub(super) fn new(
        colours: Vec<u32>,
        parity: Vec<Option<bool>>,
        edges: impl Iterator<Item = [(u32, u8); 2]> + Clone,
    ) -> Self {
        let edges = edges.map(|[(a, from_a), (b, from_b)]| [(a, (b, from_a)), (b, (a, from_b))]);
        Self { edges: Adjacency::new(colours.len(), edges), colours, parity }
    }

    /// The neighbours of `v` and the kinds of the edges seen from it, in the
    /// order that chiral tag refers to.
    pub(super) fn neighbours(&self, v: u32) -> &[(u32, u8)] {
        self.edges.of(v as usize)
    }
}

/// Colours that tell vertices apart by `key`: the ranks of the keys.
pub(super) fn ranks<V, K: Ord>(vertices: &[V], key: impl Fn(&V) -> K) -> Vec<u32> {
    let mut kinds: Vec<K> = vertices.iter().map(&key).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let rank = |vertex| kinds.binary_search(&key(vertex)).map_or(0, |rank| rank as u32);
    vertices.iter().map(rank).collect()
}

/// The canonical numbering of `graph`, which depends on the graph alone: the
/// old vertex at each new position.
pub(super) fn label(graph: &ColouredGraph) -> Vec<u32> {
    let mut partition = Partition::by_colour(&graph.colours);
    let cells = partition.cell_starts();
    partition.refine(graph, cells);
    if graph.colours.len() > MAX_EXACT_VERTICES {
        while let Some(start) = partition.first_smallest_cell() {
            partition.individualise(graph, start, partition.order[start]);
        }
        return partition.order;
    }
    let mut search =
        Search { graph, leaves: 0, first: None, best: None, automorphisms: Vec::new() };
    search.visit(&partition, &mut Vec::new());
    search.best.map_or_else(Vec::new, |leaf| leaf.order)
}

/// Vertices in cells; a cell is named by the position of its first member.
#[derive(Clone)]
struct Partition {
    order: Vec<u32>,
    position: Vec<u32>,
    cell: Vec<u32>,
    length: Vec<u32>,
}

impl Partition {
    fn by_colour(colours: &[u32]) -> Self {
        let n = colours.len();
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by_key(|&v| colours[v as usize]);
        let mut partition =
            Self { position: vec![0; n], cell: vec![0; n], length: vec![0; n], order };
        let mut start = 0;
        for at in 0..n {
            let colour = |at: usize| colours[partition.order[at] as usize];
            if at > 0 && colour(at) != colour(at - 1) {
                start = at;
            }
            let v = partition.order[at] as usize;
            partition.position[v] = at as u32;
            partition.cell[v] = start as u32;
            partition.length[start] += 1;
        }
        partition
    }

    fn cell_starts(&self) -> VecDeque<usize> {
        (0..self.order.len()).filter(|&at| self.length[at] > 0).collect()
    }

    fn first_smallest_cell(&self) -> Option<usize> {
        (0..self.order.len())
            .filter(|&at| self.length[at] > 1)
            .min_by_key(|&at| (self.length[at], at))
    }

    fn swap(&mut self, left: usize, right: usize) {
        self.order.swap(left, right);
        self.position[self.order[left] as usize] = left as u32;
        self.position[self.order[right] as usize] = right as u32;
    }

    /// Makes `vertex` of the cell at `start` a cell of its own and refines.
    fn individualise(&mut self, graph: &ColouredGraph, start: usize, vertex: u32) {
        self.swap(start, self.position[vertex as usize] as usize);
        let length = self.length[start];
        self.length[start] = 1;
        self.length[start + 1] = length - 1;
        for at in start + 1..start + length as usize {
            self.cell[self.order[at] as usize] = start as u32 + 1;
        }
        self.refine(graph, VecDeque::from([start]));
    }

    /// Splits cells until the members of each touch every cell equally often.
    fn refine(&mut self, graph: &ColouredGraph, mut queue: VecDeque<usize>) {
        let n = self.order.len();
        let mut queued = vec![false; n];
        queue.iter().for_each(|&start| queued[start] = true);
        let mut touch = vec![0u64; n];
        let mut touched: Vec<u32> = Vec::new();
        while let Some(splitter) = queue.pop_front() {
            queued[splitter] = false;
            for at in splitter..splitter + self.length[splitter] as usize {
                for &(other, _) in graph.neighbours(self.order[at]) {
                    if touch[other as usize] == 0 {
                        touched.push(other);
                    }
                    touch[other as usize] = 1;
                }
            }
            for &v in &touched {
                touch[v as usize] = graph
                    .neighbours(v)
                    .iter()
                    .filter(|(other, _)| self.cell[*other as usize] as usize == splitter)
                    .fold(0u64, |sum, &(_, kind)| sum.wrapping_add(1 << (5 * kind)));
            }
            touched.sort_unstable_by_key(|&v| (self.cell[v as usize], touch[v as usize]));
            let mut rest = touched.as_slice();
            while let Some(&v) = rest.first() {
                let start = self.cell[v as usize];
                let size = rest.partition_point(|&w| self.cell[w as usize] == start);
                self.split(start as usize, &rest[..size], &touch, &mut queue, &mut queued);
                rest = &rest[size..];
            }
            touched.drain(..).for_each(|v| touch[v as usize] = 0);
        }
    }

    /// Splits one cell by the touch counts of its touched `members`, which are
    /// sorted by them; untouched members stay in front.
    fn split(
        &mut self,
        start: usize,
        members: &[u32],
        touch: &[u64],
        queue: &mut VecDeque<usize>,
        queued: &mut [bool],
    ) {
        let length = self.length[start] as usize;
        let untouched = length - members.len();
        let distinct = members.windows(2).any(|w| touch[w[0] as usize] != touch[w[1] as usize]);
        if length == 1 || (untouched == 0 && !distinct) {
            return;
        }
        for (back, &v) in members.iter().rev().enumerate() {
            self.swap(start + length - 1 - back, self.position[v as usize] as usize);
        }
        let mut parts = Vec::new();
        if untouched > 0 {
            parts.push((start, untouched));
        }
        let mut at = start + untouched;
        for group in members.chunk_by(|&v, &w| touch[v as usize] == touch[w as usize]) {
            for &v in group {
                self.cell[v as usize] = at as u32;
            }
            parts.push((at, group.len()));
            at += group.len();
        }
        for &(at, size) in &parts {
            self.length[at] = size as u32;
        }
        // The largest part need not split others again, unless it was due to.
        let largest = parts.iter().map(|part| part.1).max().unwrap_or(0);
        let spared = parts.iter().find(|part| part.1 == largest).map(|part| part.0);
        let spared = spared.filter(|_| !queued[start]);
        for &(at, _) in &parts {
            if Some(at) != spared && !queued[at] {
                queued[at] = true;
                queue.push_back(at);
            }
        }
    }
}

struct Leaf {
    path: Vec<u32>,
    order: Vec<u32>,
    certificate: Vec<u32>,
}

struct Search<'a> {
    graph: &'a ColouredGraph,
    leaves: usize,
    first: Option<Leaf>,
    best: Option<Leaf>,
    automorphisms: Vec<Vec<u32>>,
}

impl Search<'_> {
    /// Visits the subtree under `path`; returns the depth to go back to when
    /// an automorphism shows that nothing new can be found below it.
    fn visit(&mut self, partition: &Partition, path: &mut Vec<u32>) -> Option<usize> {
        let Some(start) = partition.first_smallest_cell() else {
            return self.leaf(partition, path);
        };
        let members = &partition.order[start..start + partition.length[start] as usize];
        let mut done: Vec<u32> = Vec::new();
        for &v in members {
            if self.leaves >= MAX_LEAVES {
                return None;
            }
            if self.equivalent(v, &done, path) {
                continue;
            }
            done.push(v);
            let mut child = partition.clone();
            child.individualise(self.graph, start, v);
            path.push(v);
            let back = self.visit(&child, path);
            path.pop();
            if back.is_some_and(|depth| depth < path.len()) {
                return back;
            }
        }
        None
    }

    fn leaf(&mut self, partition: &Partition, path: &[u32]) -> Option<usize> {
        self.leaves += 1;
        let certificate = certificate(self.graph, partition);
        for known in [&self.first, &self.best].into_iter().flatten() {
            if known.certificate == certificate {
                let mut image = vec![0; partition.order.len()];
                for (&from, &to) in known.order.iter().zip(&partition.order) {
                    image[from as usize] = to;
                }
                let common = known.path.iter().zip(path).take_while(|(a, b)| a == b).count();
                self.automorphisms.push(image);
                return Some(common);
            }
        }
        let leaf = || Leaf {
            path: path.to_vec(),
            order: partition.order.clone(),
            certificate: certificate.clone(),
        };
        if self.best.as_ref().is_none_or(|best| certificate < best.certificate) {
            self.best = Some(leaf());
        }
        self.first.get_or_insert_with(leaf);
        None
    }

    /// Whether a known automorphism that leaves `path` alone takes one of
    /// `done` to `v`.
    fn equivalent(&self, v: u32, done: &[u32], path: &[u32]) -> bool {
        if done.is_empty() {
            return false;
        }
        let fixing: Vec<&Vec<u32>> = self
            .automorphisms
            .iter()
            .filter(|image| path.iter().all(|&p| image[p as usize] == p))
            .collect();
        if fixing.is_empty() {
            return false;
        }
        let mut reached = vec![false; self.graph.colours.len()];
        let mut stack = done.to_vec();
        done.iter().for_each(|&w| reached[w as usize] = true);
        while let Some(w) = stack.pop() {
            for image in &fixing {
                let to = image[w as usize];
                if !std::mem::replace(&mut reached[to as usize], true) {
                    stack.push(to);
                }
            }
        }
        reached[v as usize]
    }
}

/// The graph in the numbering of a discrete partition.
fn certificate(graph: &ColouredGraph, partition: &Partition) -> Vec<u32> {
    let mut text = Vec::with_capacity(4 * graph.colours.len());
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for &v in &partition.order {
        text.push(graph.colours[v as usize]);
        edges.clear();
        edges.extend(
            graph
                .neighbours(v)
                .iter()
                .map(|&(other, kind)| (partition.position[other as usize], u32::from(kind))),
        );
        let parity = graph.parity[v as usize].map(|parity| parity ^ odd(&edges));
        text.push(parity.map_or(0, |parity| 1 + u32::from(parity)));
        edges.sort_unstable();
        text.push(edges.len() as u32);
        text.extend(edges.iter().flat_map(|&(position, kind)| [position, kind]));
    }
    text
}

/// Whether sorting `items` takes an odd number of exchanges.
pub(super) fn odd<T: Ord>(items: &[T]) -> bool {
    let inversions = (1..items.len())
        .map(|i| items[..i].iter().filter(|before| **before > items[i]).count())
        .sum::<usize>();
    inversions % 2 == 1
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use hetero2_common::random::PythonRandom;

    pub(in super::super) fn graph(
        vertices: u32,
        edges: impl IntoIterator<Item = (u32, u32)>,
    ) -> ColouredGraph {
        let edges: Vec<_> = edges.into_iter().map(|(a, b)| [(a, 0), (b, 0)]).collect();
        let n = vertices as usize;
        ColouredGraph::new(vec![0; n], vec![None; n], edges.into_iter())
    }

    pub(in super::super) fn shuffled(
        graph: &ColouredGraph,
        rng: &mut PythonRandom,
    ) -> ColouredGraph {
        let n = graph.colours.len();
        let mut place: Vec<u32> = (0..n as u32).collect();
        rng.shuffle(&mut place);
        let mut image = ColouredGraph::default();
        let mut rows: Vec<Vec<(u32, u8)>> = Vec::new();
        for to in 0..n as u32 {
            let v = place.iter().position(|&at| at == to).unwrap();
            image.colours.push(graph.colours[v]);
            image.parity.push(graph.parity[v]);
            let seen = graph.neighbours(v as u32).iter();
            rows.push(seen.map(|&(w, kind)| (place[w as usize], kind)).collect());
        }
        image.edges = Adjacency::of_rows(&rows);
        image
    }

    /// The graph written out in its canonical numbering: equal exactly for
    /// graphs that differ in numbering only.
    pub(in super::super) fn certificate_of(graph: &ColouredGraph) -> Vec<u32> {
        let mut numbered = Partition::by_colour(&graph.colours);
        numbered.order = label(graph);
        for (at, &v) in numbered.order.iter().enumerate() {
            numbered.position[v as usize] = at as u32;
        }
        certificate(graph, &numbered)
    }

    /// Vertices (i, j) of a 4 by 4 torus grid, joined by `steps`.
    fn torus(steps: &[(u32, u32)]) -> ColouredGraph {
        let steps = steps.to_vec();
        let edges = (0..16u32).flat_map(move |v| {
            let (i, j) = (v / 4, v % 4);
            steps.clone().into_iter().map(move |(x, y)| (v, (i + x) % 4 * 4 + (j + y) % 4))
        });
        let distinct: std::collections::BTreeSet<(u32, u32)> =
            edges.map(|(v, w)| (v.min(w), v.max(w))).collect();
        graph(16, distinct)
    }

    #[test]
    fn numbering_does_not_change_the_certificate_of_symmetric_graphs() {
        let petersen =
            (0..5).flat_map(|i| [(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)]);
        let cube = (0..8u32).flat_map(|v| [1, 2, 4].map(|bit| (v, v ^ bit))).filter(|e| e.0 < e.1);
        // Thirty stars of three leaves on a ring: 3!^30 * 60 automorphisms.
        let stars = (0..30u32).flat_map(|i| {
            let leaf = 30 + 3 * i;
            [(i, (i + 1) % 30), (i, leaf), (i, leaf + 1), (i, leaf + 2)]
        });
        let two_rings = (0..12u32).map(|v| (v, v / 6 * 6 + (v + 1) % 6));
        let rook = torus(&[(0, 1), (0, 2), (1, 0), (2, 0)]);
        let graphs =
            [graph(10, petersen), graph(8, cube), graph(120, stars), graph(12, two_rings), rook];
        let mut rng = PythonRandom::new(3);
        for graph in graphs {
            let certificate = certificate_of(&graph);
            for _ in 0..10 {
                assert_eq!(certificate_of(&shuffled(&graph, &mut rng)), certificate);
            }
        }
    }

    #[test]
    fn graphs_that_refinement_cannot_tell_apart_get_different_certificates() {
        let ring = graph(12, (0..12).map(|v| (v, (v + 1) % 12)));
        let two_rings = graph(12, (0..12u32).map(|v| (v, v / 6 * 6 + (v + 1) % 6)));
        assert_ne!(certificate_of(&ring), certificate_of(&two_rings));
        let rook = torus(&[(0, 1), (0, 2), (1, 0), (2, 0)]);
        let shrikhande = torus(&[(0, 1), (1, 0), (1, 1)]);
        assert_ne!(certificate_of(&rook), certificate_of(&shrikhande));
    }

    /// A vertex of some chiral tag with four neighbours, each of its own colour.
    pub(in super::super) fn star(parity: bool) -> ColouredGraph {
        let mut star = graph(5, (1..5).map(|leaf| (0, leaf)));
        star.colours = vec![9, 1, 2, 3, 4];
        star.parity[0] = Some(parity);
        star
    }

    #[test]
    fn chiral_tags_distinguish_mirror_images() {
        let mut rng = PythonRandom::new(5);
        for parity in [true, false] {
            let same = certificate_of(&shuffled(&star(parity), &mut rng));
            assert_eq!(same, certificate_of(&star(parity)));
            assert_ne!(same, certificate_of(&star(!parity)));
        }
    }

    #[test]
    fn long_chains_are_labelled_quickly_and_without_deep_recursion() {
        let chain = graph(20_000, (1..20_000).map(|v| (v - 1, v)));
        assert_eq!(label(&chain).len(), 20_000);
        assert!(label(&graph(0, [])).is_empty());
    }
}
