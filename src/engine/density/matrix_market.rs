//! What symmetric matrix does a Matrix Market file hold? The coordinate format
//! of real, integer or pattern entries (Boisvert, Pozo and Remington 1996).

use std::io::{BufRead, Read};

use hetero2_contract::SymmetricMatrix;

/// Longest line, in bytes.
const LONGEST_LINE: u64 = 1 << 16;
/// Largest order.
const MOST_ROWS: usize = 20_000_000;
/// Most entries.
const MOST_ENTRIES: usize = 200_000_000;
/// Entries for which room is made before they are read.
const ROOM: usize = 1 << 20;

/// Why a text is no symmetric matrix.
#[derive(Debug, thiserror::Error)]
pub enum MatrixMarketError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is another format.
    #[error(
        "its first line is not `%%MatrixMarket matrix coordinate FIELD SYMMETRY` with real, integer \
         or pattern entries and a symmetric or general matrix"
    )]
    Header,
    /// A line is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A general matrix is not symmetric.
    #[error("entry ({row}, {column}) has no equal partner: the matrix is not symmetric")]
    NotSymmetric {
        /// Row, from 1.
        row: u32,
        /// Column, from 1.
        column: u32,
    },
}

/// Reads a symmetric matrix. Entries of a repeated place add up.
///
/// # Errors
/// [`MatrixMarketError`] says what is wrong, and in which line.
pub fn read_matrix_market(source: impl BufRead) -> Result<SymmetricMatrix, MatrixMarketError> {
    let mut lines = Lines { source, line: 0, text: String::new() };
    if !lines.advance()? {
        return Err(MatrixMarketError::Header);
    }
    let header = lines.text.to_ascii_lowercase();
    let words: Vec<&str> = header.split_whitespace().collect();
    let ["%%matrixmarket", "matrix", "coordinate", field, symmetry] = words[..] else {
        return Err(MatrixMarketError::Header);
    };
    let has_values = match field {
        "real" | "integer" | "double" => true,
        "pattern" => false,
        _ => return Err(MatrixMarketError::Header),
    };
    let is_general = match symmetry {
        "symmetric" => false,
        "general" => true,
        _ => return Err(MatrixMarketError::Header),
    };
    lines.content()?;
    let size = lines.numbers().ok_or_else(|| lines.wrong("rows, columns and entries expected"))?;
    let [n, columns, entries] = size;
    if n != columns || n == 0 || n > MOST_ROWS || entries > MOST_ENTRIES {
        return Err(lines.wrong("the matrix is not square, empty, or too large"));
    }
    let mut matrix = SymmetricMatrix { n, diagonal: vec![0.0; n], ..SymmetricMatrix::default() };
    let mut places: Vec<(u32, u32, f64)> = Vec::with_capacity(entries.min(ROOM));
    for _ in 0..entries {
        lines.content()?;
        let entry = lines.entry(n, has_values).ok_or_else(|| {
            lines.wrong("row, column and value expected, counted from 1 and finite")
        })?;
        match entry {
            (i, j, value) if i == j => matrix.diagonal[i as usize] += value,
            entry => places.push(entry),
        }
    }
    if is_general {
        places = halved(places)?;
    }
    places.iter_mut().for_each(|(i, j, _)| (*i, *j) = ((*i).min(*j), (*i).max(*j)));
    places.sort_by_key(|&(i, j, _)| (i, j));
    places.dedup_by(|later, first| {
        let same = (later.0, later.1) == (first.0, first.1);
        if same {
            first.2 += later.2;
        }
        same
    });
    (matrix.edges, matrix.off_diagonal) =
        places.into_iter().map(|(i, j, value)| ((i, j), value)).unzip();
    Ok(matrix)
}

/// The entries above the diagonal, if each has an equal partner below.
fn halved(places: Vec<(u32, u32, f64)>) -> Result<Vec<(u32, u32, f64)>, MatrixMarketError> {
    let (mut above, mut below): (Vec<_>, Vec<_>) = places.into_iter().partition(|(i, j, _)| i < j);
    below.iter_mut().for_each(|(i, j, _)| std::mem::swap(i, j));
    for list in [&mut above, &mut below] {
        list.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    }
    let differs = above.iter().zip(&below).find(|(a, b)| a != b).map(|(a, b)| a.min_place(b));
    let left = || above.get(below.len()).or_else(|| below.get(above.len())).map(|x| (x.0, x.1));
    match differs.or_else(left) {
        Some((i, j)) => Err(MatrixMarketError::NotSymmetric { row: i + 1, column: j + 1 }),
        None => Ok(above),
    }
}

trait MinPlace {
    fn min_place(&self, other: &Self) -> (u32, u32);
}

impl MinPlace for (u32, u32, f64) {
    fn min_place(&self, other: &Self) -> (u32, u32) {
        (self.0, self.1).min((other.0, other.1))
    }
}

struct Lines<R> {
    source: R,
    line: u64,
    text: String,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line; false at the end.
    fn advance(&mut self) -> Result<bool, MatrixMarketError> {
        self.text.clear();
        self.line += 1;
        let read = self.source.by_ref().take(LONGEST_LINE).read_line(&mut self.text)?;
        if read as u64 == LONGEST_LINE {
            return Err(self.wrong("the line is too long"));
        }
        Ok(read > 0)
    }

    /// Reads up to the next line that is neither empty nor a comment.
    fn content(&mut self) -> Result<(), MatrixMarketError> {
        while self.advance()? {
            if !self.text.trim().is_empty() && !self.text.starts_with('%') {
                return Ok(());
            }
        }
        Err(self.wrong("the file ends before its last entry"))
    }

    fn numbers(&self) -> Option<[usize; 3]> {
        let mut words = self.text.split_whitespace();
        let mut next = || words.next()?.parse::<usize>().ok();
        Some([next()?, next()?, next()?])
    }

    fn entry(&self, n: usize, has_values: bool) -> Option<(u32, u32, f64)> {
        let mut words = self.text.split_whitespace();
        let mut place = || words.next()?.parse::<usize>().ok().filter(|at| (1..=n).contains(at));
        let (row, column) = (place()?, place()?);
        let value = if has_values { words.next()?.parse::<f64>().ok()? } else { 1.0 };
        value.is_finite().then_some((row as u32 - 1, column as u32 - 1, value))
    }

    fn wrong(&self, what: &'static str) -> MatrixMarketError {
        MatrixMarketError::Line { line: self.line, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_matrix_is_read() {
        let text = "%%MatrixMarket matrix coordinate real symmetric\n% a path\n3 3 5\n1 1 1\n\
                    2 2 2.0\n3 3 1e0\n2 1 -1\n\n3 2 -1\n";
        let matrix = read_matrix_market(text.as_bytes()).unwrap();
        assert_eq!(matrix.diagonal, [1.0, 2.0, 1.0]);
        assert_eq!((matrix.edges, matrix.off_diagonal), (vec![(0, 1), (1, 2)], vec![-1.0, -1.0]));
    }

    #[test]
    fn a_general_matrix_has_to_be_symmetric() {
        let header = "%%MatrixMarket matrix coordinate pattern general\n2 2 ";
        let good = read_matrix_market(format!("{header}2\n1 2\n2 1\n").as_bytes()).unwrap();
        assert_eq!(good.off_diagonal, [1.0]);
        let half = read_matrix_market(format!("{header}1\n1 2\n").as_bytes());
        assert!(matches!(half, Err(MatrixMarketError::NotSymmetric { row: 1, column: 2 })));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let header = "%%MatrixMarket matrix coordinate real symmetric\n";
        for (rest, line) in [
            ("2 3 1\n1 1 1\n", 2),
            ("2 2 1\n3 1 1\n", 3),
            ("2 2 1\n1 1 nan\n", 3),
            ("2 2 2\n1 1 1\n", 4),
        ] {
            let found = read_matrix_market(format!("{header}{rest}").as_bytes());
            assert!(
                matches!(found, Err(MatrixMarketError::Line { line: at, .. }) if at == line),
                "{rest:?}: {found:?}"
            );
        }
        let array = read_matrix_market(&b"%%MatrixMarket matrix array real general\n1 1\n1\n"[..]);
        assert!(matches!(array, Err(MatrixMarketError::Header)));
    }
}
