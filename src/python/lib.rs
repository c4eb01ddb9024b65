//! The native half of the Python module `hetero2`: calls of Python turned into
//! requests of the library, and their results into Arrow tables and JSON.
//!
//! Answers what a Python user asks with what the program would; must not compute
//! anything itself. The half that Python users see is `hetero2/*.py`.

#![allow(missing_docs, reason = "seen by `hetero2/*.py` alone, which documents what it offers")]

mod errors;
mod input;
mod packs;
mod rows;
mod runs;
mod settings;
mod table;
mod watch;

use pyo3::prelude::*;

/// The module `hetero2._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::add(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<table::Table>()?;
    module.add_function(wrap_pyfunction!(input::texts, module)?)?;
    module.add_function(wrap_pyfunction!(rows::molecules, module)?)?;
    module.add_function(wrap_pyfunction!(rows::spectra, module)?)?;
    module.add_function(wrap_pyfunction!(rows::decoys, module)?)?;
    module.add_function(wrap_pyfunction!(runs::run, module)?)?;
    module.add_function(wrap_pyfunction!(runs::audit, module)?)?;
    module.add_function(wrap_pyfunction!(packs::verify, module)?)?;
    module.add_function(wrap_pyfunction!(packs::document, module)?)?;
    module.add_function(wrap_pyfunction!(packs::files, module)?)?;
    module.add_function(wrap_pyfunction!(packs::audited, module)?)?;
    module.add_function(wrap_pyfunction!(packs::decoy_keys, module)?)?;
    module.add_function(wrap_pyfunction!(packs::table, module)?)
}
