//! Walltimes and amounts of memory as users of batch systems write them.

use std::time::Duration;

/// A walltime or an amount of memory that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: write {forms}")]
pub struct QuantityError {
    text: String,
    what: &'static str,
    forms: &'static str,
}

/// Longest walltime: ten years, so that escalated ones stay in range.
const MOST_SECONDS: u64 = 10 * 365 * 86_400;

/// Most memory: 1 PiB, in MiB.
const MOST_MIB: u64 = 1 << 30;

/// Reads a walltime: minutes, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`,
/// `D-HH:MM:SS`, as SLURM does, or a number with `s`, `m`, `h` or `d`.
///
/// # Errors
/// [`QuantityError`] for anything else, zero, and more than ten years.
pub fn parse_walltime(text: &str) -> Result<Duration, QuantityError> {
    let error = || QuantityError {
        text: text.to_owned(),
        what: "walltime",
        forms: "90 (minutes), 90m, 2h, 01:30:00 or 1-12:00:00, up to ten years",
    };
    let seconds = walltime_seconds(text.trim()).ok_or_else(error)?;
    if (1..=MOST_SECONDS).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(error())
    }
}

fn walltime_seconds(text: &str) -> Option<u64> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    for (unit, seconds) in units {
        if let Some(amount) = text.strip_suffix(unit) {
            return number(amount)?.checked_mul(seconds);
        }
    }
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, text),
    };
    let parts: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match (days, &parts[..]) {
        (_, [h, m, s]) => (*h, *m, *s),
        (Some(_), [h, m]) => (*h, *m, 0),
        (Some(_), [h]) => (*h, 0, 0),
        (None, [m, s]) => (0, *m, *s),
        (None, [m]) => (0, *m, 0),
        _ => return None,
    };
    let in_range = parts.iter().skip(1).all(|&part| part < 60);
    let hours = days.unwrap_or(0).checked_mul(24)?.checked_add(hours)?;
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    in_range.then_some(minutes.checked_mul(60)?.checked_add(seconds)?)
}

fn number(text: &str) -> Option<u64> {
    // `parse` would take a sign.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Reads an amount of memory in MiB: a number of MiB, or one with `K`, `M`,
/// `G` or `T` (powers of 1,024, as in batch systems), and `iB` or `B` after it.
///
/// # Errors
/// [`QuantityError`] for anything else, zero, and more than 1 PiB.
pub fn parse_memory(text: &str) -> Result<u64, QuantityError> {
    let error = || QuantityError {
        text: text.to_owned(),
        what: "amount of memory",
        forms: "4096 (MiB), 500M, 4G or 1T, up to 1024T",
    };
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (amount, unit) = lower.split_at(digits);
    let amount = number(amount).filter(|_| digits > 0).ok_or_else(error)?;
    let mib = match unit.trim_start().trim_end_matches('b').trim_end_matches('i') {
        "k" => Some(amount.div_ceil(1_024)),
        "m" | "" => Some(amount),
        "g" => amount.checked_mul(1_024),
        "t" => amount.checked_mul(1_024 * 1_024),
        _ => None,
    };
    mib.filter(|mib| (1..=MOST_MIB).contains(mib)).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walltimes_are_read_as_slurm_reads_them() {
        let seconds = |text| parse_walltime(text).map(|time| time.as_secs());
        for (text, expected) in [
            ("90", 5_400),
            ("1:30", 90),
            ("01:30:00", 5_400),
            ("1-12", 129_600),
            ("1-12:30", 131_400),
            ("2-00:00:01", 172_801),
            ("45s", 45),
            ("90m", 5_400),
            ("2h", 7_200),
            ("3d", 259_200),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "-5", "+5", "1:60", "1:2:3:4", "two hours", "99999d", "1.5h", "h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_is_read_in_powers_of_1024() {
        for (text, expected) in [
            ("4096", 4_096),
            ("500M", 500),
            ("4G", 4_096),
            ("4GiB", 4_096),
            ("1t", 1_048_576),
            ("1500K", 2),
        ] {
            assert_eq!(parse_memory(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "G", "-1G", "1.5G", "4X", "2000T", "99999999999999999999"] {
            assert!(parse_memory(text).is_err(), "{text}");
        }
    }
}
