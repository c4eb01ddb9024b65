//! Whether two coloured graphs differ in the numbering of their vertices only.
//!
//! Quicker than a canonical numbering of both: colours are refined by those
//! around them (Weisfeiler & Leman 1968), vertices of one colour
//! are mapped to one another along the edges without ever going back, and the
//! mapping is checked edge by edge. So a yes is proven; a no may be wrong for
//! graphs with symmetries. It must not know what vertices and edges mean.

use std::ops::Range;

use super::labelling::{ColouredGraph, odd};

const NONE: u32 = u32::MAX;

/// Rounds of refinement: colours tell how far around a vertex looks.
const ROUNDS: usize = 2;

/// A graph whose vertices carry refined colours.
pub(super) struct RefinedGraph {
    graph: ColouredGraph,
    colours: Vec<u64>,
    /// Equal for graphs that differ in numbering only.
    pub hash: u64,
}

/// Spreads every bit over the whole word (a step of SplitMix64).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::wrapping_add)
}

impl RefinedGraph {
    pub(super) fn new(graph: ColouredGraph) -> Self {
        let own = |(&colour, parity): (&u32, &Option<bool>)| {
            mix(2 * u64::from(colour) + u64::from(parity.is_some()))
        };
        let mut colours: Vec<u64> = graph.colours.iter().zip(&graph.parity).map(own).collect();
        let mut spread = vec![0; colours.len()];
        for _ in 0..ROUNDS {
            for (spread, &colour) in spread.iter_mut().zip(&colours) {
                *spread = mix(colour);
            }
            for (v, colour) in (0..).zip(&mut colours) {
                let seen = |&(other, kind): &(u32, u8)| {
                    spread[other as usize].rotate_left(4 * u32::from(kind))
                };
                let around = sum(graph.neighbours(v).iter().map(seen));
                *colour = colour.rotate_left(1) ^ around;
            }
        }
        let hash = sum(colours.iter().map(|&colour| mix(colour)));
        Self { graph, colours, hash }
    }

    pub(super) fn graph(&self) -> &ColouredGraph {
        &self.graph
    }

    /// Whether a mapping onto `other` was found.
    pub(super) fn is_isomorphic(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.colours.len() == other.colours.len()
            && Mapping::new(self, other).exists()
    }
}

struct Mapping<'a> {
    from: &'a RefinedGraph,
    to: &'a RefinedGraph,
    /// The vertices of `to` in ascending order of their colours.
    sorted: Vec<u32>,
    image: Vec<u32>,
    taken: Vec<bool>,
    queue: Vec<u32>,
}

impl<'a> Mapping<'a> {
    fn new(from: &'a RefinedGraph, to: &'a RefinedGraph) -> Self {
        let n = from.colours.len();
        let mut sorted: Vec<u32> = (0..n as u32).collect();
        sorted.sort_unstable_by_key(|&v| (to.colours[v as usize], v));
        let queue = Vec::with_capacity(n);
        Self { from, to, sorted, image: vec![NONE; n], taken: vec![false; n], queue }
    }

    /// The places in `sorted` of the vertices of a colour.
    fn of_colour(&self, colour: u64) -> Range<usize> {
        let start = self.sorted.partition_point(|&v| self.to.colours[v as usize] < colour);
        let rest = &self.sorted[start..];
        start..start + rest.partition_point(|&v| self.to.colours[v as usize] == colour)
    }

    fn exists(mut self) -> bool {
        self.complete().is_some() && self.is_isomorphism()
    }

    /// Maps every vertex.
    fn complete(&mut self) -> Option<()> {
        // First those that leave the least choice.
        let mut seeds: Vec<(Range<usize>, u32)> =
            self.from.colours.iter().map(|&colour| self.of_colour(colour)).zip(0..).collect();
        seeds.sort_by_key(|(places, _)| places.len());
        for (places, seed) in seeds {
            if self.image[seed as usize] != NONE {
                continue;
            }
            self.map(seed, places.map(|place| self.sorted[place]).collect::<Vec<_>>())?;
            while let Some(v) = self.queue.pop() {
                let (from, to) = (self.from, self.to);
                for &(next, kind) in from.graph.neighbours(v) {
                    if self.image[next as usize] == NONE {
                        let around = to.graph.neighbours(self.image[v as usize]).iter();
                        self.map(next, around.filter(|arc| arc.1 == kind).map(|arc| arc.0))?;
                    }
                }
            }
        }
        Some(())
    }

    /// Maps `v` to the first candidate that suits what is mapped already.
    fn map(&mut self, v: u32, candidates: impl IntoIterator<Item = u32>) -> Option<()> {
        let suits = |w: &u32| {
            let (from, to) = (self.from, self.to);
            !self.taken[*w as usize]
                && from.colours[v as usize] == to.colours[*w as usize]
                && self.keeps_arcs(v, *w, true)
        };
        let w = candidates.into_iter().find(suits)?;
        self.image[v as usize] = w;
        self.taken[w as usize] = true;
        self.queue.push(v);
        Some(())
    }

    /// Whether every arc of `v`, where `partly` every one to a mapped vertex,
    /// is one of `w`.
    fn keeps_arcs(&self, v: u32, w: u32, partly: bool) -> bool {
        let there = self.to.graph.neighbours(w);
        self.from.graph.neighbours(v).iter().all(|&(other, kind)| {
            let image = self.image[other as usize];
            (partly && image == NONE) || there.contains(&(image, kind))
        })
    }

    fn is_isomorphism(&self) -> bool {
        let (from, to) = (&self.from.graph, &self.to.graph);
        (0..).zip(&self.image).all(|(v, &w)| {
            let (here, there) = (from.neighbours(v), to.neighbours(w));
            let turned = || {
                let images: Vec<u32> = here.iter().map(|arc| self.image[arc.0 as usize]).collect();
                let others: Vec<u32> = there.iter().map(|arc| arc.0).collect();
                odd(&images) ^ odd(&others)
            };
            let parities = (from.parity[v as usize], to.parity[w as usize]);
            from.colours[v as usize] == to.colours[w as usize]
                && here.len() == there.len()
                && self.keeps_arcs(v, w, false)
                && match parities {
                    (None, None) => true,
                    (Some(a), Some(b)) => a ^ b == turned(),
                    _ => false,
                }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::labelling::label;
    use super::super::labelling::tests::{certificate_of, graph, shuffled, star};
    use super::*;
    use hetero2_common::random::PythonRandom;

    /// A ring of `n` with a vertex hanging on the first of it and, `apart` away, one more.
    fn lollipop(n: u32, apart: u32) -> ColouredGraph {
        let ring = (0..n).map(move |v| (v, (v + 1) % n));
        graph(n + 2, ring.chain([(0, n), (apart, n + 1)]))
    }

    #[test]
    fn renumbered_graphs_are_isomorphic_and_others_are_not() {
        let mut rng = PythonRandom::new(11);
        for (n, apart) in [(6, 1), (6, 2), (6, 3), (12, 5), (40, 17)] {
            let here = RefinedGraph::new(lollipop(n, apart));
            for _ in 0..10 {
                let there = RefinedGraph::new(shuffled(here.graph(), &mut rng));
                assert_eq!(here.hash, there.hash);
                assert!(here.is_isomorphic(&there), "{n} {apart}");
            }
            let other = RefinedGraph::new(lollipop(n, (apart + 1) % (n / 2)));
            assert!(!here.is_isomorphic(&other));
        }
    }

    #[test]
    fn what_refinement_cannot_tell_apart_is_told_apart_by_its_edges() {
        let ring = RefinedGraph::new(graph(12, (0..12).map(|v| (v, (v + 1) % 12))));
        let rings = (0..12u32).map(|v| (v, v / 6 * 6 + (v + 1) % 6));
        let rings = RefinedGraph::new(graph(12, rings));
        assert_eq!(ring.hash, rings.hash);
        assert!(!ring.is_isomorphic(&rings));
        assert!(!rings.is_isomorphic(&ring));
    }

    #[test]
    fn mirror_images_are_not_isomorphic() {
        let mut rng = PythonRandom::new(5);
        for _ in 0..10 {
            let here = RefinedGraph::new(star(true));
            let same = RefinedGraph::new(shuffled(&star(true), &mut rng));
            let mirrored = RefinedGraph::new(shuffled(&star(false), &mut rng));
            assert!(here.is_isomorphic(&same));
            assert!(!here.is_isomorphic(&mirrored));
        }
    }

    #[test]
    fn a_yes_is_what_canonical_numberings_say_of_random_graphs() {
        let mut rng = PythonRandom::new(7);
        let mut found = 0;
        for _ in 0..2_000 {
            let mut random = || {
                let mut edges = std::collections::BTreeSet::new();
                for v in 1..6u32 {
                    edges.insert((rng.below(v as usize) as u32, v));
                }
                let (a, b) = (rng.below(6) as u32, rng.below(6) as u32);
                edges.extend((a != b).then_some((a.min(b), a.max(b))));
                graph(6, edges)
            };
            let (here, there) = (random(), random());
            let equal = certificate_of(&here) == certificate_of(&there);
            assert_eq!(label(&here).len(), 6);
            let yes = RefinedGraph::new(here).is_isomorphic(&RefinedGraph::new(there));
            assert!(equal || !yes);
            found += usize::from(yes);
        }
        assert!(found > 50, "{found}");
    }
}
