//! Molecules drawn beside their hardest decoys: what is shown of them, and how.

use maud::{Markup, PreEscaped, html};

use super::html::{Cell, Digits};
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

/// Both ends of the slack, drawn.
pub(super) fn gallery(summary: &PackSummary, digits: Digits) -> Markup {
    let Gallery { top, bottom } = &summary.gallery;
    html! {
        @for (title, rows) in [("Best molecules", top), ("Worst molecules", bottom)] {
            @if !rows.is_empty() {
                section { h2 { (title) ", and the decoys most like them" }
                    p {
                        "By slack, then AUC, then number of decoys, then score. A decoy that scores at least as \
                         high as its molecule is marked."
                    } "\n"
                    @for row in rows.iter().take(DRAWN_ROWS) { (molecule(row, digits)) }
                } "\n"
            }
        }
    }
}

fn molecule(drawn: &DrawnRow, digits: Digits) -> Markup {
    let row = &drawn.row;
    let verdict = row.verdict.map_or(row.status.as_str(), |v| v.as_str());
    html! {
        div class="molecule" {
            figure class="original" {
                figcaption { b { (Cell(&row.id)) } " " span class=(verdict) { (verdict) } }
                (drawing(drawn.drawing.as_deref(), &row.smiles))
                p {
                    "score " (digits(drawn.score)) ", AUC " (digits(row.auc)) ", slack "
                    (digits(row.slack)) ", p " (digits(row.p_value)) "; "
                    (row.n_decoys_scored.unwrap_or_default()) " decoys scored"
                }
            }
            @for decoy in drawn.decoys.iter().take(DRAWN_DECOYS) { (decoy_figure(decoy, drawn.score, digits)) }
        } "\n"
    }
}

fn decoy_figure(decoy: &DrawnDecoy, original: Option<f64>, digits: Digits) -> Markup {
    let beats = decoy.score.zip(original).is_some_and(|(d, o)| d >= o);
    let score = decoy.score.map_or_else(|| "missing".to_owned(), |score| digits(Some(score)));
    let tanimoto = decoy.tanimoto.map_or_else(|| "–".to_owned(), |t| format!("{t:.3}"));
    html! {
        figure class=[beats.then_some("beats")] {
            figcaption { "decoy, " (decoy.hardness_bin.as_str()) }
            (drawing(decoy.drawing.as_deref(), &decoy.smiles))
            p { "score " (score) ", Tanimoto " (tanimoto) }
        }
    }
}

/// The drawing without what a page alone does not need; its SMILES stands in
/// for it where it cannot be seen.
fn drawing(svg: Option<&str>, smiles: &str) -> Markup {
    let smiles = Cell(smiles);
    html! {
        @if let Some(svg) = svg.filter(|svg| svg.len() <= DRAWING_BYTES) {
            div class="drawing" role="img" aria-label=(smiles) title=(smiles) {
                (PreEscaped(svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")))
            }
        } @else {
            div class="drawing none" { "not drawn: " (smiles) }
        }
    }
}
