//! CSV and TSV: a header, then one record per row (RFC 4180).
//!
//! A quote opens a quoted field only at the field's start; elsewhere it is an
//! ordinary character, so that names such as `5"-GMP` need no quoting. A row
//! with bad quoting costs one line, not the rest of the file: reading goes on
//! at the next line.

use std::borrow::Cow;
use std::io;

use hetero2_common::separator_line::separator_of;

use super::columns::{self, Columns, MissingColumn};
use super::guess::{self, FirstLine, Found, Guess};
use super::lines::{Line, LineReader};
use super::options::{Format, ReadOptions};
use super::record::{Record, RowProblem};

/// A table whose header was read.
#[derive(Debug)]
pub(super) struct Table {
    delimiter: u8,
    columns: Columns,
    width: Width,
    /// The header line, which may come again where tables were joined; empty
    /// where there is none.
    header: Vec<u8>,
    limit: usize,
    fields: Vec<Field>,
}

/// How many columns a row must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// Those of the header.
    OfHeader,
    /// Those that are read: there is no header to say more.
    AtLeast(usize),
}

/// A field of a record: where it lies, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    from: usize,
    to: usize,
    quoting: Quoting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// The bytes are the value.
    None,
    /// Doubled quotes stand for one.
    Doubled,
}

impl Field {
    fn value(self, record: &[u8]) -> Cow<'_, [u8]> {
        let bytes = &record[self.from..self.to];
        match self.quoting {
            Quoting::None => Cow::Borrowed(bytes),
            Quoting::Doubled => {
                let mut value = Vec::with_capacity(bytes.len());
                let mut after_quote = false;
                for &byte in bytes {
                    let second = after_quote && byte == b'"';
                    after_quote = byte == b'"' && !second;
                    if !second {
                        value.push(byte);
                    }
                }
                Cow::Owned(value)
            }
        }
    }
}

/// Why a table has no usable header.
#[derive(Debug)]
pub(super) enum HeaderError {
    /// Nothing but blank and comment lines.
    Nothing,
    /// The header row itself cannot be read.
    Problem(RowProblem),
    /// A column is missing.
    Missing(MissingColumn),
    /// No name is known, and columns of these names hold different molecules.
    Several(Vec<String>),
}

impl Table {
    /// Reads the header: the first row that is neither blank nor a comment.
    /// CSV may use `,`, `;` or a tab; the one that shows a SMILES column is
    /// taken. A spreadsheet's `sep=;` line is obeyed. Where no name is known, the
    /// lines of `sample` say which column holds molecules.
    pub fn read_header(
        lines: &mut LineReader,
        format: Format,
        options: &ReadOptions,
        sample: &[&[u8]],
    ) -> io::Result<Result<Self, HeaderError>> {
        let mut delimiters: Vec<u8> = match format {
            Format::Tsv => vec![b'\t'],
            _ => vec![b',', b';', b'\t', b'|'],
        };
        loop {
            lines.begin();
            let before = lines.mark();
            let Some(line) = lines.read_line()? else { return Ok(Err(HeaderError::Nothing)) };
            let Line::Whole { from, to } = line else {
                let limit = options.max_line_bytes as u64;
                return Ok(Err(HeaderError::Problem(RowProblem::TooLong { limit })));
            };
            let text = lines.record()[from..to].trim_ascii();
            if text.is_empty() {
                continue;
            }
            if let Some(delimiter) = separator_of(text) {
                delimiters = vec![delimiter];
                continue;
            }
            let comment = text.first() == Some(&b'#');
            let found = Self::try_delimiters(lines, &delimiters, options)?;
            match found {
                Err(_) if comment => {}
                Err(HeaderError::Missing(_)) if !options.names_columns() => {
                    let marks: Vec<Option<u8>> = delimiters.into_iter().map(Some).collect();
                    return Ok(match guess::column(sample, &marks) {
                        Found::One(guess) => {
                            let header = lines.record().to_vec();
                            if guess.first_line == FirstLine::Row {
                                lines.rewind(before);
                            }
                            Self::guessed(&guess, header, options).ok_or(HeaderError::Nothing)
                        }
                        Found::Several(names) => Err(HeaderError::Several(names)),
                        Found::Nothing => found,
                    });
                }
                found => return Ok(found),
            }
        }
    }

    /// A table whose columns were found by trying; `header` is its first line.
    /// `None` where its columns stand between blanks.
    pub fn guessed(guess: &Guess, header: Vec<u8>, options: &ReadOptions) -> Option<Self> {
        let Guess { delimiter, smiles, id, first_line, count, .. } = *guess;
        let names = match first_line {
            FirstLine::Header => guess::cells(&header, delimiter),
            FirstLine::Row => Vec::new(),
        };
        let names: Vec<_> = names.into_iter().map(String::from_utf8_lossy).collect();
        let columns =
            Columns { id: id.or_else(|| columns::id_of(&names)), ..Columns::plain(smiles, count) };
        let is_header = first_line == FirstLine::Header;
        Some(Self {
            delimiter: delimiter?,
            columns,
            width: if is_header { Width::OfHeader } else { Width::AtLeast(smiles + 1) },
            header: if is_header { header } else { Vec::new() },
            limit: options.max_line_bytes,
            fields: Vec::new(),
        })
    }

    /// Reads the current line as a header with each delimiter in turn; the
    /// first one's error is reported if none shows the columns.
    fn try_delimiters(
        lines: &mut LineReader,
        delimiters: &[u8],
        options: &ReadOptions,
    ) -> io::Result<Result<Self, HeaderError>> {
        let after_line = lines.mark();
        let mut first_error = None;
        let mut fields = Vec::new();
        for &delimiter in delimiters {
            lines.rewind(after_line);
            let first = lines.record().len();
            let result = match split(lines, delimiter, first, &mut fields)? {
                Err(problem) => Err(HeaderError::Problem(problem)),
                Ok(()) => {
                    let names: Vec<String> = fields
                        .iter()
                        .map(|f| String::from_utf8_lossy(&f.value(lines.record())).into_owned())
                        .collect();
                    Columns::find(&names, options).map_err(HeaderError::Missing)
                }
            };
            match result {
                Ok(columns) => {
                    let limit = options.max_line_bytes;
                    let (width, header) = (Width::OfHeader, lines.record().to_vec());
                    return Ok(Ok(Self { delimiter, columns, width, header, limit, fields }));
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        lines.rewind(after_line);
        Ok(Err(first_error.unwrap_or(HeaderError::Nothing)))
    }

    /// The next row; none at the end.
    pub fn next_record(&mut self, lines: &mut LineReader, row: u64) -> io::Result<Option<Record>> {
        loop {
            lines.begin();
            let Some(line) = lines.read_line()? else { return Ok(None) };
            let Line::Whole { from, to } = line else {
                lines.skip_line()?;
                let problem = RowProblem::TooLong { limit: self.limit as u64 };
                return Ok(Some(bad(row, lines.line(), b"", problem)));
            };
            let number = lines.line();
            let text = lines.record()[from..to].trim_ascii();
            if text.is_empty() || text == self.header.trim_ascii() {
                continue;
            }
            let first = lines.record().len();
            return Ok(Some(match split(lines, self.delimiter, first, &mut self.fields)? {
                Ok(()) => self.record(lines.record(), row, number),
                Err(problem) => bad(row, number, b"", problem),
            }));
        }
    }

    fn record(&self, text: &[u8], row: u64, line: u64) -> Record {
        let cell = |index: usize| self.fields.get(index).map(|field| field.value(text));
        let id = self.columns.id.and_then(cell).unwrap_or_default();
        let least = match self.width {
            Width::OfHeader => self.columns.count,
            Width::AtLeast(least) => least,
        };
        let (found, expected) = (self.fields.len() as u32, least as u32);
        if found < expected {
            return bad(row, line, &id, RowProblem::ShortRow { found, expected });
        }
        // Trailing empty cells are what spreadsheets leave behind.
        let extra = match self.width {
            Width::OfHeader => &self.fields[least..],
            Width::AtLeast(_) => &[],
        };
        if extra.iter().any(|field| !field.value(text).trim_ascii().is_empty()) {
            return bad(row, line, &id, RowProblem::LongRow { found, expected });
        }
        let smiles = cell(self.columns.smiles).unwrap_or_default();
        let scores = self.columns.scores.and_then(cell);
        columns::record(row, line, &id, &smiles, scores.as_deref())
    }
}

fn bad(row: u64, line: u64, id: &[u8], problem: RowProblem) -> Record {
    Record {
        row,
        id: columns::id_text(id),
        smiles: Vec::new(),
        scores_input: None,
        problem: Some(problem),
        line,
    }
}

/// Splits the current record, whose first line (terminator included) has
/// `first` bytes, into fields; reads further lines while a quote is open. On a
/// problem the reader stands behind the first line.
fn split(
    lines: &mut LineReader,
    delimiter: u8,
    first: usize,
    fields: &mut Vec<Field>,
) -> io::Result<Result<(), RowProblem>> {
    fields.clear();
    let text = strip_terminator(&lines.record()[..first]);
    if memchr::memchr(b'"', text).is_none() {
        let mut from = 0;
        for to in memchr::memchr_iter(delimiter, text).chain([text.len()]) {
            fields.push(Field { from, to, quoting: Quoting::None });
            from = to + 1;
        }
        return Ok(Ok(()));
    }
    let after_first = lines.mark();
    let mut splitter = Splitter { delimiter, at: 0, state: State::FieldStart, quoted_from: 0 };
    loop {
        match splitter.feed(lines.record(), fields) {
            Progress::Done => return Ok(Ok(())),
            Progress::Bad => break,
            Progress::Open => {}
        }
        match lines.read_line()? {
            Some(Line::Whole { .. }) => {}
            Some(Line::TooLong) | None => break,
        }
    }
    lines.rewind(after_first);
    Ok(Err(RowProblem::BadQuoting))
}

fn strip_terminator(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Splits a record with quotes; it can be fed again with more of the record.
struct Splitter {
    delimiter: u8,
    at: usize,
    state: State,
    quoted_from: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    /// In a quoted field; whether it holds doubled quotes.
    Quoted(Quoting),
}

enum Progress {
    /// The record is complete.
    Done,
    /// A quoted field goes on in the next line.
    Open,
    /// Text follows a closing quote.
    Bad,
}

impl Splitter {
    /// Goes on through `record`, which begins as it did at the last call.
    fn feed(&mut self, record: &[u8], fields: &mut Vec<Field>) -> Progress {
        let end = strip_terminator(record).len();
        loop {
            match self.state {
                State::FieldStart => {
                    if self.at < end && record[self.at] == b'"' {
                        self.at += 1;
                        self.quoted_from = self.at;
                        self.state = State::Quoted(Quoting::None);
                        continue;
                    }
                    let rest = &record[self.at..end];
                    let to = memchr::memchr(self.delimiter, rest).map_or(end, |n| self.at + n);
                    fields.push(Field { from: self.at, to, quoting: Quoting::None });
                    if to == end {
                        return Progress::Done;
                    }
                    self.at = to + 1;
                }
                State::Quoted(quoting) => {
                    let Some(quote) = memchr::memchr(b'"', &record[self.at..]) else {
                        self.at = record.len();
                        return Progress::Open;
                    };
                    let quote = self.at + quote;
                    let next = if quote + 1 < end { Some(record[quote + 1]) } else { None };
                    if next == Some(b'"') {
                        self.at = quote + 2;
                        self.state = State::Quoted(Quoting::Doubled);
                        continue;
                    }
                    fields.push(Field { from: self.quoted_from, to: quote, quoting });
                    match next {
                        None => return Progress::Done,
                        Some(byte) if byte == self.delimiter => {
                            self.at = quote + 2;
                            self.state = State::FieldStart;
                        }
                        Some(_) => return Progress::Bad,
                    }
                }
            }
        }
    }
}
