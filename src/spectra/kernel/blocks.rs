//! Which block of the tridiagonal matrix a QL sweep works on, lane by lane.

use std::ops::Range;

use super::lane::Lane;
use super::workspace::Workspace;

/// Half a unit in the last place of 1: a subdiagonal this small next to the
/// norm is set to zero (an error of the size of rounding).
const DEFLATION: f64 = f64::EPSILON / 2.0;

/// The topmost unreduced block `first..=last` of each lane, and what its
/// shift needs. Found by visiting the indices from the bottom up.
/// `first == last` where the lane is finished.
#[derive(Clone, Copy)]
pub(super) struct Blocks<L> {
    pub first: L,
    pub last: L,
    /// `diagonal[first]`, `diagonal[first + 1]`, `subdiagonal[first]`.
    pub head: [L; 3],
    /// The lowest index seen below which nothing is coupled.
    split: L,
}

impl<L: Lane> Blocks<L> {
    /// Nothing visited yet, for matrices of order `n`.
    #[inline(always)]
    pub fn none(token: L::Token, n: usize) -> Self {
        let end = L::splat(token, (n - 1) as f64);
        let (zero, one) = (L::splat(token, 0.0), L::splat(token, 1.0));
        Self { first: end, last: end, head: [zero, one, one], split: end }
    }

    /// Visits index `i`, where `size` (compared with `tolerance`) couples it
    /// to `i + 1`.
    #[inline(always)]
    pub fn visit(&mut self, i: L, size: L, tolerance: L, head: [L; 3]) {
        let split = size.less_or_equal(tolerance);
        self.first = self.first.or_else(split, i);
        self.last = self.last.or_else(split, self.split);
        for (kept, new) in self.head.iter_mut().zip(head) {
            *kept = kept.or_else(split, new);
        }
        self.split = i.or_else(split, self.split);
    }

    /// The rows that a sweep over all lanes must cover; `None` when every lane
    /// is finished.
    #[inline(always)]
    pub fn extent(&self, n: usize) -> Option<(usize, usize)> {
        let token = self.first.token();
        let active = self.first.less(self.last);
        let first = self.first.or_else(active, L::splat(token, n as f64)).smallest();
        let last = self.last.or_else(active, L::splat(token, 0.0)).largest();
        (first < last).then_some((first as usize, last as usize))
    }

    /// The rows that lie, with the row above, strictly inside the block of every
    /// lane.
    #[inline(always)]
    pub fn shared(&self) -> Range<usize> {
        let (first, last) = (self.first.largest() as usize, self.last.smallest() as usize);
        first + 1..last.saturating_sub(1)
    }

    /// Positive in the lanes that are not finished.
    #[inline(always)]
    pub fn remaining(&self) -> L {
        self.last - self.first
    }
}

/// The largest |subdiagonal| that deflates: half an ulp of the ∞-norm.
#[inline(always)]
pub(super) fn tolerance<L: Lane>(ws: &Workspace<L>) -> L {
    let mut norm = L::splat(ws.token, 0.0);
    for (&d, &e) in ws.diagonal.iter().zip(&ws.subdiagonal) {
        let row = d.abs() + e.abs();
        norm = row.or_else(norm.less(row), norm);
    }
    norm * L::splat(ws.token, DEFLATION)
}

/// More sweeps than any matrix needs (about 1.7 an eigenvalue): reached only
/// when a lane fails to converge.
pub(super) fn sweep_limit(n: usize) -> usize {
    40 * n + 60
}
