//! The one place where a panic of the chemistry crate becomes an error.
//!
//! That crate is large and reads untrusted text. A molecule that trips an
//! assertion in it must cost one row, not the run. Nothing it holds outlives
//! a panic: its per-molecule caches are set once, after they are computed,
//! and its thread-local state is reset by drop guards.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::parse::MoleculeError;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it is an error and prints nothing.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, MoleculeError> {
    install_hook();
    let outer = SILENT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    SILENT.set(outer);
    result.map_err(|cause| internal(&*cause))
}

fn internal(cause: &(dyn Any + Send)) -> MoleculeError {
    let message = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    MoleculeError::Internal(message.unwrap_or("no message").to_string())
}

/// A caught panic is reported as the row's error; the hook that prints it as
/// well would fill the terminal. Panics elsewhere reach the previous hook.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let result = guarded(|| -> u32 { panic!("atom {}", 3) });
        assert_eq!(result, Err(MoleculeError::Internal("atom 3".into())));
        assert_eq!(guarded(|| 7), Ok(7));
        assert!(!SILENT.get());
    }
}
