//! Encrypts bytes into one age file as they come. It must not know where they
//! come from.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::stream::StreamWriter;
use sha2::{Digest as _, Sha256};

use super::keys::DataKey;
use super::{ObjectError, Objects, Put};
use crate::id::Id;
use crate::store::{Columns, StoreError};

/// What a row knows of stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The object's name.
    pub object_name: String,
    /// Plain bytes.
    pub size: u64,
    /// SHA-256 of the plain bytes, as hex.
    pub sha256: String,
    /// Stored bytes.
    pub stored_size: u64,
    /// Bytes of the age header and nonce.
    pub head_size: u64,
    /// SHA-256 of the age header and nonce, as hex.
    pub head_sha256: String,
    /// The project's key.
    pub data_key: Id,
}

impl Sealed {
    /// Reads the columns that `blob` and `upload_part` share.
    pub(crate) fn of(row: &Columns) -> Result<Self, StoreError> {
        Ok(Self {
            object_name: row.text("object_name")?,
            size: row.natural("size")?,
            sha256: row.text("sha256")?,
            stored_size: row.natural("stored_size")?,
            head_size: row.natural("head_size")?,
            head_sha256: row.text("head_sha256")?,
            data_key: row.id("data_key_id")?,
        })
    }
}

/// Where age writes to, and what is sent on from there.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Pipe {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An object being encrypted and written; nothing is kept unless it is
/// finished.
pub struct Sealing {
    put: Put,
    pipe: Pipe,
    writer: StreamWriter<Pipe>,
    digest: Sha256,
    size: u64,
    head_size: u64,
    head_sha256: String,
    data_key: Id,
}

impl Sealing {
    /// Begins the object `name` for `key`.
    ///
    /// # Errors
    ///
    /// Where age or the store refuses.
    pub async fn begin(objects: &Objects, name: &str, key: &DataKey) -> Result<Self, ObjectError> {
        let recipient = key.recipient();
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
                .map_err(|error| ObjectError::Seal(io::Error::other(error)))?;
        let pipe = Pipe::default();
        let writer = encryptor.wrap_output(pipe.clone()).map_err(ObjectError::Seal)?;
        let head = pipe.take();
        let mut put = objects.put(name);
        put.write(&head).await?;
        Ok(Self {
            put,
            pipe,
            writer,
            digest: Sha256::new(),
            size: 0,
            head_size: head.len() as u64,
            head_sha256: hex::encode(Sha256::digest(&head)),
            data_key: key.id().clone(),
        })
    }

    /// Plain bytes written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds plain bytes.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError> {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(ObjectError::Seal)?;
        let sealed = self.pipe.take();
        self.put.write(&sealed).await
    }

    /// SHA-256 of what was written so far, as hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }

    /// Makes the object visible, and says what its row must know.
    ///
    /// # Errors
    ///
    /// Where the store fails: then it is not.
    pub async fn finish(self) -> Result<Sealed, ObjectError> {
        let sha256 = self.sha256();
        let Self { mut put, pipe, writer, size, head_size, head_sha256, data_key, .. } = self;
        writer.finish().map_err(ObjectError::Seal)?;
        put.write(&pipe.take()).await?;
        let object_name = put.name().to_owned();
        let stored_size = put.finish().await?;
        Ok(Sealed { object_name, size, sha256, stored_size, head_size, head_sha256, data_key })
    }
}
