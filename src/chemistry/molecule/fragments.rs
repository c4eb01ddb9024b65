//! Which fragment of a molecule of several is meant: the largest, or what is left
//! without the salts and solvents that compounds are sold with.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::LazyLock;

use super::error::MoleculeError;
use super::limits::ParseLimits;
use super::parse::MolecularGraph;

/// Salts and solvents, one a line, as SMILES without charge and stereo: counter-ions,
/// acids and bases that drugs are made salts with, and common solvents. Which
/// compounds those are is common knowledge of the field (the ChEMBL structure
/// pipeline, Bento et al. 2020, strips about the same).
const SALTS: &str = include_str!("salts.smi");

/// Metals whose ions and atoms are salts whatever their charge.
const METALS: [&str; 16] =
    ["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Al", "Zn", "Ag", "Bi", "Fe", "Mn", "Cu"];

/// How a molecule of several fragments becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FragmentChoice {
    /// The fragment with the most heavy atoms; of several such the one whose
    /// canonical SMILES is smallest, byte by byte.
    Largest,
    /// All that are neither salts nor solvents, each once; everything where
    /// nothing else is left.
    WithoutSalts,
}

/// What is left of a molecule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its SMILES.
    pub smiles: String,
    /// Fragments that were left out, repeated ones included.
    pub removed: u64,
}

/// Chooses among the fragments of a canonical SMILES; `None` where all stay.
///
/// # Errors
/// [`MoleculeError`] where a fragment cannot be read by itself.
pub fn choose(canonical: &str, choice: FragmentChoice) -> Result<Option<Chosen>, MoleculeError> {
    let fragments: Vec<&str> = canonical.split('.').collect();
    if fragments.len() < 2 {
        return Ok(None);
    }
    let kept = match choice {
        FragmentChoice::Largest => vec![largest(&fragments)?],
        FragmentChoice::WithoutSalts => without_salts(&fragments),
    };
    let removed = (fragments.len() - kept.len()) as u64;
    Ok((removed > 0).then(|| Chosen { smiles: kept.join("."), removed }))
}

fn largest<'a>(fragments: &[&'a str]) -> Result<&'a str, MoleculeError> {
    let mut best: Option<(Reverse<usize>, &str)> = None;
    for &fragment in fragments {
        let graph = MolecularGraph::from_smiles(fragment.as_bytes(), &ParseLimits::default());
        let atoms = match graph {
            Ok(read) => read.graph.atomic_numbers.len(),
            Err(MoleculeError::TooManyAtoms { found, .. }) => found,
            Err(error) => return Err(error),
        };
        let found = (Reverse(atoms), fragment);
        best = Some(best.map_or(found, |best| best.min(found)));
    }
    Ok(best.map_or("", |(_, fragment)| fragment))
}

fn without_salts<'a>(fragments: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = fragments.iter().copied().filter(|f| !is_salt(f)).collect();
    if kept.is_empty() {
        return fragments.to_vec();
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Whether a fragment is a salt or a solvent, whatever its charge and stereo.
fn is_salt(fragment: &str) -> bool {
    static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let lines = SALTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.filter_map(|line| canonical(line.split_ascii_whitespace().next()?)).collect()
    });
    let metal = || {
        let inner = fragment.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let element = inner.map(|text| text.trim_end_matches(|c: char| !c.is_ascii_alphabetic()));
        element.is_some_and(|element| METALS.contains(&element))
    };
    metal() || canonical(&plain(fragment)).is_some_and(|smiles| KNOWN.contains(&smiles))
}

fn canonical(smiles: &str) -> Option<String> {
    let read = MolecularGraph::from_smiles(smiles.as_bytes(), &ParseLimits::default());
    read.ok().map(|read| read.canonical_smiles)
}

/// A SMILES without stereo, isotopes, and charges of atoms that are neutral with
/// another number of hydrogens.
fn plain(smiles: &str) -> String {
    let mut text = String::with_capacity(smiles.len());
    let mut rest = smiles;
    while let Some((before, after)) = rest.split_once('[') {
        text.extend(before.chars().filter(|c| !matches!(c, '/' | '\\')));
        let Some((atom, after)) = after.split_once(']') else { break };
        text.push_str(&plain_atom(atom));
        rest = after;
    }
    text.extend(rest.chars().filter(|c| !matches!(c, '/' | '\\')));
    text
}

fn plain_atom(atom: &str) -> String {
    let bare = atom.trim_start_matches(|c: char| c.is_ascii_digit());
    let element: String = bare
        .char_indices()
        .take_while(|(at, c)| match at {
            0 => c.is_ascii_alphabetic(),
            _ => c.is_ascii_lowercase(),
        })
        .map(|(_, c)| c)
        .collect();
    let rest = &bare[element.len()..];
    let has_hydrogen = rest.contains('H');
    let charge = rest.contains(['+', '-']);
    // An ammonium of four carbons and the nitrogen of a nitro group keep their charge.
    let is_organic =
        ["B", "C", "N", "O", "P", "S", "F", "Cl", "Br", "I"].contains(&element.as_str());
    let is_anion = rest.contains('-');
    if is_organic && (!charge || is_anion || has_hydrogen) {
        return element;
    }
    let kept: String = rest.chars().filter(|c| *c != '@').collect();
    format!("[{element}{kept}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(smiles: &str, choice: FragmentChoice) -> Option<(String, u64)> {
        let canonical = canonical(smiles).unwrap();
        choose(&canonical, choice).unwrap().map(|chosen| (chosen.smiles, chosen.removed))
    }

    #[test]
    fn the_largest_fragment_is_kept() {
        let largest = |smiles| chosen(smiles, FragmentChoice::Largest);
        assert_eq!(largest("CCO.Cl"), Some(("CCO".into(), 1)));
        assert_eq!(largest("CCO.OCC.O"), Some(("CCO".into(), 2)));
        assert_eq!(largest("OCC.NCC"), Some(("CCN".into(), 1)));
        assert_eq!(largest("CCO"), None);
    }

    #[test]
    fn salts_and_solvents_are_left_out() {
        let stripped = |smiles| chosen(smiles, FragmentChoice::WithoutSalts);
        for (smiles, left, removed) in [
            ("CC(C)NCC(O)COc1ccccc1.Cl", "CC(C)NCC(O)COc1ccccc1", 1),
            ("c1ccccc1C(C)N.[Cl-].[Na+]", "CC(N)c1ccccc1", 2),
            ("CC[N+](C)(C)Cc1ccccc1.[Br-]", "CC[N+](C)(C)Cc1ccccc1", 1),
            ("NCCc1ccccc1.O[C@H]([C@@H](O)C(O)=O)C(O)=O", "NCCc1ccccc1", 1),
            ("NCCc1ccccc1.OC(=O)/C=C\\C(O)=O", "NCCc1ccccc1", 1),
            ("NCCc1ccccc1.OS(=O)(=O)C", "NCCc1ccccc1", 1),
            ("NCCc1ccccc1.[O-]C(=O)C(F)(F)F.O.O", "NCCc1ccccc1", 3),
            ("NCCc1ccccc1.NCCc1ccccc1.OS(O)(=O)=O", "NCCc1ccccc1", 2),
        ] {
            let left = canonical(left).unwrap();
            assert_eq!(stripped(smiles), Some((left, removed)), "{smiles}");
        }
        // Two that are no salts stay two, and salts alone stay.
        assert_eq!(stripped("NCCc1ccccc1.CCCCCCCCCCO"), None);
        assert_eq!(stripped("[Na+].[Cl-]"), None);
    }

    #[test]
    fn every_salt_is_a_molecule() {
        let lines = SALTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            assert!(canonical(line.split_ascii_whitespace().next().unwrap()).is_some(), "{line}");
        }
    }
}
