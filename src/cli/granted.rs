//! How many worker threads a command may have: what was asked for, else what
//! this process was granted.

use std::env;
use std::num::NonZero;
use std::thread::available_parallelism;

/// What the library starts threads by, where it is set.
const RAYON: &str = "RAYON_NUM_THREADS";

/// Variables in which batch systems and other programs say how many cores a
/// process has, in the order in which they are believed.
const VARIABLES: [(&str, Meaning); 6] = [
    ("SLURM_CPUS_PER_TASK", Meaning::Count),
    ("HQ_CPUS", Meaning::List),
    ("NSLOTS", Meaning::Count),
    ("PBS_NP", Meaning::Count),
    ("NCPUS", Meaning::Count),
    ("OMP_NUM_THREADS", Meaning::First),
];

/// What the value of a variable says.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// How many cores.
    Count,
    /// The numbers of the cores: `0,1,4-7`.
    List,
    /// How many on the outermost level, the first of `4,2`.
    First,
}

/// Worker threads: those asked for, else as many as the environment grants, but
/// no more than the cores that the system lets this process use; `None` for one
/// on each of these. [`RAYON`] is obeyed where threads are started.
pub fn threads(asked: Option<u16>) -> Option<usize> {
    if asked.is_some() {
        return asked.map(usize::from);
    }
    if env::var_os(RAYON).is_some() {
        return None;
    }
    // Of affinity and of the quota of a control group.
    let cores = available_parallelism().map_or(usize::MAX, NonZero::get);
    granted(|name| env::var(name).ok()).map(|granted| granted.min(cores))
}

/// The first sensible value of the variables.
fn granted(value: impl Fn(&str) -> Option<String>) -> Option<usize> {
    VARIABLES.iter().find_map(|(name, meaning)| cores(&value(name)?, *meaning))
}

/// Cores in the value of a variable; `None` where it says nothing sensible.
fn cores(value: &str, meaning: Meaning) -> Option<usize> {
    let count = match meaning {
        Meaning::Count => value.trim().parse().ok(),
        Meaning::First => value.split(',').next()?.trim().parse().ok(),
        Meaning::List => value.split(',').map(|part| listed(part.trim())).sum(),
    };
    count.filter(|count| *count > 0)
}

/// Cores in `4` or `4-7`.
fn listed(part: &str) -> Option<usize> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    last.checked_sub(first).map(|more| more as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Option<usize> {
        granted(|name| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_are_believed_in_their_order() {
        let all = VARIABLES.map(|(name, _)| name);
        for (index, first) in all.iter().enumerate() {
            let mut set: Vec<(&str, &str)> = all[index + 1..].iter().map(|n| (*n, "9")).collect();
            set.push((first, "3"));
            let expected = if *first == "HQ_CPUS" { 1 } else { 3 };
            assert_eq!(from(&set), Some(expected), "{first}");
        }
        assert_eq!(from(&[]), None);
    }

    #[test]
    fn a_list_of_cores_is_counted_and_nonsense_is_passed_over() {
        assert_eq!(from(&[("HQ_CPUS", "1")]), Some(1));
        assert_eq!(from(&[("HQ_CPUS", "0,3,5-7")]), Some(5));
        assert_eq!(from(&[("OMP_NUM_THREADS", "4,2")]), Some(4));
        // The core with number 0.
        assert_eq!(from(&[("HQ_CPUS", "0")]), Some(1));
        assert_eq!(from(&[("SLURM_CPUS_PER_TASK", "0")]), None);
        for nonsense in ["", "-2", "many", "7-3"] {
            assert_eq!(from(&[("HQ_CPUS", nonsense), ("NCPUS", "2")]), Some(2), "{nonsense}");
            assert_eq!(from(&[("SLURM_CPUS_PER_TASK", nonsense)]), None, "{nonsense}");
        }
    }
}
