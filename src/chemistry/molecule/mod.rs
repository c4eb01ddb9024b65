//! SMILES to a sanitised heavy-atom graph, its descriptors and fingerprint.
//!
//! The only module that knows the chemistry crate. It must not know of
//! operators, decoys, files or runs.

mod deadline;
mod depiction;
mod descriptors;
mod edit;
mod fingerprint;
mod graph;
mod guard;
mod isomorphism;
mod labelling;
mod molfile;
mod morgan;
mod parse;
mod plain;
mod rewire;
mod syntax;
#[cfg(test)]
mod test_library;
mod topology;

pub use deadline::{DeadlineError, run_with_deadline};
pub use descriptors::{Descriptors, RingInfo};
pub use edit::{EditableGraph, SanitizeError};
pub use fingerprint::{Fingerprint, Overlap};
pub use graph::{Bond, BondOrder, HeavyBond, HeavyGraph};
pub use molfile::{MolfileError, smiles_from_molfile};
pub use parse::{MolecularGraph, Molecule, MoleculeError, ParseLimits};
pub use rewire::{BondKind, BondSwap, Rewired, RewiredMolecule, Rewirer};
