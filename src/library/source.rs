//! A library as a stream of records.

use std::io::Read;
use std::path::Path;

use hetero2_common::separator_line::separator_of;

use super::address::{Origin, name_of};
use super::columnar::ParquetSource;
use super::columns::{Columns, MissingColumn};
use super::delimited::{HeaderError, Table};
use super::error::LibraryError;
use super::guess::{self, End, FirstLine, Found, Guess};
use super::input::{Bytes, Compression, Input, InputDigest, open_path};
use super::library::{Library, RecordBatches};
use super::lines::LineReader;
use super::options::{Format, ReadOptions};
use super::record::Record;
use super::sdf::SdfReader;
use super::smiles_file::{self, Layout, Separator};

/// Bytes of content that decide the format where the name does not.
const SNIFFED: usize = 16 << 10;

/// Text of a batch after which the batch is closed early, in bytes.
pub(super) const BATCH_BYTES: usize = 64 << 20;

/// The shipped demo library.
static DEMO: &[u8] = include_bytes!("data/demo.smi");
/// The shipped library of molecules with known activities.
static LABELLED_DEMO: &[u8] = include_bytes!("data/factor_xa.smi");

/// An opened library: an iterator over its rows.
///
/// After an error the iterator ends; every row before the error was yielded.
/// Memory: about 1 MiB, one line (or SDF record), and for Parquet one batch of
/// 4,096 rows and one page per column.
pub struct Source {
    body: Body,
    format: Format,
    rows: u64,
    state: State,
    origin: Option<Origin>,
}

enum Body {
    Text { lines: Box<LineReader>, parser: Parser },
    Parquet(ParquetSource),
}

enum Parser {
    Table(Table),
    Smiles { layout: Layout, limit: usize },
    Sdf(SdfReader),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("format", &self.format).field("rows", &self.rows).finish()
    }
}

/// The shipped demo library: about a thousand real molecules.
///
/// # Errors
/// None: the library is part of the program.
pub fn demo() -> Result<Source, LibraryError> {
    let options = ReadOptions { format: Some(Format::Smiles), ..ReadOptions::default() };
    Source::from_reader(DEMO, "demo.smi", options)
}

/// The shipped library of molecules with known activities on factor Xa.
///
/// # Errors
/// None: the library is part of the program.
pub fn labelled_demo() -> Result<Source, LibraryError> {
    let options = ReadOptions { format: Some(Format::Smiles), ..ReadOptions::default() };
    Source::from_reader(LABELLED_DEMO, "factor_xa.smi", options)
}

impl Source {
    /// Opens the library at `path`, a file's or an address, `-` for standard
    /// input, and reads its header. The compression is told from the content, the format from
    /// `options`, the file name's extension or the content, in this order.
    ///
    /// # Errors
    /// [`LibraryError`] if there is no such file, or nothing in it, or no
    /// column with SMILES.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, LibraryError> {
        if path.as_os_str() == "-" {
            return Self::from_reader(std::io::stdin(), "stdin", options.clone());
        }
        let name = name_of(path);
        let opened = open_path(path, |magic| holds_parquet(magic, &name, options))?;
        let source = match opened.bytes {
            Bytes::File(file) if is_parquet(&file, &name, options)? => {
                let source = ParquetSource::open(file, name, options)?;
                Self::new(Body::Parquet(source), Format::Parquet)
            }
            Bytes::File(file) => Self::from_reader(file, &name, options.clone())?,
            Bytes::Stream(stream) => Self::from_reader(stream, &name, options.clone())?,
        };
        Ok(Self { origin: opened.origin, ..source })
    }

    /// Reads a library from a stream of bytes; `name` is what messages and the
    /// digest call it, and its extension counts.
    ///
    /// # Errors
    /// As [`open`](Self::open); Parquet cannot be read from a stream.
    pub fn from_reader(
        reader: impl Read + Send + 'static,
        name: &str,
        options: ReadOptions,
    ) -> Result<Self, LibraryError> {
        let input = Input::new(Box::new(reader), name.to_owned())?;
        let compression = input.compression;
        let mut lines = LineReader::new(input, options.max_line_bytes);
        let bytes = match lines.peek(SNIFFED) {
            Ok(bytes) => bytes,
            Err(error) => return Err(lines.input().failure(error, 0)),
        };
        let start = check_text(bytes, name, &options)?;
        let bytes = &bytes[start..];
        let ends = if bytes.len() < SNIFFED { End::Seen } else { End::Beyond };
        let sample = bytes[..bytes.len().min(SNIFFED)].to_vec();
        let sample = guess::lines(&sample, ends);
        let by_name = || {
            let format = Format::from_extension(inner_extension(name));
            format.filter(|_| !bytes.starts_with(b"PAR1"))
        };
        let format = options.format.or_else(by_name).unwrap_or_else(|| format_of(bytes));
        lines.skip(start);
        let parser = match format {
            Format::Parquet => {
                let how = match compression {
                    Compression::None => "from standard input or a stream",
                    _ => "inside another compression",
                };
                return Err(LibraryError::ParquetNotSeekable { name: name.into(), how });
            }
            Format::Csv | Format::Tsv => {
                Parser::Table(read_table(&mut lines, format, &options, &sample)?)
            }
            Format::Smiles => read_lines(&mut lines, &options, &sample)?,
            Format::Sdf => Parser::Sdf(SdfReader::new(&options)),
        };
        Ok(Self::new(Body::Text { lines: Box::new(lines), parser }, format))
    }

    fn new(body: Body, format: Format) -> Self {
        Self { body, format, rows: 0, state: State::Reading, origin: None }
    }

    /// The format that is read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where it is, if at an address.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Rows yielded so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The digest of the input's bytes as they were stored. It is computed as
    /// rows are read; what was not read yet is read now (Parquet: in a second
    /// pass over the file).
    ///
    /// # Errors
    /// [`LibraryError::Read`] if the rest cannot be read.
    pub fn digest(&mut self) -> Result<InputDigest, LibraryError> {
        let rows = self.rows;
        match &mut self.body {
            Body::Text { lines, .. } => {
                let result = lines.input().digest();
                result.map_err(|error| lines.input().failure(error, rows))
            }
            Body::Parquet(parquet) => {
                let result = parquet.digest();
                let name = parquet.name().to_owned();
                result.map_err(|source| LibraryError::Read { name, rows, byte: 0, source })
            }
        }
    }

    /// The records in batches; see [`Library::batches`].
    ///
    /// # Errors
    /// [`LibraryError::Thread`] if the thread cannot be started.
    pub fn batches(self, rows: usize) -> Result<RecordBatches, LibraryError> {
        Library::from(self).batches(rows)
    }

    /// The next row as the file has it: its number counts from the beginning of
    /// the file, and it has no id where the file has none.
    pub(super) fn next_unnumbered(&mut self) -> Option<Result<Record, LibraryError>> {
        if self.state == State::Ended {
            return None;
        }
        let item = self.read().transpose();
        match &item {
            Some(Ok(_)) => self.rows += 1,
            Some(Err(_)) | None => self.state = State::Ended,
        }
        item
    }

    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match &self.body {
            Body::Text { lines, .. } => lines.name().to_owned(),
            Body::Parquet(source) => source.name().to_owned(),
        }
    }

    fn read(&mut self) -> Result<Option<Record>, LibraryError> {
        let row = self.rows;
        match &mut self.body {
            Body::Parquet(source) => source.next_record(row),
            Body::Text { lines, parser } => {
                let result = match parser {
                    Parser::Table(table) => table.next_record(lines, row),
                    Parser::Smiles { layout, limit } => {
                        smiles_file::next_record(lines, layout, *limit, row)
                    }
                    Parser::Sdf(reader) => reader.next_record(lines, row),
                };
                result.map_err(|error| lines.input().failure(error, row))
            }
        }
    }
}

impl Iterator for Source {
    type Item = Result<Record, LibraryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows;
        let mut item = self.next_unnumbered();
        if let Some(Ok(record)) = &mut item {
            record.number(row);
        }
        item
    }
}

/// Whether the file is to be read as Parquet: it was asked for, or the file
/// begins as one.
fn is_parquet(
    mut file: &std::fs::File,
    name: &str,
    options: &ReadOptions,
) -> Result<bool, LibraryError> {
    use std::io::Seek;
    if options.format.is_some_and(|format| format != Format::Parquet) {
        return Ok(false);
    }
    // A pipe cannot be rewound: leave it untouched.
    if file.rewind().is_err() {
        return Ok(false);
    }
    let failed = |source| LibraryError::Read { name: name.into(), rows: 0, byte: 0, source };
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    if magic.is_empty() {
        return Err(LibraryError::Empty { name: name.into() });
    }
    Ok(holds_parquet(&magic, name, options))
}

/// Whether a file that begins with these four bytes is to be read as Parquet.
fn holds_parquet(magic: &[u8], name: &str, options: &ReadOptions) -> bool {
    if options.format.is_some_and(|format| format != Format::Parquet) {
        return false;
    }
    let asked = options.format == Some(Format::Parquet)
        || Format::from_extension(extension(name)) == Some(Format::Parquet);
    magic == b"PAR1" || (asked && !magic.is_empty() && !is_compressed(magic))
}

fn is_compressed(magic: &[u8]) -> bool {
    matches!(
        magic,
        [0x1f, 0x8b, ..]
            | [0x28, 0xb5, 0x2f, 0xfd]
            | [b'B', b'Z', b'h', b'1'..=b'9']
            | [0xfd, b'7', b'z', b'X']
    )
}

/// Refuses what is empty or no text; returns the length of a UTF-8 byte-order
/// mark.
fn check_text(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<usize, LibraryError> {
    if bytes.starts_with(b"PAR1") {
        return Ok(0);
    }
    let zero = memchr::memchr(0, &bytes[..bytes.len().min(SNIFFED)]);
    let format = options.format.or_else(|| Format::from_extension(inner_extension(name)));
    if let (Some(zero), None) = (zero, format) {
        return Err(LibraryError::NotText { name: name.into(), byte: zero as u64 + 1 });
    }
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    if bytes.len() == mark {
        return Err(LibraryError::Empty { name: name.into() });
    }
    Ok(mark)
}

/// Marks that may stand between the columns of a text without a known header.
const MARKS: [Option<u8>; 5] = [Some(b'\t'), Some(b','), Some(b';'), Some(b'|'), None];

/// How a file of lines is to be read: by its header; as `SMILES name` where its
/// lines begin with molecules; else by the column that holds them.
fn read_lines(
    lines: &mut LineReader,
    options: &ReadOptions,
    sample: &[&[u8]],
) -> Result<Parser, LibraryError> {
    let limit = options.max_line_bytes;
    let layout = match smiles_file::read_layout(lines, options) {
        Ok(layout) => layout,
        Err(error) => return Err(lines.input().failure(error, 0)),
    };
    let (name, line) = (lines.name().to_owned(), lines.line());
    let layout = layout.map_err(|missing| missing_column(&name, line, missing))?;
    if layout != Layout::Plain || options.names_columns() || sample.is_empty() {
        return Ok(Parser::Smiles { layout, limit });
    }
    if guess::begins_with_molecules(sample) {
        let is_dude = sample.iter().all(|line| guess::is_dude(&guess::cells(line, None)));
        let layout = if is_dude { by_blanks(0, Some(2), Vec::new()) } else { layout };
        return Ok(Parser::Smiles { layout, limit });
    }
    match guess::column(sample, &MARKS) {
        Found::Nothing => Ok(Parser::Smiles { layout, limit }),
        Found::Several(columns) => {
            Err(LibraryError::SeveralColumns { name, line: line + 1, columns: columns.join(", ") })
        }
        Found::One(guess) => {
            tell_guess(&name, &guess, sample);
            let header = match guess.first_line {
                FirstLine::Row => Vec::new(),
                FirstLine::Header => match smiles_file::skip_header(lines) {
                    Ok(header) => header,
                    Err(error) => return Err(lines.input().failure(error, 0)),
                },
            };
            Ok(match Table::guessed(&guess, header.clone(), options) {
                Some(table) => Parser::Table(table),
                None => Parser::Smiles { layout: by_blanks(guess.smiles, guess.id, header), limit },
            })
        }
    }
}

fn by_blanks(smiles: usize, id: Option<usize>, header: Vec<u8>) -> Layout {
    let columns = Columns { id, ..Columns::plain(smiles, smiles + 1) };
    Layout::Columns { columns, separator: Separator::Blanks, header }
}

/// Says which column is read where its name does not.
fn tell_guess(name: &str, guess: &Guess, sample: &[&[u8]]) {
    let first = sample.first().map(|line| guess::cells(line, guess.delimiter)).unwrap_or_default();
    let cell = first.get(guess.smiles).copied().unwrap_or_default();
    let (column, cell) = (guess.smiles + 1, String::from_utf8_lossy(cell));
    tracing::warn!(
        "library {name}: SMILES are read from column {column}, which begins with `{cell}`: it was \
         found by trying"
    );
}

fn read_table(
    lines: &mut LineReader,
    format: Format,
    options: &ReadOptions,
    sample: &[&[u8]],
) -> Result<Table, LibraryError> {
    let header = match Table::read_header(lines, format, options, sample) {
        Ok(header) => header,
        Err(error) => return Err(lines.input().failure(error, 0)),
    };
    let (name, line) = (lines.name().to_owned(), lines.line());
    header.map_err(|error| match error {
        HeaderError::Nothing => LibraryError::Empty { name },
        HeaderError::Problem(problem) => {
            LibraryError::BadHeader { name, line: line.max(1), problem: problem.to_string() }
        }
        HeaderError::Missing(missing) => missing_column(&name, line, missing),
        HeaderError::Several(columns) => {
            LibraryError::SeveralColumns { name, line: line.max(1), columns: columns.join(", ") }
        }
    })
}

fn missing_column(name: &str, line: u64, missing: MissingColumn) -> LibraryError {
    let MissingColumn { role, wanted, found } = missing;
    LibraryError::MissingColumn { name: name.into(), line: line.max(1), role, wanted, found }
}

/// What follows the last dot of a file name.
fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The extension below that of a compression: `smi` of `library.smi.gz`.
pub(super) fn inner_extension(name: &str) -> &str {
    match extension(name).to_ascii_lowercase().as_str() {
        "gz" | "gzip" | "bgz" | "zst" | "zstd" | "bz2" | "xz" => {
            extension(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
        }
        _ => extension(name),
    }
}

/// The format that the first bytes of the content show.
fn format_of(bytes: &[u8]) -> Format {
    if bytes.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let is_molfile = lines.clone().take(4).any(|line| {
        let line = line.trim_end();
        line.ends_with("V2000") || line.ends_with("V3000")
    });
    if is_molfile {
        return Format::Sdf;
    }
    let header = lines.find(|line| !line.trim().is_empty()).unwrap_or_default();
    if separator_of(header.as_bytes()).is_some() {
        return Format::Csv;
    }
    let options = ReadOptions::default();
    let named = |delimiter: char| {
        let names: Vec<&str> = header.split(delimiter).map(|name| name.trim_matches('"')).collect();
        names.len() > 1 && super::columns::Columns::find(&names, &options).is_ok()
    };
    if named(',') || named(';') || named('|') {
        Format::Csv
    } else if named('\t') {
        Format::Tsv
    } else {
        Format::Smiles
    }
}
