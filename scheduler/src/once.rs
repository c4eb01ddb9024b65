//! Submits once, though answers may be lost: what a scheduler accepted without
//! saying so is found by its name and adopted, and only what is not there is
//! submitted again.
//!
//! Knows no scheduler.

use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::SchedulerError;

/// Submits with `submit`; after an error that leaves open whether the scheduler
/// acted, asks `find` for what it may have accepted. A scheduler that is away or
/// busy is tried again after each of `pauses`.
///
/// # Errors
/// Why `submit` failed the last time. [`SchedulerError::Unreachable`] means that
/// it is not known whether the scheduler acted.
pub(crate) fn once<T>(
    pauses: &[Duration],
    mut submit: impl FnMut() -> Result<T, SchedulerError>,
    find: impl Fn() -> Result<Option<T>, SchedulerError>,
) -> Result<T, SchedulerError> {
    let mut pauses = pauses.iter();
    loop {
        let error = match submit() {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        let is_away = matches!(error, SchedulerError::Unreachable { .. });
        if !is_away && !matches!(error, SchedulerError::Refused { .. }) {
            return Err(error);
        }
        // A scheduler that is too busy to answer is too busy to be asked at once.
        loop {
            match find() {
                Ok(Some(accepted)) => {
                    warn!(%error, "it was accepted all the same");
                    return Ok(accepted);
                }
                Ok(None) if !is_away => return Err(error),
                found => {
                    let Some(pause) = pauses.next() else { return Err(error) };
                    thread::sleep(*pause);
                    if found.is_ok() {
                        break;
                    }
                }
            }
        }
        // It may have been accepted during the pause.
        if let Ok(Some(accepted)) = find() {
            warn!(%error, "it was accepted all the same");
            return Ok(accepted);
        }
    }
}

/// Asks again after each of `pauses` while the scheduler is away or busy.
///
/// # Errors
/// Those of `ask`, the last time.
pub(crate) fn patiently<T>(
    pauses: &[Duration],
    mut ask: impl FnMut() -> Result<T, SchedulerError>,
) -> Result<T, SchedulerError> {
    for pause in pauses {
        match ask() {
            Err(SchedulerError::Unreachable { why, .. }) => {
                warn!(why, "asked again in {} s", pause.as_secs_f64());
                thread::sleep(*pause);
            }
            answer => return answer,
        }
    }
    ask()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Kind;

    const PAUSES: [Duration; 2] = [Duration::ZERO; 2];

    fn away() -> SchedulerError {
        let (command, why) = ("sbatch".to_owned(), "socket timed out".to_owned());
        SchedulerError::Unreachable { scheduler: Kind::Slurm, command, why }
    }

    fn refused() -> SchedulerError {
        let (command, why) = ("sbatch".to_owned(), "no such partition".to_owned());
        SchedulerError::Refused { scheduler: Kind::Slurm, command, why }
    }

    #[test]
    fn what_was_accepted_without_an_answer_is_adopted() {
        for error in [away, refused] {
            let found = once(&PAUSES, || Err::<u32, _>(error()), || Ok(Some(7)));
            assert_eq!(found.unwrap(), 7);
        }
    }

    #[test]
    fn what_is_not_there_is_submitted_again_and_what_is_refused_is_not() {
        let tries = Cell::new(0);
        let count = || tries.set(tries.get() + 1);
        let second = || {
            count();
            if tries.get() == 2 { Ok(tries.get()) } else { Err(away()) }
        };
        assert_eq!(once(&PAUSES, second, || Ok(None)).unwrap(), 2);
        tries.set(0);
        let never = || {
            count();
            Err::<u32, _>(refused())
        };
        assert!(matches!(once(&PAUSES, never, || Ok(None)), Err(SchedulerError::Refused { .. })));
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn nothing_is_submitted_again_while_nobody_can_say_what_is_there() {
        let tries = Cell::new(0);
        let submit = || {
            tries.set(tries.get() + 1);
            Err::<u32, _>(away())
        };
        assert!(matches!(
            once(&PAUSES, submit, || Err(away())),
            Err(SchedulerError::Unreachable { .. })
        ));
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn what_is_accepted_late_is_not_submitted_twice() {
        let asked = Cell::new(0);
        let tries = Cell::new(0);
        let submit = || {
            tries.set(tries.get() + 1);
            Err::<u32, _>(away())
        };
        let late = || {
            asked.set(asked.get() + 1);
            Ok((asked.get() > 1).then_some(9))
        };
        assert_eq!(once(&PAUSES, submit, late).unwrap(), 9);
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn a_busy_scheduler_is_asked_again() {
        let tries = Cell::new(0);
        let ask = || {
            tries.set(tries.get() + 1);
            if tries.get() == 3 { Ok(tries.get()) } else { Err(away()) }
        };
        assert_eq!(patiently(&PAUSES, ask).unwrap(), 3);
        assert!(patiently(&PAUSES, || Err::<u32, _>(refused())).is_err());
    }
}
