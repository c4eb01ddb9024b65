//! Curves with error bars on two logarithmic axes, as a stand-alone SVG file.
//! Drawn without fonts of the machine, so the same numbers give the same bytes.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Spread;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 560;
const FONT: i32 = 18;
const LEFT: i32 = 120;
const RIGHT: i32 = 640;
const TOP: i32 = 60;
const BOTTOM: i32 = 470;

const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(215, 215, 215);
/// Distinguished by the colour-blind too (Okabe and Ito 2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
];

/// Measurements that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Places on the x axis, ascending, and what was measured there. All are
    /// above 0.
    pub points: Vec<(f64, Spread)>,
}

/// A plot of curves: medians as points, quartiles as bars.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Above the plot.
    pub title: String,
    /// What the horizontal axis shows, with its unit.
    pub x: String,
    /// What the vertical axis shows, with its unit.
    pub y: String,
    /// What is drawn.
    pub curves: Vec<Curve>,
}

/// A plot that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// No point is above 0 on both axes.
    #[error("there is nothing to plot: no measurement is above 0")]
    Empty,
    /// The drawing failed.
    #[error("the plot cannot be drawn: {0}")]
    Drawing(String),
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Plot {
    /// The SVG file.
    ///
    /// # Errors
    /// [`PlotError::Empty`] where there is nothing to draw.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let x = Scale::of(points().map(|(x, _)| *x), (LEFT, RIGHT)).ok_or(PlotError::Empty)?;
        let ends = points().flat_map(|(_, y)| [y.q1, y.median, y.q3]);
        let y = Scale::of(ends, (BOTTOM, TOP)).ok_or(PlotError::Empty)?;
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
            self.draw(&area, &x, &y).and_then(|()| Ok(area.present()?))
        };
        drawn.map_err(|e| PlotError::Drawing(e.to_string()))?;
        Ok(svg)
    }

    fn draw(&self, area: &Area<'_>, x: &Scale, y: &Scale) -> Drawn {
        area.fill(&WHITE)?;
        let middle = (LEFT + RIGHT) / 2;
        text(area, &self.title, (middle, TOP / 2), HPos::Center, INK)?;
        let mut places: Vec<f64> =
            self.curves.iter().flat_map(|c| &c.points).map(|(at, _)| *at).collect();
        places.sort_by(f64::total_cmp);
        let mut last = i32::MIN;
        for place in places {
            let at = x.at(place);
            // Labels need room beside each other.
            if at < last.saturating_add(40) {
                continue;
            }
            last = at;
            line(area, vec![(at, TOP), (at, BOTTOM)], GRID, 1)?;
            text(area, &short(place), (at, BOTTOM + 20), HPos::Center, INK)?;
        }
        for tick in y.ticks() {
            let at = y.at(tick);
            line(area, vec![(LEFT, at), (RIGHT, at)], GRID, 1)?;
            text(area, &short(tick), (LEFT - 10, at), HPos::Right, INK)?;
        }
        line(area, vec![(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], INK, 2)?;
        text(area, &self.x, (middle, BOTTOM + 54), HPos::Center, INK)?;
        text(area, &self.y, (10, TOP / 2), HPos::Left, INK)?;
        for ((curve, colour), row) in self.curves.iter().zip(COLOURS.iter().cycle()).zip(0..) {
            let at = |(place, value): &(f64, Spread)| (x.at(*place), y.at(value.median));
            line(area, curve.points.iter().map(at).collect(), *colour, 2)?;
            for point in &curve.points {
                let (place, (low, high)) = (x.at(point.0), (y.at(point.1.q1), y.at(point.1.q3)));
                line(area, vec![(place, low), (place, high)], *colour, 2)?;
                area.draw(&Circle::new(at(point), 4, colour.filled()))?;
            }
            let height = TOP + 12 + 28 * row;
            line(area, vec![(RIGHT + 20, height), (RIGHT + 44, height)], *colour, 4)?;
            text(area, &curve.name, (RIGHT + 52, height), HPos::Left, INK)?;
        }
        Ok(())
    }
}

/// A logarithmic axis: from values to pixels.
struct Scale {
    low: f64,
    high: f64,
    pixels: (i32, i32),
}

impl Scale {
    /// An axis with room for these values; `None` where one is not above 0.
    fn of(values: impl Iterator<Item = f64>, pixels: (i32, i32)) -> Option<Self> {
        let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
            let (low, high) = ends.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        });
        let (low, high) = ends.filter(|(low, high)| *low > 0.0 && high.is_finite())?;
        Some(Self { low: low / 1.3, high: high * 1.3, pixels })
    }

    fn at(&self, value: f64) -> i32 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        let (start, end) = self.pixels;
        start + (share * f64::from(end - start)).round() as i32
    }

    /// 1, 2 and 5 times the powers of ten in the range; the powers alone
    /// where those are many.
    fn ticks(&self) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let steps: &[f64] = if last - first > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        (first..=last)
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }
}

fn line(area: &Area<'_>, points: Vec<(i32, i32)>, colour: RGBColor, width: u32) -> Drawn {
    area.draw(&PathElement::new(points, colour.stroke_width(width)))?;
    Ok(())
}

fn text(area: &Area<'_>, content: &str, at: (i32, i32), side: HPos, colour: RGBColor) -> Drawn {
    let style = ("sans-serif", FONT).into_font().color(&colour).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(content.to_owned(), at, style))?;
    Ok(())
}

/// A number in few letters: 250, 1.5k, 20M.
fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    format!("{}{unit}", (scaled * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, Spread)>) -> Plot {
        let curves = vec![Curve { name: "a <b>".into(), points }];
        Plot { title: "t".into(), x: "order".into(), y: "matrices/s".into(), curves }
    }

    #[test]
    fn points_lie_where_their_logarithms_are() {
        let scale = Scale::of([1.0, 10.0, 100.0].into_iter(), (0, 1000)).unwrap();
        assert_eq!(scale.at(10.0), 500);
        assert_eq!(scale.at(100.0) - scale.at(10.0), scale.at(10.0) - scale.at(1.0));
        assert_eq!(scale.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn a_single_point_makes_a_plot_and_no_point_makes_none() {
        let one = Spread::of(&[5.0]).unwrap();
        let svg = plot(vec![(8.0, one)]).to_svg().unwrap();
        assert!(svg.contains("matrices/s") && svg.contains("a &lt;b&gt;"), "{svg}");
        assert!(svg.ends_with("</svg>\n") && svg.matches("<circle").count() == 1, "{svg}");
        assert!(matches!(plot(vec![]).to_svg(), Err(PlotError::Empty)));
        let zero = Spread::of(&[0.0]).unwrap();
        assert!(matches!(plot(vec![(8.0, zero)]).to_svg(), Err(PlotError::Empty)));
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.5, 25.0, 1500.0, 2e6].map(short);
        assert_eq!(texts, ["0.5", "25", "1.5k", "2M"]);
    }
}
