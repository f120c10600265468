//! Curves with bands: attribution by step, time against size.

use std::fmt::Write as _;

use super::axis::{Axis, Frame};
use super::svg::{Svg, coordinate};
use crate::{Error, Result, palette};

/// One curve. Points that are NaN, infinite, or not positive on a logarithmic axis break it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper end of a band at each point; empty for none.
    pub band: Vec<(f64, f64)>,
}

impl Series {
    /// A curve without a band.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, band: Vec::new() }
    }

    /// Adds a band, one (low, high) per point.
    #[must_use]
    pub fn with_band(mut self, band: Vec<(f64, f64)>) -> Self {
        self.band = band;
        self
    }
}

/// Curves over common axes.
///
/// ```
/// use embex_report::plot::{Axis, LineChart, Series};
/// let times = vec![(1000.0, 0.5), (10_000.0, 7.0)];
/// let svg = LineChart::new("Time", Axis::log("samples"), Axis::log("seconds"))
///     .with_series(Series::new("ours", times))
///     .to_svg()?;
/// assert!(svg.starts_with("<svg"));
/// # Ok::<(), embex_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// Title over the figure.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
}

impl LineChart {
    /// A figure without curves.
    pub fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.to_owned(), x, y, series: Vec::new() }
    }

    /// Adds a curve.
    #[must_use]
    pub fn with_series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Draws.
    ///
    /// # Errors
    /// [`Error::EmptyFigure`] if no point can be drawn, [`Error::Length`] if a band does not fit
    /// its curve.
    pub fn to_svg(&self) -> Result<String> {
        for series in self.series.iter().filter(|series| !series.band.is_empty()) {
            let (got, expected) = (series.band.len(), series.points.len());
            if got != expected {
                return Err(Error::Length { what: "the band of a curve", got, expected });
            }
        }
        let frame = self.frame()?;
        let mut svg = Svg::new(640.0, 400.0);
        frame.draw_y(&mut svg, &self.y);
        frame.draw_x(&mut svg, &self.x);
        frame.draw_border(&mut svg);
        for (s, series) in self.series.iter().enumerate() {
            self.draw(&mut svg, &frame, series, &palette::group(s).hex());
        }
        let legend: Vec<_> = (self.series.iter().enumerate())
            .map(|(s, series)| (palette::group(s).hex(), series.name.clone()))
            .collect();
        svg.legend((478.0, 40.0), &legend);
        svg.heading(&self.title);
        Ok(svg.finish(&self.title))
    }

    fn frame(&self) -> Result<Frame> {
        let xs = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0));
        let ys = (self.series.iter()).flat_map(|s| {
            s.points.iter().map(|p| p.1).chain(s.band.iter().flat_map(|b| [b.0, b.1]))
        });
        match (self.x.span(xs), self.y.span(ys)) {
            (Some(x_span), Some(y_span)) => {
                Ok(Frame { left: 70.0, top: 34.0, width: 390.0, height: 310.0, x_span, y_span })
            }
            _ => Err(Error::EmptyFigure { title: self.title.clone() }),
        }
    }

    fn draw(&self, svg: &mut Svg, frame: &Frame, series: &Series, colour: &str) {
        if !series.band.is_empty() {
            let edge = |upper: bool| {
                series.points.iter().zip(&series.band).filter_map(move |(point, band)| {
                    self.place(frame, point.0, if upper { band.1 } else { band.0 })
                })
            };
            let mut corners: Vec<_> = edge(true).collect();
            corners.extend(edge(false).collect::<Vec<_>>().into_iter().rev());
            let outline = path(corners.into_iter().map(Some)) + "Z";
            svg.path(&outline, &format!("fill=\"{colour}\" fill-opacity=\"0.18\""));
        }
        let places: Vec<_> = (series.points.iter()).map(|p| self.place(frame, p.0, p.1)).collect();
        let stroke = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"");
        svg.path(&path(places.iter().copied()), &stroke);
        if places.len() <= 40 {
            for at in places.into_iter().flatten() {
                svg.circle(at, 2.6, colour);
            }
        }
    }

    /// Where a point is drawn; values past a fixed end stay on the edge.
    fn place(&self, frame: &Frame, x: f64, y: f64) -> Option<(f64, f64)> {
        let x = self.x.position(x)?.clamp(frame.x_span.0, frame.x_span.1);
        let y = self.y.position(y)?.clamp(frame.y_span.0, frame.y_span.1);
        Some((frame.x(x), frame.y(y)))
    }
}

/// Path commands through points, lifting the pen at gaps.
fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut out, mut drawing) = (String::new(), false);
    for point in points {
        if let Some((x, y)) = point {
            let command = if drawing { 'L' } else { 'M' };
            let _ = write!(out, "{command}{} {}", coordinate(x), coordinate(y));
        }
        drawing = point.is_some();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lift_the_pen() {
        let points = [Some((0.0, 0.0)), None, Some((1.0, 1.0)), Some((2.0, 1.0))];
        assert_eq!(path(points.into_iter()), "M0 0M1 1L2 1");
    }

    #[test]
    fn equal_input_gives_equal_bytes_and_nothing_odd() {
        let chart =
            LineChart::new("t <&>", Axis::linear("x"), Axis::log("y"))
                .with_series(
                    Series::new("a", vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 100.0)])
                        .with_band(vec![(0.5, 2.0), (f64::NAN, f64::NAN), (-1.0, 200.0)]),
                )
                .with_series(Series::new("b", vec![(0.5, 10.0)]));
        let svg = chart.to_svg().unwrap();
        assert_eq!(svg, chart.to_svg().unwrap());
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_to_draw_and_misfitting_bands_are_refused() {
        let chart = LineChart::new("t", Axis::linear("x"), Axis::log("y"));
        assert!(matches!(chart.to_svg(), Err(Error::EmptyFigure { .. })));
        let chart = chart.with_series(Series::new("a", vec![(1.0, -1.0)]));
        assert!(matches!(chart.to_svg(), Err(Error::EmptyFigure { .. })));
        let short = Series::new("a", vec![(1.0, 1.0), (2.0, 1.0)]).with_band(vec![(0.0, 1.0)]);
        let chart = LineChart::new("t", Axis::linear("x"), Axis::linear("y")).with_series(short);
        assert!(matches!(chart.to_svg(), Err(Error::Length { got: 1, expected: 2, .. })));
    }
}
