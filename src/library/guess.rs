//! Which column of a text holds SMILES, found by trying which cells are
//! molecules. Looks at the beginning of a text only, and reads no row.

use std::collections::BTreeSet;

use hetero2_chemistry::molecule::{MolecularGraph, MoleculeError, ParseLimits};
use hetero2_common::separator_line::separator_of;

/// Lines that are looked at, after the first.
const LINES: usize = 64;
/// Lines that say whether a text begins with molecules: tranches may be short, and
/// many.
const FIRST_LINES: usize = 12;
/// Columns that are looked at.
const COLUMNS: usize = 64;
/// Heavy atoms beyond which a cell is not tried.
const ATOMS: usize = 500;

/// How the columns of a text were found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    /// What stands between columns; `None` for any number of blanks and tabs.
    pub delimiter: Option<u8>,
    pub smiles: usize,
    pub id: Option<usize>,
    pub first_line: FirstLine,
    /// Columns of the first line.
    pub count: usize,
    /// Cells of the column that were molecules.
    molecules: usize,
}

/// What the first line of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstLine {
    /// Names of columns.
    Header,
    /// A row.
    Row,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// One column.
    One(Guess),
    /// Columns of these names hold different molecules.
    Several(Vec<String>),
    /// None.
    Nothing,
}

/// Whether a cell is a molecule of at most [`ATOMS`] heavy atoms.
fn is_molecule(cell: &[u8]) -> bool {
    let (smiles, rest) = match cell.iter().position(u8::is_ascii_whitespace) {
        Some(blank) => (&cell[..blank], cell[blank..].trim_ascii_start()),
        None => (cell, &b""[..]),
    };
    let limits = ParseLimits::with_max_heavy_atoms(ATOMS);
    (rest.is_empty() || rest.starts_with(b"|"))
        && !smiles.is_empty()
        && MolecularGraph::from_smiles(smiles, &limits).is_ok()
}

/// Whether a SMILES is one, whatever its size and chemistry.
pub(super) fn is_smiles(smiles: &[u8]) -> bool {
    let limits = ParseLimits::with_max_heavy_atoms(ATOMS);
    !smiles.is_empty()
        && !matches!(
            MolecularGraph::from_smiles(smiles, &limits),
            Err(MoleculeError::Syntax(_) | MoleculeError::Sanitize(_))
        )
}

/// Whether most of the first lines of a text begin with a molecule.
pub(super) fn begins_with_molecules(lines: &[&[u8]]) -> bool {
    let lines = &lines[..lines.len().min(FIRST_LINES)];
    let first = |line: &&&[u8]| {
        let cells = cells(line, None);
        cells.first().is_some_and(|cell| is_molecule(cell))
    };
    2 * lines.iter().filter(first).count() >= lines.len()
}

/// The lines of a text that are neither blank nor comments, whole ones only; without what a
/// spreadsheet's `sep=;` line says.
pub(super) fn lines(sample: &[u8], ends: End) -> Vec<&[u8]> {
    let mut pieces: Vec<&[u8]> = sample.split(|byte| matches!(byte, b'\n' | b'\r')).collect();
    if ends == End::Beyond && pieces.len() > 1 {
        pieces.pop();
    }
    let said = |line: &&[u8]| !line.trim_ascii().is_empty() && line.first() != Some(&b'#');
    let said = pieces.into_iter().filter(said);
    said.skip_while(|line| separator_of(line).is_some()).take(LINES + 1).collect()
}

/// Whether a sample is the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is.
    Seen,
    /// There is more.
    Beyond,
}

/// The column that holds SMILES, with the delimiter that shows most of them.
pub(super) fn column(lines: &[&[u8]], delimiters: &[Option<u8>]) -> Found {
    let mut best = Found::Nothing;
    let mut most = 0;
    for &delimiter in delimiters {
        let found = with_delimiter(lines, delimiter);
        let molecules = match &found {
            Found::One(guess) => guess.molecules,
            // Any column of another delimiter that is as good is better.
            Found::Several(_) => usize::from(most == 0),
            Found::Nothing => 0,
        };
        if molecules > most {
            (best, most) = (found, molecules);
        }
    }
    best
}

fn with_delimiter(lines: &[&[u8]], delimiter: Option<u8>) -> Found {
    let rows: Vec<Vec<&[u8]>> = lines.iter().map(|line| cells(line, delimiter)).collect();
    let Some((first, rest)) = rows.split_first() else { return Found::Nothing };
    let count = first.len();
    if count < 2 && delimiter != Some(b',') {
        return Found::Nothing;
    }
    // A text of one line has no header.
    let data = if rest.is_empty() { &rows[..] } else { rest };
    let columns: Vec<Column<'_>> =
        (0..count.min(COLUMNS)).map(|at| Column::of(at, first, data)).collect();
    let columns: Vec<Column<'_>> = columns.into_iter().filter(Column::is_plausible).collect();
    let best = columns.iter().rev().max_by_key(|column| (column.molecules, column.distinct.len()));
    let Some(best) = best.filter(|best| best.molecules > 0 && 2 * best.molecules >= data.len())
    else {
        return Found::Nothing;
    };
    let as_good = |column: &&Column<'_>| {
        10 * column.molecules >= 9 * best.molecules
            && 2 * column.distinct.len() >= best.distinct.len()
            && column.distinct != best.distinct
    };
    let mut rivals: Vec<&Column<'_>> = columns.iter().filter(as_good).collect();
    rivals.push(best);
    rivals.sort_by_key(|column| column.at);
    let named: Vec<&Column<'_>> =
        rivals.iter().copied().filter(|column| column.name_says_smiles()).collect();
    let chosen = match (rivals.as_slice(), named.as_slice()) {
        ([one], _) | (_, [one]) => *one,
        _ => return Found::Several(rivals.iter().map(|column| column.name()).collect()),
    };
    let is_row = rest.is_empty() || is_molecule(chosen.header);
    Found::One(Guess {
        delimiter,
        smiles: chosen.at,
        id: if is_row { id_column(&rows, chosen.at) } else { None },
        first_line: if is_row { FirstLine::Row } else { FirstLine::Header },
        count,
        molecules: chosen.molecules,
    })
}

/// A column, as far as it was looked at.
struct Column<'a> {
    at: usize,
    header: &'a [u8],
    molecules: usize,
    distinct: BTreeSet<&'a [u8]>,
}

impl<'a> Column<'a> {
    fn of(at: usize, first: &[&'a [u8]], data: &[Vec<&'a [u8]>]) -> Self {
        let cells = data.iter().filter_map(|row| row.get(at)).copied();
        let found: Vec<&[u8]> = cells.filter(|cell| is_molecule(cell)).collect();
        let header = first.get(at).copied().unwrap_or_default();
        Self { at, header, molecules: found.len(), distinct: found.into_iter().collect() }
    }

    /// Whether its molecules may be more than formulas, flags or symbols of
    /// elements, many of which read as SMILES.
    fn is_plausible(&self) -> bool {
        let name = self.name().to_ascii_lowercase();
        let mut cells = self.distinct.iter().copied().chain([self.header]);
        cells.any(|cell| cell.len() > 2 && is_molecule(cell))
            && !["formula", "element", "symbol", "atom"].iter().any(|no| name.contains(no))
    }

    fn name(&self) -> String {
        String::from_utf8_lossy(self.header).into_owned()
    }

    fn name_says_smiles(&self) -> bool {
        self.name().to_ascii_lowercase().contains("smi")
    }
}

/// The id of a text without header: the first other column whose cells are all
/// there and all differ; of DUD-E's three columns the last, which is a name.
fn id_column(rows: &[Vec<&[u8]>], smiles: usize) -> Option<usize> {
    let width = rows.iter().map(Vec::len).min().unwrap_or_default();
    if smiles == 0 && width == 3 && rows.iter().all(|row| is_dude(row)) {
        return Some(2);
    }
    let others = || (0..width).filter(|at| *at != smiles);
    let is_key = |at: &usize| {
        let cells: BTreeSet<&[u8]> = rows.iter().map(|row| row[*at]).collect();
        cells.len() == rows.len() && !cells.contains(&b""[..])
    };
    others().find(is_key).or_else(|| others().next())
}

/// Whether a row is `SMILES number ChEMBL-or-ZINC id`, as DUD-E writes actives.
pub(super) fn is_dude(row: &[&[u8]]) -> bool {
    matches!(row, [_, number, name] if number.iter().all(u8::is_ascii_digit)
        && (name.starts_with(b"CHEMBL") || name.starts_with(b"ZINC")))
}

/// The cells of a line, without surrounding blanks and quotes.
pub(super) fn cells(line: &[u8], delimiter: Option<u8>) -> Vec<&[u8]> {
    let Some(delimiter) = delimiter else {
        let cells = line.split(|byte| matches!(byte, b' ' | b'\t'));
        return cells.filter(|cell| !cell.is_empty()).take(COLUMNS + 1).collect();
    };
    let mut cells = Vec::new();
    let (mut from, mut quoted) = (0, false);
    for (at, byte) in line.iter().enumerate() {
        quoted ^= *byte == b'"';
        if *byte == delimiter && !quoted {
            cells.push(&line[from..at]);
            from = at + 1;
        }
    }
    cells.push(&line[from..]);
    for cell in &mut cells {
        *cell = cell.trim_ascii();
        if let [b'"', inner @ .., b'"'] = *cell {
            *cell = inner.trim_ascii();
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Option<u8>; 5] = [Some(b'\t'), Some(b','), Some(b';'), Some(b'|'), None];

    fn found(text: &str) -> Found {
        column(&lines(text.as_bytes(), End::Seen), &ALL)
    }

    fn guess(text: &str) -> (Option<u8>, usize, Option<usize>, FirstLine) {
        match found(text) {
            Found::One(g) => (g.delimiter, g.smiles, g.id, g.first_line),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn layouts_are_found_by_trying() {
        let row = FirstLine::Row;
        assert_eq!(guess("241\tC1=CC=CC=C1\n702\tCCO\n"), (Some(b'\t'), 1, Some(0), row));
        assert_eq!(guess("CCO,ethanol\nc1ccccc1,benzene\n"), (Some(b','), 0, Some(1), row));
        assert_eq!(guess("CCO|ethanol|x\nCC|ethane|x\n"), (Some(b'|'), 0, Some(1), row));
        assert_eq!(guess("a1 CCO\nb2 CCN\n"), (None, 1, Some(0), row));
        let header = FirstLine::Header;
        assert_eq!(guess("Drug_ID,Drug,Y\nD1,CCO,1\nD2,CCN,0\n"), (Some(b','), 1, None, header));
        assert_eq!(
            guess("Name\tLigand SMILES\tFlag\nx\tCCO\tN\ny\tCCN\tN\nz\tCCC\tN\n"),
            (Some(b'\t'), 1, None, header)
        );
    }

    #[test]
    fn columns_that_differ_are_no_guess() {
        let several = found("a,b\nCCO,CCN\nCCC,CCS\n");
        assert_eq!(several, Found::Several(vec!["a".into(), "b".into()]));
        // A name decides, and the same molecules twice are no rivals.
        assert_eq!(guess("a,my_smiles\nCCO,CCN\nCCC,CCS\n").1, 1);
        assert_eq!(guess("n,a,b\nx1,CCO,CCO\nx2,CCC,CCC\n").1, 1);
        assert_eq!(found("what,ever\n1,2\n3,4\n"), Found::Nothing);
    }

    #[test]
    fn actives_of_dude_have_their_name_last() {
        let text = "CCO 252834 CHEMBL168\nCCN 252835 CHEMBL169\n";
        assert_eq!(guess(text), (None, 0, Some(2), FirstLine::Row));
        assert!(begins_with_molecules(&lines(text.as_bytes(), End::Seen)));
    }
}
