//! Rows on the scale of the candidate pass.

use embex_linalg::{Real, Rows};
use rayon::prelude::*;

use crate::points::power_of_two_below;

/// Rows from which the centre is taken.
const SAMPLE: usize = 513;

/// `y = (x − centre) · factor`: distances stay, up to the factor, while the norms that the
/// matrix product cancels against become as small as one shift can make them.
#[derive(Debug)]
pub(crate) struct Frame {
    centre: Vec<f64>,
    factor: f64,
}

impl Frame {
    /// Centre: medians of evenly spaced base rows (a mean would follow a single outlier).
    /// Factor: the power of two that brings the largest entry near 1.
    pub(crate) fn of<T: Real>(queries: &Rows<T>, base: &Rows<T>) -> Self {
        let sample = evenly_spaced(base.n_rows(), SAMPLE);
        let centre: Vec<f64> = (0..base.n_cols())
            .into_par_iter()
            .map(|d| median(sample.iter().map(|&i| base.row(i)[d].to_f64()).collect()))
            .collect();
        let largest = largest(queries, &centre).max(largest(base, &centre));
        let factor = if largest == 0.0 {
            1.0
        } else {
            power_of_two_below(largest.recip().max(f64::MIN_POSITIVE))
        };
        Self { centre, factor }
    }

    /// Squared distances times this are squared distances of the frame.
    pub(crate) fn factor_sq(&self) -> f64 {
        self.factor * self.factor
    }

    /// Entry `d` of a row, rounded to the precision of the pass.
    #[inline]
    pub(crate) fn entry<T: Real, C: Real>(&self, x: T, d: usize) -> C {
        C::from_f64((x.to_f64() - self.centre[d]) * self.factor)
    }
}

/// At most `count` of the numbers below `n`, evenly spaced.
pub(crate) fn evenly_spaced(n: usize, count: usize) -> Vec<usize> {
    let count = count.min(n);
    (0..count).map(|s| s * n / count).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn largest<T: Real>(rows: &Rows<T>, centre: &[f64]) -> f64 {
    let of_row = |row: &[T]| {
        row.iter().zip(centre).fold(0.0_f64, |most, (x, c)| most.max((x.to_f64() - c).abs()))
    };
    rows.as_slice().par_chunks(rows.n_cols()).map(of_row).reduce(|| 0.0, f64::max)
}
