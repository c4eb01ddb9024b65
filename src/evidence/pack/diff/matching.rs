//! Which row of one table is which of the other, by the identifier, while both
//! stream. It must not know the format of the tables.

use std::collections::{HashMap, VecDeque};

use super::{CellDiff, LISTED, TableDiff};

/// Rows of one table that wait for their partner at most; the oldest counts as
/// a row of that table alone once there are more.
const WAITING: usize = 100_000;

/// What two rows must share to be the same: the identifier, and which of the
/// consecutive rows of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: String,
    nth: u32,
}

/// A row as text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    row: u64,
    cells: Vec<String>,
}

/// One table: where it is, and which of its rows have no partner yet.
#[derive(Debug, Default)]
struct Side {
    rows: u64,
    last: Option<Key>,
    waiting: HashMap<Key, VecDeque<Waiting>>,
    /// Keys in the order of their rows; some may have found their partner.
    order: VecDeque<Key>,
    count: usize,
    alone: u64,
    listed: Vec<String>,
}

impl Side {
    fn key(&mut self, id: Option<&str>) -> Key {
        let Some(id) = id else {
            // Without identifiers the number of the row is one.
            return Key { id: self.rows.to_string(), nth: 0 };
        };
        let nth = match &self.last {
            Some(last) if last.id == id => last.nth + 1,
            _ => 0,
        };
        let key = Key { id: id.to_owned(), nth };
        self.last = Some(key.clone());
        key
    }

    fn take(&mut self, key: &Key) -> Option<Waiting> {
        let rows = self.waiting.get_mut(key)?;
        let row = rows.pop_front();
        if rows.is_empty() {
            self.waiting.remove(key);
        }
        self.count -= usize::from(row.is_some());
        row
    }

    fn wait(&mut self, key: Key, row: Waiting) {
        self.waiting.entry(key.clone()).or_default().push_back(row);
        self.order.push_back(key);
        self.count += 1;
        while self.count > WAITING {
            self.give_up();
        }
        // What found its partner needs no place any more.
        if self.order.len() > 2 * WAITING.max(self.count) {
            let waiting = &self.waiting;
            self.order.retain(|key| waiting.contains_key(key));
        }
    }

    /// The oldest row is in this table alone.
    fn give_up(&mut self) {
        let Some(key) = self.order.pop_front() else { return };
        if self.take(&key).is_some() {
            self.alone += 1;
            if self.listed.len() < LISTED {
                self.listed.push(key.id);
            }
        }
    }
}

/// Matches rows of two tables as they come.
pub(super) struct Matching {
    /// The columns of both, with their places.
    columns: Vec<(String, usize, usize)>,
    a: Side,
    b: Side,
    diff: TableDiff,
}

impl Matching {
    pub(super) fn new(columns: Vec<(String, usize, usize)>, diff: TableDiff) -> Self {
        Self { columns, a: Side::default(), b: Side::default(), diff }
    }

    /// The columns of both tables, with their places.
    pub(super) fn columns(&self) -> &[(String, usize, usize)] {
        &self.columns
    }

    /// Whether every row so far has its partner: then equal rows that come
    /// side by side can be counted without being looked at.
    pub(super) fn is_level(&self) -> bool {
        self.a.count == 0 && self.b.count == 0
    }

    /// Counts `rows` that are the same in both, the last of them with `id`, of
    /// which the last `run` rows are.
    pub(super) fn skip(&mut self, rows: u64, id: Option<&str>, run: u32) {
        for side in [&mut self.a, &mut self.b] {
            let before = match (&side.last, id) {
                (Some(last), Some(id)) if last.id == id && u64::from(run) == rows => last.nth + 1,
                _ => 0,
            };
            side.rows += rows;
            side.last = id.map(|id| Key { id: id.to_owned(), nth: before + run - 1 });
        }
    }

    /// The next row of A.
    pub(super) fn row_of_a(&mut self, id: Option<&str>, cells: Vec<String>) {
        let key = self.a.key(id);
        let row = Waiting { row: self.a.rows, cells };
        self.a.rows += 1;
        match self.b.take(&key) {
            Some(partner) => self.compare(id, &row, &partner),
            None => self.a.wait(key, row),
        }
    }

    /// The next row of B.
    pub(super) fn row_of_b(&mut self, id: Option<&str>, cells: Vec<String>) {
        let key = self.b.key(id);
        let row = Waiting { row: self.b.rows, cells };
        self.b.rows += 1;
        match self.a.take(&key) {
            Some(partner) => self.compare(id, &partner, &row),
            None => self.b.wait(key, row),
        }
    }

    fn compare(&mut self, id: Option<&str>, a: &Waiting, b: &Waiting) {
        let mut differs = false;
        for (column, i, j) in &self.columns {
            let cell =
                |cells: &[String], place: usize| cells.get(place).cloned().unwrap_or_default();
            let (x, y) = (cell(&a.cells, *i), cell(&b.cells, *j));
            if x != y {
                differs = true;
                let id = id.map(str::to_owned);
                let (row, column_name) = (a.row, column.clone());
                self.diff.add(|| CellDiff { row, id, column: column_name, a: x, b: y }, column);
            }
        }
        self.diff.rows_differing += u64::from(differs);
    }

    /// What differs, once both tables are at their end.
    pub(super) fn finish(mut self) -> TableDiff {
        for side in [&mut self.a, &mut self.b] {
            while side.count > 0 {
                side.give_up();
            }
        }
        self.diff.rows_a = self.a.rows;
        self.diff.rows_b = self.b.rows;
        (self.diff.rows_only_in_a, self.diff.ids_only_in_a) = (self.a.alone, self.a.listed);
        (self.diff.rows_only_in_b, self.diff.ids_only_in_b) = (self.b.alone, self.b.listed);
        self.diff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(a: &[(&str, &str)], b: &[(&str, &str)]) -> TableDiff {
        let columns = vec![("id".to_owned(), 0, 0), ("value".to_owned(), 1, 1)];
        let mut matching = Matching::new(columns, TableDiff::default());
        for i in 0..a.len().max(b.len()) {
            let cells = |(id, value): (&str, &str)| vec![id.to_owned(), value.to_owned()];
            if let Some(row) = a.get(i) {
                matching.row_of_a(Some(row.0), cells(*row));
            }
            if let Some(row) = b.get(i) {
                matching.row_of_b(Some(row.0), cells(*row));
            }
        }
        matching.finish()
    }

    #[test]
    fn a_row_put_in_moves_no_other() {
        let a = [("p", "1"), ("q", "2"), ("r", "3"), ("s", "4")];
        let b = [("p", "1"), ("new", "9"), ("q", "2"), ("r", "5"), ("s", "4")];
        let diff = matched(&a, &b);
        assert_eq!((diff.rows_a, diff.rows_b, diff.rows_differing), (4, 5, 1));
        assert_eq!((diff.rows_only_in_a, diff.rows_only_in_b), (0, 1));
        assert_eq!(diff.ids_only_in_b, ["new"]);
        assert_eq!((diff.cells[0].row, diff.cells[0].id.as_deref()), (2, Some("r")));
        assert_eq!(matched(&b, &a).ids_only_in_a, ["new"]);
    }

    #[test]
    fn rows_of_one_id_match_in_their_order() {
        let a = [("p", "1"), ("p", "2"), ("q", "3")];
        let b = [("p", "1"), ("p", "7"), ("p", "8"), ("q", "3")];
        let diff = matched(&a, &b);
        assert_eq!((diff.rows_differing, diff.rows_only_in_b), (1, 1));
        let (cell, expected) = (&diff.cells[0], ("2", "7"));
        assert_eq!((cell.a.as_str(), cell.b.as_str()), expected);
    }

    #[test]
    fn reordered_rows_are_equal() {
        let a = [("p", "1"), ("q", "2"), ("r", "3")];
        let b = [("r", "3"), ("q", "2"), ("p", "1")];
        let diff = matched(&a, &b);
        assert_eq!((diff.rows_differing, diff.rows_only_in_a, diff.rows_only_in_b), (0, 0, 0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let columns = vec![("id".to_owned(), 0, 0)];
        let mut matching = Matching::new(columns, TableDiff::default());
        for i in 0..WAITING + 10 {
            matching.row_of_a(Some(&format!("a{i}")), vec![format!("a{i}")]);
        }
        assert_eq!(matching.a.count, WAITING);
        let diff = matching.finish();
        assert_eq!(diff.rows_only_in_a, (WAITING + 10) as u64);
        assert_eq!(diff.ids_only_in_a.len(), LISTED);
        assert_eq!(diff.ids_only_in_a[0], "a0");
    }
}
