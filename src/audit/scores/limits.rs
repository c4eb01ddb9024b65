//! Keeps untrusted text from filling memory: no token of a JSON file and no
//! record of a CSV file may be longer than a limit.

use std::io::{self, Cursor, Read};

/// Most bytes of one JSON string or number, or of one CSV record.
const MAX_RUN: usize = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
}

/// Passes bytes through, less a byte-order mark, and fails on endless runs.
pub(crate) struct LimitedReader<R> {
    inner: io::Chain<Cursor<Vec<u8>>, R>,
    format: Format,
    run: usize,
    quoted: bool,
    escaped: bool,
}

impl<R: Read> LimitedReader<R> {
    pub(crate) fn new(mut reader: R, format: Format) -> io::Result<Self> {
        let mut head = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut head)?;
        if head == b"\xef\xbb\xbf" {
            head.clear();
        }
        let inner = Cursor::new(head).chain(reader);
        Ok(Self { inner, format, run: 0, quoted: false, escaped: false })
    }

    fn watch(&mut self, byte: u8) {
        self.run += 1;
        match self.format {
            Format::Csv => {
                self.quoted ^= byte == b'"';
                if byte == b'\n' && !self.quoted {
                    self.run = 0;
                }
            }
            Format::Json if self.quoted => {
                self.quoted = self.escaped || byte != b'"';
                self.escaped = byte == b'\\' && !self.escaped;
            }
            Format::Json => {
                self.quoted = byte == b'"';
                if !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
                    self.run = 0;
                }
            }
        }
    }
}

impl<R: Read> Read for LimitedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in &buffer[..read] {
            self.watch(*byte);
            if self.run > MAX_RUN {
                let what = match self.format {
                    Format::Json => "a string or number",
                    Format::Csv => "a record (is a quote left open?)",
                };
                let text = format!("{what} is longer than {} MiB", MAX_RUN >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(read)
    }
}
