//! Errors of the library as Python exceptions, with the cure in Python's words.

use std::error::Error;

use hetero2_common::errors::with_causes;
use hetero2_engine::run::{ConfigError, RunError};
use hetero2_evidence::pack::PackError;
use hetero2_library::LibraryError;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;

create_exception!(hetero2, HeteroError, PyException, "Something failed; the base of all errors.");
create_exception!(hetero2, InputError, PyValueError, "What was given cannot be used.");

/// Adds the exceptions to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("HeteroError", py.get_type::<HeteroError>())?;
    module.add("NativeInputError", py.get_type::<InputError>())
}

/// Refuses what was given.
pub fn refused(why: impl Into<String>) -> PyErr {
    InputError::new_err(why.into())
}

/// The exception that an error of a run is.
pub fn of_run(error: &RunError) -> PyErr {
    let cure = match error {
        RunError::Cancelled => return PyKeyboardInterrupt::new_err("stopped"),
        RunError::Unfinished { .. } => "; resume=True goes on, another out= begins elsewhere",
        RunError::NotARun { .. } | RunError::Occupied { .. } | RunError::NotAPlan { .. } => {
            "; give another out="
        }
        RunError::OtherRun { .. } => "; give another out=, or the settings and library of that run",
        RunError::InUse { .. } => ", or give another out=",
        RunError::NoScoreMatches { .. } => {
            " The scores must be of the same seed=, k=, decoy_set= and hard_decoys="
        }
        RunError::Library(LibraryError::SeveralColumns { .. }) => "; name one with smiles_column=",
        RunError::Library(LibraryError::NoMolecule { .. }) => {
            "; name the columns with smiles_column= and id_column=, or the format with format="
        }
        _ => "",
    };
    let text = format!("{}{cure}", with_causes(error));
    match error {
        RunError::Config(ConfigError { setting, value, allowed }) => {
            let setting = if *setting == "decoys" { "k" } else { setting };
            refused(format!("{setting} is {value}: it must be {allowed}"))
        }
        RunError::Library(_)
        | RunError::NoLibrary
        | RunError::Scores { .. }
        | RunError::WrongDigest { .. }
        | RunError::Truth { .. }
        | RunError::Training { .. }
        | RunError::Decoys { .. }
        | RunError::NoScoreMatches { .. }
        | RunError::CostLift { .. } => refused(text),
        _ => HeteroError::new_err(text),
    }
}

/// The exception that an error about a pack is.
pub fn of_pack(error: &PackError) -> PyErr {
    other(error)
}

/// The exception that any other error is.
pub fn other(error: &(dyn Error + 'static)) -> PyErr {
    HeteroError::new_err(with_causes(error))
}
