//! Months of the calendar in UTC, by which usage is summed. It must not know
//! what is summed.

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDate};

use crate::time::Instant;

/// A month, as in `2026-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    /// 1 to 12.
    month: u32,
}

impl Month {
    /// The month that `instant` is in.
    #[must_use]
    pub fn of(instant: Instant) -> Self {
        let date = DateTime::from_timestamp_millis(instant.0).unwrap_or_default();
        Self { year: date.year(), month: date.month() }
    }

    /// Reads `2026-12`, of the years 1970 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let are_digits = |text: &str, count: usize| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !are_digits(year, 4) || !are_digits(month, 2) {
            return None;
        }
        let (year, month) = (year.parse().ok()?, month.parse().ok()?);
        let is_one = (1970..=9999).contains(&year) && (1..=12).contains(&month);
        is_one.then_some(Self { year, month })
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { month: month + 1, ..self },
        }
    }

    /// Its first moment.
    #[must_use]
    pub fn start(self) -> Instant {
        let day = NaiveDate::from_ymd_opt(self.year, self.month, 1);
        let midnight = day.and_then(|day| day.and_hms_opt(0, 0, 0));
        Instant(midnight.map_or(0, |midnight| midnight.and_utc().timestamp_millis()))
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(self) -> Instant {
        self.next().start()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_meet_without_gap() {
        let december = Month::parse("2026-12").unwrap();
        let january = december.next();
        assert_eq!(january.to_string(), "2027-01");
        assert_eq!(december.end(), january.start());
        assert_eq!(december.start().rfc3339(), "2026-12-01T00:00:00.000Z");
        assert_eq!(Month::of(Instant(january.start().0 - 1)), december);
        assert_eq!(Month::of(january.start()), january);
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in ["", "2026", "2026-13", "2026-00", "2026-1", "+026-01", "2026-12-01", "1969-12"]
        {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
