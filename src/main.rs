//! Argument parsing and exit codes; nothing else.

fn main() {}
