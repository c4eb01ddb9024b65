//! From SMILES to molecules, their operators and their decoys.

mod decoy;
mod molecule;
mod operator;
