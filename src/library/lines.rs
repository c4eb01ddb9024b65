//! Splitting a byte stream into lines of bounded length.

use std::io;

use super::input::Input;

/// Bytes asked of the input at once.
const CHUNK: usize = 256 << 10;

/// Reads lines that end in LF, CR LF or a lone CR.
///
/// The current record begins where [`begin`](Self::begin) was called and stays
/// in the buffer, so that several lines can be one record and can be given
/// back by [`rewind`](Self::rewind). Memory: the line limit and two chunks.
pub(super) struct LineReader {
    input: Input,
    buffer: Vec<u8>,
    /// Where the current record begins.
    start: usize,
    /// Where the next line begins.
    cursor: usize,
    /// End of the bytes in the buffer.
    end: usize,
    ended: bool,
    limit: usize,
    line: u64,
}

/// A line of the current record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The whole line: where it lies in the record, without its terminator.
    Whole { from: usize, to: usize },
    /// The record grew beyond the limit; nothing of this line was consumed.
    TooLong,
}

/// A position to return to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    offset: usize,
    line: u64,
}

impl LineReader {
    pub fn new(input: Input, limit: usize) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            start: 0,
            cursor: 0,
            end: 0,
            ended: false,
            limit,
            line: 0,
        }
    }

    pub fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// What messages call the input.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// The bytes ahead, at least `count` of them unless the input ends.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.cursor < count && self.fill()? {}
        Ok(&self.buffer[self.cursor..self.end])
    }

    /// Passes over bytes that [`peek`](Self::peek) showed.
    pub fn skip(&mut self, count: usize) {
        self.cursor = (self.cursor + count).min(self.end);
    }

    /// Begins a record at the next line.
    pub fn begin(&mut self) {
        self.start = self.cursor;
    }

    /// Number of the line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the current record, terminators included.
    pub fn record(&self) -> &[u8] {
        &self.buffer[self.start..self.cursor]
    }

    /// Where the next line begins.
    pub fn mark(&self) -> Mark {
        Mark { offset: self.cursor - self.start, line: self.line }
    }

    /// Gives back the lines of the current record after `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.cursor = self.start + mark.offset;
        self.line = mark.line;
    }

    /// Reads the next line into the current record; none at the end.
    pub fn read_line(&mut self) -> io::Result<Option<Line>> {
        let mut scanned = self.cursor - self.start;
        loop {
            let at = self.start + scanned;
            if let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[at..self.end]) {
                let to = scanned + found;
                if to > self.limit {
                    return Ok(Some(Line::TooLong));
                }
                let mut after = to + 1;
                if self.buffer[self.start + to] == b'\r' {
                    if self.start + after == self.end {
                        self.fill()?;
                    }
                    let next = self.start + after;
                    after += usize::from(next < self.end && self.buffer[next] == b'\n');
                }
                return Ok(Some(self.take(to, after)));
            }
            scanned = self.end - self.start;
            if scanned > self.limit {
                return Ok(Some(Line::TooLong));
            }
            if !self.fill()? {
                let from = self.cursor - self.start;
                return Ok((from < scanned).then(|| self.take(scanned, scanned)));
            }
        }
    }

    /// Passes over the rest of a line that was too long, without keeping it.
    pub fn skip_line(&mut self) -> io::Result<()> {
        self.line += 1;
        loop {
            if let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.cursor..self.end])
            {
                let carriage_return = self.buffer[self.cursor + found] == b'\r';
                self.cursor += found + 1;
                self.begin();
                if carriage_return && self.peek(1)?.first() == Some(&b'\n') {
                    self.skip(1);
                    self.begin();
                }
                return Ok(());
            }
            self.cursor = self.end;
            self.begin();
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    fn take(&mut self, to: usize, after: usize) -> Line {
        let from = self.cursor - self.start;
        self.cursor = self.start + after;
        self.line += 1;
        Line::Whole { from, to }
    }

    /// Reads more bytes behind those that are there, moving the current record
    /// to the front; false at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.cursor -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK / 4 {
            self.buffer.resize(self.end + CHUNK, 0);
        }
        let count = self.input.read(&mut self.buffer[self.end..])?;
        self.end += count;
        self.ended = count == 0;
        Ok(count > 0)
    }
}
