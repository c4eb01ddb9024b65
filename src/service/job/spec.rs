//! What is asked to be computed: kind, inputs, options and limits. It must not
//! know whether the inputs exist, nor what an option means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JobKind;

/// What an input is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// The molecules; several are one library, in their order.
    Library,
    /// Scores of the model under audit.
    Scores,
    /// Known outcomes.
    Truth,
    /// Molecules that the model was trained on.
    Train,
    /// Decoys of the caller's own.
    DecoysFrom,
    /// A library of real molecules to choose decoys from.
    DecoyPool,
    /// The pack of an earlier run.
    Pack,
}

impl InputRole {
    /// The word in the API, and the name of the folder that a worker stages it in.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::Scores => "scores",
            Self::Truth => "truth",
            Self::Train => "train",
            Self::DecoysFrom => "decoys_from",
            Self::DecoyPool => "decoy_pool",
            Self::Pack => "pack",
        }
    }
}

/// Where an input is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A dataset's id.
    Dataset(String),
    /// The id of a run that succeeded; its artifact `pack.zip`.
    Run(String),
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobInput {
    /// What it is for.
    pub role: InputRole,
    /// Where it is.
    pub source: Source,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OptionValue {
    /// Given or not, for an option that takes no value.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Anything else, as on the command line.
    Text(String),
}

/// What a job may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds that one attempt may take, 1 to 2,592,000 (30 days).
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub seconds: u64,
    /// MiB of memory of one attempt's process, 64 to 4,194,304.
    #[schema(minimum = 64, maximum = 4_194_304)]
    pub memory_mib: u64,
    /// Attempts before it fails, 1 to 10.
    #[schema(minimum = 1, maximum = 10)]
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { seconds: 24 * 3600, memory_mib: 4096, attempts: 3 }
    }
}

/// What a job computes, of what, how, and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// What it computes.
    pub kind: JobKind,
    /// Of what.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub inputs: Vec<JobInput>,
    /// How: options of the program's command by their long names without
    /// dashes, as `GET /v1/kinds` lists them.
    #[serde(default)]
    pub options: BTreeMap<String, OptionValue>,
    /// Within which limits.
    #[serde(default)]
    pub limits: Limits,
}
