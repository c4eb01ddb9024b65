//! At which energies are states counted, where a count is expensive? Where they
//! are: the interval whose states are least known is halved.
//!
//! Between two energies the number of states below ascends, so that a straight line
//! between the counts is off by at most half the rectangle `ΔN·ΔE` in area. The sum
//! of these halves, over states and width, is a rigorous bound on the mean error; an
//! even grid of K intervals has 1/(2K), whatever the spectrum.

use super::counter::{Count, EigenvalueCounter};
use super::{Interval, LargeGraphError};

/// Energies that are counted before any is chosen.
const FIRST: u32 = 17;
/// Intervals that are halved at a time: a vector of counts.
const TOGETHER: usize = 16;
/// Intervals no wider than this, relative to the whole, hold one level and are left.
const NARROW: f64 = 1e-12;

/// The bound on the mean error of straight lines between counts in ascending order, as
/// a part of all states.
#[must_use]
pub fn mean_error_bound(counts: &[Count], order: usize) -> f64 {
    let Some((first, last)) = counts.first().zip(counts.last()) else { return 1.0 };
    let area: f64 = counts.windows(2).map(rectangle).sum();
    area / (2.0 * order as f64 * (last.energy - first.energy))
}

/// Counts states within an interval until [`mean_error_bound`] is at most `target`, at
/// no more than about `most` energies.
///
/// # Errors
/// As [`EigenvalueCounter::below`].
pub fn counts_where_states_are(
    counter: &EigenvalueCounter,
    within: Interval,
    target: f64,
    most: usize,
) -> Result<Vec<Count>, LargeGraphError> {
    let width = within.width();
    let last = f64::from(FIRST - 1);
    let first: Vec<f64> = (0..FIRST).map(|at| within.low + width * f64::from(at) / last).collect();
    let mut counts = counter.below(&first)?;
    while mean_error_bound(&counts, counter.order()) > target && counts.len() < most {
        let mut intervals: Vec<(f64, f64)> = counts
            .windows(2)
            .filter(|ends| ends[1].energy - ends[0].energy > NARROW * width)
            .map(|ends| (rectangle(ends), ends[0].energy + (ends[1].energy - ends[0].energy) / 2.0))
            .filter(|interval| interval.0 > 0.0)
            .collect();
        if intervals.is_empty() {
            break;
        }
        intervals.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
        intervals.truncate(TOGETHER.min(most - counts.len()));
        let middles: Vec<f64> = intervals.into_iter().map(|interval| interval.1).collect();
        counts.extend(counter.below(&middles)?);
        counts.sort_by(|a, b| a.energy.total_cmp(&b.energy));
    }
    Ok(counts)
}

fn rectangle(ends: &[Count]) -> f64 {
    // Slack may make the later count the smaller.
    let states = ends[1].below.saturating_sub(ends[0].below);
    states as f64 * (ends[1].energy - ends[0].energy)
}
