//! The shipped demo: molecules with known activities, and the scores of three
//! models whose worth is known. Knows no run.
//!
//! `benches/usefulness/demo.py` makes the data; NOTICE says where they are from.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use hetero2_common::files::{FileError, Scratch, Sha256Digest, disk, write_atomically};

static OUTCOMES: &[u8] = include_bytes!("data/outcomes.csv");
static HONEST: &[u8] = include_bytes!("data/honest.csv.gz");
static Y_SCRAMBLED: &[u8] = include_bytes!("data/y-scrambled.csv.gz");
static LEAKY: &[u8] = include_bytes!("data/leaky.csv.gz");
static TRAINING: &[u8] = include_bytes!("data/training.csv.gz");

/// Molecules of the demo that can be afforded.
pub const BUDGET: usize = 20;

/// Which values of the demo's outcomes (pKi) are active.
pub const ACTIVE_IF: &str = ">=8.5";

/// Name of the training molecules.
const TRAINING_NAME: &str = "training.csv";

/// A model of the demo.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoModel {
    /// Trained on other molecules of the target.
    #[cfg_attr(
        feature = "clap",
        value(help = "A random forest trained on other molecules of the target: the default")
    )]
    Honest,
    /// The same with shuffled activities.
    #[cfg_attr(
        feature = "clap",
        value(help = "The same with shuffled activities: it knows nothing")
    )]
    YScrambled,
    /// Trained on the library, too.
    #[cfg_attr(
        feature = "clap",
        value(help = "The same trained on the library, too, as its training file says")
    )]
    Leaky,
}

/// The files of a demo, which vanish with this.
#[derive(Debug)]
pub struct DemoInputs {
    _folder: Scratch,
    /// Scores of the molecules and their decoys.
    pub scores: PathBuf,
    /// Known activities.
    pub outcomes: PathBuf,
    /// What the model was trained on, where that is to be said.
    pub training: Option<PathBuf>,
}

/// A demo that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The disk refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// What the program carries cannot be unpacked.
    #[error("the files of the demo cannot be unpacked")]
    Damaged(#[from] io::Error),
}

impl DemoModel {
    /// Its name on the command line, and that of its scores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::YScrambled => "y-scrambled",
            Self::Leaky => "leaky",
        }
    }

    /// Its files, among the temporary ones.
    ///
    /// # Errors
    /// [`DemoError`] where they cannot be written.
    pub fn inputs(self) -> Result<DemoInputs, DemoError> {
        let folder = Scratch::passing("hetero2-demo")?;
        let write = |name: &str, bytes: &[u8]| write_file(folder.path(), name, bytes);
        let packed = match self {
            Self::Honest => HONEST,
            Self::YScrambled => Y_SCRAMBLED,
            Self::Leaky => LEAKY,
        };
        let scores = write(&format!("{}.csv", self.name()), &unpacked(packed)?)?;
        let outcomes = write("outcomes.csv", OUTCOMES)?;
        let training = match self {
            Self::Leaky => Some(write(TRAINING_NAME, &unpacked(TRAINING)?)?),
            Self::Honest | Self::YScrambled => None,
        };
        Ok(DemoInputs { _folder: folder, scores, outcomes, training })
    }
}

/// Writes the training molecules into `folder`, if they are those of this digest.
///
/// # Errors
/// They cannot be written.
pub fn training_of(digest: &Sha256Digest, folder: &Path) -> Result<Option<PathBuf>, DemoError> {
    let bytes = unpacked(TRAINING)?;
    if Sha256Digest::of(&bytes) != *digest {
        return Ok(None);
    }
    disk::create_dir_all(folder).map_err(FileError::io("create", folder))?;
    Ok(Some(write_file(folder, TRAINING_NAME, &bytes)?))
}

fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, FileError> {
    let path = folder.join(name);
    write_atomically(&path, |file| file.write_all(bytes))?;
    Ok(path)
}

fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes)?;
    Ok(bytes)
}
