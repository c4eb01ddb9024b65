//! When the arrays of a submission may run, where the tasks at once are bounded:
//! SLURM bounds those of one array alone.

use super::script::Array;

/// When an array runs, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Most of its tasks at once.
    pub most: Option<u32>,
    /// Position of the array that it waits for.
    pub after: Option<usize>,
}

/// Shares `concurrency` between arrays, by their tasks, so that all run side by side
/// and end at about the same time. More arrays than tasks at once form as many
/// queues as there are tasks at once, about equally long.
pub fn turns(arrays: &[Array], concurrency: Option<u32>) -> Vec<Turn> {
    let Some(most) = concurrency else {
        return vec![Turn { most: None, after: None }; arrays.len()];
    };
    let queues = arrays.len().min(most as usize);
    // Tasks of each queue, and the last array in it.
    let mut tasks = vec![0_u64; queues];
    let mut last: Vec<Option<usize>> = vec![None; queues];
    let mut places = Vec::with_capacity(arrays.len());
    for (position, array) in arrays.iter().enumerate() {
        let Some(queue) = (0..queues).min_by_key(|queue| tasks[*queue]) else { break };
        places.push((queue, last[queue].replace(position)));
        tasks[queue] += array.tasks.len() as u64;
    }
    let shares = shares(&tasks, most);
    places.into_iter().map(|(queue, after)| Turn { most: Some(shares[queue]), after }).collect()
}

/// At least one for each queue, the rest by their tasks; `most` in all.
fn shares(tasks: &[u64], most: u32) -> Vec<u32> {
    let all: u64 = tasks.iter().sum();
    let rest = u64::from(most).saturating_sub(tasks.len() as u64);
    let part = |tasks: &u64| u128::from(rest) * u128::from(*tasks) / u128::from(all.max(1));
    let mut shares: Vec<u32> = tasks.iter().map(|tasks| 1 + part(tasks) as u32).collect();
    let given: u64 = shares.iter().map(|share| u64::from(*share)).sum();
    let left = u64::from(most).saturating_sub(given) as usize;
    shares.iter_mut().take(left).for_each(|share| *share += 1);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays(sizes: &[u32]) -> Vec<Array> {
        let array = |size: &u32| Array { offset: 0, block: 1000, tasks: (0..*size).collect() };
        sizes.iter().map(array).collect()
    }

    #[test]
    fn arrays_share_the_bound_and_wait_only_where_it_is_smaller_than_their_number() {
        let of = |sizes: &[u32], most| {
            let turns = turns(&arrays(sizes), most);
            turns.into_iter().map(|turn| (turn.most, turn.after)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[1000, 1000], None), [(None, None), (None, None)]);
        assert_eq!(of(&[1000], Some(50)), [(Some(50), None)]);
        assert_eq!(of(&[1000, 200], Some(50)), [(Some(41), None), (Some(9), None)]);
        assert_eq!(
            of(&[10, 10, 10], Some(2)),
            [(Some(1), None), (Some(1), None), (Some(1), Some(0))]
        );
        assert_eq!(
            of(&[5, 20, 5], Some(1)),
            [(Some(1), None), (Some(1), Some(0)), (Some(1), Some(1))]
        );
        assert_eq!(of(&[], Some(1)), []);
    }

    #[test]
    fn no_more_run_at_once_than_is_allowed_and_no_fewer() {
        for sizes in [&[1000, 1000, 3][..], &[1, 1, 1, 1, 900], &[7; 40]] {
            for most in [1, 2, 3, 5, 39, 40, 41, 1000, u32::MAX] {
                let turns = turns(&arrays(sizes), Some(most));
                let first = turns.iter().filter(|turn| turn.after.is_none());
                let at_once: u64 = first.map(|turn| u64::from(turn.most.unwrap())).sum();
                assert_eq!(at_once, u64::from(most), "{sizes:?} {most}");
                for (position, turn) in turns.iter().enumerate() {
                    let Some(earlier) = turn.after else { continue };
                    assert!(earlier < position && turns[earlier].most == turn.most);
                    // A queue, not a tree.
                    let followers = turns.iter().filter(|other| other.after == Some(earlier));
                    assert_eq!(followers.count(), 1, "{sizes:?} {most}");
                }
            }
        }
    }
}
