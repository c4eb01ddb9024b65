//! Argument parsing and exit codes; nothing else.

use std::process::ExitCode;

use mimalloc::MiMalloc;

mod cli;

/// Rows are made of many small vectors; the system's allocator took an eighth
/// of a run.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// mimalloc's option `purge_delay`, which the crate does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Milliseconds before memory that is free goes back to the system. Waves of
/// rows come sooner after one another; pages that went back are cleared again.
const KEEP_FOR: std::ffi::c_long = 10_000;

fn main() -> ExitCode {
    // SAFETY: the call stores a number in a table that the allocator keeps; no
    // other thread runs yet. MIMALLOC_PURGE_DELAY goes before it.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEEP_FOR);
    }
    quiet_drivers();
    hetero2::contract::version::set_commit(env!("HETERO2_COMMIT"));
    cli::main(std::env::args_os())
}

/// Leaves out the layer of Mesa that asks the display which GPU comes first:
/// where a session has no runtime directory, as on compute nodes, it prints a
/// line of its own for each look at the GPUs. Who chose a GPU through the layer
/// keeps it.
fn quiet_drivers() {
    const OFF: &str = "NODEVICE_SELECT";
    let is_set = |name| std::env::var_os(name).is_some();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR");
    let has_session = runtime.is_some_and(|path| std::path::Path::new(&path).is_absolute());
    let is_chosen = [OFF, "MESA_VK_DEVICE_SELECT", "DRI_PRIME"].into_iter().any(is_set);
    if cfg!(all(feature = "gpu", target_os = "linux")) && !has_session && !is_chosen {
        // SAFETY: no other thread runs yet that could read the environment.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var(OFF, "1");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number is that of the bundled version of the allocator.
    #[test]
    #[allow(unsafe_code)]
    fn the_option_is_the_delay() {
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            // SAFETY: reads a number.
            assert_eq!(unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }, 1_000);
        }
    }
}
