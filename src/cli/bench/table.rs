//! Results as columns: aligned on a terminal, in full as CSV.

/// A column: its name with the unit, and how its numbers look on a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// As on the terminal; empty where only the CSV has it.
    pub heading: &'static str,
    /// As in the CSV; empty where only the terminal has it.
    pub name: &'static str,
}

/// One cell, as the terminal and the CSV show it.
#[derive(Debug, Clone)]
pub struct Cell {
    shown: String,
    full: String,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        let shown = text.into();
        Self { full: shown.clone(), shown }
    }

    /// A number with so many decimals on the terminal.
    pub fn number(value: f64, decimals: usize) -> Self {
        Self { shown: format!("{value:.decimals$}"), full: value.to_string() }
    }

    /// The same where the system does not tell it.
    pub fn maybe(value: Option<f64>, decimals: usize) -> Self {
        let missing = || Self { shown: "not measured".into(), full: String::new() };
        value.map_or_else(missing, |value| Self::number(value, decimals))
    }
}

/// Rows of cells, one for each column.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table of these columns without rows.
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The columns of the terminal, aligned.
    pub fn text(&self) -> String {
        let shown = |column: &(usize, &Column)| !column.1.heading.is_empty();
        let columns: Vec<(usize, &Column)> =
            self.columns.iter().enumerate().filter(shown).collect();
        let mut lines = vec![String::new(); self.rows.len() + 1];
        for (place, (i, column)) in columns.into_iter().enumerate() {
            let cells = self.rows.iter().map(|row| row[i].shown.as_str());
            let cells: Vec<&str> = std::iter::once(column.heading).chain(cells).collect();
            let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
            for (line, cell) in lines.iter_mut().zip(cells) {
                // Names to the left, numbers to the right.
                line.push_str(&match place {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
        }
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// The columns of the CSV with full precision.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let kept = |column: &(usize, &Column)| !column.1.name.is_empty();
        let columns: Vec<(usize, &Column)> = self.columns.iter().enumerate().filter(kept).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(columns.iter().map(|(_, column)| column.name))?;
        for row in &self.rows {
            writer.write_record(columns.iter().map(|(i, _)| &row[*i].full))?;
        }
        writer.into_inner().map_err(|e| e.into_error().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_csv_has_every_digit() {
        let mut table = Table::new(&[
            Column { heading: "name", name: "name" },
            Column { heading: "time (s)", name: "time_s" },
            Column { heading: "", name: "hidden" },
        ]);
        table.push(vec![Cell::text("a"), Cell::number(1.2345, 2), Cell::number(0.125, 0)]);
        table.push(vec![Cell::text("long name"), Cell::maybe(None, 2), Cell::text("x,y")]);
        let expected =
            "name           time (s)\na                  1.23\nlong name  not measured\n";
        assert_eq!(table.text(), expected);
        let csv = String::from_utf8(table.csv().unwrap()).unwrap();
        assert_eq!(csv, "name,time_s,hidden\na,1.2345,0.125\nlong name,,\"x,y\"\n");
    }
}
