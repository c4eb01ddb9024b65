//! SMILES to a sanitised heavy-atom graph, its descriptors and fingerprint.
//!
//! The only module that knows the chemistry crate. It must not know of
//! operators, decoys, files or runs.

mod adjacency;
mod canonical;
mod catch_panic;
mod complexity;
mod deadline;
mod depiction;
mod descriptors;
mod ecfp4;
mod edit;
mod environments;
mod error;
mod fast;
mod fingerprint;
mod fixed_form;
pub mod fragments;
mod graph;
mod isomorphism;
mod labelling;
mod limits;
mod molfile;
mod morgan;
mod parse;
mod rewire;
mod scaffold;
mod sketch;
mod syntax;
#[cfg(test)]
mod test_library;
mod topology;

pub use canonical::Molecule;
pub use complexity::Complexity;
pub use deadline::{DeadlineError, run_with_deadline};
pub use descriptors::{Descriptors, RingInfo};
pub use edit::{EditableGraph, SanitizeError};
pub use environments::EnvironmentCount;
pub use error::MoleculeError;
pub use fingerprint::{Fingerprint, Overlap};
pub use graph::{Bond, BondOrder, HeavyBond, HeavyGraph};
pub use limits::ParseLimits;
pub use molfile::{MolfileError, smiles_from_molfile};
pub use parse::MolecularGraph;
pub use rewire::{BondKind, BondSwap, Rewired, RewiredMolecule, Rewirer};
pub use sketch::{MetSketches, Preview, RingBonds, Rings, Sketch};
