//! The neighbours of each vertex of a graph, in one allocation. Knows nothing
//! of what vertices and edges stand for.

use std::ops::Range;

/// Entries of each vertex, back to back (compressed sparse rows), in the order
/// of the edges. Memory: 4 bytes a vertex and two entries an edge; a rebuilt
/// one keeps its room.
#[derive(Debug, Clone, Default)]
pub(super) struct Adjacency<T> {
    /// Vertex `v` owns `start[v]..start[v + 1]`.
    start: Vec<u32>,
    entries: Vec<T>,
}

impl<T: Copy + Default> Adjacency<T> {
    /// The adjacency of a graph of `n` vertices; an edge is, for each of its
    /// ends, that end and the entry to keep there.
    pub(super) fn new(n: usize, edges: impl Iterator<Item = [(u32, T); 2]> + Clone) -> Self {
        let mut adjacency = Self::default();
        adjacency.rebuild(n, edges);
        adjacency
    }

    /// The same, in the room of what was there.
    #[inline]
    pub(super) fn rebuild(&mut self, n: usize, edges: impl Iterator<Item = [(u32, T); 2]> + Clone) {
        self.start.clear();
        self.start.resize(n + 2, 0);
        let mut ends = 0;
        for edge in edges.clone() {
            for (vertex, _) in edge {
                self.start[vertex as usize + 2] += 1;
            }
            ends += 2;
        }
        for v in 2..n + 2 {
            self.start[v] += self.start[v - 1];
        }
        self.entries.clear();
        self.entries.resize(ends, T::default());
        // What will be the end of a vertex is its next place until then.
        for edge in edges {
            for (vertex, entry) in edge {
                let next = &mut self.start[vertex as usize + 1];
                self.entries[*next as usize] = entry;
                *next += 1;
            }
        }
    }

    /// The adjacency with these entries of each vertex.
    #[cfg(test)]
    pub(super) fn of_rows(rows: &[Vec<T>]) -> Self {
        let ends = rows.iter().scan(0, |end, row| {
            *end += row.len() as u32;
            Some(*end)
        });
        Self { start: std::iter::once(0).chain(ends).collect(), entries: rows.concat() }
    }

    /// The entries of `v`.
    #[inline]
    pub(super) fn of(&self, v: usize) -> &[T] {
        &self.entries[self.range(v)]
    }

    /// Where the entries of `v` are among all.
    #[inline]
    pub(super) fn range(&self, v: usize) -> Range<usize> {
        self.start[v] as usize..self.start[v + 1] as usize
    }

    /// The entries of all vertices.
    #[inline]
    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_in_the_order_of_the_edges() {
        let edges = [[(0, 'b'), (1, 'a')], [(1, 'd'), (3, 'c')], [(0, 'f'), (3, 'e')]];
        let mut adjacency = Adjacency::new(4, edges.into_iter());
        let found: Vec<&[char]> = (0..4).map(|v| adjacency.of(v)).collect();
        assert_eq!(found, [&['b', 'f'][..], &['a', 'd'], &[], &['c', 'e']]);
        assert_eq!(adjacency.entries(), ['b', 'f', 'a', 'd', 'c', 'e']);
        assert_eq!(adjacency.range(3), 4..6);
        adjacency.rebuild(1, [].into_iter());
        assert!(adjacency.of(0).is_empty() && adjacency.entries().is_empty());
    }
}
