//! What can go wrong with a pack: one error type for writing and reading.

use std::path::{Path, PathBuf};

use hetero2_common::files::FileError;
use parquet::errors::ParquetError;

/// Why a pack or one of its files could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A Parquet file could not be written or is damaged.
    #[error("{}: not a readable Parquet table; build it again", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// A table, manifest or plan has another layout than this version reads.
    #[error("{}: {detail}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What differs and what was expected.
        detail: String,
    },
    /// A cell holds what its column does not allow.
    #[error("{}: row {row}, column `{column}`: {detail}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Row within the file, from 0.
        row: u64,
        /// Column name.
        column: String,
        /// What was found and what is allowed.
        detail: String,
    },
    /// A CSV file could not be written or read.
    #[error("{}: CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ::csv::Error,
    },
    /// A JSON file is not JSON, or a value cannot be written as JSON.
    #[error("{}: not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: serde_json::Error,
    },
    /// A zip could not be written or read.
    #[error("{}: not a readable zip, perhaps cut off; fetch it again", path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: zip::result::ZipError,
    },
    /// The zip is not made as a pack's is.
    #[error("{}: {detail}", path.display())]
    Container {
        /// The zip.
        path: PathBuf,
        /// The first thing that is wrong.
        detail: String,
    },
    /// There is no pack.
    #[error("{} {detail}", path.display())]
    NotAPack {
        /// What was given as one.
        path: PathBuf,
        /// What it is.
        detail: String,
    },
    /// A file name that a pack must not hold.
    #[error("file name {name:?} is not allowed in a pack: {detail}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        detail: &'static str,
    },
    /// The pack's destination holds something that is not a pack.
    #[error("{}: {detail}", path.display())]
    Destination {
        /// The directory.
        path: PathBuf,
        /// What is in the way and what to do.
        detail: String,
    },
    /// What is read is larger than any pack needs.
    #[error("{}: {detail}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What was found and the limit.
        detail: String,
    },
}

impl PackError {
    /// The system's own error where it refused to read or write. Such an error
    /// says nothing of the pack: the disk may be well tomorrow.
    #[must_use]
    pub fn refusal(&self) -> Option<&std::io::Error> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        if let Self::Csv { source, .. } = self
            && let ::csv::ErrorKind::Io(io) = source.kind()
        {
            // The crate does not give it as the source.
            return Some(io).filter(|io| io.raw_os_error().is_some());
        }
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<std::io::Error>()
                && io.raw_os_error().is_some()
            {
                return Some(io);
            }
            cause = error.source();
        }
        None
    }

    /// Adapter for `map_err`: an I/O error with what was tried and where.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let refused = FileError::io(action, path);
        move |source| refused(source).into()
    }

    /// Adapter for `map_err` on Parquet results.
    pub fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_owned();
        move |source| {
            let (path, source) = match source {
                ParquetError::External(error) => match error.downcast::<std::io::Error>() {
                    // A full disk says nothing of the table.
                    Ok(io) if io.raw_os_error().is_some() => {
                        return FileError { action: "read or write", path, source: *io }.into();
                    }
                    Ok(io) => (path, ParquetError::External(io)),
                    Err(other) => (path, ParquetError::External(other)),
                },
                source => (path, source),
            };
            Self::Parquet { path, source }
        }
    }

    /// Adapter for `map_err` on CSV results.
    pub fn csv(path: &Path) -> impl FnOnce(::csv::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Csv { path, source }
    }

    /// Adapter for `map_err` on JSON results.
    pub fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Json { path, source }
    }

    /// Adapter for `map_err` on zip results.
    pub fn zip(path: &Path) -> impl FnOnce(zip::result::ZipError) -> Self {
        let path = path.to_owned();
        move |source| Self::Zip { path, source }
    }
}
