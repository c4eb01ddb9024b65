//! The CSV tables of a pack: column order, quoting and how numbers print.
//! Knows rows, not how they are computed.

mod curves;
mod molecules;
mod pairs;
mod unscored;

pub use curves::{DosCsv, DosPoint, LocalDosCsv, LocalDosRow, read_dos};
pub use molecules::{EdgeWeightColumns, InputFiles, OperatorFeaturesCsv, SummaryCsv};
pub use pairs::HardnessCsv;
pub use unscored::UnscoredCsv;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use hetero2_contract::FormulaText;
use hetero2_contract::spreadsheet::guarded;

/// Appends `value` as the shortest decimal that reads back to it; whole numbers
/// keep a `.0`, −0 prints as `0.0`, and what is not finite prints as nothing.
///
/// ```
/// use hetero2_evidence::pack::csv::number;
/// assert_eq!([number(1.0), number(0.30769231), number(1e-9), number(f64::NAN)],
///            ["1.0", "0.30769231", "1e-9", ""]);
/// ```
#[must_use]
pub fn number(value: f64) -> String {
    let mut text = String::new();
    append_number(value, &mut text);
    text
}

fn append_number(value: f64, text: &mut String) {
    if !value.is_finite() {
        return;
    }
    // Adding 0 turns −0 into 0.
    let value = value + 0.0;
    if value == 0.0 || FIXED.contains(&value.abs()) {
        let mut buffer = zmij::Buffer::new();
        let shortest = buffer.format_finite(value);
        if shortest.len() <= UNIQUE {
            return text.push_str(shortest);
        }
    }
    // Writing to a string cannot fail.
    let _ = write!(text, "{value:?}");
}

/// Numbers without an exponent, here and in the standard library.
const FIXED: std::ops::Range<f64> = 1e-4..1e15;
/// Fifteen digits and a point. No two decimals of so many digits read back to
/// the same number, so the shortest is the standard library's; of longer ones
/// several may be as short and as near.
const UNIQUE: usize = 16;

/// Writes cells and rows of one CSV table; a row costs no allocation.
///
/// Cells that hold a separator, quote or line break are quoted. Text that a
/// spreadsheet could take for a formula is written as [`FormulaText`] says; all
/// other data is never changed.
pub struct Table<W> {
    output: W,
    formulas: FormulaText,
    line: String,
    columns: usize,
    cells: usize,
}

impl<W: Write> Table<W> {
    /// Begins the table with its header.
    pub fn new(output: W, header: &[&str]) -> io::Result<Self> {
        let mut table = Self::headless(output, header.len());
        header.iter().for_each(|name| table.text(Some(name)));
        table.end_row()?;
        Ok(table)
    }

    fn headless(output: W, columns: usize) -> Self {
        Self { output, formulas: FormulaText::default(), line: String::new(), columns, cells: 0 }
    }

    /// Writes text that could be a formula in this way.
    pub fn set_formulas(&mut self, formulas: FormulaText) {
        self.formulas = formulas;
    }

    /// Appends rows that were written apart.
    pub fn append(&mut self, part: Table<Vec<u8>>) -> io::Result<()> {
        debug_assert_eq!(part.columns, self.columns, "a part has the columns of its table");
        self.output.write_all(&part.output)
    }

    /// Appends a cell of text.
    pub fn text(&mut self, text: Option<&str>) {
        self.begin_cell();
        let Some(text) = text else { return };
        let text = match self.formulas {
            FormulaText::Guarded => guarded(text),
            FormulaText::AsIs => Cow::Borrowed(text),
        };
        if !needs_quotes(&text) {
            self.line.push_str(&text);
            return;
        }
        self.line.push('"');
        for (i, part) in text.split('"').enumerate() {
            if i > 0 {
                self.line.push_str("\"\"");
            }
            self.line.push_str(part);
        }
        self.line.push('"');
    }

    /// Appends a floating-point number.
    pub fn number(&mut self, value: Option<f64>) {
        self.begin_cell();
        if let Some(value) = value {
            append_number(value, &mut self.line);
        }
    }

    /// Appends an integer.
    pub fn integer(&mut self, value: Option<impl Into<i64>>) {
        self.begin_cell();
        if let Some(value) = value {
            let _ = write!(self.line, "{}", value.into());
        }
    }

    /// Writes the row out.
    pub fn end_row(&mut self) -> io::Result<()> {
        debug_assert_eq!(self.cells, self.columns, "a row has as many cells as the header");
        self.line.push('\n');
        self.output.write_all(self.line.as_bytes())?;
        self.line.clear();
        self.cells = 0;
        Ok(())
    }

    /// What the table was written to.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn begin_cell(&mut self) {
        if self.cells > 0 {
            self.line.push(',');
        }
        self.cells += 1;
    }
}

impl Table<Vec<u8>> {
    /// Begins rows for [`Table::append`].
    pub fn part(columns: usize) -> Self {
        Self::headless(Vec::new(), columns)
    }
}

fn needs_quotes(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b' '))
        || bytes.last() == Some(&b' ')
        || bytes.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_cells_read_back_unchanged() {
        use hetero2_contract::spreadsheet::unguarded;
        let cells =
            ["=1+1", "+a", "-b", "@c", "'=d", "a,b", "say \"hi\"", "two\nlines", "\r", " x", "é"];
        let header: Vec<String> = (0..cells.len()).map(|i| format!("c{i}")).collect();
        let names: Vec<&str> = header.iter().map(String::as_str).collect();
        let written = |formulas| {
            let mut table = Table::new(Vec::new(), &names).unwrap();
            table.set_formulas(formulas);
            cells.iter().for_each(|c| table.text(Some(c)));
            table.end_row().unwrap();
            let bytes = table.into_inner();
            ::csv::Reader::from_reader(bytes.as_slice()).records().next().unwrap().unwrap()
        };
        let as_is = written(FormulaText::AsIs);
        assert_eq!(as_is.iter().collect::<Vec<_>>(), cells);
        let safe = written(FormulaText::Guarded);
        assert_eq!(safe.iter().map(unguarded).collect::<Vec<_>>(), cells);
        assert!(!safe.iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\r'])));
        assert_eq!(&safe[0], "'=1+1");
    }

    #[test]
    fn numbers_print_as_the_standard_library_prints_them() {
        let mut random = hetero2_common::random::PythonRandom::new(7);
        let mut same = |value: f64| assert_eq!(number(value), format!("{:?}", value + 0.0));
        for _ in 0..20_000 {
            let unit = random.random();
            [
                unit,
                -unit,
                hetero2_common::rounding::round8(unit),
                unit * 1e-4,
                unit * 1e17,
                1.0 / unit,
            ]
            .into_iter()
            .for_each(&mut same);
            same((unit * 1e6).round());
        }
        for edge in [1e-4, 1e15, 1e16, 1e17, 0.5, -0.0, f64::MIN_POSITIVE, 1e300] {
            [edge, edge.next_up(), edge.next_down()].into_iter().for_each(&mut same);
        }
        // Halfway between two decimals of 17 digits, and of 16.
        for tie in [12_345_678.0 + 1.0 / 1024.0, 660_678_118_733_615.0 + 0.25] {
            same(tie);
        }
    }

    #[test]
    fn parts_make_the_table_that_its_rows_make() {
        let row = |table: &mut Table<Vec<u8>>, i: u32| {
            table.integer(Some(i));
            table.text(Some("a,b"));
            table.end_row().unwrap();
        };
        let mut whole = Table::new(Vec::new(), &["i", "text"]).unwrap();
        (0..9).for_each(|i| row(&mut whole, i));
        let mut joined = Table::new(Vec::new(), &["i", "text"]).unwrap();
        for range in [0..4, 4..4, 4..9] {
            let mut part = Table::part(2);
            range.for_each(|i| row(&mut part, i));
            joined.append(part).unwrap();
        }
        assert_eq!(joined.into_inner(), whole.into_inner());
    }

    #[test]
    fn numbers_are_shortest_and_read_back() {
        for value in [0.1, 36.0, -0.5, 1e16, 1e-5, 123456.12345678, 5e-324] {
            assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!((number(-0.0), number(f64::INFINITY)), ("0.0".into(), String::new()));
    }
}
