//! A density of states as a stand-alone SVG file: states by energy, and below
//! the part of the states that lies below each energy. Drawn without fonts of the
//! machine, so the same numbers give the same bytes.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::GraphDensity;
use crate::bench::PlotError;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 720;
const FONT: i32 = 18;
const LEFT: i32 = 110;
const RIGHT: i32 = 930;
/// Top and bottom of the two plots.
const UPPER: (i32, i32) = (60, 400);
const LOWER: (i32, i32) = (450, 640);
/// Lines of the grid along an axis.
const TICKS: i32 = 5;

const INK: RGBColor = RGBColor(40, 40, 40);
const LINES: RGBColor = RGBColor(215, 215, 215);
const CURVE: RGBColor = RGBColor(0, 114, 178);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The SVG file.
///
/// # Errors
/// [`PlotError`] where there are no two energies.
pub fn density_svg(density: &GraphDensity, title: &str) -> Result<String, PlotError> {
    let bins: Vec<(f64, f64)> = density.bins().collect();
    if bins.is_empty() {
        return Err(PlotError::Empty);
    }
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        draw(&area, density, &bins, title).and_then(|()| Ok(area.present()?))
    };
    drawn.map_err(|error| PlotError::Drawing(error.to_string()))?;
    Ok(svg)
}

fn draw(area: &Area<'_>, density: &GraphDensity, bins: &[(f64, f64)], title: &str) -> Drawn {
    let points = &density.points;
    let (low, high) = (points[0].energy, points[points.len() - 1].energy);
    let x = |energy: f64| pixel(energy, (low, high), (LEFT, RIGHT));
    let highest = bins.iter().map(|bin| bin.1).fold(0.0, f64::max);
    let top = if highest > 0.0 { highest } else { 1.0 };
    area.fill(&WHITE)?;
    text(area, title, ((LEFT + RIGHT) / 2, 28), HPos::Center)?;
    axes(area, UPPER, (low, high), top)?;
    axes(area, LOWER, (low, high), 1.0)?;
    let ends = points.windows(2).map(|ends| (ends[0].energy, ends[1].energy));
    let mut steps = Vec::with_capacity(2 * bins.len());
    for ((from, to), (_, states)) in ends.zip(bins) {
        let height = pixel(*states, (0.0, top), (UPPER.1, UPPER.0));
        steps.extend([(x(from), height), (x(to), height)]);
    }
    line(area, steps, CURVE, 2)?;
    let share = |below: f64| pixel(below / density.order as f64, (0.0, 1.0), (LOWER.1, LOWER.0));
    line(area, points.iter().map(|p| (x(p.energy), share(p.below))).collect(), CURVE, 2)?;
    text(area, "states per unit of energy and atom", (LEFT, UPPER.0 - 12), HPos::Left)?;
    text(area, "share of the states below", (LEFT, LOWER.0 - 14), HPos::Left)?;
    text(area, "energy (dimensionless)", ((LEFT + RIGHT) / 2, LOWER.1 + 50), HPos::Center)
}

/// A frame with lines at round parts of both axes.
fn axes(area: &Area<'_>, (top, bottom): (i32, i32), energies: (f64, f64), highest: f64) -> Drawn {
    for tick in 0..=TICKS {
        let share = f64::from(tick) / f64::from(TICKS);
        let energy = energies.0 + share * (energies.1 - energies.0);
        let (across, up) =
            (pixel(share, (0.0, 1.0), (LEFT, RIGHT)), pixel(share, (0.0, 1.0), (bottom, top)));
        line(area, vec![(across, top), (across, bottom)], LINES, 1)?;
        line(area, vec![(LEFT, up), (RIGHT, up)], LINES, 1)?;
        text(area, &short(energy), (across, bottom + 18), HPos::Center)?;
        text(area, &short(share * highest), (LEFT - 10, up), HPos::Right)?;
    }
    line(area, vec![(LEFT, top), (LEFT, bottom), (RIGHT, bottom)], INK, 2)
}

fn pixel(value: f64, (low, high): (f64, f64), (start, end): (i32, i32)) -> i32 {
    start + ((value - low) / (high - low) * f64::from(end - start)).round() as i32
}

fn line(area: &Area<'_>, points: Vec<(i32, i32)>, colour: RGBColor, width: u32) -> Drawn {
    area.draw(&PathElement::new(points, colour.stroke_width(width)))?;
    Ok(())
}

fn text(area: &Area<'_>, content: &str, at: (i32, i32), side: HPos) -> Drawn {
    let style = ("sans-serif", FONT).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(content.to_owned(), at, style))?;
    Ok(())
}

/// A number with three digits.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e5).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}
