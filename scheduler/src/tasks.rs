//! Sets of task numbers.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Numbers of tasks, in order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSet(BTreeSet<u32>);

impl TaskSet {
    /// Number of tasks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, task: u32) -> bool {
        self.0.contains(&task)
    }

    /// Adds a number.
    pub fn insert(&mut self, task: u32) {
        self.0.insert(task);
    }

    /// The largest number.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.0.last().copied()
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<u32> for TaskSet {
    fn from_iter<I: IntoIterator<Item = u32>>(tasks: I) -> Self {
        Self(tasks.into_iter().collect())
    }
}

/// Ranges as batch schedulers write them: `0-3,7,9-12`.
impl fmt::Display for TaskSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tasks = self.iter().peekable();
        let mut first = true;
        while let Some(start) = tasks.next() {
            let mut end = start;
            while tasks.peek().is_some_and(|next| *next - 1 == end) {
                end += 1;
                tasks.next();
            }
            if !std::mem::take(&mut first) {
                f.write_str(",")?;
            }
            match end - start {
                0 => write!(f, "{start}")?,
                _ => write!(f, "{start}-{end}")?,
            }
        }
        Ok(())
    }
}

/// A set of tasks that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no set of numbers: write 7, 3-5 or 0-3,7,9-12, of at most 1,000,000 numbers")]
pub struct TaskSetError(String);

/// Reads what [`TaskSet`]'s `Display` writes.
impl FromStr for TaskSet {
    type Err = TaskSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MOST: usize = 1_000_000;
        let error = || TaskSetError(text.to_owned());
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| error());
        let mut tasks = BTreeSet::new();
        for range in text.split(',') {
            let (start, end) = range.split_once('-').unwrap_or((range, range));
            let (start, end) = (number(start)?, number(end)?);
            if start > end || (end - start) as usize + tasks.len() >= MOST {
                return Err(error());
            }
            tasks.extend(start..=end);
        }
        Ok(Self(tasks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_short() {
        let text = |tasks: &[u32]| tasks.iter().copied().collect::<TaskSet>().to_string();
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[7]), "7");
        assert_eq!(text(&[3, 0, 1, 2, 7, 9, 10]), "0-3,7,9-10");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["7", "0-3,7,9-10", "0-99999"] {
            assert_eq!(text.parse::<TaskSet>().unwrap().to_string(), text);
        }
        for text in ["", "a", "3-", "5-3", "1,,2", "-1", "0-4294967295", "4294967296"] {
            assert!(text.parse::<TaskSet>().is_err(), "{text}");
        }
    }
}
