//! In which order are the nodes of a sparse graph eliminated, and which pairs
//! does each elimination join? Knows the pattern alone, no number.
//!
//! Minimum degree with exact degrees (Tinney and Walker 1967; George and Liu
//! 1989). Among nodes of one degree those go first whose neighbours changed
//! longest ago, so that a path or ring of nodes is halved in each round instead
//! of being walked along: a node takes part in few eliminations, which is what
//! keeps rounding errors small. The order is then sorted by the tree of
//! eliminations, parents after their children, so that few sums are open at
//! once.

use std::collections::VecDeque;

use super::LargeGraphError;

/// The neighbours that each node has when it is eliminated.
pub(super) struct Elimination {
    /// Nodes in the order of their elimination.
    pub order: Vec<u32>,
    /// Neighbours of `node` when it is eliminated: `fronts[starts[node]..][..lengths[node]]`.
    fronts: Vec<u32>,
    starts: Vec<usize>,
    lengths: Vec<u32>,
}

impl Elimination {
    /// The neighbours that are left when `node` is eliminated.
    pub fn front(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.fronts[self.starts[node]..self.starts[node] + self.lengths[node] as usize]
    }

    /// Orders the nodes of a graph whose distinct pairs are `edges`.
    ///
    /// # Errors
    /// [`LargeGraphError::Fill`] where eliminations would join more than
    /// `most_pairs` pairs in all.
    pub fn of(
        n: usize,
        edges: impl Iterator<Item = (u32, u32)>,
        most_pairs: u64,
    ) -> Result<Self, LargeGraphError> {
        let mut graph = Remaining::new(n, edges);
        let mut queue = Queue::new(n);
        for node in 0..n {
            queue.put(node as u32, graph.degree[node]);
        }
        let mut found = Self {
            order: Vec::with_capacity(n),
            fronts: Vec::new(),
            starts: vec![0; n],
            lengths: vec![0; n],
        };
        let mut pairs = 0_u64;
        while let Some(node) = queue.take(&graph) {
            let start = found.fronts.len();
            graph.eliminate(node, &mut found.fronts);
            let front = &found.fronts[start..];
            let k = front.len() as u64;
            pairs += k * (k + 1) / 2;
            if pairs > most_pairs {
                return Err(LargeGraphError::Fill { n, most_pairs });
            }
            for &neighbour in front {
                queue.put(neighbour, graph.degree[neighbour as usize]);
            }
            found.starts[node as usize] = start;
            found.lengths[node as usize] = k as u32;
            found.order.push(node);
        }
        found.order = found.parents_last();
        Ok(found)
    }

    /// The nodes, each after all that are eliminated into it, and next to them.
    fn parents_last(&self) -> Vec<u32> {
        const NONE: u32 = u32::MAX;
        let n = self.order.len();
        let mut turn = vec![0_u32; n];
        for (at, &node) in self.order.iter().enumerate() {
            turn[node as usize] = at as u32;
        }
        let parent = |node: u32| self.front(node).iter().copied().min_by_key(|&p| turn[p as usize]);
        // Sizes of the subtrees: a child comes before its parent in `order`.
        let mut size = vec![1_u32; n];
        for &node in &self.order {
            if let Some(parent) = parent(node) {
                size[parent as usize] += size[node as usize];
            }
        }
        // Lists of children, the largest subtree first: it needs most room.
        let mut by_size = self.order.clone();
        by_size.sort_by_key(|&node| size[node as usize]);
        let (mut first, mut next, mut roots) = (vec![NONE; n], vec![NONE; n], NONE);
        for &node in &by_size {
            let head = parent(node).map_or(&mut roots, |parent| &mut first[parent as usize]);
            next[node as usize] = std::mem::replace(head, node);
        }
        let mut order = Vec::with_capacity(n);
        let mut open = Vec::new();
        let mut at = roots;
        loop {
            while at != NONE {
                open.push(at);
                at = first[at as usize];
            }
            let Some(node) = open.pop() else { return order };
            order.push(node);
            at = next[node as usize];
        }
    }
}

/// The graph of the nodes that are left.
struct Remaining {
    /// Neighbours; may hold eliminated ones, but none twice.
    neighbours: Vec<Vec<u32>>,
    /// Neighbours that are left.
    degree: Vec<u32>,
    gone: Vec<bool>,
}

impl Remaining {
    fn new(n: usize, edges: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut neighbours = vec![Vec::new(); n];
        for (i, j) in edges {
            neighbours[i as usize].push(j);
            neighbours[j as usize].push(i);
        }
        let degree = neighbours.iter().map(|list| list.len() as u32).collect();
        Self { neighbours, degree, gone: vec![false; n] }
    }

    /// Removes a node, joins its neighbours to each other and appends them to `fronts`.
    fn eliminate(&mut self, node: u32, fronts: &mut Vec<u32>) {
        let start = fronts.len();
        let list = std::mem::take(&mut self.neighbours[node as usize]);
        fronts.extend(list.into_iter().filter(|&other| !self.gone[other as usize]));
        self.gone[node as usize] = true;
        let front = &fronts[start..];
        for &other in front {
            self.degree[other as usize] -= 1;
        }
        for (at, &i) in front.iter().enumerate() {
            for &j in &front[at + 1..] {
                self.join(i, j);
            }
        }
    }

    fn join(&mut self, i: u32, j: u32) {
        self.tidy(i);
        self.tidy(j);
        let lengths = [i, j].map(|node| self.neighbours[node as usize].len());
        let (short, long) = if lengths[0] <= lengths[1] { (i, j) } else { (j, i) };
        if self.neighbours[short as usize].contains(&long) {
            return;
        }
        self.neighbours[short as usize].push(long);
        self.neighbours[long as usize].push(short);
        self.degree[short as usize] += 1;
        self.degree[long as usize] += 1;
    }

    /// Drops eliminated neighbours where they are more than half of a list.
    fn tidy(&mut self, node: u32) {
        let list = &mut self.neighbours[node as usize];
        if list.len() > 2 * self.degree[node as usize] as usize + 4 {
            let gone = &self.gone;
            list.retain(|&other| !gone[other as usize]);
        }
    }
}

/// Nodes by degree, within a degree first come, first served.
struct Queue {
    waiting: Vec<VecDeque<(u32, u32)>>,
    /// How often a node was put: earlier entries count no more.
    version: Vec<u32>,
    lowest: usize,
}

impl Queue {
    fn new(n: usize) -> Self {
        Self { waiting: Vec::new(), version: vec![0; n], lowest: 0 }
    }

    fn put(&mut self, node: u32, degree: u32) {
        let degree = degree as usize;
        if self.waiting.len() <= degree {
            self.waiting.resize_with(degree + 1, VecDeque::new);
        }
        let version = &mut self.version[node as usize];
        *version += 1;
        self.waiting[degree].push_back((node, *version));
        self.lowest = self.lowest.min(degree);
    }

    fn take(&mut self, graph: &Remaining) -> Option<u32> {
        while self.lowest < self.waiting.len() {
            while let Some((node, version)) = self.waiting[self.lowest].pop_front() {
                if version == self.version[node as usize] && !graph.gone[node as usize] {
                    return Some(node);
                }
            }
            self.lowest += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eliminate(n: usize, edges: &[(u32, u32)]) -> Elimination {
        Elimination::of(n, edges.iter().copied(), 1 << 20).unwrap()
    }

    #[test]
    fn a_tree_has_no_fill_and_every_parent_comes_after_its_children() {
        let edges: Vec<(u32, u32)> = (1..200_u32).map(|i| (i / 3, i)).collect();
        let found = eliminate(200, &edges);
        let mut seen = vec![false; 200];
        for &node in &found.order {
            assert!(found.front(node).len() <= 1);
            assert!(found.front(node).iter().all(|&parent| !seen[parent as usize]));
            seen[node as usize] = true;
        }
        assert!(seen.into_iter().all(|s| s));
    }

    #[test]
    fn a_ring_is_halved_and_not_walked_along() {
        let n = 1 << 12;
        let edges: Vec<(u32, u32)> = (0..n).map(|i| (i, (i + 1) % n)).collect();
        let found = eliminate(n as usize, &edges);
        let mut touched = vec![0; n as usize];
        for &node in &found.order {
            assert!(found.front(node).len() <= 2);
            found.front(node).iter().for_each(|&other| touched[other as usize] += 1);
        }
        let most = touched.into_iter().max().unwrap();
        assert!(most <= 2 * 13, "a node takes part in {most} eliminations");
    }

    #[test]
    fn a_graph_with_much_fill_is_refused() {
        let edges: Vec<(u32, u32)> = (0..60).flat_map(|i| (0..i).map(move |j| (j, i))).collect();
        let refused = Elimination::of(60, edges.into_iter(), 1000);
        assert!(matches!(refused, Err(LargeGraphError::Fill { n: 60, most_pairs: 1000 })));
    }

    #[test]
    fn a_hub_with_many_leaves_takes_no_quadratic_time() {
        let n = 200_000;
        let edges: Vec<(u32, u32)> = (1..n).map(|i| (0, i)).collect();
        let found = eliminate(n as usize, &edges);
        assert_eq!(found.order.len(), n as usize);
    }
}
