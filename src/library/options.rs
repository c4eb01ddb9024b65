//! How a library is to be read.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LibraryError;

/// The format of a library.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values with a header (`;` and tab are recognised).
    #[cfg_attr(feature = "clap", value(help = "Comma-separated values with a header"))]
    Csv,
    /// Tab-separated values with a header.
    #[cfg_attr(feature = "clap", value(help = "Tab-separated values with a header"))]
    Tsv,
    /// One `SMILES<blank or tab>name` per line.
    #[cfg_attr(feature = "clap", value(help = "SMILES and a name on each line"))]
    Smiles,
    /// Molfiles (V2000 or V3000) separated by `$$$$`.
    #[cfg_attr(feature = "clap", value(help = "Structure-data file, V2000 or V3000"))]
    Sdf,
    /// Apache Parquet.
    #[cfg_attr(feature = "clap", value(help = "Apache Parquet"))]
    Parquet,
}

impl Format {
    /// Every format, in the order in which help lists them.
    pub const ALL: [Self; 5] = [Self::Csv, Self::Tsv, Self::Smiles, Self::Sdf, Self::Parquet];

    /// The name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Smiles => "smiles",
            Self::Sdf => "sdf",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a file-name extension (without the dot) stands for.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            "smi" | "smiles" | "ism" | "can" | "cxsmiles" => Self::Smiles,
            "sdf" | "sd" | "mol" => Self::Sdf,
            "parquet" | "pq" => Self::Parquet,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = LibraryError;

    fn from_str(text: &str) -> Result<Self, LibraryError> {
        Self::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| LibraryError::UnknownFormat { name: text.into() })
    }
}

/// How a library is to be read; the default suits most files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOptions {
    /// The format, where the file name and the content should not decide.
    pub format: Option<Format>,
    /// Column (SDF: data item) that holds the SMILES, instead of the known
    /// names. Letter case does not matter.
    pub smiles_column: Option<String>,
    /// Column (SDF: data item) that holds the id, instead of the known names.
    pub id_column: Option<String>,
    /// Longest line, or quoted CSV row, in bytes; a longer one becomes a
    /// record with a problem.
    pub max_line_bytes: usize,
    /// Longest SDF record in bytes.
    pub max_record_bytes: usize,
}

impl ReadOptions {
    /// Whether a column is asked for by its name.
    pub(super) fn names_columns(&self) -> bool {
        self.smiles_column.is_some() || self.id_column.is_some()
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            smiles_column: None,
            id_column: None,
            max_line_bytes: 1 << 20,
            max_record_bytes: 16 << 20,
        }
    }
}
