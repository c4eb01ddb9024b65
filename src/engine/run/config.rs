//! The one configuration of a run: serialised into the plan and the manifest
//! exactly as it was used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hetero2_chemistry::decoy::{DecoySet, DecoyStrategy, TanimotoRange};
use hetero2_chemistry::operator::{EdgeWeights, Physics};

use hetero2_contract::FormulaText;
pub use hetero2_contract::ScoreMode;
use hetero2_spectra::Precision;

/// Schema of [`RunConfig`] as it is stored.
pub const CONFIG_SCHEMA: &str = "hetero2_run_config.v1";

/// How the seed of a row's decoys follows from the run's seed.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedStrategy {
    /// Every row uses the run's seed.
    #[cfg_attr(feature = "clap", value(help = "One seed for all rows"))]
    Global,
    /// The run's seed XOR the CRC-32 of the row's id.
    #[cfg_attr(
        feature = "clap",
        value(alias = "per_row", help = "Seed XOR CRC-32 of the row's id")
    )]
    PerRow,
}

impl SeedStrategy {
    /// The seed of the row with this id.
    #[must_use]
    pub fn seed_of(self, run_seed: i64, id: &str) -> i64 {
        match self {
            Self::Global => run_seed,
            Self::PerRow => run_seed ^ i64::from(crc32fast::hash(id.as_bytes())),
        }
    }
}

/// How much a pack holds.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Artifacts {
    /// Tables of rows and decoys, metrics, report.
    #[cfg_attr(feature = "clap", value(help = "Tables, metrics, report"))]
    Light,
    /// Also eigenvalues, descriptors and the pairs of the hardness curve.
    #[cfg_attr(feature = "clap", value(help = "Also spectra, descriptors and pairs"))]
    Full,
}

/// Everything that decides a run's results, besides its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunConfig {
    /// Version of this layout, [`CONFIG_SCHEMA`].
    #[schemars(extend("const" = CONFIG_SCHEMA))]
    pub schema_version: String,
    /// Decoys asked for per molecule.
    pub decoys: u32,
    /// Seed of the run.
    pub seed: i64,
    /// How rows derive their seeds.
    pub seed_strategy: SeedStrategy,
    /// How decoys come about; not written where it is v1.
    #[serde(default, skip_serializing_if = "is_v1")]
    pub decoy_set: DecoySet,
    /// Which swaps of set v1 are tried, and in which order.
    pub decoy_strategy: DecoyStrategy,
    /// Keep only decoys in this range of Tanimoto similarity.
    pub hard_decoys: Option<TanimotoRange>,
    /// Which of L and H are computed.
    pub physics: Physics,
    /// Edge weights of W and WH; neither is computed when unweighted.
    pub edge_weights: EdgeWeights,
    /// Scale γ of the potential V, dimensionless.
    pub potential_scale: f64,
    /// Rows with more heavy atoms are skipped; 0 for no limit.
    pub max_atoms: u32,
    /// Whether molecules of several fragments are skipped.
    pub connectivity: Connectivity,
    /// Where scores come from.
    pub score_mode: ScoreMode,
    /// Margin added to the null quantile to make the gate.
    pub margin: f64,
    /// Quantile of the null distribution.
    pub null_quantile: f64,
    /// Label permutations where the exact quantile is too large to enumerate.
    pub permutations: u32,
    /// Seconds a row may take before it ends as ERROR `timeout`; results of a
    /// run with a limit can depend on the machine's speed.
    pub timeout_per_row_s: Option<f64>,
    /// How much the pack holds.
    pub artifacts: Artifacts,
    /// How exactly spectra are computed; not written where it is double.
    #[serde(default, skip_serializing_if = "is_double")]
    pub precision: Precision,
    /// How text that a spreadsheet would take for a formula stands in CSV
    /// tables; not written where it is guarded.
    #[serde(default, skip_serializing_if = "FormulaText::is_default")]
    pub formula_text: FormulaText,
    /// What the pack concludes; not written where it is what published packs do.
    #[serde(default, skip_serializing_if = "is_published")]
    pub conclusion: ConclusionKind,
    /// What becomes of a row whose original has no score; not written where it
    /// is the published default.
    #[serde(default, skip_serializing_if = "is_published_score")]
    pub missing_original: MissingOriginal,
    /// Only so many originals are audited, the best by their scores; all of them
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_top: Option<u32>,
}

/// Most originals that `audit_top` may name.
pub const MAX_AUDIT_TOP: u32 = 10_000_000;

fn is_v1(set: &DecoySet) -> bool {
    *set == DecoySet::V1
}

/// What a pack concludes of its scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConclusionKind {
    /// What published packs do: an interpretation of the AUC by hardness.
    #[default]
    Published,
    /// `hetero_evidence.v1`: a verdict beside controls that know no activity.
    Evidence,
}

/// What becomes of a row whose original has no score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingOriginal {
    /// It counts as 1, as published; a warning says so.
    #[default]
    PublishedScore,
    /// It ends as SKIP `missing_original_score`.
    Skip,
    /// It counts as this score.
    Score(f64),
}

fn is_published(conclusion: &ConclusionKind) -> bool {
    *conclusion == ConclusionKind::Published
}

fn is_published_score(missing: &MissingOriginal) -> bool {
    *missing == MissingOriginal::PublishedScore
}

fn is_double(precision: &Precision) -> bool {
    *precision == Precision::Double
}

/// What happens to molecules of several fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// They end as SKIP `disconnected`.
    Required,
    /// They are computed like any other.
    Any,
    /// Their largest fragment is computed.
    LargestFragment,
    /// What is left of them without salts and solvents is computed, if that is
    /// one fragment; else they end as SKIP `disconnected`.
    WithoutSalts,
}

impl Connectivity {
    /// Whether fragments of a molecule may be left out.
    #[must_use]
    pub fn chooses(self) -> bool {
        matches!(self, Self::LargestFragment | Self::WithoutSalts)
    }
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            schema_version: CONFIG_SCHEMA.into(),
            decoys: 20,
            seed: 0,
            seed_strategy: SeedStrategy::Global,
            decoy_set: DecoySet::V1,
            decoy_strategy: DecoyStrategy::Exhaustive,
            hard_decoys: None,
            physics: Physics::Both,
            edge_weights: EdgeWeights::Unweighted,
            potential_scale: 1.0,
            max_atoms: 200,
            connectivity: Connectivity::Required,
            score_mode: ScoreMode::Mock,
            margin: 0.05,
            null_quantile: 0.95,
            permutations: 200,
            timeout_per_row_s: None,
            artifacts: Artifacts::Light,
            precision: Precision::Double,
            formula_text: FormulaText::Guarded,
            conclusion: ConclusionKind::Published,
            missing_original: MissingOriginal::PublishedScore,
            audit_top: None,
        }
    }
}

/// A configuration that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: it must be {allowed}")]
pub struct ConfigError {
    /// The field of [`RunConfig`].
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

impl RunConfig {
    /// What a run of today does where nobody says otherwise: decoys of set v2, a
    /// verdict beside controls, and no score for an original that has none.
    #[must_use]
    pub fn for_evidence(score_mode: ScoreMode) -> Self {
        Self {
            score_mode,
            decoy_set: DecoySet::V2,
            conclusion: ConclusionKind::Evidence,
            missing_original: MissingOriginal::Skip,
            ..Self::default()
        }
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`ConfigError`] names the first setting out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let error = |setting, value: String, allowed| Err(ConfigError { setting, value, allowed });
        if self.decoys > 10_000 {
            return error("decoys", self.decoys.to_string(), "at most 10000");
        }
        if !(self.potential_scale.is_finite() && self.potential_scale.abs() <= 1e6) {
            return error(
                "potential_scale",
                self.potential_scale.to_string(),
                "finite and within ±1e6 (dimensionless)",
            );
        }
        if let Some(top) = self.audit_top {
            if !(1..=MAX_AUDIT_TOP).contains(&top) {
                return error("audit_top", top.to_string(), "1 to 10000000");
            }
            if self.score_mode == ScoreMode::Mock {
                return error("audit_top", top.to_string(), "left out where scores are stand-ins");
            }
        }
        if let Some(limit) = self.timeout_per_row_s
            && !(limit.is_finite() && limit > 0.0 && limit <= 86_400.0)
        {
            return error(
                "timeout_per_row_s",
                limit.to_string(),
                "more than 0 and at most 86400 (seconds)",
            );
        }
        Ok(())
    }
}
