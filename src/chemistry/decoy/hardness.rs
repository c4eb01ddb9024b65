//! How close a decoy must be to its original: Tanimoto ranges.

use std::str::FromStr;

/// A closed range of Tanimoto similarities, `0 <= min <= max <= 1`.
///
/// ```
/// use hetero2_chemistry::decoy::TanimotoRange;
/// let range: TanimotoRange = "0.65..0.95".parse().unwrap();
/// assert!(range.contains(0.65) && !range.contains(0.96));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct TanimotoRange {
    min: f64,
    max: f64,
}

/// Why a text or a pair of numbers is no [`TanimotoRange`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TanimotoRangeError {
    /// Not of the form `MIN..MAX`.
    #[error("`{0}` is no Tanimoto range; write it as MIN..MAX, for instance 0.65..0.95")]
    Form(String),
    /// The bounds are not numbers with `0 <= min <= max <= 1`.
    #[error("Tanimoto range {min}..{max} must satisfy 0 <= min <= max <= 1")]
    Bounds {
        /// Lower bound as given.
        min: f64,
        /// Upper bound as given.
        max: f64,
    },
}

impl TanimotoRange {
    /// The range from `min` to `max`, both included.
    ///
    /// # Errors
    /// [`TanimotoRangeError::Bounds`] unless `0 <= min <= max <= 1`.
    pub fn new(min: f64, max: f64) -> Result<Self, TanimotoRangeError> {
        if 0.0 <= min && min <= max && max <= 1.0 {
            Ok(Self { min, max })
        } else {
            Err(TanimotoRangeError::Bounds { min, max })
        }
    }

    /// Least similarity.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.min
    }

    /// Greatest similarity.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Whether `similarity` lies in the range.
    #[must_use]
    pub fn contains(&self, similarity: f64) -> bool {
        self.min <= similarity && similarity <= self.max
    }
}

impl FromStr for TanimotoRange {
    type Err = TanimotoRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || TanimotoRangeError::Form(text.to_owned());
        let (min, max) = text.split_once("..").ok_or_else(form)?;
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| form());
        Self::new(number(min)?, number(max)?)
    }
}

impl std::fmt::Display for TanimotoRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

impl<'de> serde::Deserialize<'de> for TanimotoRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Bounds {
            min: f64,
            max: f64,
        }
        let Bounds { min, max } = Bounds::deserialize(deserializer)?;
        Self::new(min, max).map_err(serde::de::Error::custom)
    }
}
