//! What matrices does a molecule give? Atom parameters, and the graph
//! operators L, H, W and WH in packed form.
//!
//! Nothing here diagonalises anything, and nothing here may know of spectra,
//! files or runs. Every number is dimensionless.
//!
//! With `A` the binary adjacency of the heavy atoms, `A_w` the weighted one,
//! and `V_i = γ·ε(Z_i)`:
//!
//! | operator | matrix |
//! |---|---|
//! | L  | `D − A` |
//! | H  | `L + diag(V)` |
//! | W  | `D_w − A_w` |
//! | WH | `W + diag(V)` |
//!
//! ```
//! use hetero2_chemistry::molecule::{HeavyBond, HeavyGraph};
//! use hetero2_chemistry::operator::{AtomTable, GraphOperators, Operator, OperatorSettings};
//!
//! let ethanol = HeavyGraph {
//!     atomic_numbers: vec![6, 6, 8],
//!     bonds: vec![
//!         HeavyBond { i: 0, j: 1, doubled_order: 2 },
//!         HeavyBond { i: 1, j: 2, doubled_order: 2 },
//!     ],
//! };
//! let settings = OperatorSettings::default();
//! let operators = GraphOperators::build(&ethanol, AtomTable::embedded(), &settings)?;
//! let h = operators.view(Operator::H).expect("the default settings ask for H");
//! assert_eq!(h.diagonal, [1.0, 2.0, 0.0]); // degrees 1, 2, 1 and ε(O) = −1
//! # Ok::<(), hetero2_chemistry::operator::OperatorError>(())
//! ```

mod atoms;
mod build;
mod classes;
mod settings;

pub use atoms::{AtomParameters, AtomTable, AtomTableError};
pub use build::{GraphOperators, MissingPhysicsParams, OperatorError, PhysicsKey};
pub use classes::{ATOM_CLASSES, AtomClass, AtomClasses};
pub use hetero2_contract::{SymmetricGraph, SymmetricMatrix, UnknownName};
pub use settings::{
    EdgeWeights, Operator, OperatorSettings, Physics, PotentialScale, PotentialScaleError,
};

/// What the column `physics_params_source` says: the atom table and version
/// that the parameters come from.
pub const PHYSICS_PARAMS_SOURCE: &str = "atoms_db_v1_json";

/// `α` in the weight `order · (1 + α·|χ_i − χ_j|)`.
pub const DELTA_CHI_ALPHA: f64 = 1.0;
