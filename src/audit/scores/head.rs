//! How a table of text is laid out: what its first lines say of the mark between
//! its columns.

use std::io::{self, Cursor, Read};

use hetero2_common::separator_line::separator_of;

use super::rows::Columns;

/// Marks that may stand between columns, in the order in which they are tried.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// Most bytes of lines before the header and of the header itself.
const HEAD_BYTES: usize = 1 << 20;
/// Bytes read at a time.
const CHUNK: usize = 8 << 10;

/// The beginning of a table.
pub(super) struct Head<R> {
    /// What was read of the table, from its header on.
    pub(super) text: Cursor<Vec<u8>>,
    /// What was not read.
    pub(super) rest: R,
    /// What stands between columns.
    pub(super) delimiter: u8,
    /// Lines before the header.
    pub(super) lines_before: u64,
}

impl<R: Read> Head<R> {
    /// Reads blank lines, a spreadsheet's `sep=;` and the header. The mark is the
    /// one that shows the columns; a comma where none does.
    pub(super) fn read(mut rest: R) -> io::Result<Self> {
        let mut text = Vec::new();
        let mut lines_before = 0;
        let mut said = None;
        let mut start = 0;
        let end = loop {
            let end = end_of_line(&mut rest, &mut text, start)?;
            let line = text[start..end].trim_ascii();
            let sep = separator_of(line);
            if (sep.is_none() && !line.is_empty()) || end == start {
                break end;
            }
            said = sep.or(said);
            lines_before += 1;
            start = end;
        };
        let header = &text[start..end];
        let shows = |mark: &u8| {
            let mut csv = csv::ReaderBuilder::new().delimiter(*mark).from_reader(header);
            csv.byte_headers().is_ok_and(|header| Columns::find(&names(header)).is_ok())
        };
        let found = || DELIMITERS.into_iter().find(shows);
        let delimiter = said.or_else(found).unwrap_or(b',');
        text.drain(..start);
        Ok(Self { text: Cursor::new(text), rest, delimiter, lines_before })
    }
}

/// Where the line from `start` on ends, its terminator included; reads as much as
/// that takes.
fn end_of_line(rest: &mut impl Read, text: &mut Vec<u8>, start: usize) -> io::Result<usize> {
    let mut seen = start;
    loop {
        if let Some(end) = text[seen..].iter().position(|byte| *byte == b'\n') {
            return Ok(seen + end + 1);
        }
        seen = text.len();
        if seen > HEAD_BYTES {
            return Ok(seen);
        }
        if rest.by_ref().take(CHUNK as u64).read_to_end(text)? == 0 {
            return Ok(seen);
        }
    }
}

/// The names of a header.
pub(super) fn names(header: &csv::ByteRecord) -> Vec<String> {
    header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
}
