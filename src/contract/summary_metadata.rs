//! `summary_metadata.json`: what the columns of the summary were computed with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hardness::Interpretation;

/// Version of the layout of `summary_metadata.json`.
pub const METADATA_SCHEMA: &str = "hetero2_summary_metadata.v1";
/// Version of the density of states.
pub const DOS_SCHEMA: &str = "hetero2_dos_ldos.v1";

/// `summary_metadata.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryMetadata {
    /// Version of this layout.
    pub schema_version: String,
    /// The interpretation.
    #[serde(flatten)]
    pub interpretation: Interpretation,
    /// `topological`, `hamiltonian` or `both`.
    pub physics_mode: String,
    /// `unweighted`, `bond_order` or `bond_order_delta_chi`.
    pub edge_weight_mode: String,
    /// `static`, `self_consistent` or `both`.
    pub potential_mode: String,
    /// Scale of the potential, dimensionless.
    pub potential_scale_gamma: f64,
    /// Always `dimensionless`.
    pub potential_unit_model: String,
    /// Inverse temperature of the entropies.
    pub physics_entropy_beta: f64,
    /// Version of the density of states; it and its grid are absent where no
    /// row is OK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_ldos_schema: Option<String>,
    /// Width of the Gaussian of the density of states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_eta: Option<f64>,
    /// Points of its energy grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_grid_n: Option<u64>,
    /// First energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_energy_min: Option<f64>,
    /// Last energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_energy_max: Option<f64>,
}
