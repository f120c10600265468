//! Small heat maps side by side: images of pixels, or a matrix of numbers.

use super::svg::{Anchor, Svg, shortened};
use crate::{Error, Result, palette};

/// How numbers become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Blue below 0, light grey at 0, orange above; the ends at ±max |number| of the tile.
    #[default]
    Diverging,
    /// From the least to the greatest number of the tile.
    Sequential,
}

/// One heat map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tile {
    /// Name below it.
    pub name: String,
    /// Rows of cells.
    pub height: usize,
    /// Cells in a row.
    pub width: usize,
    /// height × width numbers, row after row; those not finite stay white.
    pub values: Vec<f64>,
    /// Colours.
    pub scale: Scale,
}

/// Heat maps in a grid.
///
/// ```
/// use embex_report::plot::{Tile, Tiles};
/// let tile = Tile { name: "3".into(), height: 1, width: 2, values: vec![-1.0, 1.0], ..Tile::default() };
/// let svg = Tiles { title: "pixels".into(), per_row: 5, tiles: vec![tile] }.to_svg()?;
/// assert!(svg.contains("pixels"));
/// # Ok::<(), embex_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tiles {
    /// Title over the figure.
    pub title: String,
    /// Tiles in a row; 0 counts as 1.
    pub per_row: usize,
    /// The heat maps.
    pub tiles: Vec<Tile>,
}

/// Room for the longer side of a tile, in pixels.
const SIDE: f64 = 112.0;

impl Tiles {
    /// Draws.
    ///
    /// # Errors
    /// [`Error::EmptyFigure`] without a cell, [`Error::Length`] if a tile's numbers do not fit its
    /// height and width.
    pub fn to_svg(&self) -> Result<String> {
        for tile in &self.tiles {
            let expected = tile.height.saturating_mul(tile.width);
            if tile.values.len() != expected {
                let got = tile.values.len();
                return Err(Error::Length { what: "a tile", got, expected });
            }
        }
        if self.tiles.iter().all(|tile| tile.values.is_empty()) {
            return Err(Error::EmptyFigure { title: self.title.clone() });
        }
        let per_row = self.per_row.clamp(1, self.tiles.len());
        let rows = self.tiles.len().div_ceil(per_row);
        let pitch = (SIDE + 16.0, SIDE + 34.0);
        let mut svg =
            Svg::new((pitch.0 * per_row as f64 + 16.0).max(220.0), pitch.1 * rows as f64 + 36.0);
        for (t, tile) in self.tiles.iter().enumerate() {
            let left = 16.0 + pitch.0 * (t % per_row) as f64;
            let top = 36.0 + pitch.1 * (t / per_row) as f64;
            draw(&mut svg, tile, (left, top));
            let middle = left + SIDE / 2.0;
            svg.text((middle, top + SIDE + 15.0), Anchor::Middle, &shortened(&tile.name, 18));
        }
        svg.heading(&self.title);
        Ok(svg.finish(&self.title))
    }
}

fn draw(svg: &mut Svg, tile: &Tile, (left, top): (f64, f64)) {
    let cell = SIDE / tile.height.max(tile.width).max(1) as f64;
    let finite = || tile.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let reach = low.abs().max(high.abs());
    for (k, &value) in tile.values.iter().enumerate() {
        let colour = match tile.scale {
            _ if !value.is_finite() => palette::Rgb(255, 255, 255),
            Scale::Diverging => palette::diverging(if reach > 0.0 { value / reach } else { 0.0 }),
            Scale::Sequential if high > low => palette::sequential((value - low) / (high - low)),
            Scale::Sequential => palette::sequential(0.0),
        };
        let at = (left + cell * (k % tile.width) as f64, top + cell * (k / tile.width) as f64);
        svg.rect(at, (cell + 0.2, cell + 0.2), &colour.hex()); // overlaps: no seams between cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(values: Vec<f64>, scale: Scale) -> Tile {
        Tile { name: "n".into(), height: 1, width: values.len(), values, scale }
    }

    #[test]
    fn zero_is_neutral_and_constants_are_drawn() {
        let tiles = vec![
            tile(vec![-2.0, 0.0, 1.0, f64::NAN], Scale::Diverging),
            tile(vec![3.0, 3.0], Scale::Sequential),
        ];
        let svg = Tiles { title: "t".into(), per_row: 0, tiles }.to_svg().unwrap();
        assert!(svg.contains(&palette::diverging(0.0).hex()));
        assert!(svg.contains(&palette::diverging(-1.0).hex()));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn misfits_and_nothing_are_refused() {
        let empty = Tiles { title: "t".into(), per_row: 2, tiles: vec![] };
        assert!(matches!(empty.to_svg(), Err(Error::EmptyFigure { .. })));
        let wrong = Tile { height: 2, ..tile(vec![1.0], Scale::Diverging) };
        let wrong = Tiles { title: "t".into(), per_row: 2, tiles: vec![wrong] };
        assert!(matches!(wrong.to_svg(), Err(Error::Length { got: 1, expected: 2, .. })));
    }
}
