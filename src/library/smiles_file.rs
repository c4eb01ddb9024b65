//! SMILES files: one molecule per line, with or without a header line.

use std::io;

use super::columns::{self, Columns, MissingColumn};
use super::lines::{Line, LineReader};
use super::options::ReadOptions;
use super::record::{Record, RowProblem};

/// How the lines of a SMILES file are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    /// `SMILES<blank or tab>name`.
    Plain,
    /// Columns that a header line names, which may come again where files were
    /// joined; it is empty where there is none.
    Columns { columns: Columns, separator: Separator, header: Vec<u8> },
}

/// What stands between two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// One tab; cells may be empty.
    Tab,
    /// Any number of blanks and tabs.
    Blanks,
}

/// Reads the layout, and passes over the header line if there is one.
///
/// A header line is the first line that is not blank, if it begins with a
/// known column name and holds a known SMILES column: `smiles id`, or
/// `#Mol_ID<tab>Structure<tab>…`. No such name is a valid SMILES.
pub(super) fn read_layout(
    lines: &mut LineReader,
    options: &ReadOptions,
) -> io::Result<Result<Layout, MissingColumn>> {
    loop {
        lines.begin();
        let mark = lines.mark();
        let Some(line) = lines.read_line()? else { break };
        let Line::Whole { from, to } = line else { break };
        let text = lines.record()[from..to].trim_ascii();
        if text.is_empty() {
            continue;
        }
        match header(text, options) {
            Some(layout) => return Ok(layout),
            None => {
                lines.rewind(mark);
                break;
            }
        }
    }
    if !options.names_columns() {
        return Ok(Ok(Layout::Plain));
    }
    // Columns were asked for by name, so there has to be a header.
    Ok(Columns::find::<&str>(&[], options).map(|_| Layout::Plain))
}

fn header(line: &[u8], options: &ReadOptions) -> Option<Result<Layout, MissingColumn>> {
    let text = std::str::from_utf8(line).ok()?;
    let separator = if text.contains('\t') { Separator::Tab } else { Separator::Blanks };
    let names: Vec<&str> = match separator {
        Separator::Tab => text.split('\t').collect(),
        Separator::Blanks => text.split_ascii_whitespace().collect(),
    };
    let found = Columns::find(&names, options);
    let asked = options.names_columns();
    match found {
        Ok(columns) if asked || columns::is_known(names.first()?) => {
            Some(Ok(Layout::Columns { columns, separator, header: line.to_vec() }))
        }
        Err(missing) if asked => Some(Err(missing)),
        _ => None,
    }
}

/// Passes over lines up to the first that is neither blank nor a comment, and
/// returns it.
pub(super) fn skip_header(lines: &mut LineReader) -> io::Result<Vec<u8>> {
    loop {
        lines.begin();
        let Some(Line::Whole { from, to }) = lines.read_line()? else { return Ok(Vec::new()) };
        let text = lines.record()[from..to].trim_ascii();
        if !(text.is_empty() || text.starts_with(b"#")) {
            return Ok(text.to_vec());
        }
    }
}

/// The next row; none at the end.
pub(super) fn next_record(
    lines: &mut LineReader,
    layout: &Layout,
    limit: usize,
    row: u64,
) -> io::Result<Option<Record>> {
    loop {
        lines.begin();
        let Some(line) = lines.read_line()? else { return Ok(None) };
        let Line::Whole { from, to } = line else {
            let comment = lines.peek(1)?.first() == Some(&b'#');
            lines.skip_line()?;
            if comment {
                continue;
            }
            return Ok(Some(Record {
                row,
                id: columns::id_text(b""),
                smiles: Vec::new(),
                scores_input: None,
                problem: Some(RowProblem::TooLong { limit: limit as u64 }),
                line: lines.line(),
            }));
        };
        let number = lines.line();
        let text = &lines.record()[from..to];
        if text.first() == Some(&b'#') || text.trim_ascii().is_empty() {
            continue;
        }
        if matches!(layout, Layout::Columns { header, .. } if text.trim_ascii() == header) {
            continue;
        }
        return Ok(Some(match layout {
            Layout::Plain => plain(row, number, text),
            Layout::Columns { columns, separator: Separator::Tab, .. } => {
                by_columns(row, number, columns, text.split(|&b| b == b'\t'))
            }
            Layout::Columns { columns, separator: Separator::Blanks, .. } => {
                let cells = text.split(|&b| b == b' ' || b == b'\t');
                by_columns(row, number, columns, cells.filter(|cell| !cell.is_empty()))
            }
        }));
    }
}

/// `SMILES name`, where the name may hold blanks and ends at a tab.
fn plain(row: u64, line: u64, text: &[u8]) -> Record {
    let text = text.trim_ascii();
    let end = memchr::memchr2(b' ', b'\t', text).unwrap_or(text.len());
    let (smiles, rest) = text.split_at(end);
    let rest = after_extension(rest.trim_ascii());
    let name = &rest[..memchr::memchr(b'\t', rest).unwrap_or(rest.len())];
    columns::record(row, line, name, smiles, None)
}

/// What follows a CXSMILES extension `|…|`.
fn after_extension(text: &[u8]) -> &[u8] {
    let Some(inner) = text.strip_prefix(b"|") else { return text };
    match memchr::memchr(b'|', inner) {
        Some(close) => inner[close + 1..].trim_ascii(),
        None => text,
    }
}

fn by_columns<'a>(
    row: u64,
    line: u64,
    columns: &Columns,
    cells: impl Iterator<Item = &'a [u8]>,
) -> Record {
    let (mut smiles, mut id, mut scores) = (None, &b""[..], None);
    let mut found = 0_u32;
    for (index, cell) in cells.enumerate() {
        found += 1;
        if index == columns.smiles {
            smiles = Some(cell);
        }
        if Some(index) == columns.id {
            id = cell;
        }
        if Some(index) == columns.scores {
            scores = Some(cell);
        }
    }
    let mut record = columns::record(row, line, id, smiles.unwrap_or_default(), scores);
    if smiles.is_none() {
        record.problem = Some(RowProblem::ShortRow { found, expected: columns.count as u32 });
        record.scores_input = None;
    }
    record
}
