//! Adapters of schedulers: on this machine, on a real SLURM, and on the other
//! real ones where their programs are found.

mod local;
mod real;
mod sandbox;
mod slurm;
