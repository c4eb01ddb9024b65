//! From SMILES to molecules, their operators and their decoys.

mod decoy;
mod decoy_choice;
mod decoy_v2;
mod molecule;
mod operator;
