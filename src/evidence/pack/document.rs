//! JSON documents of packs. Packs are untrusted: a document is read as a
//! stream, and a limit on its bytes, depth, texts and values ends it before it
//! can fill the memory.

use std::io::{self, BufReader, Read};

use serde::de::{DeserializeOwned, IgnoredAny};

/// What a document may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct DocumentLimits {
    /// Bytes.
    pub bytes: u64,
    /// Values, keys of objects included.
    pub values: u64,
    /// Bytes of one text or number.
    pub text: u64,
}

impl DocumentLimits {
    /// A document that is held in memory: manifest, metrics and the like. A
    /// value takes up to 350 bytes there, so all take less than 100 MB.
    pub const HELD: Self = Self { bytes: 16 << 20, values: 1 << 18, text: 1 << 20 };
    /// A document that is only looked through, in constant memory: scores have
    /// any size.
    pub const PASSED: Self = Self { bytes: u64::MAX, values: u64::MAX, text: 16 << 20 };
}

/// Deepest nesting, as the parser has it.
const DEPTH: u32 = 128;

/// Why a document is not usable.
#[derive(Debug)]
pub(super) enum DocumentError {
    /// Its bytes could not be read.
    Read(io::Error),
    /// It is not JSON of the shape that is needed.
    Json(serde_json::Error),
    /// It is larger than any that this program writes.
    TooLarge(String),
}

/// Reads a value from `reader`, which must hold nothing else.
pub(super) fn read<T: DeserializeOwned>(
    reader: impl Read,
    limits: DocumentLimits,
) -> Result<T, DocumentError> {
    let mut watched = Watched::new(reader, limits);
    let value = serde_json::from_reader(BufReader::new(&mut watched));
    match (watched.ended, value) {
        (Some(Ended::Refused(error)), _) => Err(DocumentError::Read(error)),
        (Some(Ended::TooLarge(what)), _) => Err(DocumentError::TooLarge(what)),
        (None, value) => value.map_err(DocumentError::Json),
    }
}

/// Whether `reader` holds JSON, in constant memory.
pub(super) fn check(reader: impl Read) -> Result<(), DocumentError> {
    read::<IgnoredAny>(reader, DocumentLimits::PASSED).map(|_| ())
}

/// Why reading ended early; the parser would only keep the words.
enum Ended {
    Refused(io::Error),
    TooLarge(String),
}

/// Passes a document through and ends it at its limits.
struct Watched<R> {
    inner: R,
    limits: DocumentLimits,
    bytes: u64,
    values: u64,
    depth: u32,
    run: u64,
    quoted: bool,
    escaped: bool,
    /// The beginning of a character that the last read ended in.
    utf8: Vec<u8>,
    ended: Option<Ended>,
}

impl<R: Read> Watched<R> {
    fn new(inner: R, limits: DocumentLimits) -> Self {
        Self {
            inner,
            limits,
            bytes: 0,
            values: 1,
            depth: 0,
            run: 0,
            quoted: false,
            escaped: false,
            utf8: Vec::new(),
            ended: None,
        }
    }

    fn watch(&mut self, byte: u8) {
        self.run += 1;
        if self.quoted {
            self.quoted = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            return;
        }
        match byte {
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'a'..=b'z' | b'A'..=b'Z' => return,
            b'"' => self.quoted = true,
            b'[' | b'{' => {
                self.depth += 1;
                self.values += 1;
            }
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            b',' | b':' => self.values += 1,
            _ => {}
        }
        self.run = 0;
    }

    fn exceeded(&self) -> Option<String> {
        let DocumentLimits { bytes, values, text } = self.limits;
        if self.bytes > bytes {
            Some(format!("more than {bytes} bytes"))
        } else if self.values > values {
            Some(format!("more than {values} values"))
        } else if self.run > text {
            Some(format!("a text of more than {text} bytes"))
        } else if self.depth > DEPTH {
            Some(format!("more than {DEPTH} levels"))
        } else {
            None
        }
    }

    /// Whether the bytes so far can be UTF-8; the parser passes over texts that
    /// nobody asked for.
    fn check_utf8(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.utf8.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.utf8) {
            Ok(_) => self.utf8.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8")),
        };
        self.utf8.drain(..whole);
        Ok(())
    }
}

impl<R: Read> Read for &mut Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.inner.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let shown = io::Error::new(error.kind(), error.to_string());
                self.ended = Some(Ended::Refused(error));
                return Err(shown);
            }
        };
        self.bytes += read as u64;
        for byte in &buffer[..read] {
            self.watch(*byte);
            if let Some(what) = self.exceeded() {
                self.ended = Some(Ended::TooLarge(what.clone()));
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        self.check_utf8(&buffer[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn held(text: &[u8]) -> Result<Value, DocumentError> {
        read(text, DocumentLimits::HELD)
    }

    fn too_large(result: Result<Value, DocumentError>) -> String {
        match result {
            Err(DocumentError::TooLarge(what)) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn documents_end_at_their_limits() {
        let zeros = format!("[0{}]", ",0".repeat(300_000));
        assert!(too_large(held(zeros.as_bytes())).contains("values"));
        let deep = "[".repeat(1_000_000);
        assert!(too_large(held(deep.as_bytes())).contains("levels"));
        let long = format!("[\"{}\"]", "x".repeat(2 << 20));
        assert!(too_large(held(long.as_bytes())).contains("text"));
        let blank = " ".repeat(17 << 20);
        assert!(too_large(held(blank.as_bytes())).contains("bytes"));
    }

    #[test]
    fn what_is_only_passed_over_is_checked_too() {
        check("{\"a\": [1, \"é\", \"\\\"[[\"]}".as_bytes()).unwrap();
        for wrong in [&b"[NaN]"[..], b"[1,]", b"{\"a\": \"\xff\"}", b"[1] 2", b"[\"\xc3", b""] {
            assert!(matches!(check(wrong), Err(DocumentError::Json(_))), "{wrong:?}");
        }
        let deep = "[".repeat(1 << 20);
        assert!(matches!(check(deep.as_bytes()), Err(DocumentError::TooLarge(_))));
    }

    #[test]
    fn characters_may_be_cut_by_reads() {
        struct One<'a>(&'a [u8]);
        impl Read for One<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
                (buffer[0], self.0) = (*first, rest);
                Ok(1)
            }
        }
        let text = "[\"é €\"]";
        let value: Value = read(One(text.as_bytes()), DocumentLimits::HELD).unwrap();
        assert_eq!(value[0], "é €");
    }
}
