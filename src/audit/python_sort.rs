//! Sorting floats in the order in which CPython 3.11 leaves them.
//!
//! Without NaN every correct sort gives one order. With NaN the order depends
//! on which comparisons a sort makes, and the published permutation quantiles
//! of `hetero_audit.v2` contain such cases (labelings whose AUC is undefined
//! because one class weighs nothing). They can only be reproduced by the same
//! merge sort: natural runs extended by binary insertion, merged by run power,
//! galloping. Algorithm: Tim Peters, `listsort.txt`; Munro and Wild, "Nearly-
//! Optimal Mergesorts" (2018). This module knows nothing of audits.

const MIN_GALLOP: usize = 7;

/// Sorts as CPython's `list.sort` does, NaN included.
pub(super) fn sort(values: &mut [f64]) {
    if values.iter().any(|v| v.is_nan()) {
        Sorter { values, runs: Vec::new(), min_gallop: MIN_GALLOP }.sort();
    } else {
        values.sort_by(f64::total_cmp);
    }
}

struct Run {
    start: usize,
    len: usize,
    power: u32,
}

struct Sorter<'a> {
    values: &'a mut [f64],
    runs: Vec<Run>,
    min_gallop: usize,
}

impl Sorter<'_> {
    fn sort(&mut self) {
        let n = self.values.len();
        let min_run = min_run(n);
        let mut start = 0;
        while start < n {
            let found = natural_run(&mut self.values[start..]);
            let len = found.max(min_run.min(n - start));
            insert_rest(&mut self.values[start..start + len], found);
            self.collapse_for(len);
            self.runs.push(Run { start, len, power: 0 });
            start += len;
        }
        while self.runs.len() > 1 {
            let mut at = self.runs.len() - 2;
            if at > 0 && self.runs[at - 1].len < self.runs[at + 1].len {
                at -= 1;
            }
            self.merge_at(at);
        }
    }

    /// Merges pending runs of greater power before a run of `next_len` is pushed.
    fn collapse_for(&mut self, next_len: usize) {
        let Some(last) = self.runs.last() else { return };
        let power = run_power(last.start, last.len, next_len, self.values.len());
        while self.runs.len() > 1 && self.runs[self.runs.len() - 2].power > power {
            self.merge_at(self.runs.len() - 2);
        }
        if let Some(last) = self.runs.last_mut() {
            last.power = power;
        }
    }

    fn merge_at(&mut self, at: usize) {
        let right = self.runs.remove(at + 1);
        let (start, middle) = (self.runs[at].start, right.start);
        let end = middle + right.len;
        self.runs[at].len += right.len;
        let skip = gallop_right(self.values[middle], &self.values[start..middle], 0);
        let start = start + skip;
        if start == middle {
            return;
        }
        let rest = &self.values[middle..end];
        let kept = gallop_left(self.values[middle - 1], rest, rest.len() - 1);
        if kept == 0 {
            return;
        }
        if middle - start <= kept {
            self.merge_low(start, middle, middle + kept);
        } else {
            self.merge_high(start, middle, middle + kept);
        }
    }

    /// Merges `start..middle` with `middle..end` from the left; the left run is
    /// the shorter one and is set aside.
    fn merge_low(&mut self, start: usize, middle: usize, end: usize) {
        let left = self.values[start..middle].to_vec();
        let (mut a, mut b, mut out) = (0, middle, start);
        let v = &mut *self.values;
        v[out] = v[b];
        (out, b) = (out + 1, b + 1);
        let mut min_gallop = self.min_gallop;
        'merge: {
            if b == end || left.len() - a == 1 {
                break 'merge;
            }
            loop {
                let (mut a_wins, mut b_wins) = (0, 0);
                while a_wins < min_gallop && b_wins < min_gallop {
                    if v[b] < left[a] {
                        v[out] = v[b];
                        (out, b) = (out + 1, b + 1);
                        (a_wins, b_wins) = (0, b_wins + 1);
                        if b == end {
                            break 'merge;
                        }
                    } else {
                        v[out] = left[a];
                        (out, a) = (out + 1, a + 1);
                        (a_wins, b_wins) = (a_wins + 1, 0);
                        if left.len() - a == 1 {
                            break 'merge;
                        }
                    }
                }
                min_gallop += 1;
                loop {
                    min_gallop -= usize::from(min_gallop > 1);
                    self.min_gallop = min_gallop;
                    let a_run = gallop_right(v[b], &left[a..], 0);
                    v[out..out + a_run].copy_from_slice(&left[a..a + a_run]);
                    (out, a) = (out + a_run, a + a_run);
                    if a_run > 0 && left.len() - a <= 1 {
                        break 'merge;
                    }
                    v[out] = v[b];
                    (out, b) = (out + 1, b + 1);
                    if b == end {
                        break 'merge;
                    }
                    let b_run = gallop_left(left[a], &v[b..end], 0);
                    v.copy_within(b..b + b_run, out);
                    (out, b) = (out + b_run, b + b_run);
                    if b == end {
                        break 'merge;
                    }
                    v[out] = left[a];
                    (out, a) = (out + 1, a + 1);
                    if left.len() - a == 1 {
                        break 'merge;
                    }
                    if a_run < MIN_GALLOP && b_run < MIN_GALLOP {
                        break;
                    }
                }
                min_gallop += 1;
                self.min_gallop = min_gallop;
            }
        }
        // What is left of the right run is in place or goes before the last of the left.
        if b < end {
            v.copy_within(b..end, out);
            out += end - b;
        }
        v[out..end].copy_from_slice(&left[a..]);
    }

    /// Merges from the right; the right run is the shorter one and is set aside.
    fn merge_high(&mut self, start: usize, middle: usize, end: usize) {
        let right = self.values[middle..end].to_vec();
        // `a` and `b` count what is left of each run; `out` is one past the next slot.
        let (mut a, mut b, mut out) = (middle - start, right.len(), end);
        let v = &mut *self.values;
        out -= 1;
        a -= 1;
        v[out] = v[start + a];
        let mut min_gallop = self.min_gallop;
        'merge: {
            if a == 0 || b == 1 {
                break 'merge;
            }
            loop {
                let (mut a_wins, mut b_wins) = (0, 0);
                while a_wins < min_gallop && b_wins < min_gallop {
                    out -= 1;
                    if right[b - 1] < v[start + a - 1] {
                        a -= 1;
                        v[out] = v[start + a];
                        (a_wins, b_wins) = (a_wins + 1, 0);
                        if a == 0 {
                            break 'merge;
                        }
                    } else {
                        b -= 1;
                        v[out] = right[b];
                        (a_wins, b_wins) = (0, b_wins + 1);
                        if b == 1 {
                            break 'merge;
                        }
                    }
                }
                min_gallop += 1;
                loop {
                    min_gallop -= usize::from(min_gallop > 1);
                    self.min_gallop = min_gallop;
                    let a_run = a - gallop_right(right[b - 1], &v[start..start + a], a - 1);
                    v.copy_within(start + a - a_run..start + a, out - a_run);
                    (out, a) = (out - a_run, a - a_run);
                    if a == 0 {
                        break 'merge;
                    }
                    (out, b) = (out - 1, b - 1);
                    v[out] = right[b];
                    if b == 1 {
                        break 'merge;
                    }
                    let b_run = b - gallop_left(v[start + a - 1], &right[..b], b - 1);
                    v[out - b_run..out].copy_from_slice(&right[b - b_run..b]);
                    (out, b) = (out - b_run, b - b_run);
                    if b_run > 0 && b <= 1 {
                        break 'merge;
                    }
                    (out, a) = (out - 1, a - 1);
                    v[out] = v[start + a];
                    if a == 0 {
                        break 'merge;
                    }
                    if a_run < MIN_GALLOP && b_run < MIN_GALLOP {
                        break;
                    }
                }
                min_gallop += 1;
                self.min_gallop = min_gallop;
            }
        }
        if a > 0 {
            v.copy_within(start..start + a, out - a);
            out -= a;
        }
        v[out - b..out].copy_from_slice(&right[..b]);
    }
}

fn min_run(mut n: usize) -> usize {
    let mut odd = 0;
    while n >= 64 {
        odd |= n & 1;
        n >>= 1;
    }
    n + odd
}

/// Length of the run that `values` begins with, made ascending.
fn natural_run(values: &mut [f64]) -> usize {
    if values.len() < 2 {
        return values.len();
    }
    let descending = values[1] < values[0];
    let more = values[1..].windows(2).take_while(|w| (w[1] < w[0]) == descending).count();
    if descending {
        values[..more + 2].reverse();
    }
    more + 2
}

/// Binary insertion of everything after the first `sorted` values.
fn insert_rest(values: &mut [f64], sorted: usize) {
    for i in sorted..values.len() {
        let (mut low, mut high) = (0, i);
        while low < high {
            let middle = low + (high - low) / 2;
            if values[i] < values[middle] {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        values[low..=i].rotate_right(1);
    }
}

/// Depth at which the boundary between two neighbouring runs lies in a
/// balanced binary tree over all `n` values.
fn run_power(start: usize, len: usize, next_len: usize, n: usize) -> u32 {
    let mut left = 2 * start + len;
    let mut right = left + len + next_len;
    let mut power = 1;
    loop {
        if left >= n {
            left -= n;
            right -= n;
        } else if right >= n {
            return power;
        }
        left *= 2;
        right *= 2;
        power += 1;
    }
}

/// Where `key` belongs in `run`, before its equals, searching outward from `hint`.
fn gallop_left(key: f64, run: &[f64], hint: usize) -> usize {
    gallop(run, hint, |value| value < key)
}

/// Where `key` belongs in `run`, after its equals, searching outward from `hint`.
#[allow(clippy::neg_cmp_op_on_partial_ord)] // With NaN, "not less" is what is meant.
fn gallop_right(key: f64, run: &[f64], hint: usize) -> usize {
    gallop(run, hint, |value| !(key < value))
}

/// Doubling steps away from `hint`, then bisection, for the first value of
/// which `before` does not hold.
fn gallop(run: &[f64], hint: usize, before: impl Fn(f64) -> bool) -> usize {
    let (mut last, mut step) = (0, 1);
    let (mut low, mut high);
    if before(run[hint]) {
        let most = run.len() - hint;
        while step < most && before(run[hint + step]) {
            (last, step) = (step, 2 * step + 1);
        }
        (low, high) = (hint + last + 1, hint + step.min(most));
    } else {
        let most = hint + 1;
        while step < most && !before(run[hint - step]) {
            (last, step) = (step, 2 * step + 1);
        }
        (low, high) = (hint + 1 - step.min(most), hint - last);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if before(run[middle]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use hetero2_common::random::PythonRandom;

    #[test]
    fn sorts_without_nan_whatever_path_is_taken() {
        let mut rng = PythonRandom::new(3);
        for n in [0usize, 1, 2, 63, 64, 65, 200, 1000, 3000] {
            let mut values: Vec<f64> = (0..n).map(|_| (rng.random() * 50.0).floor()).collect();
            let mut expected = values.clone();
            expected.sort_by(f64::total_cmp);
            Sorter { values: &mut values, runs: Vec::new(), min_gallop: MIN_GALLOP }.sort();
            assert_eq!(values, expected);
        }
    }

    /// Lists and the order in which CPython 3.11.7 leaves them; null is NaN.
    #[test]
    fn nan_lands_where_cpython_leaves_it() {
        let packed = include_bytes!("../../fixtures/audit/sort_with_nan.jsonl.gz");
        let text = std::io::read_to_string(flate2::read::GzDecoder::new(&packed[..])).unwrap();
        for line in text.lines() {
            let [mut values, sorted] = serde_json::from_str::<[Vec<Option<f64>>; 2]>(line)
                .unwrap()
                .map(|list| list.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect::<Vec<_>>());
            sort(&mut values);
            let show = |list: &[f64]| format!("{list:?}");
            assert_eq!(show(&values), show(&sorted));
        }
        assert_eq!(text.lines().count(), 160);
    }
}
