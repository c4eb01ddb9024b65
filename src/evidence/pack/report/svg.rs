//! Plots as inline SVG, drawn by `plotters` without fonts of the machine, so that
//! the bytes are the same everywhere. Colours are the names below; the page's
//! style sheet gives them their light and dark tones. Labels are given by this
//! program only, never by the data.

use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::prelude::*;

use hetero2_contract::evidence::Figure;

use super::text::grouped;
use super::{Histogram, OutcomeSummary};
use crate::pack::csv::DosPoint;
use hetero2_contract::HardnessBin;
use hetero2_contract::hardness::Interpretation;
use hetero2_contract::significance::Passes;

/// Larger than a plot is on a page, because coordinates are whole; the text is
/// still read on a phone.
const WIDTH: u32 = 760;
const HEIGHT: u32 = 390;
/// Of ROC curves, whose axes have the same scale.
const ROC_HEIGHT: u32 = 720;
const FONT: i32 = 24;

/// Axes and text.
const INK: RGBColor = RGBColor(16, 16, 16);
/// What is observed, and up to three further curves.
const CURVES: [RGBColor; 4] =
    [RGBColor(1, 1, 1), RGBColor(2, 2, 2), RGBColor(3, 3, 3), RGBColor(4, 4, 4)];
const OBSERVED: RGBColor = CURVES[0];
/// Where the legend of curves begins.
const LEGEND_LEFT: i32 = 120;
/// What chance gives.
const CHANCE: RGBColor = RGBColor(9, 9, 9);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Bars of a histogram; `x_label` names the values. `expected` are the counts
/// that chance gives, bin by bin, drawn as a line.
pub fn histogram(data: &Histogram, expected: &[f64], x_label: &str, y_label: &str) -> String {
    let highest = data.counts().iter().copied().max().unwrap_or(0) as f64;
    let highest = expected.iter().copied().fold(highest, f64::max);
    if highest <= 0.0 {
        return nothing(x_label);
    }
    let bins = data.counts().len();
    let (low, high) = (data.bounds(0).0, data.bounds(bins - 1).1);
    draw(HEIGHT, x_label, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .margin_right(34)
            .x_label_area_size(70)
            .y_label_area_size(100)
            .build_cartesian_2d(low..high, 0.0..1.05 * highest)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(INK)
            .label_style(font())
            .axis_desc_style(font())
            .x_desc(x_label)
            .y_desc(y_label)
            .x_labels(6)
            .y_labels(4)
            .x_label_formatter(&short)
            .y_label_formatter(&|y| grouped(*y as u64))
            .draw()?;
        let gap = 0.06 * (high - low) / bins as f64;
        chart.draw_series(data.counts().iter().enumerate().filter(|(_, n)| **n > 0).map(
            |(i, count)| {
                let (from, to) = data.bounds(i);
                Rectangle::new([(from + gap, 0.0), (to - gap, *count as f64)], OBSERVED.filled())
            },
        ))?;
        let steps = expected.iter().enumerate().flat_map(|(i, count)| {
            let (from, to) = data.bounds(i);
            [(from, *count), (to, *count)]
        });
        chart.draw_series(LineSeries::new(steps, CHANCE.stroke_width(4)))?;
        Ok(())
    })
}

/// AUC by hardness bin, with the number of scored pairs under each bar.
pub fn hardness(data: &Interpretation) -> String {
    let bins = [HardnessBin::Easy, HardnessBin::Medium, HardnessBin::Hard];
    draw(HEIGHT, "AUC by hardness of the decoys", |area| {
        let (left, right, top, bottom) = (80, WIDTH as i32 - 20, 30, HEIGHT as i32 - 90);
        let y = |auc: f64| bottom - (auc.clamp(0.0, 1.0) * f64::from(bottom - top)) as i32;
        for level in [0.0, 0.5, 1.0] {
            label(area, &short(&level), (left - 12, y(level)), Align::Right, INK)?;
        }
        let width = (right - left) / bins.len() as i32;
        for (bin, i) in bins.into_iter().zip(0..) {
            let from = left + i * width;
            let (x0, middle, x1) = (from + width / 5, from + width / 2, from + width * 4 / 5);
            if let Some(auc) = data.auc(bin) {
                area.draw(&Rectangle::new([(x0, y(auc)), (x1, bottom)], OBSERVED.filled()))?;
                label(area, &format!("{auc:.3}"), (middle, y(auc) - 16), Align::Centre, INK)?;
            }
            label(area, bin.as_str(), (middle, bottom + 26), Align::Centre, INK)?;
            let scored = format!("{} pairs", grouped(data.pairs_scored(bin)));
            label(area, &scored, (middle, bottom + 58), Align::Centre, INK)?;
        }
        area.draw(&PathElement::new(vec![(left, top), (left, bottom), (right, bottom)], INK))?;
        area.draw(&PathElement::new(
            vec![(left, y(0.5)), (right, y(0.5))],
            CHANCE.stroke_width(3),
        ))?;
        Ok(())
    })
}

/// PASS rates with their intervals, on the range that chance gives.
pub fn passes(all: &Passes, by_bin: &BTreeMap<HardnessBin, Option<Passes>>) -> String {
    let bins = by_bin.iter().filter_map(|(bin, passes)| Some((bin.as_str(), (*passes)?)));
    let lines: Vec<(&str, Passes)> = std::iter::once(("all decoys", *all)).chain(bins).collect();
    let height = 100 + 62 * lines.len() as u32;
    draw(height, "PASS rates against chance", |area| {
        let (left, right, bottom) = (160, WIDTH as i32 - 50, height as i32 - 80);
        let x = |rate: f64| left + (rate.clamp(0.0, 1.0) * f64::from(right - left)) as i32;
        for ((name, passes), i) in lines.iter().zip(0..) {
            let y = 40 + 62 * i;
            let of_all = |count: u64| x(count as f64 / passes.rows.max(1) as f64);
            let (from, to) = (of_all(passes.chance_low), of_all(passes.chance_high));
            label(area, name, (left - 16, y), Align::Right, INK)?;
            let band = [(from - 2, y - 20), (to + 2, y + 20)];
            area.draw(&Rectangle::new(band, CHANCE.filled()))?;
            let ends = vec![(x(passes.pass_rate_low), y), (x(passes.pass_rate_high), y)];
            area.draw(&PathElement::new(ends, OBSERVED.stroke_width(5)))?;
            area.draw(&Circle::new((x(passes.pass_rate), y), 10, OBSERVED.filled()))?;
        }
        area.draw(&PathElement::new(vec![(left, bottom), (right, bottom)], INK))?;
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let percent = format!("{:.0} %", 100.0 * tick);
            label(area, &percent, (x(tick), bottom + 24), Align::Centre, INK)?;
        }
        label(area, "PASS rate", (x(0.5), bottom + 56), Align::Centre, INK)
    })
}

/// Mean AUC against decoys by score, as bars with intervals; chance is marked.
pub fn panel(lines: &[(String, Option<Figure>)]) -> String {
    let height = 90 + 46 * lines.len() as u32;
    draw(height, "Mean AUC against decoys", |area| {
        let (left, right, bottom) = (300, WIDTH as i32 - 30, height as i32 - 64);
        let x = |auc: f64| left + (auc.clamp(0.0, 1.0) * f64::from(right - left)) as i32;
        for ((name, figure), i) in lines.iter().zip(0..) {
            let y = 30 + 46 * i;
            label(area, name, (left - 14, y), Align::Right, INK)?;
            let Some(figure) = figure else { continue };
            let bar = [(left, y - 12), (x(figure.value), y + 12)];
            area.draw(&Rectangle::new(bar, CHANCE.filled()))?;
            if let Some((low, high)) = figure.low.zip(figure.high) {
                let ends = vec![(x(low), y), (x(high), y)];
                area.draw(&PathElement::new(ends, OBSERVED.stroke_width(5)))?;
            }
            area.draw(&Circle::new((x(figure.value), y), 7, OBSERVED.filled()))?;
        }
        area.draw(&PathElement::new(vec![(x(0.5), 8), (x(0.5), bottom)], INK.stroke_width(2)))?;
        area.draw(&PathElement::new(vec![(left, bottom), (right, bottom)], INK))?;
        for tick in [0.0, 0.5, 1.0] {
            label(area, &short(&tick), (x(tick), bottom + 26), Align::Centre, INK)?;
        }
        Ok(())
    })
}

/// Density of states by operator.
pub fn dos(points: &[DosPoint]) -> String {
    type Pick = fn(&DosPoint) -> Option<f64>;
    let operators: [(&str, Pick); 3] = [("L", |p| p.l), ("H", |p| p.h), ("WH", |p| p.wh)];
    let curves: Vec<(&str, Vec<(f64, f64)>)> = operators
        .into_iter()
        .map(|(name, pick)| {
            let finite = |p: &DosPoint| Some((p.energy, pick(p).filter(|v| v.is_finite())?));
            (name, points.iter().filter_map(finite).collect())
        })
        .collect();
    lines(&curves, None, "energy (dimensionless)", "states", HEIGHT)
}

/// ROC curves, each with its name, and the diagonal that chance gives.
pub fn roc(curves: &[(&str, &[(f64, f64)])]) -> String {
    let mut drawn: Vec<(&str, Vec<(f64, f64)>)> =
        curves.iter().map(|(name, points)| (*name, points.to_vec())).collect();
    drawn.push(("by chance", vec![(0.0, 0.0), (1.0, 1.0)]));
    lines(&drawn, None, "share of inactives", "share of actives", ROC_HEIGHT)
}

/// Hits against budget.
pub fn cost_curve(outcomes: &OutcomeSummary) -> String {
    let budgets = || outcomes.budgets.iter().map(|budget| *budget as f64);
    let curves: Vec<(&str, Vec<(f64, f64)>)> = outcomes
        .curves
        .iter()
        .map(|(name, hits)| (*name, budgets().zip(hits.iter().copied()).collect()))
        .collect();
    lines(&curves, Some(outcomes.budget as f64), "molecules tried", "hits", HEIGHT)
}

/// Curves that begin at 0, with a mark on the x axis; those called "by chance"
/// have the colour of chance.
fn lines(
    curves: &[(&str, Vec<(f64, f64)>)],
    mark: Option<f64>,
    x_label: &str,
    y_label: &str,
    height: u32,
) -> String {
    let points = || curves.iter().flat_map(|(_, points)| points);
    let low = points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
    let high = points().map(|(x, _)| *x).fold(f64::NEG_INFINITY, f64::max);
    let top = points().map(|(_, y)| *y).fold(0.0, f64::max);
    if top <= 0.0 || high <= low {
        return nothing(x_label);
    }
    draw(height, x_label, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .margin_right(34)
            .margin_top(84)
            .x_label_area_size(70)
            .y_label_area_size(100)
            .build_cartesian_2d(low..high, 0.0..1.05 * top)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(INK)
            .label_style(font())
            .axis_desc_style(font())
            .x_desc(x_label)
            .y_desc(y_label)
            .x_labels(6)
            .y_labels(4)
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .draw()?;
        if let Some(mark) = mark.filter(|mark| *mark <= high) {
            chart.draw_series(LineSeries::new([(mark, 0.0), (mark, 1.05 * top)], INK))?;
        }
        let mut colours = CURVES.into_iter().cycle();
        let (mut x, mut y) = (LEGEND_LEFT, 24);
        for (name, points) in curves.iter().filter(|(_, points)| !points.is_empty()) {
            let chance = *name == "by chance";
            let colour = if chance { CHANCE } else { colours.next().unwrap_or(OBSERVED) };
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(4)))?;
            let width = 60 + 13 * name.len() as i32;
            if x + width > WIDTH as i32 {
                (x, y) = (LEGEND_LEFT, y + 36);
            }
            area.draw(&PathElement::new(vec![(x, y), (x + 30, y)], colour.stroke_width(6)))?;
            label(area, name, (x + 40, y), Align::Left, INK)?;
            x += width + 10;
        }
        Ok(())
    })
}

/// Draws, and makes the drawing fit into the page.
fn draw(height: u32, what: &str, paint: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let painted = {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        paint(&area).and_then(|()| Ok(area.present()?))
    };
    // A page stands alone and needs neither sizes nor names of vocabularies.
    let content = svg.find('>').map(|end| &svg[end + 1..]);
    match (painted, content) {
        (Ok(()), Some(content)) => format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{what}\">{}",
            content.trim()
        ),
        _ => nothing(what),
    }
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Centre,
    Right,
}

fn label(area: &Area<'_>, text: &str, at: (i32, i32), align: Align, colour: RGBColor) -> Drawn {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let position = match align {
        Align::Left => HPos::Left,
        Align::Centre => HPos::Center,
        Align::Right => HPos::Right,
    };
    let style = font().color(&colour).pos(Pos::new(position, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}

fn font() -> TextStyle<'static> {
    ("sans-serif", FONT).into_font().color(&INK)
}

/// A number as an axis shows it.
fn short(value: &f64) -> String {
    // Adding 0 turns −0 into 0.
    let rounded = (value * 1e4).round() / 1e4 + 0.0;
    if rounded.abs() >= 1e4 { grouped(rounded as u64) } else { rounded.to_string() }
}

fn nothing(label: &str) -> String {
    format!("<p class=\"none\">No values of: {label}.</p>")
}
