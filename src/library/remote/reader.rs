//! The bytes of an object as a stream that goes on where it was cut.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::{GetResult, ObjectMeta};

use super::store::Place;
use super::trouble::Trouble;

/// Attempts in a row that may bring no byte.
const MOST_FAILURES: u32 = 5;
/// Times that one object's stream may be cut.
const MOST_CUTS: u32 = 1_000;
/// What is waited before the first new attempt; twice as much before each next.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Reads an object to its end. A stream that is cut is asked for again from the
/// byte it came to; an object that is another by then is an error.
pub(super) struct Reader {
    // Dropped before the place, which runs it.
    stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    place: Place,
    piece: Bytes,
    pinned: ObjectMeta,
    at: u64,
    cuts: u32,
}

impl Reader {
    /// Asks for the object.
    pub fn open(place: Place) -> Result<Self, Trouble> {
        let result = place.get(0).map_err(|error| Trouble::of_request(&error))?;
        let pinned = result.meta.clone();
        let stream = Some(result.into_stream());
        Ok(Self { stream, place, piece: Bytes::new(), pinned, at: 0, cuts: 0 })
    }

    /// Bytes of the whole object.
    pub fn size(&self) -> u64 {
        self.pinned.size
    }

    /// What the server calls the state of the object that is read.
    pub fn e_tag(&self) -> Option<&str> {
        self.pinned.e_tag.as_deref()
    }

    /// The next piece; empty at the end.
    fn next_piece(&mut self) -> Result<Bytes, Trouble> {
        let mut failures = 0;
        loop {
            let trouble = match self.attempt() {
                Ok(piece) => return Ok(piece),
                Err(Attempt::Final(trouble)) => return Err(trouble),
                Err(Attempt::Cut(trouble)) => trouble,
            };
            self.stream = None;
            self.cuts += 1;
            failures += 1;
            if failures > MOST_FAILURES || self.cuts > MOST_CUTS {
                return Err(trouble);
            }
            tracing::warn!("{}: cut at byte {}; asked again", self.place.shown, self.at);
            thread::sleep(FIRST_WAIT * (1 << (failures - 1)));
        }
    }

    fn attempt(&mut self) -> Result<Bytes, Attempt> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None if self.at == self.pinned.size => return Ok(Bytes::new()),
            None => self.resumed()?,
        };
        loop {
            match self.place.runtime.block_on(stream.next()) {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.at += piece.len() as u64;
                    if self.at > self.pinned.size {
                        return Err(Attempt::Final(Trouble::changed()));
                    }
                    self.stream = Some(stream);
                    return Ok(piece);
                }
                Some(Err(error)) => return Err(Attempt::Cut(Trouble::of_request(&error))),
                None if self.at == self.pinned.size => return Ok(Bytes::new()),
                None => {
                    let what = format!("it ended at byte {} of {}", self.at, self.pinned.size);
                    return Err(Attempt::Cut(Trouble::new(what, "check the connection")));
                }
            }
        }
    }

    /// The stream from where the last one was cut, of the same object.
    fn resumed(&self) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Attempt> {
        let has_date = self.pinned.last_modified.timestamp() != 0;
        if self.at > 0 && self.pinned.e_tag.is_none() && !has_date {
            let what = "the connection was cut, and the server does not say whether it is still \
                        the same: it gives neither ETag nor Last-Modified";
            return Err(Attempt::Final(Trouble::new(what, "copy it to this machine")));
        }
        let result = self.place.get(self.at).map_err(|error| {
            let trouble = Trouble::of_request(&error);
            match error {
                // The whole was sent, and not the part that was asked for.
                object_store::Error::NotSupported { .. } => {
                    let what = format!("cut at byte {}, and the server resumes nothing", self.at);
                    Attempt::Final(Trouble::new(what, "copy it to this machine"))
                }
                object_store::Error::Generic { .. } => Attempt::Cut(trouble),
                _ => Attempt::Final(trouble),
            }
        })?;
        if !self.is_same(&result) {
            return Err(Attempt::Final(Trouble::changed()));
        }
        Ok(result.into_stream())
    }

    fn is_same(&self, result: &GetResult) -> bool {
        let (now, then) = (&result.meta, &self.pinned);
        now.e_tag == then.e_tag
            && now.last_modified == then.last_modified
            && now.size == then.size
            && result.range.start == self.at
    }
}

/// Why there is no piece.
enum Attempt {
    /// The connection failed: another may not.
    Cut(Trouble),
    /// No other attempt would do better.
    Final(Trouble),
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && !buffer.is_empty() {
            self.piece =
                self.next_piece().map_err(|trouble| trouble.while_reading(&self.place.shown))?;
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
