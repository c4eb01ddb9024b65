//! SDF: molfiles and data items, one record up to each `$$$$` line.

use std::io;

use hetero2_chemistry::molecule::{MolfileError, smiles_from_molfile};

use super::columns::{self, ID_NAMES};
use super::lines::{Line, LineReader};
use super::options::ReadOptions;
use super::record::{Record, RowProblem};
use super::smiles_item;

/// The line that ends a record.
const SEPARATOR: &[u8] = b"$$$$";
/// The line that ends a molfile.
const MOLFILE_END: &str = "M  END";

/// How a record came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At a `$$$$` line.
    Separator,
    /// At the end of the input.
    Input,
}

/// Collects records and turns them into rows.
#[derive(Debug)]
pub(super) struct SdfReader {
    options: ReadOptions,
    text: Vec<u8>,
}

impl SdfReader {
    pub fn new(options: &ReadOptions) -> Self {
        Self { options: options.clone(), text: Vec::new() }
    }

    /// The next row; none at the end.
    pub fn next_record(&mut self, lines: &mut LineReader, row: u64) -> io::Result<Option<Record>> {
        self.text.clear();
        let first_line = lines.line() + 1;
        let mut too_long = false;
        let end = loop {
            lines.begin();
            let Some(line) = lines.read_line()? else { break End::Input };
            let Line::Whole { from, to } = line else {
                lines.skip_line()?;
                too_long = true;
                continue;
            };
            let text = &lines.record()[from..to];
            if text.trim_ascii_end() == SEPARATOR {
                break End::Separator;
            }
            too_long |= self.text.len() + text.len() > self.options.max_record_bytes;
            if !too_long {
                self.text.extend_from_slice(text);
                self.text.push(b'\n');
            }
        };
        if end == End::Input && !too_long && self.text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&self.text);
        let mut record = columns::record(row, first_line, self.id(&text).as_bytes(), b"", None);
        if too_long {
            record.problem = Some(RowProblem::TooLong { limit: self.limit() });
            return Ok(Some(record));
        }
        record.scores_input =
            item(&text, |name| columns::matches_any(name, &["scores_input"])).map(str::to_owned);
        match self.smiles(&text, end) {
            Ok(smiles) => {
                record.problem = self.smiles_item(&text, &smiles);
                record.smiles = smiles.into_bytes();
            }
            Err(problem) => record.problem = Some(problem),
        }
        Ok(Some(record))
    }

    fn limit(&self) -> u64 {
        self.options.max_record_bytes.max(self.options.max_line_bytes) as u64
    }

    /// The data item that was asked for; else the title; else an item with a
    /// known name.
    fn id<'a>(&self, text: &'a str) -> &'a str {
        if let Some(wanted) = &self.options.id_column {
            return item(text, |name| name.eq_ignore_ascii_case(wanted.trim())).unwrap_or_default();
        }
        let title = text.lines().next().unwrap_or_default().trim();
        if !title.is_empty() {
            return title;
        }
        item(text, |name| columns::matches_any(name, &ID_NAMES)).unwrap_or_default()
    }

    fn smiles(&self, text: &str, end: End) -> Result<String, RowProblem> {
        if let Some(wanted) = &self.options.smiles_column {
            let found = item(text, |name| name.eq_ignore_ascii_case(wanted.trim()));
            return Ok(found.unwrap_or_default().to_owned());
        }
        let Some(block) = molfile(text) else {
            return Err(match end {
                End::Input => RowProblem::CutOff,
                End::Separator => {
                    RowProblem::UnreadableMolfile(format!("it has no `{MOLFILE_END}` line"))
                }
            });
        };
        smiles_from_molfile(block).map_err(|error| match error {
            MolfileError::Query(_) => RowProblem::Query(error.to_string()),
            MolfileError::UnsupportedBond(_) => RowProblem::UnsupportedBond(error.to_string()),
            MolfileError::UnsupportedStereo(_) => RowProblem::UnsupportedStereo(error.to_string()),
            MolfileError::Syntax(_) | MolfileError::TooLarge { .. } => {
                RowProblem::UnreadableMolfile(error.to_string())
            }
        })
    }

    /// What an item of the record says of its molecule, if it says more than the molfile.
    fn smiles_item(&self, text: &str, smiles: &str) -> Option<RowProblem> {
        if self.options.smiles_column.is_some() {
            return None;
        }
        let said = item(text, columns::is_smiles_item)?.split_ascii_whitespace().next()?;
        let compared = said != smiles && said.len() <= smiles_item::MAX_BYTES;
        compared.then(|| RowProblem::SmilesItem(said.to_owned()))
    }
}

/// The record up to and including its `M  END` line.
fn molfile(text: &str) -> Option<&str> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == MOLFILE_END {
            return Some(&text[..at]);
        }
    }
    None
}

/// The first line of the first data item (`> <NAME>`) whose name fits.
fn item(text: &str, fits: impl Fn(&str) -> bool) -> Option<&str> {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix('>') else { continue };
        let name = rest.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
        if name.is_some_and(|(name, _)| fits(name.trim())) {
            return lines.next().map(str::trim).filter(|value| !value.is_empty());
        }
    }
    None
}
