//! Which operators a run asks for.

use std::fmt;
use std::str::FromStr;

use hetero2_contract::UnknownName;
use serde::{Deserialize, Serialize};

/// A graph operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operator {
    /// The Laplacian `D − A`.
    L,
    /// The Laplacian with the atoms' potential on its diagonal.
    H,
    /// The weighted Laplacian `D_w − A_w`.
    W,
    /// The weighted Laplacian with the potential.
    WH,
}

impl Operator {
    /// All operators in the order of published tables.
    pub const ALL: [Self; 4] = [Self::L, Self::H, Self::W, Self::WH];

    /// Whether the diagonal holds the potential `V`.
    #[must_use]
    pub fn has_potential(self) -> bool {
        matches!(self, Self::H | Self::WH)
    }

    /// Whether the bonds are weighted.
    #[must_use]
    pub fn is_weighted(self) -> bool {
        matches!(self, Self::W | Self::WH)
    }
}

/// Which halves of the operators are published.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Physics {
    /// L, and W with edge weights: needs no ε.
    #[cfg_attr(feature = "clap", value(help = "The Laplacian L only"))]
    Topological,
    /// H, and WH with edge weights.
    #[cfg_attr(feature = "clap", value(help = "The Hamiltonian H only"))]
    Hamiltonian,
    /// Both of them.
    #[default]
    #[cfg_attr(feature = "clap", value(help = "L and H"))]
    Both,
}

/// How bonds are weighted in W and WH.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EdgeWeights {
    /// There is no W and no WH.
    #[default]
    #[cfg_attr(feature = "clap", value(help = "No weighted operators"))]
    Unweighted,
    /// `w = order`: 1, 1.5, 2, 3, 4; dative 1; zero-order 0.
    #[cfg_attr(feature = "clap", value(alias = "bond_order", help = "Bond orders"))]
    BondOrder,
    /// `w = order · (1 + α·|χ_i − χ_j|)`; needs χ.
    #[cfg_attr(
        feature = "clap",
        value(
            alias = "bond_order_delta_chi",
            help = "Bond orders scaled by electronegativity differences"
        )
    )]
    BondOrderDeltaChi,
}

/// Gives an enum its published names: `Display`, and `FromStr`, which accepts
/// kebab-case too.
macro_rules! named {
    ($type:ident, $what:literal, $expected:literal, $($variant:ident => $name:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $name),+ })
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name.replace('-', "_").as_str() {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName {
                        what: $what,
                        name: name.chars().take(80).collect(),
                        expected: $expected,
                    }),
                }
            }
        }
    };
}

named!(Operator, "operator", "L, H, W, WH", L => "L", H => "H", W => "W", WH => "WH");
named!(Physics, "physics mode", "topological, hamiltonian, both",
    Topological => "topological", Hamiltonian => "hamiltonian", Both => "both");
named!(EdgeWeights, "edge weight mode", "unweighted, bond_order, bond_order_delta_chi",
    Unweighted => "unweighted", BondOrder => "bond_order",
    BondOrderDeltaChi => "bond_order_delta_chi");

/// The factor γ of the potential, `V = γ·ε`; dimensionless.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct PotentialScale(f64);

/// Why a number is no potential scale.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PotentialScaleError {
    /// Not a number at all.
    #[error("the potential scale must be a number, found `{0}`")]
    NotANumber(String),
    /// Not finite, or too large for eight decimals of an eigenvalue to mean
    /// anything in double precision.
    #[error("the potential scale must lie within ±{limit:e}, found {scale}")]
    OutOfRange {
        /// The number as given.
        scale: f64,
        /// [`PotentialScale::MAX`].
        limit: f64,
    },
}

impl PotentialScale {
    /// The largest magnitude accepted: beyond it an eigenvalue's eighth
    /// decimal is lost in double precision.
    pub const MAX: f64 = 1e6;

    /// The factor itself.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for PotentialScale {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for PotentialScale {
    type Error = PotentialScaleError;

    fn try_from(scale: f64) -> Result<Self, PotentialScaleError> {
        if scale.abs() <= Self::MAX {
            Ok(Self(scale))
        } else {
            Err(PotentialScaleError::OutOfRange { scale, limit: Self::MAX })
        }
    }
}

impl From<PotentialScale> for f64 {
    fn from(scale: PotentialScale) -> Self {
        scale.0
    }
}

impl FromStr for PotentialScale {
    type Err = PotentialScaleError;

    fn from_str(text: &str) -> Result<Self, PotentialScaleError> {
        let not_a_number = || PotentialScaleError::NotANumber(text.chars().take(80).collect());
        text.parse::<f64>().map_err(|_| not_a_number())?.try_into()
    }
}

impl fmt::Display for PotentialScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The operator part of a run's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorSettings {
    /// Which halves are published.
    pub physics: Physics,
    /// How W and WH weigh bonds.
    pub edge_weights: EdgeWeights,
    /// γ in `V = γ·ε`.
    pub potential_scale: PotentialScale,
}

impl OperatorSettings {
    /// Whether features of `operator` are published.
    #[must_use]
    pub fn publishes(&self, operator: Operator) -> bool {
        let half = match self.physics {
            Physics::Topological => !operator.has_potential(),
            Physics::Hamiltonian => operator.has_potential(),
            Physics::Both => true,
        };
        half && (!operator.is_weighted() || self.edge_weights != EdgeWeights::Unweighted)
    }

    /// Whether the spectrum of `operator` is needed: the published ones, and
    /// always L, which `spectral_gap` and its kin are read from.
    #[must_use]
    pub fn needs(&self, operator: Operator) -> bool {
        operator == Operator::L || self.publishes(operator)
    }

    /// The published operators, in the order L, H, W, WH.
    pub fn published(&self) -> impl Iterator<Item = Operator> + use<> {
        let settings = *self;
        Operator::ALL.into_iter().filter(move |&operator| settings.publishes(operator))
    }

    /// The operators to solve, in the order L, H, W, WH.
    pub fn needed(&self) -> impl Iterator<Item = Operator> + use<> {
        let settings = *self;
        Operator::ALL.into_iter().filter(move |&operator| settings.needs(operator))
    }
}
