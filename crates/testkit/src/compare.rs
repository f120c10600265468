//! Comparisons by the largest error, which name its place.

use faer::MatRef;
use faer::traits::RealField;

/// The largest difference between two arrays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Position of the difference.
    pub place: usize,
    /// |got − expected| there; infinite if exactly one is not a number or they are different
    /// infinities.
    pub error: f64,
    /// Entry of the first array.
    pub got: f64,
    /// Entry of the second array.
    pub expected: f64,
    /// Largest |expected| of the array.
    pub scale: f64,
}

/// Finds the largest difference; the first one if several are equal.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn largest_gap(got: &[f64], expected: &[f64]) -> Gap {
    assert_eq!(got.len(), expected.len(), "arrays of different lengths");
    let scale = expected.iter().filter(|e| e.is_finite()).fold(0.0, |m: f64, e| m.max(e.abs()));
    let start = Gap { place: 0, error: 0.0, got: 0.0, expected: 0.0, scale };
    got.iter().zip(expected).enumerate().fold(start, |worst, (place, (&got, &expected))| {
        let error = difference(got, expected);
        if error > worst.error || place == 0 {
            Gap { place, error, got, expected, scale }
        } else {
            worst
        }
    })
}

/// Largest |got − expected|.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn max_abs_error(got: &[f64], expected: &[f64]) -> f64 {
    largest_gap(got, expected).error
}

/// Largest |got − expected| in units of the largest |expected|.
///
/// Where all expected entries are 0 the absolute error is returned.
///
/// # Panics
/// If the lengths differ.
///
/// # Example
/// ```
/// assert_eq!(embex_testkit::max_rel_error(&[1.0, 4.0], &[1.5, 4.0]), 0.125);
/// ```
#[track_caller]
pub fn max_rel_error(got: &[f64], expected: &[f64]) -> f64 {
    let gap = largest_gap(got, expected);
    if gap.scale > 0.0 { gap.error / gap.scale } else { gap.error }
}

/// Asserts that [`max_rel_error`] is at most `tolerance`; reports place and size otherwise.
///
/// # Panics
/// If the lengths differ or an entry is too far off.
#[track_caller]
pub fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    let gap = largest_gap(got, expected);
    let error = max_rel_error(got, expected);
    assert!(
        error <= tolerance,
        "{what}: entry {} is {:e}, expected {:e}; off by {:e} = {error:e} of the largest entry \
         {:e}, allowed {tolerance:e}",
        gap.place,
        gap.got,
        gap.expected,
        gap.error,
        gap.scale,
    );
}

/// The entries of a view, row after row, widened to `f64`.
pub fn row_major<T: RealField + Copy + Into<f64>>(x: MatRef<'_, T>) -> Vec<f64> {
    (0..x.nrows()).flat_map(|i| (0..x.ncols()).map(move |j| x[(i, j)].into())).collect()
}

fn difference(a: f64, b: f64) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    let difference = (a - b).abs();
    if difference.is_nan() { f64::INFINITY } else { difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_names_its_place() {
        let gap = largest_gap(&[1.0, 2.0, -8.0], &[1.0, 2.5, -8.25]);
        assert_eq!((gap.place, gap.error, gap.scale), (1, 0.5, 8.25));
        assert_eq!(max_abs_error(&[], &[]), 0.0);
    }

    #[test]
    fn numbers_never_match_nan() {
        assert_eq!(max_abs_error(&[f64::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(max_abs_error(&[1.0], &[f64::NAN]), f64::INFINITY);
        assert_eq!(max_abs_error(&[f64::NAN], &[f64::NAN]), 0.0);
        assert_eq!(max_abs_error(&[f64::INFINITY], &[f64::NEG_INFINITY]), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "heights: entry 1 is 3e0, expected 2e0")]
    fn failures_say_where_and_how_much() {
        assert_close("heights", &[1.0, 3.0], &[1.0, 2.0], 1e-3);
    }

    #[test]
    fn views_flatten_row_after_row() {
        let x = faer::mat![[1.0_f32, 2.0], [3.0, 4.0]];
        assert_eq!(row_major(x.transpose()), [1.0, 3.0, 2.0, 4.0]);
    }
}
