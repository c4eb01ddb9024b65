//! Turns panics of other crates into errors: a molecule that trips an
//! assertion must cost one row, and a driver that fails its device, not the
//! run. Knows nothing of what is guarded.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it is an error, its message, and prints nothing.
/// What `work` borrows must not be left half changed by a panic.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = SILENT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    SILENT.set(outer);
    result.map_err(|cause| message(&*cause))
}

fn message(cause: &(dyn Any + Send)) -> String {
    let message = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    message.unwrap_or("no message").to_owned()
}

/// A caught panic is reported as an error; the hook that prints it as well
/// would fill the terminal. Panics elsewhere reach the previous hook.
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
        let result = catch_panic(|| -> u32 { panic!("atom {}", 3) });
        assert_eq!(result, Err("atom 3".to_owned()));
        assert_eq!(catch_panic(|| 7), Ok(7));
        assert!(!SILENT.get());
    }
}
