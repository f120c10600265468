//! Rows to search, on a scale that neither overflows nor underflows.

use embex_linalg::{Real, Rows, faer::MatRef};
use rayon::prelude::*;

use crate::{Error, Result};

/// Sums of squares run in this many interleaved lanes; the last bits of a distance depend on it.
pub(crate) const LANES: usize = 8;

/// Largest entries within this range keep squares and their sums far from both ends of `f64`,
/// so the rows stay as they are; otherwise a power of two brings the largest entry near 1.
const SAFE: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// `|a − b|²` in `f64`: coordinate `d` is added to lane `d mod 8`, the lanes pairwise.
#[inline(always)] // to be compiled for the caller's instructions; lanes make the bits the same
pub(crate) fn dist_sq<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a8, b8) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_tail, b_tail) = (a8.remainder(), b8.remainder());
    for (x, y) in a8.zip(b8) {
        for lane in 0..LANES {
            let diff = x[lane].to_f64() - y[lane].to_f64();
            sums[lane] += diff * diff;
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(a_tail).zip(b_tail) {
        let diff = x.to_f64() - y.to_f64();
        *sum += diff * diff;
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The power of two by which all rows of one search are multiplied, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    factor: f64,
}

impl Scale {
    /// Leaves the rows as they are.
    pub(crate) const ONE: Self = Self { factor: 1.0 };

    /// Chosen from the largest magnitude of all rows that take part.
    pub(crate) fn of_largest(largest: f64) -> Self {
        if largest == 0.0 || SAFE.contains(&largest) {
            return Self::ONE;
        }
        Self { factor: power_of_two_below(largest.recip().clamp(f64::MIN_POSITIVE, 1e307)) }
    }

    /// The power itself.
    pub(crate) const fn factor(self) -> f64 {
        self.factor
    }

    /// A squared distance of scaled rows on the scale of the data; `None` if it does not fit.
    pub(crate) fn undo_sq(self, dist_sq: f64) -> Option<f64> {
        if self == Self::ONE {
            return dist_sq.is_finite().then_some(dist_sq);
        }
        let original = dist_sq / self.factor / self.factor;
        (original.is_normal() || dist_sq == 0.0).then_some(original)
    }
}

/// The largest power of two not above a normal number.
pub(crate) fn power_of_two_below(value: f64) -> f64 {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    f64::from_bits(value.to_bits() & EXPONENT)
}

/// Largest magnitude in a matrix.
pub(crate) fn largest_magnitude<T: Real>(x: MatRef<'_, T>) -> f64 {
    (0..x.nrows())
        .into_par_iter()
        .map(|i| (0..x.ncols()).fold(0.0_f64, |most, d| most.max(x[(i, d)].to_f64().abs())))
        .reduce(|| 0.0, f64::max) // exact in any order
}

/// Contiguous scaled rows; −0 becomes 0, so that equal rows have equal bits.
pub(crate) fn scaled_rows<T: Real>(x: MatRef<'_, T>, scale: Scale) -> Rows<T> {
    let mut rows = Rows::copy_from(x);
    rows.as_mut_slice().par_iter_mut().with_min_len(4096).for_each(|value| {
        *value = if scale == Scale::ONE {
            *value + T::ZERO
        } else {
            T::from_f64(value.to_f64() * scale.factor) + T::ZERO
        };
    });
    rows
}

/// Rows divided by their lengths, in `f64`; the first row of zeros as an error.
pub(crate) fn unit_rows<T: Real>(
    x: MatRef<'_, T>,
    zero: impl Fn(usize) -> Error,
) -> Result<Rows<f64>> {
    let mut rows = Rows::<f64>::convert_from(x);
    let n_cols = rows.n_cols();
    let first_zero = rows
        .as_mut_slice()
        .par_chunks_mut(n_cols)
        .enumerate()
        .filter_map(|(i, row)| (!normalise(row)).then_some(i))
        .min();
    match first_zero {
        None => Ok(rows),
        Some(row) => Err(zero(row)),
    }
}

/// Divides by the length, on a safe scale; `false` for zeros.
fn normalise(row: &mut [f64]) -> bool {
    let largest = row.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if largest == 0.0 {
        return false;
    }
    for x in row.iter_mut() {
        *x /= largest;
    }
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    for x in row {
        *x = *x / length + 0.0;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_exact_and_undone() {
        for largest in [3e150, 7e-160, 1.7e308, 5e-324] {
            let scale = Scale::of_largest(largest);
            let scaled = largest * scale.factor;
            assert!((1e-20..=4.0).contains(&scaled), "{largest} became {scaled}");
            assert_eq!(scaled / scale.factor, largest);
        }
        assert_eq!(Scale::of_largest(12.5), Scale::ONE);
        assert_eq!(Scale::of_largest(0.0), Scale::ONE);
        assert_eq!(Scale::of_largest(1e200).undo_sq(1.0), None);
        assert_eq!(Scale::of_largest(1e-200).undo_sq(1.0), None);
        assert_eq!(Scale::of_largest(1e-200).undo_sq(0.0), Some(0.0));
    }

    #[test]
    fn distances_agree_with_the_plain_sum() {
        for n in 0..40_i32 {
            let a: Vec<f32> = (0..n).map(|d| (d * d % 7) as f32).collect();
            let b: Vec<f32> = (0..n).map(|d| (d % 5) as f32).collect();
            let plain: f64 = a.iter().zip(&b).map(|(x, y)| f64::from((x - y) * (x - y))).sum();
            assert_eq!(dist_sq(&a, &b), plain);
        }
    }
}
