//! A molecule drawn as SVG, for reports.

use chematic::core as cc;
use chematic::depict;

use super::canonical::Molecule;
use super::catch_panic::catch_panic;
use super::error::MoleculeError;

/// Largest molecule that is drawn: beyond it a drawing shows nothing.
const MAX_ATOMS: usize = 200;
/// Largest drawing, in bytes.
const MAX_BYTES: usize = 1 << 20;

impl Molecule {
    /// The molecule as an SVG drawing of `width` by `height` pixels on a
    /// transparent ground. It holds lines and element labels: no scripts, no
    /// links, and no text of the input. Stereochemistry is not drawn.
    ///
    /// # Errors
    /// [`MoleculeError::TooLarge`] above 200 atoms or 1 MiB.
    pub fn depiction(&self, width: u32, height: u32) -> Result<String, MoleculeError> {
        if self.atom_count() > MAX_ATOMS {
            return Err(MoleculeError::TooLarge(format!(
                "{} atoms, at most {MAX_ATOMS} are drawn",
                self.atom_count()
            )));
        }
        let model = self.model()?;
        let svg = catch_panic(|| {
            let mut drawn = model.clone();
            // The crate draws `/` and `\` as wedges, which they are not.
            let directed: Vec<cc::BondIdx> = drawn
                .bonds()
                .filter(|(_, bond)| matches!(bond.order, cc::BondOrder::Up | cc::BondOrder::Down))
                .map(|(index, _)| index)
                .collect();
            for index in directed {
                drawn.set_bond_order(index, cc::BondOrder::Single);
            }
            let options = depict::RenderOptions {
                width: Some(width),
                height: Some(height),
                background: "transparent".into(),
                kekulize: true,
                ..Default::default()
            };
            depict::render_svg_opts(&drawn, &depict::compute_layout(&drawn), &options)
        })?;
        if svg.len() > MAX_BYTES {
            return Err(MoleculeError::TooLarge(format!("a drawing of {} bytes", svg.len())));
        }
        Ok(svg)
    }
}
