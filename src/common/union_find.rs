//! Sets that are joined and never parted again.

/// Disjoint sets over `0..len`, with path halving. The representative of a set
/// is always its smallest member, so it depends neither on the order of the
/// unions nor on how they were distributed.
///
/// ```
/// use hetero2_common::union_find::{UnionFind, Union};
/// let mut sets = UnionFind::new(4);
/// assert_eq!(sets.union(3, 1), Union::Joined);
/// assert_eq!(sets.union(1, 3), Union::WereOne);
/// assert_eq!((sets.find(3), sets.find(2)), (1, 2));
/// ```
#[derive(Debug, Clone)]
pub struct UnionFind {
    parent: Vec<u32>,
}

/// All sets, numbered from 0 in the order of their smallest members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// Number of each member's set.
    pub of_member: Vec<u32>,
    /// How many sets there are.
    pub count: u32,
}

/// What a union did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Union {
    /// Two sets became one.
    Joined,
    /// Both members were in one set.
    WereOne,
}

impl UnionFind {
    /// Sets of one member each. Memory: 4 bytes a member.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self { parent: (0..len).collect() }
    }

    /// The smallest member of the set of `member`, which must be below the
    /// length.
    pub fn find(&mut self, member: u32) -> u32 {
        let mut at = member;
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    /// Makes one set of those of `a` and `b`.
    pub fn union(&mut self, a: u32, b: u32) -> Union {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return Union::WereOne;
        }
        self.parent[a.max(b) as usize] = a.min(b);
        Union::Joined
    }

    /// Numbers the sets.
    #[must_use]
    pub fn number(mut self) -> Sets {
        let mut count = 0;
        let mut of_member = vec![0; self.parent.len()];
        for member in 0..self.parent.len() as u32 {
            // A root is the smallest of its set, so it is met first.
            let root = self.find(member);
            of_member[member as usize] = if root == member {
                count += 1;
                count - 1
            } else {
                of_member[root as usize]
            };
        }
        Sets { of_member, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representatives_do_not_depend_on_the_order_of_unions() {
        let pairs = [(9, 4), (4, 7), (0, 3), (8, 7), (5, 3), (7, 9)];
        let sets = |pairs: &[(u32, u32)]| {
            let mut sets = UnionFind::new(10);
            let joined = pairs.iter().filter(|(a, b)| sets.union(*a, *b) == Union::Joined).count();
            (joined, (0..10).map(|i| sets.find(i)).collect::<Vec<_>>())
        };
        let forward = sets(&pairs);
        let backward: Vec<_> = pairs.iter().rev().map(|(a, b)| (*b, *a)).collect();
        assert_eq!(sets(&backward), forward);
        assert_eq!(forward, (5, vec![0, 1, 2, 0, 4, 0, 6, 4, 4, 4]));
    }

    #[test]
    fn sets_are_numbered_by_their_smallest_members() {
        let mut sets = UnionFind::new(5);
        sets.union(4, 2);
        sets.union(3, 0);
        assert_eq!(sets.number(), Sets { of_member: vec![0, 1, 2, 0, 2], count: 3 });
    }
}
