//! Sets of task numbers.

use std::collections::BTreeSet;
use std::fmt;

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
}
