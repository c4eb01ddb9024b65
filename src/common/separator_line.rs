//! What a spreadsheet's first line `sep=;` says of a table. Knows nothing of
//! what the table holds.

/// The mark between columns that a line names: `sep=` in any letter case and one
/// byte. A tab, which whoever trims lines takes away, is what nothing stands for.
///
/// ```
/// use hetero2_common::separator_line::separator_of;
///
/// assert_eq!(separator_of(b"SEP=;\r\n"), Some(b';'));
/// assert_eq!(separator_of(b"sep=\t\n"), Some(b'\t'));
/// assert_eq!(separator_of(b"sep=;;\n"), None);
/// ```
#[must_use]
pub fn separator_of(line: &[u8]) -> Option<u8> {
    let (name, mark) = line.trim_ascii().split_at_checked(b"sep=".len())?;
    let is_named = name.eq_ignore_ascii_case(b"sep=");
    match mark {
        [] if is_named => Some(b'\t'),
        [mark] if is_named => Some(*mark),
        _ => None,
    }
}
