//! Whether a plan that was read holds together. A plan is a file: whoever can
//! write to the run directory can write anything there.

use hetero2_library::BLOCK_ROWS;

use super::document::{PackedFile, Plan, ShardPlan};
use super::partition::MAX_SHARDS;
use crate::run::layout::packed_name;

/// More rows than any library has.
const MAX_ROWS: u64 = 1 << 40;

/// What does not hold of a plan.
pub(super) fn problem(plan: &Plan) -> Option<String> {
    if plan.rows > MAX_ROWS {
        return Some(format!("{} rows, more than {MAX_ROWS}", plan.rows));
    }
    if plan.shards.len() > MAX_SHARDS as usize {
        return Some(format!("{} shards, more than {MAX_SHARDS}", plan.shards.len()));
    }
    if plan.audit_last.is_some_and(|last| !last.score.is_finite() || last.row >= plan.rows) {
        return Some("the last original that is audited is none of its rows".to_owned());
    }
    if plan.scorer.is_some() && plan.config.audit_top.is_some() {
        return Some("a command scores it, and only the best are audited".to_owned());
    }
    plan.config.validate().err().map(|error| error.to_string()).or_else(|| rows_problem(plan))
}

fn rows_problem(plan: &Plan) -> Option<String> {
    for (shard, number) in plan.shards.iter().zip(0_u32..) {
        if shard.index != number {
            return Some(format!("shard {} stands at place {number}", shard.index));
        }
    }
    for (file, number) in plan.packed.iter().zip(0_u64..) {
        if file.file.name != packed_name(number) {
            return Some(format!("packed file {number} is called {:?}", file.file.name));
        }
    }
    let shards = plan.shards.iter().map(|ShardPlan { first_row, rows, .. }| (*first_row, *rows));
    let packed = plan.packed.iter().map(|PackedFile { first_row, rows, .. }| (*first_row, *rows));
    gaps("shards", shards, plan.rows).or_else(|| gaps("packed files", packed, plan.rows))
}

/// Whether ranges of rows follow one another from 0 to the last row.
fn gaps(what: &str, ranges: impl Iterator<Item = (u64, u64)>, rows: u64) -> Option<String> {
    let mut next = 0;
    for (first, count) in ranges {
        if first != next {
            return Some(format!("{what} have a gap or overlap at row {}", first.min(next)));
        }
        if !first.is_multiple_of(BLOCK_ROWS as u64) {
            return Some(format!("{what} begin at row {first}, within a block"));
        }
        next = match first.checked_add(count).filter(|end| *end <= rows && (count > 0 || rows == 0))
        {
            Some(end) => end,
            None => return Some(format!("{what} have {count} rows from {first} on, of {rows}")),
        };
    }
    (next != rows).then(|| format!("{what} end at row {next} of {rows}"))
}
