//! Matrices to measure on: of the molecules of a library.

use hetero2_chemistry::molecule::{Molecule, ParseLimits};
use hetero2_chemistry::operator::{
    AtomTable, GraphOperators, Operator, OperatorSettings, SymmetricMatrix,
};
use hetero2_library::Source;

use super::BenchError;
use crate::run::RunConfig;

/// The Hamiltonians of the first molecules of a library, under the default
/// settings of a run; rows that a run would not compute are passed over.
///
/// # Errors
/// The library cannot be read, or no row of it gives a matrix.
pub fn of_library(
    source: Source,
    name: &str,
    most: usize,
) -> Result<Vec<SymmetricMatrix>, BenchError> {
    let limits = ParseLimits::with_max_heavy_atoms(RunConfig::default().max_atoms as usize);
    let settings = OperatorSettings::default();
    let (mut matrices, mut rows) = (Vec::new(), 0);
    for record in source {
        let record = record?;
        rows += 1;
        let Ok(molecule) = Molecule::from_smiles(&record.smiles, &limits) else { continue };
        if molecule.component_count() != 1 || molecule.graph().atomic_numbers.is_empty() {
            continue;
        }
        let operators = GraphOperators::build(molecule.graph(), AtomTable::embedded(), &settings);
        matrices.extend(operators.ok().and_then(|operators| operators.matrix(Operator::H)));
        if matrices.len() == most {
            break;
        }
    }
    if matrices.is_empty() {
        return Err(BenchError::NoMatrices { library: name.into(), rows });
    }
    Ok(matrices)
}
