//! Molecules drawn beside their hardest decoys: what is shown of them, and how.

use std::fmt::{self, Write};

use super::html::Cell;
use super::text::value;
use super::{PackSummary, RowExcerpt};
use crate::pack::rows::HardnessBin;

/// Molecules drawn at each end of the slack.
pub const DRAWN_ROWS: usize = 5;
/// Decoys drawn beside a molecule.
pub const DRAWN_DECOYS: usize = 3;
/// Largest drawing that a page takes, in bytes.
pub const DRAWING_BYTES: usize = 48 << 10;

/// A molecule with its hardest decoys.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnRow {
    /// The row.
    pub row: RowExcerpt,
    /// The model's score of the molecule.
    pub score: Option<f64>,
    /// The molecule as SVG that holds no text of the data, at most
    /// [`DRAWING_BYTES`]; none where it cannot be drawn.
    pub drawing: Option<String>,
    /// Its decoys of the highest similarity, most similar first.
    pub decoys: Vec<DrawnDecoy>,
}

/// A decoy beside its molecule.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnDecoy {
    /// Tanimoto similarity to the molecule.
    pub tanimoto: Option<f64>,
    /// Hardness bin.
    pub hardness_bin: HardnessBin,
    /// The model's score.
    pub score: Option<f64>,
    /// SMILES, shortened.
    pub smiles: String,
    /// As for the molecule.
    pub drawing: Option<String>,
}

/// The molecules at both ends of the slack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gallery {
    /// Largest slack first.
    pub top: Vec<DrawnRow>,
    /// Smallest slack first; none that is also in `top`.
    pub bottom: Vec<DrawnRow>,
}

pub(super) fn write_gallery(out: &mut String, summary: &PackSummary) -> fmt::Result {
    let Gallery { top, bottom } = &summary.gallery;
    for (title, rows) in [("Best molecules", top), ("Worst molecules", bottom)] {
        if rows.is_empty() {
            continue;
        }
        writeln!(
            out,
            "<section><h2>{title}, and the decoys most like them</h2><p>By slack, then AUC, then \
             number of decoys. A decoy that scores at least as high as its molecule is marked.</p>"
        )?;
        for row in rows.iter().take(DRAWN_ROWS) {
            write_row(out, row)?;
        }
        writeln!(out, "</section>")?;
    }
    Ok(())
}

fn write_row(out: &mut String, drawn: &DrawnRow) -> fmt::Result {
    let row = &drawn.row;
    let verdict = row.verdict.map_or(row.status.as_str(), |v| v.as_str());
    write!(
        out,
        "<div class=\"molecule\"><figure class=\"original\"><figcaption><b>{}</b> \
         <span class=\"{verdict}\">{verdict}</span></figcaption>{}<p>score {}, AUC {}, slack {}, \
         p {}; {} decoys scored</p></figure>",
        Cell(&row.id),
        drawing(drawn.drawing.as_deref(), &row.smiles),
        value(drawn.score),
        value(row.auc),
        value(row.slack),
        value(row.p_value),
        row.n_decoys_scored.unwrap_or_default(),
    )?;
    for decoy in drawn.decoys.iter().take(DRAWN_DECOYS) {
        let beats = decoy.score.zip(drawn.score).is_some_and(|(d, o)| d >= o);
        write!(
            out,
            "<figure{}><figcaption>decoy, {}</figcaption>{}<p>score {}, Tanimoto {}</p></figure>",
            if beats { " class=\"beats\"" } else { "" },
            decoy.hardness_bin.as_str(),
            drawing(decoy.drawing.as_deref(), &decoy.smiles),
            decoy.score.map_or_else(|| "missing".to_owned(), |score| value(Some(score))),
            decoy.tanimoto.map_or_else(|| "–".to_owned(), |t| format!("{t:.3}")),
        )?;
    }
    writeln!(out, "</div>")
}

/// The drawing without what a page alone does not need; its SMILES stands in
/// for it where it cannot be seen.
fn drawing(svg: Option<&str>, smiles: &str) -> String {
    let smiles = Cell(smiles);
    match svg.filter(|svg| svg.len() <= DRAWING_BYTES) {
        Some(svg) => {
            let inline = svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
            format!(
                "<div class=\"drawing\" role=\"img\" aria-label=\"{smiles}\" \
                 title=\"{smiles}\">{inline}</div>"
            )
        }
        None => format!("<div class=\"drawing none\">not drawn: {smiles}</div>"),
    }
}
