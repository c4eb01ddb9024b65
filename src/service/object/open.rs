//! Decrypts a stored age file in a stream, whole or a range of it. It must not
//! know who reads.
//!
//! A read finds these before it gives a byte: a missing object, one of another
//! length, another file in its place (its header differs from the digest in the
//! row), a wrong key. Every chunk of 64 KiB that is read is authenticated with
//! its position before any of it is given, so a changed, moved or dropped chunk
//! ends the read with an error. A read of the whole also compares the digest of
//! what was given with the row. A range cannot find changes in chunks that it
//! does not read.

use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use age::stream::StreamReader;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::io::{AsyncRead, AsyncReadExt};
use futures_util::stream::{self, BoxStream, Stream};
use sha2::{Digest as _, Sha256};

use super::keys::DataKey;
use super::{ObjectError, Objects, Sealed};

/// Plain bytes of a chunk of an age file.
const CHUNK: u64 = 64 << 10;
/// Bytes that age adds to a chunk.
const TAG: u64 = 16;
/// Bytes given at a time.
const GIVEN: usize = 64 << 10;

/// Plain bytes as they are decrypted.
pub type Plain = BoxStream<'static, Result<Bytes, ObjectError>>;

/// Decrypts bytes `start..end` of `sealed`, which must lie within it.
///
/// # Errors
///
/// Where the object is not what its row says, or `key` does not open it: before
/// the first byte. The stream ends with an error where a chunk does not
/// authenticate, or, of the whole, where the digest differs.
pub async fn open(
    objects: &Objects,
    sealed: &Sealed,
    key: &DataKey,
    start: u64,
    end: u64,
) -> Result<Plain, ObjectError> {
    let name = &sealed.object_name;
    let (head, size) = objects.head(name, sealed.head_size).await?;
    let is_head_whole = head.len() as u64 == sealed.head_size;
    if is_head_whole && hex::encode(Sha256::digest(&head)) != sealed.head_sha256 {
        return Err(ObjectError::Swapped(name.clone()));
    }
    if size != sealed.stored_size || !is_head_whole {
        let expected = sealed.stored_size;
        return Err(ObjectError::Size { name: name.clone(), expected, found: size });
    }
    let first = start / CHUNK;
    let last_chunk = sealed.size.saturating_sub(1) / CHUNK;
    let tail_start = sealed.head_size + last_chunk * (CHUNK + TAG);
    if tail_start >= size {
        return Err(ObjectError::Swapped(name.clone()));
    }
    // The chunk that says that it is the last proves the length; a seek asks
    // for it.
    let tail = match first {
        0 => Bytes::new(),
        _ => objects.range(name, tail_start, size).await?,
    };
    let through = end.div_ceil(CHUNK).saturating_mul(CHUNK + TAG) + sealed.head_size;
    let window = Window {
        objects: objects.clone(),
        name: name.clone(),
        position: 0,
        size,
        through: through.min(size),
        head,
        tail,
        tail_start,
        body: None,
    };
    let mut reader = unlock(window, sealed, key).await?;
    let damaged = |error: io::Error| damage(name, error);
    if first > 0 {
        reader.seek(SeekFrom::Start(first * CHUNK)).map_err(damaged)?;
        skip(&mut reader, start % CHUNK).await.map_err(damaged)?;
    } else {
        skip(&mut reader, start).await.map_err(damaged)?;
    }
    let reading = Reading {
        reader,
        left: end - start,
        digest: (start == 0 && end == sealed.size).then(Sha256::new),
        sealed: sealed.clone(),
    };
    Ok(stream::try_unfold(Some(reading), next).boxed())
}

async fn unlock(
    window: Window,
    sealed: &Sealed,
    key: &DataKey,
) -> Result<StreamReader<Window>, ObjectError> {
    let name = &sealed.object_name;
    let refused = |error: age::DecryptError| match error {
        age::DecryptError::NoMatchingKeys => {
            ObjectError::WrongKey { name: name.clone(), key: sealed.data_key.clone() }
        }
        error => ObjectError::Damaged { name: name.clone(), reason: error.to_string() },
    };
    let decryptor = age::Decryptor::new_async(window).await.map_err(refused)?;
    decryptor.decrypt_async(std::iter::once(key.identity())).map_err(refused)
}

/// What the store says of itself is no damage.
fn damage(name: &str, error: io::Error) -> ObjectError {
    match error.downcast::<object_store::Error>() {
        Ok(error) => ObjectError::at("reading", name)(error),
        Err(error) => ObjectError::Damaged { name: name.to_owned(), reason: error.to_string() },
    }
}

async fn skip(reader: &mut StreamReader<Window>, bytes: u64) -> io::Result<()> {
    let mut dropped = vec![0; usize::try_from(bytes).unwrap_or_default()];
    AsyncReadExt::read_exact(reader, &mut dropped).await
}

struct Reading {
    reader: StreamReader<Window>,
    left: u64,
    /// Of a read of the whole.
    digest: Option<Sha256>,
    sealed: Sealed,
}

async fn next(reading: Option<Reading>) -> Result<Option<(Bytes, Option<Reading>)>, ObjectError> {
    let Some(mut reading) = reading else { return Ok(None) };
    if reading.left == 0 {
        return reading.end().await.map(|()| None);
    }
    let length = usize::try_from(reading.left).unwrap_or(GIVEN).min(GIVEN);
    let mut bytes = vec![0; length];
    let name = reading.sealed.object_name.clone();
    let mut filled = 0;
    while filled < length {
        let count = AsyncReadExt::read(&mut reading.reader, &mut bytes[filled..]).await;
        match count.map_err(|error| damage(&name, error))? {
            0 => return Err(damage(&name, io::ErrorKind::UnexpectedEof.into())),
            count => filled += count,
        }
    }
    reading.left -= length as u64;
    if let Some(digest) = &mut reading.digest {
        digest.update(&bytes);
    }
    if reading.left == 0 {
        // The last bytes are given only once the whole is known to be right.
        reading.end().await?;
        return Ok(Some((bytes.into(), None)));
    }
    Ok(Some((bytes.into(), Some(reading))))
}

impl Reading {
    async fn end(&mut self) -> Result<(), ObjectError> {
        let Some(digest) = self.digest.take() else { return Ok(()) };
        let name = &self.sealed.object_name;
        let mut more = [0];
        let count = AsyncReadExt::read(&mut self.reader, &mut more).await;
        if count.map_err(|error| damage(name, error))? != 0 {
            let reason = "it is longer than its row says".to_owned();
            return Err(ObjectError::Damaged { name: name.clone(), reason });
        }
        let (expected, found) = (self.sealed.sha256.clone(), hex::encode(digest.finalize()));
        match expected == found {
            true => Ok(()),
            false => Err(ObjectError::Digest { name: name.clone(), expected, found }),
        }
    }
}

/// A stored object as age reads it: its head and its last chunk at hand, the
/// rest fetched in order from wherever age stands.
struct Window {
    objects: Objects,
    name: String,
    position: u64,
    size: u64,
    /// Nothing behind it is fetched.
    through: u64,
    head: Bytes,
    tail: Bytes,
    tail_start: u64,
    body: Option<Body>,
}

/// Bytes on their way, the next of which stands at `at`.
struct Body {
    at: u64,
    bytes: Bytes,
    stream: BoxStream<'static, Result<Bytes, object_store::Error>>,
}

impl Window {
    /// What is at hand from here on.
    fn at_hand(&self) -> &[u8] {
        let at = |bytes, start: u64| -> &[u8] {
            let bytes: &Bytes = bytes;
            let offset = self.position.checked_sub(start).and_then(|at| usize::try_from(at).ok());
            offset.and_then(|offset| bytes.get(offset..)).unwrap_or_default()
        };
        match at(&self.head, 0) {
            [] => at(&self.tail, self.tail_start),
            head => head,
        }
    }

    fn take_at_hand(&mut self, out: &mut [u8]) -> usize {
        let bytes = self.at_hand();
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.position += count as u64;
        count
    }
}

impl AsyncRead for Window {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let count = this.take_at_hand(out);
        if count > 0 || out.is_empty() || this.position >= this.size {
            return Poll::Ready(Ok(count));
        }
        let position = this.position;
        if this.body.as_ref().is_none_or(|body| body.at != position) {
            let end = if this.position < this.through { this.through } else { this.size };
            let stream = this.objects.stream(&this.name, position, end);
            this.body = Some(Body { at: position, bytes: Bytes::new(), stream });
        }
        let Some(body) = &mut this.body else { return Poll::Ready(Ok(0)) };
        while body.bytes.is_empty() {
            match ready!(Pin::new(&mut body.stream).poll_next(context)) {
                Some(Ok(bytes)) => body.bytes = bytes,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            }
        }
        let count = body.bytes.len().min(out.len());
        out[..count].copy_from_slice(&body.bytes[..count]);
        body.bytes.advance(count);
        body.at += count as u64;
        this.position += count as u64;
        Poll::Ready(Ok(count))
    }
}

/// For the last chunk, which a seek reads to prove the length.
impl Read for Window {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.take_at_hand(out) {
            0 if self.position < self.size && !out.is_empty() => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            count => Ok(count),
        }
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
