//! The text that a canonical SMILES becomes when it is read and written again
//! until it stays. Knows nothing of where the text comes from.

use chematic::smiles as cs;

use super::error::MoleculeError;

/// Times a canonical SMILES is read and written again until it stays.
const MAX_REWRITES: usize = 8;

/// The form that a canonical SMILES takes when it is read and written until it
/// stays. Some fused ring systems have forms that give one another, because
/// aromaticity there depends on the numbering: the least of them stands for all.
pub(super) fn fixed_form(text: String) -> Result<String, MoleculeError> {
    fixed_form_by(text, |text| {
        let model = cs::parse(text).map_err(|e| MoleculeError::Syntax(e.to_string()))?;
        Ok(cs::rdkit_canonical_smiles(&model)?)
    })
}

/// The same with another way to read and write a text.
pub(super) fn fixed_form_by<E>(
    text: String,
    mut rewrite: impl FnMut(&str) -> Result<String, E>,
) -> Result<String, E> {
    let mut texts = vec![text];
    loop {
        let again = rewrite(&texts[texts.len() - 1])?;
        if let Some(at) = texts.iter().position(|text| *text == again) {
            return Ok(texts.drain(at..).min().unwrap_or(again));
        }
        if texts.len() >= MAX_REWRITES {
            return Ok(again);
        }
        texts.push(again);
    }
}
