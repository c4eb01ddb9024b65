//! Nothing finished is lost, whatever the disk does: each change of the disk is
//! made to fail, torn, or the last before a crash or a power loss; and two
//! processes work on one directory, interleaved at each rename.
//!
//! Some places of each are tried; `HETERO2_ALL_FAULTS=1` tries all.

mod actors;
mod disk;
mod each;
mod plans;
mod power;
mod processes;
mod seam;
mod world;
