//! Drawings of the molecules that a report shows, and of their hardest decoys.

use hetero2_chemistry::molecule::{Molecule, ParseLimits};
use hetero2_evidence::pack::report::{
    DRAWING_BYTES, DRAWN_ROWS, DrawnDecoy, DrawnRow, Gallery, shorten,
};
use hetero2_evidence::pack::rows::DecoyRow;

use super::top_rows::{Kept, TopRows};

/// Size of a drawing, pixels.
const SIZE: (u32, u32) = (240, 170);

/// Draws the rows at both ends of the slack.
pub(crate) fn gallery(rows: &TopRows) -> Gallery {
    let top: Vec<&Kept> = rows.top.iter().take(DRAWN_ROWS).collect();
    let shown = |kept: &&Kept| top.iter().any(|other| other.excerpt.row == kept.excerpt.row);
    let bottom = rows.bottom.iter().filter(|kept| !shown(kept)).take(DRAWN_ROWS);
    Gallery { bottom: bottom.map(drawn).collect(), top: top.into_iter().map(drawn).collect() }
}

fn drawn(kept: &Kept) -> DrawnRow {
    DrawnRow {
        row: kept.excerpt.clone(),
        score: kept.score,
        drawing: drawing(&kept.smiles),
        decoys: kept.decoys.iter().map(drawn_decoy).collect(),
    }
}

fn drawn_decoy(decoy: &DecoyRow) -> DrawnDecoy {
    DrawnDecoy {
        tanimoto: decoy.tanimoto(),
        hardness_bin: decoy.hardness_bin,
        score: decoy.score,
        smiles: shorten(&decoy.decoy_smiles),
        drawing: drawing(&decoy.decoy_smiles),
    }
}

/// None where the molecule cannot be drawn, or not in a few kilobytes.
fn drawing(smiles: &str) -> Option<String> {
    let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).ok()?;
    let svg = molecule.depiction(SIZE.0, SIZE.1).ok()?;
    (svg.len() <= DRAWING_BYTES).then_some(svg)
}
