//! Small plots as inline SVG: bars and lines, coloured by the page's style
//! sheet. Labels are given by this program only, never by the data.

use std::fmt::Write;

use super::{HardnessSummary, Histogram, text};
use crate::pack::csv::DosPoint;
use crate::pack::rows::HardnessBin;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// Bars of a histogram; `x_label` names the values.
pub fn histogram(data: &Histogram, x_label: &str, y_label: &str) -> String {
    let highest = data.counts().iter().copied().max().unwrap_or(0);
    if highest == 0 {
        return nothing(x_label);
    }
    let (low, _) = data.bounds(0);
    let (_, high) = data.bounds(data.counts().len() - 1);
    let frame = Frame { low, high, top: highest as f64 };
    let mut out = frame.open(x_label, y_label, &text::grouped(highest));
    for (i, count) in data.counts().iter().enumerate().filter(|(_, count)| **count > 0) {
        let (from, to) = data.bounds(i);
        let (x, y) = (frame.x(from), frame.y(*count as f64));
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{from:.3} to {to:.3}: {}</title></rect>",
            (frame.x(to) - x - 1.0).max(1.0),
            HEIGHT - BOTTOM - y,
            text::grouped(*count),
        );
    }
    out + "</svg>"
}

/// AUC by hardness bin, with the number of scored pairs under each bar.
pub fn hardness(data: &HardnessSummary) -> String {
    let bins = [HardnessBin::Easy, HardnessBin::Medium, HardnessBin::Hard];
    let frame = Frame { low: 0.0, high: bins.len() as f64, top: 1.0 };
    let mut out = frame.open_bare("AUC by hardness of the decoys", "AUC", "1.0");
    for (i, bin) in bins.into_iter().enumerate() {
        let pairs = data.bin(bin);
        let (left, right) = (frame.x(i as f64 + 0.2), frame.x(i as f64 + 0.8));
        let middle = f64::midpoint(left, right);
        if let Some(auc) = pairs.auc {
            let y = frame.y(auc.clamp(0.0, 1.0));
            let _ = write!(
                out,
                "<rect class=\"bar\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
                 height=\"{:.1}\"/><text class=\"on\" x=\"{middle:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{auc:.3}</text>",
                right - left,
                HEIGHT - BOTTOM - y,
                (y + 16.0).min(HEIGHT - BOTTOM - 4.0),
            );
        }
        let _ = write!(
            out,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} pairs scored</text>",
            HEIGHT - BOTTOM + 15.0,
            bin.as_str(),
            HEIGHT - BOTTOM + 30.0,
            text::grouped(pairs.pairs_scored),
        );
    }
    // Chance level.
    let y = frame.y(0.5);
    let _ = write!(
        out,
        "<line class=\"guide\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">0.5</text>",
        WIDTH - RIGHT,
        LEFT - 5.0,
        y + 4.0
    );
    out + "</svg>"
}

/// Density of states by operator.
pub fn dos(points: &[DosPoint]) -> String {
    type Pick = fn(&DosPoint) -> Option<f64>;
    let curves: [(&str, Pick); 3] = [("L", |p| p.l), ("H", |p| p.h), ("WH", |p| p.wh)];
    let values = || points.iter().flat_map(|p| [p.l, p.h, p.wh]).flatten();
    let top = values().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return nothing("energy");
    };
    if top <= 0.0 || last.energy <= first.energy {
        return nothing("energy");
    }
    let frame = Frame { low: first.energy, high: last.energy, top };
    let mut out = frame.open("energy (dimensionless)", "states", &format!("{top:.2}"));
    for (i, (name, pick)) in curves.into_iter().enumerate() {
        let mut path = String::new();
        for point in points {
            if let Some(value) = pick(point).filter(|v| v.is_finite()) {
                let command = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", frame.x(point.energy), frame.y(value));
            }
        }
        if !path.is_empty() {
            let y = TOP + 14.0 * (i as f64 + 1.0);
            let _ = write!(
                out,
                "<path class=\"curve c{i}\" d=\"{path}\"/><text class=\"t{i}\" x=\"{:.1}\" \
                 y=\"{y:.1}\" text-anchor=\"end\">{name}</text>",
                WIDTH - RIGHT - 4.0
            );
        }
    }
    out + "</svg>"
}

fn nothing(label: &str) -> String {
    format!("<p class=\"none\">No values of: {label}.</p>")
}

/// Maps values to the drawing: x from `low` to `high`, y from 0 to `top`.
struct Frame {
    low: f64,
    high: f64,
    top: f64,
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.top * (HEIGHT - BOTTOM - TOP)
    }

    /// The drawing with axes and the ends of the x axis.
    fn open(&self, x_label: &str, y_label: &str, y_top: &str) -> String {
        let mut out = self.open_bare(x_label, y_label, y_top);
        let y = HEIGHT - BOTTOM + 15.0;
        let middle = f64::midpoint(self.low, self.high);
        for (value, anchor) in [(self.low, "start"), (middle, "middle"), (self.high, "end")] {
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{value:.2}</text>",
                self.x(value)
            );
        }
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x_label}</text>",
            self.x(middle),
            HEIGHT - 8.0
        );
        out
    }

    /// The drawing with axes and the ends of the y axis.
    fn open_bare(&self, x_label: &str, y_label: &str, y_top: &str) -> String {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{x_label}\">\
             <path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\
             <text x=\"{end}\" y=\"{TOP}\" dy=\"8\" text-anchor=\"end\">{y_top}</text>\
             <text x=\"{end}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\
             <text x=\"12\" y=\"{middle}\" text-anchor=\"middle\" \
             transform=\"rotate(-90 12 {middle})\">{y_label}</text>",
            end = LEFT - 5.0,
            middle = f64::midpoint(TOP, bottom),
        )
    }
}
