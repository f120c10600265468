//! Axes: ranges, ticks, and the frame a figure is drawn in.

use super::svg::{Anchor, Svg};
use crate::text;

/// An axis of a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// Logarithmic; entries that are not positive are then left out.
    pub log: bool,
    /// Fixed ends; found from the data where `None`.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), log: false, range: None }
    }

    /// A logarithmic axis.
    pub fn log(label: &str) -> Self {
        Self { label: label.to_owned(), log: true, range: None }
    }

    /// Fixes the ends.
    #[must_use]
    pub const fn with_range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// The drawn position of a value before scaling; `None` if it cannot be drawn.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        match (value.is_finite(), self.log) {
            (true, false) => Some(value),
            (true, true) if value > 0.0 => Some(value.log10()),
            _ => None,
        }
    }

    /// Ends in positions, with room around the data; `None` if nothing can be drawn.
    pub(super) fn span(&self, values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
        if let Some((low, high)) = self.range
            && let (Some(low), Some(high)) = (self.position(low), self.position(high))
            && low < high
        {
            return Some((low, high));
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for at in values.filter_map(|value| self.position(value)) {
            low = low.min(at);
            high = high.max(at);
        }
        if low > high {
            return None;
        }
        let room = if high > low { 0.04 * (high - low) } else { 0.5 * low.abs().max(1.0) };
        Some((low - room, high + room))
    }

    /// Ticks within a span, as (position, label).
    pub(super) fn ticks(&self, (low, high): (f64, f64)) -> Vec<(f64, String)> {
        if self.log { log_ticks(low, high) } else { linear_ticks(low, high, 6) }
    }
}

/// Round numbers: 1, 2 or 5 times a power of ten, about `wanted` of them.
pub(super) fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / wanted as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let decade = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * decade)
        .into_iter()
        .find(|&step| step >= rough)
        .unwrap_or(10.0 * decade);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let count = (last - first + 1.0).clamp(0.0, 100.0) as usize;
    (0..count)
        .map(|k| (first + k as f64) * step)
        .map(|at| (at, text::number(if at.abs() < 1e-9 * step { 0.0 } else { at }, 6)))
        .collect()
}

/// Powers of ten; with 2 and 5 between when the span is short.
fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let between: &[f64] = if high - low <= 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = ((high - low) / 8.0).ceil().max(1.0) as i32;
    let (first, last) = (low.floor() as i32, high.ceil() as i32);
    (first..=last)
        .filter(|decade| decade.rem_euclid(every) == 0)
        .flat_map(|decade| between.iter().map(move |m| m * 10f64.powi(decade)))
        .map(|value| (value.log10(), text::number(value, 3)))
        .filter(|(at, _)| (low..=high).contains(at))
        .collect()
}

/// The rectangle data are drawn in, and the spans it stands for.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x_span: (f64, f64),
    pub(super) y_span: (f64, f64),
}

impl Frame {
    pub(super) fn x(&self, position: f64) -> f64 {
        self.left + self.width * (position - self.x_span.0) / (self.x_span.1 - self.x_span.0)
    }

    pub(super) fn y(&self, position: f64) -> f64 {
        let share = (position - self.y_span.0) / (self.y_span.1 - self.y_span.0);
        self.top + self.height * (1.0 - share)
    }

    /// Grid lines, tick labels and the axis label at the left.
    pub(super) fn draw_y(&self, svg: &mut Svg, axis: &Axis) {
        for (at, label) in axis.ticks(self.y_span) {
            let y = self.y(at);
            svg.line((self.left, y), (self.left + self.width, y), "#e4e4e4");
            svg.text((self.left - 6.0, y + 4.0), Anchor::End, &label);
        }
        svg.text_upwards((16.0, self.top + self.height / 2.0), &axis.label);
    }

    /// Grid lines, tick labels and the axis label below.
    pub(super) fn draw_x(&self, svg: &mut Svg, axis: &Axis) {
        let bottom = self.top + self.height;
        for (at, label) in axis.ticks(self.x_span) {
            let x = self.x(at);
            svg.line((x, self.top), (x, bottom), "#e4e4e4");
            svg.text((x, bottom + 16.0), Anchor::Middle, &label);
        }
        svg.text((self.left + self.width / 2.0, bottom + 36.0), Anchor::Middle, &axis.label);
    }

    /// The two lines the data stand on.
    pub(super) fn draw_border(&self, svg: &mut Svg) {
        let bottom = self.top + self.height;
        svg.line((self.left, self.top), (self.left, bottom), "#555555");
        svg.line((self.left, bottom), (self.left + self.width, bottom), "#555555");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<(f64, String)>) -> Vec<String> {
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(labels(linear_ticks(-0.04, 1.04, 6)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(linear_ticks(-1.1, 1.1, 6)), ["-1", "-0.5", "0", "0.5", "1"]);
        assert_eq!(labels(log_ticks(2.0, 3.5)), ["100", "200", "500", "1000", "2000"]);
        assert_eq!(labels(log_ticks(-3.0, 0.0)), ["0.001", "0.01", "0.1", "1"]);
        assert!(linear_ticks(0.0, 0.0, 6).is_empty());
        assert!(linear_ticks(0.0, f64::INFINITY, 6).is_empty());
    }

    #[test]
    fn spans_skip_what_cannot_be_drawn() {
        let axis = Axis::log("n");
        assert_eq!(axis.span([0.0, -1.0, f64::NAN].into_iter()), None);
        let (low, high) = axis.span([0.0, 10.0, 1000.0].into_iter()).unwrap();
        assert!(low < 1.0 && high > 3.0);
        let (low, high) = Axis::linear("n").span([2.0, 2.0].into_iter()).unwrap();
        assert!(low < 2.0 && high > 2.0);
        let fixed = Axis::linear("n").with_range(0.0, 1.0);
        assert_eq!(fixed.span([9.0].into_iter()), Some((0.0, 1.0)));
    }
}
