//! A map of points coloured by group.

use std::fmt::Write as _;

use super::svg::{Svg, coordinate};
use crate::{Error, Result, palette};

/// A map of points coloured by group, axes at one scale.
///
/// Points closer than half a pixel with one colour are drawn once, so that the file stays small.
///
/// ```
/// let svg = embex_report::plot::ScatterMap {
///     title: "digits".into(),
///     points: vec![(0.0, 0.0), (1.0, 2.0)],
///     groups: vec![0, 1],
///     names: vec!["zero".into(), "one".into()],
/// }
/// .to_svg()?;
/// assert!(svg.contains("zero"));
/// # Ok::<(), embex_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScatterMap {
    /// Title over the figure.
    pub title: String,
    /// The map. Points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Group of each point; empty for one colour.
    pub groups: Vec<u32>,
    /// Names of the groups.
    pub names: Vec<String>,
}

/// Side of the square the map is drawn in.
const SIDE: f64 = 520.0;

impl ScatterMap {
    /// Draws.
    ///
    /// # Errors
    /// [`Error::EmptyFigure`] without a finite point, [`Error::Length`] or [`Error::Index`] if the
    /// groups do not fit.
    pub fn to_svg(&self) -> Result<String> {
        self.check()?;
        let (centre, span) =
            self.window().ok_or_else(|| Error::EmptyFigure { title: self.title.clone() })?;
        let at = |v: f64, middle: f64| ((v - middle) / span + 0.5) * (SIDE - 12.0) + 6.0;
        let n_groups = self.names.len().max(1);
        let mut places: Vec<Vec<(i32, i32)>> = vec![Vec::new(); n_groups];
        for (i, &(x, y)) in self.points.iter().enumerate() {
            if x.is_finite() && y.is_finite() {
                let half_pixels =
                    (2.0 * at(x, centre.0), 2.0 * (SIDE - at(y, centre.1)) + 2.0 * 28.0);
                let group = self.groups.get(i).map_or(0, |&g| g as usize);
                places[group].push((half_pixels.0.round() as i32, half_pixels.1.round() as i32));
            }
        }
        let width = if self.names.len() > 1 { SIDE + 200.0 } else { SIDE };
        let rows = 60.0 + 18.0 * self.names.len() as f64;
        let mut svg = Svg::new(width, (SIDE + 32.0).max(rows));
        let radius = (60.0 / (self.points.len() as f64).sqrt()).clamp(0.8, 3.0);
        for (group, mut dots) in places.into_iter().enumerate() {
            dots.sort_unstable();
            dots.dedup();
            draw_dots(&mut svg, &dots, radius, &palette::group(group).hex());
        }
        if self.names.len() > 1 {
            let legend: Vec<_> = (self.names.iter().enumerate())
                .map(|(g, name)| (palette::group(g).hex(), name.clone()))
                .collect();
            svg.legend((SIDE + 16.0, 40.0), &legend);
        }
        svg.heading(&self.title);
        Ok(svg.finish(&self.title))
    }

    fn check(&self) -> Result<()> {
        let (got, expected) = (self.groups.len(), self.points.len());
        if got != 0 && got != expected {
            return Err(Error::Length { what: "the list of groups", got, expected });
        }
        let len = self.names.len();
        match self.groups.iter().position(|&g| g as usize >= len) {
            None => Ok(()),
            Some(position) => {
                let index = self.groups[position] as usize;
                Err(Error::Index { what: "the group", position, index, len })
            }
        }
    }

    /// Centre and side of the square that holds all points.
    fn window(&self) -> Option<((f64, f64), f64)> {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for &(x, y) in self.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
            for (c, v) in [x, y].into_iter().enumerate() {
                low[c] = low[c].min(v);
                high[c] = high[c].max(v);
            }
        }
        if low[0] > high[0] {
            return None;
        }
        let span = (high[0] - low[0]).max(high[1] - low[1]);
        let centre = (f64::midpoint(low[0], high[0]), f64::midpoint(low[1], high[1]));
        Some((centre, if span > 0.0 { span } else { 1.0 }))
    }
}

/// One path of dots: lines of no length with round ends.
fn draw_dots(svg: &mut Svg, dots: &[(i32, i32)], radius: f64, colour: &str) {
    if dots.is_empty() {
        return;
    }
    let mut d = String::with_capacity(12 * dots.len());
    for &(x, y) in dots {
        let (x, y) = (f64::from(x) / 2.0, f64::from(y) / 2.0);
        let _ = write!(d, "M{} {}h0", coordinate(x), coordinate(y));
    }
    let attributes = format!(
        "stroke=\"{colour}\" stroke-width=\"{}\" stroke-linecap=\"round\" stroke-opacity=\"0.8\"",
        coordinate(2.0 * radius)
    );
    svg.path(&d, &attributes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_points_in_one_place_are_drawn_once() {
        let map = ScatterMap { points: vec![(3.0, 3.0); 1000], ..ScatterMap::default() };
        let svg = map.to_svg().unwrap();
        assert_eq!(svg.matches("h0").count(), 1);
    }

    #[test]
    fn misfits_and_nothing_are_refused() {
        let map = ScatterMap { points: vec![(f64::NAN, 0.0)], ..ScatterMap::default() };
        assert!(matches!(map.to_svg(), Err(Error::EmptyFigure { .. })));
        let map = ScatterMap { groups: vec![1], points: vec![(0.0, 0.0)], ..map };
        assert!(matches!(map.to_svg(), Err(Error::Index { index: 1, len: 0, .. })));
        let map = ScatterMap { groups: vec![0, 0], ..map };
        assert!(matches!(map.to_svg(), Err(Error::Length { got: 2, expected: 1, .. })));
    }
}
