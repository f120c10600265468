//! Bars side by side, with error bars.

use super::axis::{Axis, Frame};
use super::svg::{Anchor, Svg, shortened};
use crate::{Error, Result, palette};

/// One colour of bars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarSeries {
    /// Name in the legend.
    pub name: String,
    /// Height per category; NaN leaves a gap.
    pub values: Vec<f64>,
    /// Half length of the error bar per category; empty for none.
    pub errors: Vec<f64>,
}

/// Bars in categories.
///
/// ```
/// use embex_report::plot::{Axis, BarChart, BarSeries};
/// let svg = BarChart {
///     title: "AUROC by bed".into(),
///     categories: vec!["8/3".into(), "zsc".into()],
///     y: Axis::linear("AUROC").with_range(0.0, 1.0),
///     series: vec![BarSeries { name: "importance".into(), values: vec![1.0, 0.98], errors: vec![] }],
/// }
/// .to_svg()?;
/// assert!(svg.contains("AUROC by bed"));
/// # Ok::<(), embex_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarChart {
    /// Title over the figure.
    pub title: String,
    /// Names below the bars.
    pub categories: Vec<String>,
    /// Vertical axis; linear, and 0 is always on it unless a range says otherwise.
    pub y: Axis,
    /// One colour each, one value per category.
    pub series: Vec<BarSeries>,
}

impl BarChart {
    /// Draws.
    ///
    /// # Errors
    /// [`Error::EmptyFigure`] if there is no finite value, [`Error::Length`] if a series does not
    /// have one value (and one error, if any) per category.
    pub fn to_svg(&self) -> Result<String> {
        self.check()?;
        let slots = self.categories.len() * (self.series.len() + 1);
        let width = (14.0 * slots as f64).clamp(240.0, 1400.0);
        let frame = self.frame(width)?;
        let mut svg = Svg::new(width + 240.0, 360.0);
        frame.draw_y(&mut svg, &self.y);
        for (s, series) in self.series.iter().enumerate() {
            self.draw(&mut svg, &frame, s, series);
        }
        let share = width / self.categories.len() as f64;
        for (c, name) in self.categories.iter().enumerate() {
            let at = frame.left + share * (c as f64 + 0.5);
            let room = (share / 6.5).max(4.0) as usize;
            svg.text((at, frame.top + frame.height + 18.0), Anchor::Middle, &shortened(name, room));
        }
        frame.draw_border(&mut svg);
        let legend: Vec<_> = (self.series.iter().enumerate())
            .map(|(s, series)| (palette::group(s).hex(), series.name.clone()))
            .collect();
        svg.legend((width + 80.0, 40.0), &legend);
        svg.heading(&self.title);
        Ok(svg.finish(&self.title))
    }

    fn check(&self) -> Result<()> {
        let expected = self.categories.len();
        for series in &self.series {
            let got = series.values.len();
            if got != expected {
                return Err(Error::Length { what: "a series of bars", got, expected });
            }
            let got = series.errors.len();
            if got != 0 && got != expected {
                return Err(Error::Length { what: "the error bars of a series", got, expected });
            }
        }
        let values = self.series.iter().flat_map(|series| &series.values);
        if expected == 0 || !values.into_iter().any(|v| v.is_finite()) {
            return Err(Error::EmptyFigure { title: self.title.clone() });
        }
        Ok(())
    }

    fn frame(&self, width: f64) -> Result<Frame> {
        let ends = self.series.iter().flat_map(|series| {
            let errors = series.errors.iter().copied().chain(std::iter::repeat(0.0));
            series.values.iter().zip(errors).flat_map(|(v, e)| [v - e, *v, v + e])
        });
        let axis = Axis { log: false, ..self.y.clone() };
        let y_span = axis.span(ends.chain([0.0]));
        let y_span = y_span.ok_or_else(|| Error::EmptyFigure { title: self.title.clone() })?;
        Ok(Frame { left: 70.0, top: 34.0, width, height: 280.0, x_span: (0.0, 1.0), y_span })
    }

    fn draw(&self, svg: &mut Svg, frame: &Frame, s: usize, series: &BarSeries) {
        let slot = frame.width / (self.categories.len() * (self.series.len() + 1)) as f64;
        let clamp = |v: f64| v.clamp(frame.y_span.0, frame.y_span.1);
        for (c, &value) in series.values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let at = (c * (self.series.len() + 1) + s) as f64 + 0.5;
            let left = frame.left + slot * at;
            let (from, to) = (frame.y(clamp(0.0)), frame.y(clamp(value)));
            let height = (from - to).abs().max(0.5);
            svg.rect((left, from.min(to)), (slot * 0.92, height), &palette::group(s).hex());
            if let Some(&error) = series.errors.get(c).filter(|e| e.is_finite() && **e > 0.0) {
                let middle = left + slot * 0.46;
                let ends = [clamp(value - error), clamp(value + error)].map(|v| frame.y(v));
                svg.line((middle, ends[0]), (middle, ends[1]), "#222222");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<f64>, errors: Vec<f64>) -> BarChart {
        let series = vec![BarSeries { name: "s".into(), values, errors }];
        let categories = vec!["a".into(), "b".into()];
        BarChart { title: "t".into(), categories, y: Axis::linear("y"), series }
    }

    #[test]
    fn gaps_are_left_and_negative_bars_hang() {
        let svg = chart(vec![f64::NAN, -2.0], vec![f64::NAN, 0.5]).to_svg().unwrap();
        assert!(!svg.contains("NaN"));
        assert!(svg.contains(&palette::group(0).hex()));
    }

    #[test]
    fn misfits_and_nothing_are_refused() {
        assert!(matches!(chart(vec![1.0], vec![]).to_svg(), Err(Error::Length { got: 1, .. })));
        let errors = chart(vec![1.0, 2.0], vec![0.1]).to_svg();
        assert!(matches!(errors, Err(Error::Length { got: 1, expected: 2, .. })));
        let empty = chart(vec![f64::NAN, f64::NAN], vec![]).to_svg();
        assert!(matches!(empty, Err(Error::EmptyFigure { .. })));
    }
}
