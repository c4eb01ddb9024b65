//! Which column of a table holds what.

use hetero2_common::column_name::normalized;

use super::options::ReadOptions;
use super::record::Record;

/// What a column is for, as the command line's options name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// The SMILES; `--smiles-column`.
    Smiles,
    /// The id; `--id-column`.
    Id,
}

impl std::fmt::Display for ColumnRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Smiles => "smiles",
            Self::Id => "id",
        })
    }
}

/// Names under which libraries keep their SMILES, best first.
const SMILES_NAMES: [&str; 11] = [
    "smiles",
    "canonical_smiles",
    "isomeric_smiles",
    "smi",
    "structure",
    "cxsmiles",
    "molecule_smiles",
    "mol_smiles",
    "compound_smiles",
    "openeye_can_smiles",
    "structure_smiles",
];

/// Names under which libraries keep their ids, best first.
pub(super) const ID_NAMES: [&str; 24] = [
    "id",
    "mol_id",
    "molid",
    "molecule_id",
    "compound_id",
    "cmpd_id",
    "structure_id",
    "chembl_id",
    "molecule_chembl_id",
    "zinc_id",
    "pubchem_cid",
    "cid",
    "idnumber",
    "catalog_id",
    "identifier",
    "name",
    "mol_name",
    "molecule_name",
    "compound_name",
    "title",
    "molecule",
    "drug_id",
    "ligand_id",
    "bindingdb_monomerid",
];

/// Names of the optional column with a row's own scores file.
const SCORES_NAMES: [&str; 1] = ["scores_input"];

/// Where a table's columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub smiles: usize,
    pub id: Option<usize>,
    pub scores: Option<usize>,
    /// Number of columns in the header.
    pub count: usize,
}

/// A column that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MissingColumn {
    pub role: ColumnRole,
    pub wanted: String,
    pub found: String,
}

impl Columns {
    /// Finds the columns by their names.
    pub fn find<S: AsRef<str>>(names: &[S], options: &ReadOptions) -> Result<Self, MissingColumn> {
        let normal: Vec<String> = names.iter().map(|name| normalized(name.as_ref())).collect();
        let first = |wanted: &[&str]| {
            wanted.iter().find_map(|want| normal.iter().position(|name| name == want))
        };
        let named = |role, given: &Option<String>, known: &[&str]| match given {
            None => Ok(first(known)),
            Some(given) => first(&[normalized(given).as_str()]).map(Some).ok_or_else(|| {
                MissingColumn { role, wanted: format!("`{given}`"), found: list(names) }
            }),
        };
        let smiles = named(ColumnRole::Smiles, &options.smiles_column, &SMILES_NAMES)?;
        let id = named(ColumnRole::Id, &options.id_column, &ID_NAMES)?;
        let Some(smiles) = smiles else {
            return Err(MissingColumn {
                role: ColumnRole::Smiles,
                wanted: format!("(such as `{}`)", SMILES_NAMES[..4].join("`, `")),
                found: list(names),
            });
        };
        Ok(Self { smiles, id, scores: first(&SCORES_NAMES), count: names.len() })
    }

    /// Of so many columns, the one that holds SMILES.
    pub fn plain(smiles: usize, count: usize) -> Self {
        Self { smiles, id: None, scores: None, count }
    }
}

/// The column with the best of the known names of ids.
pub(super) fn id_of<S: AsRef<str>>(names: &[S]) -> Option<usize> {
    let normal: Vec<String> = names.iter().map(|name| normalized(name.as_ref())).collect();
    ID_NAMES.iter().find_map(|want| normal.iter().position(|name| name == want))
}

/// Whether a header name is one of the known names of an id or SMILES column.
pub(super) fn is_known(name: &str) -> bool {
    let name = normalized(name);
    SMILES_NAMES.contains(&name.as_str()) || ID_NAMES.contains(&name.as_str())
}

/// Whether `name` is one of `known`, by the rules of column names.
pub(super) fn matches_any(name: &str, known: &[&str]) -> bool {
    known.contains(&normalized(name).as_str())
}

/// Whether a data item of this name holds the record's own SMILES.
pub(super) fn is_smiles_item(name: &str) -> bool {
    normalized(name).ends_with("smiles")
}

/// The names for an error message, cut to a readable length.
fn list<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    const LENGTH: usize = 40;
    let mut text: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| {
            let name = name.as_ref();
            let cut: String = name.chars().take(LENGTH).flat_map(char::escape_debug).collect();
            let more = if name.chars().nth(LENGTH).is_some() { "…" } else { "" };
            format!("`{cut}{more}`")
        })
        .collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}

/// Builds a readable row's record from its cells; one without an id gets one
/// when its row is known.
pub(super) fn record(
    row: u64,
    line: u64,
    id: &[u8],
    smiles: &[u8],
    scores: Option<&[u8]>,
) -> Record {
    let smiles = trim(smiles);
    let end = memchr::memchr2(b' ', b'\t', smiles).unwrap_or(smiles.len());
    Record {
        row,
        id: id_text(id),
        smiles: smiles[..end].to_vec(),
        scores_input: scores
            .map(trim)
            .filter(|text| !text.is_empty())
            .map(|text| String::from_utf8_lossy(text).into_owned()),
        problem: None,
        line,
    }
}

/// The id of a row whose id cell is `id`; empty where there is none.
pub(super) fn id_text(id: &[u8]) -> String {
    String::from_utf8_lossy(trim(id)).into_owned()
}

/// Without surrounding blanks, those beyond ASCII included.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    match (text.first(), text.last()) {
        (Some(first), Some(last)) if !(first.is_ascii() && last.is_ascii()) => {
            std::str::from_utf8(text).map_or(text, |text| text.trim().as_bytes())
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_alias_and_by_option() {
        let options = ReadOptions::default();
        let found = Columns::find(&["#Mol ID", "Formula", "Structure"], &options).unwrap();
        assert_eq!(found, Columns { smiles: 2, id: Some(0), scores: None, count: 3 });
        // The better name wins over the earlier column.
        let found = Columns::find(&["structure", "SMILES"], &options).unwrap();
        assert_eq!((found.smiles, found.id), (1, None));
        let options = ReadOptions { id_column: Some("Key".into()), ..options };
        let missing = Columns::find(&["id", "smiles"], &options).unwrap_err();
        assert_eq!(missing.role, ColumnRole::Id);
        assert_eq!(missing.found, "`id`, `smiles`");
    }

    #[test]
    fn blanks_beyond_ascii_are_trimmed() {
        assert_eq!(trim("\u{a0} CCO\u{2003}".as_bytes()), b"CCO");
        assert_eq!(trim(b" \xff "), b"\xff");
    }
}
