//! The bytes that a table is read from: a range of a file. Unlike a plain file,
//! it never allocates for a length that lies beyond its end, whatever a damaged
//! footer says.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::pack::error::PackError;

/// A range of a file: a whole table, or one that is stored in a zip.
pub struct FileSlice {
    file: File,
    start: u64,
    bytes: u64,
}

impl FileSlice {
    /// The file at `path`.
    pub fn whole(path: &Path) -> Result<Self, PackError> {
        let file = File::open(path).map_err(PackError::io("open", path))?;
        let bytes = file.metadata().map_err(PackError::io("open", path))?.len();
        Ok(Self::new(file, 0, bytes))
    }

    /// `bytes` bytes of `file` from `start` on.
    pub fn new(file: File, start: u64, bytes: u64) -> Self {
        Self { file, start, bytes }
    }
}

impl Length for FileSlice {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for FileSlice {
    type T = BufReader<Take<File>>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let outside = || ParquetError::EOF("offset beyond the end of the table".into());
        let left = self.bytes.checked_sub(start).ok_or_else(outside)?;
        let offset = self.start.checked_add(start).ok_or_else(outside)?;
        // As for a plain file, readers share one position: none is used again
        // after the next was made.
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(BufReader::new(file.take(left)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(ParquetError::EOF("range beyond the end of the table".into()));
        }
        let mut buffer = vec![0; length];
        self.get_read(start)?.read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}
