//! By which rules names of columns are compared, whatever the table is for.

/// Lower case, without surrounding blanks and a leading `#`; blanks, dots and
/// hyphens count as underscores.
///
/// ```
/// assert_eq!(hetero2_common::column_name::normalized(" #Molecule-ID "), "molecule_id");
/// ```
#[must_use]
pub fn normalized(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_prefix('#').unwrap_or(name).trim();
    name.chars()
        .map(|c| match c {
            ' ' | '-' | '.' => '_',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}
