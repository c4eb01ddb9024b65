//! Argument parsing and exit codes; nothing else.

use std::process::ExitCode;

use mimalloc::MiMalloc;

mod cli;

/// Rows are made of many small vectors; the system's allocator took an eighth
/// of a run.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
