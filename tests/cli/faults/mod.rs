//! What goes wrong: bad libraries, and what happens to a run from outside.

mod input;
#[cfg(unix)]
mod process;
