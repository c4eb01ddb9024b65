//! What the pieces of the reader do; whole files are tested through the library.

use super::smiles_from_molfile;
