//! Static figures as SVG text: the same data give the same bytes.
//!
//! Each figure is a plain struct with a `to_svg`. Sizes are in CSS pixels. The SVG has a white
//! ground, a title for screen readers, no script and no outside reference, so that it can stand
//! in HTML or lie beside a README.

mod axis;
mod bars;
mod lines;
mod scatter;
mod svg;
mod tiles;

pub use axis::Axis;
pub use bars::{BarChart, BarSeries};
pub use lines::{LineChart, Series};
pub use scatter::ScatterMap;
pub use tiles::{Scale, Tile, Tiles};
