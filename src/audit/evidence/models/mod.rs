//! Controls that are fitted: they know the training molecules, or which
//! structures are originals, and nothing of the model. Every fit repeats bit
//! for bit: fixed order, fixed iterations, one thread.
//!
//! No crate does this here: `linfa`'s ridge and logistic regressions take dense
//! matrices (2,048 columns of bits that are mostly zero) and hand the work to
//! BLAS-like kernels whose bits depend on the machine.

mod neighbours;
mod random_weights;
mod ridge;
mod sample;
mod separability;
mod training;

pub use neighbours::{Neighbour, Neighbours};
pub use sample::KeySample;
pub use separability::{FOLDS, Features, SeparabilityFit, SeparabilityUnit, UnitSeparability};
pub use training::{SCRAMBLES, TrainedControls, TrainingMolecule};
