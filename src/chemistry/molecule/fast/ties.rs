//! Whether atoms that ranking cannot tell apart are equal by symmetry.
//!
//! If they are, and stay so whichever of them is taken first, canonical ranks
//! do not depend on the numbering. Sufficient conditions are those of
//! V. Arvind, J. Köbler, G. Rattan and O. Verbitsky, "Graph isomorphism, color
//! refinement, and compactness" (2017), theorem 9, here for bonds that are of
//! one kind wherever they join the same two classes. It must not know how
//! ranks come about.

/// A class of several atoms that refinement left.
pub(super) struct TiedClass {
    /// The number that its atoms carry.
    id: u32,
    size: usize,
    /// Kind of bond and class of each neighbour of one atom; all have the same.
    neighbours: Vec<(u64, u32)>,
    /// Whether its atoms are bonded in pairs.
    paired: bool,
    /// Classes, by place in the list, to which bonds run one to one or as stars.
    joined: Vec<usize>,
}

impl TiedClass {
    pub(super) fn new(id: u32, size: usize, neighbours: Vec<(u64, u32)>) -> Self {
        Self { id, size, neighbours, paired: false, joined: Vec::new() }
    }
}

/// Whether ties between atoms are symmetries. `classes` are all of several
/// atoms; `size` is that of any class.
pub(super) fn are_symmetries(mut classes: Vec<TiedClass>, size: impl Fn(u32) -> usize) -> bool {
    (0..classes.len()).all(|at| note_bonds(&mut classes, at, &size)) && are_trees(&classes)
}

/// Notes where the bonds of a class run. False where they are neither of one
/// kind, nor all that are possible, nor one to one or stars.
fn note_bonds(classes: &mut [TiedClass], at: usize, size: &impl Fn(u32) -> usize) -> bool {
    let TiedClass { id, size: own, .. } = classes[at];
    let neighbours = std::mem::take(&mut classes[at].neighbours);
    for (place, &(kind, class)) in neighbours.iter().enumerate() {
        if let Some(earlier) = neighbours[..place].iter().find(|other| other.1 == class) {
            if earlier.0 != kind {
                return false;
            }
            continue;
        }
        let from_here = neighbours.iter().filter(|other| other.1 == class).count();
        // Both ends count the same bonds.
        let other = size(class);
        let from_there = from_here * own / other;
        if class == id {
            let all = from_here + 1 == own;
            classes[at].paired = !all;
            if !all && from_here != 1 {
                return false;
            }
        } else if from_here < other || from_there < own {
            if from_here != 1 && from_there != 1 {
                return false;
            }
            let Some(to) = classes.iter().position(|other| other.id == class) else { return false };
            classes[at].joined.push(to);
        }
    }
    true
}

/// Whether joined classes form trees that do not narrow from their smallest
/// class on, in which at most that one is paired.
fn are_trees(classes: &[TiedClass]) -> bool {
    let mut seen = vec![false; classes.len()];
    let mut by_size: Vec<usize> = (0..classes.len()).collect();
    by_size.sort_by_key(|&at| (classes[at].size, !classes[at].paired));
    for root in by_size {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        let mut open = vec![(root, root)];
        while let Some((at, from)) = open.pop() {
            if at != root && classes[at].paired {
                return false;
            }
            for &next in &classes[at].joined {
                if next == from {
                    continue;
                }
                if seen[next] || classes[next].size < classes[at].size {
                    return false;
                }
                seen[next] = true;
                open.push((next, at));
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Classes as (number, size, neighbours).
    fn symmetries(classes: &[(u32, usize, &[u32])]) -> bool {
        let size = |id: u32| classes.iter().find(|class| class.0 == id).map_or(1, |class| class.1);
        let tied = classes.iter().map(|&(id, size, neighbours)| {
            TiedClass::new(id, size, neighbours.iter().map(|&class| (1, class)).collect())
        });
        are_symmetries(tied.collect(), size)
    }

    #[test]
    fn ties_of_common_groups_are_symmetries() {
        // Trifluoromethyl; two phenyl rings' worth of ortho and meta atoms; tert-butyl.
        assert!(symmetries(&[(1, 3, &[0])]));
        assert!(symmetries(&[(1, 2, &[0, 3]), (3, 2, &[1, 5])]));
        // Two tert-butyls: their carbons are centres of stars.
        assert!(symmetries(&[(1, 2, &[0, 3, 3, 3]), (3, 6, &[1])]));
        // Two halves that a bond joins.
        assert!(symmetries(&[(0, 2, &[0, 2]), (2, 2, &[0])]));
        assert!(symmetries(&[(0, 4, &[0, 4]), (4, 8, &[0])]));
        // Cyclobutane, and cyclopropane on a spiro atom.
        assert!(symmetries(&[(0, 2, &[2, 2]), (2, 2, &[0, 0])]));
        assert!(symmetries(&[(1, 2, &[0, 1])]));
    }

    #[test]
    fn other_ties_may_be_none() {
        // A ring of six, or two of three: refinement cannot tell.
        assert!(!symmetries(&[(0, 6, &[0, 0])]));
        // Two para-substituted phenyls: four ortho atoms on two, closed by two.
        assert!(!symmetries(&[
            (0, 2, &[9, 2, 2]),
            (2, 4, &[0, 6]),
            (6, 4, &[2, 10]),
            (10, 2, &[6, 6]),
        ]));
        // Pairs at both ends of a path.
        assert!(!symmetries(&[(0, 4, &[0, 4]), (4, 4, &[0, 4])]));
        // Bonds between the same classes of two kinds.
        let mixed = TiedClass::new(0, 4, vec![(1, 0), (2, 0)]);
        assert!(!are_symmetries(vec![mixed], |_| 4));
    }
}
