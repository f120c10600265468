//! Means and variances of columns.

use faer::MatRef;
use rayon::prelude::*;

use crate::{Error, Real, Result, Rows, check};

/// Rows per task; fixed, because the last bits of every sum depend on it.
const ROWS: usize = 1024;

/// Mean of every column, in `f64`.
///
/// Entries are shifted by the first row's before they are summed, so the mean of a constant
/// column is its value, to the bit.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`]; [`Error::OutOfRange`] if differences overflow.
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, stats::column_means};
/// let x = mat![[1.0_f32, 0.1], [2.0, 0.1]];
/// assert_eq!(column_means(x.as_ref())?, [1.5, f64::from(0.1_f32)]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn column_means<T: Real>(x: MatRef<'_, T>) -> Result<Vec<f64>> {
    check::finite(x)?;
    let n = x.nrows() as f64;
    let shift: Vec<f64> = (0..x.ncols()).map(|d| x[(0, d)].to_f64()).collect();
    let sums = column_sums(x, |d, v| v - shift[d]);
    let means: Vec<f64> = shift.iter().zip(sums).map(|(s, sum)| s + sum / n).collect();
    in_range(means, "mean")
}

/// Variance of every column: Σ (x − mean)² / (n − `ddof`), in two passes.
///
/// `ddof` 0 is the population's, 1 the unbiased one. A constant column has variance 0 exactly.
///
/// # Errors
/// As [`column_means`]; [`Error::TooFewRows`] unless n > `ddof`.
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, stats::column_variances};
/// let x = mat![[1.0, 7.0], [2.0, 7.0], [3.0_f64, 7.0]];
/// assert_eq!(column_variances(x.as_ref(), 1)?, [1.0, 0.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn column_variances<T: Real>(x: MatRef<'_, T>, ddof: usize) -> Result<Vec<f64>> {
    let means = column_means(x)?;
    variances_about(x, &means, ddof)
}

/// Standard deviation of every column: the root of [`column_variances`].
///
/// # Errors
/// As [`column_variances`].
pub fn column_sds<T: Real>(x: MatRef<'_, T>, ddof: usize) -> Result<Vec<f64>> {
    Ok(column_variances(x, ddof)?.into_iter().map(f64::sqrt).collect())
}

/// A matrix with columns of mean 0 and standard deviation 1, and what it was before.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Standardized<T> {
    /// (x − mean) / standard deviation; 0 in constant columns.
    pub rows: Rows<T>,
    /// Means of the columns.
    pub means: Vec<f64>,
    /// Standard deviations of the columns; 0 where constant.
    pub sds: Vec<f64>,
}

/// Scales every column to mean 0 and standard deviation 1; constant columns become 0.
///
/// # Errors
/// As [`column_variances`].
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, stats::standardize};
/// let z = standardize(mat![[1.0, 7.0], [3.0_f64, 7.0]].as_ref(), 0)?;
/// assert_eq!(z.rows.as_slice(), [-1.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn standardize<T: Real>(x: MatRef<'_, T>, ddof: usize) -> Result<Standardized<T>> {
    let means = column_means(x)?;
    let variances = variances_about(x, &means, ddof)?;
    let sds: Vec<f64> = variances.into_iter().map(f64::sqrt).collect();
    let mut rows = Rows::copy_from(x);
    rows.as_mut_slice().par_chunks_mut(x.ncols()).for_each(|row| {
        for (value, (mean, sd)) in row.iter_mut().zip(means.iter().zip(&sds)) {
            let z = if *sd > 0.0 { (value.to_f64() - mean) / sd } else { 0.0 };
            *value = T::from_f64(z);
        }
    });
    Ok(Standardized { rows, means, sds })
}

fn variances_about<T: Real>(x: MatRef<'_, T>, means: &[f64], ddof: usize) -> Result<Vec<f64>> {
    check::at_least_rows(x.nrows(), ddof.saturating_add(1))?;
    let divisor = (x.nrows() - ddof) as f64;
    let sums = column_sums(x, |d, v| (v - means[d]) * (v - means[d]));
    in_range(sums.into_iter().map(|sum| sum / divisor).collect(), "variance")
}

/// Σ_i `term(d, x_id)` for every column d: blocks of 1024 rows top to bottom, then the blocks
/// in order.
pub(crate) fn column_sums<T: Real>(
    x: MatRef<'_, T>,
    term: impl Fn(usize, f64) -> f64 + Sync,
) -> Vec<f64> {
    let (n, width) = x.shape();
    let along_rows = x.col_stride().unsigned_abs() <= x.row_stride().unsigned_abs();
    let partial: Vec<Vec<f64>> = (0..n.div_ceil(ROWS))
        .into_par_iter()
        .map(|block| {
            let rows = block * ROWS..n.min((block + 1) * ROWS);
            let mut sums = vec![0.0; width];
            if along_rows {
                for i in rows {
                    for (d, sum) in sums.iter_mut().enumerate() {
                        *sum += term(d, x[(i, d)].to_f64());
                    }
                }
            } else {
                for (d, sum) in sums.iter_mut().enumerate() {
                    *sum = rows.clone().fold(0.0, |s, i| s + term(d, x[(i, d)].to_f64()));
                }
            }
            sums
        })
        .collect();
    let mut totals = vec![0.0; width];
    for sums in partial {
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    totals
}

fn in_range(values: Vec<f64>, what: &'static str) -> Result<Vec<f64>> {
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(Error::OutOfRange { what }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::pool;
    use embex_testkit::{assert_close, gaussian};
    use faer::Mat;

    #[test]
    fn constant_columns_are_exact() {
        let x = Mat::from_fn(1000, 2, |i, j| if j == 0 { 0.1 } else { i as f64 });
        assert_eq!(column_means(x.as_ref()).unwrap(), [0.1, 499.5]);
        assert_eq!(column_variances(x.as_ref(), 0).unwrap()[0], 0.0);
        let z = standardize(x.as_ref(), 1).unwrap();
        assert!((0..1000).all(|i| z.rows.row(i)[0] == 0.0));
        assert_close(
            "variance",
            &column_variances(x.as_ref(), 0).unwrap(),
            &[0.0, 83333.25],
            1e-15,
        );
    }

    #[test]
    fn large_offsets_do_not_cancel() {
        let x = Mat::from_fn(5000, 1, |i, _| 1e9 + (i % 2) as f64);
        assert_eq!(column_variances(x.as_ref(), 0).unwrap(), [0.25]);
    }

    #[test]
    fn bits_do_not_depend_on_strides_or_threads() {
        let x = gaussian(5000, 7, 3);
        let rows = Rows::copy_from(x.as_ref());
        let expected = pool(1).install(|| standardize(x.as_ref(), 1).unwrap());
        for threads in [2, 8] {
            let got = pool(threads).install(|| standardize(rows.as_mat(), 1).unwrap());
            assert_eq!(got, expected);
        }
        let flipped = standardize(x.as_ref().reverse_rows().reverse_cols(), 1).unwrap();
        assert_eq!(flipped.sds.len(), 7);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(3, 2, 1);
        let error = column_variances(x.as_ref(), 3).unwrap_err();
        assert_eq!(error, Error::TooFewRows { needed: 4, n_rows: 3 });
        let huge = faer::mat![[1e308], [-1e308]];
        assert_eq!(column_means(huge.as_ref()), Err(Error::OutOfRange { what: "mean" }));
        let wide = faer::mat![[1e200], [-1e200]];
        assert_eq!(column_sds(wide.as_ref(), 0), Err(Error::OutOfRange { what: "variance" }));
        assert!(matches!(column_means(Mat::<f32>::zeros(0, 2).as_ref()), Err(Error::Empty { .. })));
    }
}
