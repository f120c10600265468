//! Preparation of count matrices, such as molecules of genes counted in cells.
//!
//! The usual order is [`normalize_total`], [`log1p`], [`top_variable`], then [`scale`]. All but
//! the choice of columns work in place, row by row, so any number of threads gives the same
//! bits.

use faer::MatRef;
use rayon::prelude::*;

use crate::{
    Error, Real, Result, Rows, check,
    stats::{Standardized, column_means, column_variances, standardize},
};

/// Scales every row to the same total: x_id ← x_id · target / Σ_d x_id.
///
/// `target` is the median of the rows' totals where none is given (the mean of the middle two
/// for an even number of rows). Gives the totals before scaling.
///
/// # Errors
/// [`Error::Empty`]; [`Error::NotFinite`], [`Error::NegativeCount`] for the first such entry;
/// [`Error::ZeroTotal`] for the first row without counts; [`Error::Setting`] unless the target
/// is finite and positive.
///
/// # Example
/// ```
/// use embex_linalg::{Rows, counts::normalize_total};
/// let mut x = Rows::from_vec(vec![1.0, 3.0, 10.0, 10.0_f64], 2).unwrap();
/// assert_eq!(normalize_total(&mut x, Some(8.0))?, [4.0, 20.0]);
/// assert_eq!(x.as_slice(), [2.0, 6.0, 4.0, 4.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn normalize_total<T: Real>(x: &mut Rows<T>, target: Option<f64>) -> Result<Vec<f64>> {
    check_counts(x.as_mat())?;
    let n_cols = x.n_cols();
    let total = |row: &[T]| row.iter().fold(0.0, |sum, value| sum + value.to_f64());
    let totals: Vec<f64> = x.as_slice().par_chunks(n_cols).map(total).collect();
    if let Some(row) = totals.iter().position(|&total| total == 0.0) {
        return Err(Error::ZeroTotal { row });
    }
    let target = target.unwrap_or_else(|| median(&totals));
    if !(target.is_finite() && target > 0.0) {
        let expected = "finite and positive";
        return Err(Error::Setting { name: "target total", value: target, expected });
    }
    x.as_mut_slice().par_chunks_mut(n_cols).zip(&totals).for_each(|(row, total)| {
        for value in row {
            *value = T::from_f64(value.to_f64() * (target / total));
        }
    });
    Ok(totals)
}

/// x ← ln(1 + x).
///
/// # Errors
/// [`Error::Empty`]; [`Error::NotFinite`], [`Error::NegativeCount`] for the first such entry.
///
/// # Example
/// ```
/// use embex_linalg::{Rows, counts::log1p};
/// let mut x = Rows::from_vec(vec![0.0, 1.0_f64.exp_m1()], 1).unwrap();
/// log1p(&mut x)?;
/// assert_eq!(x.as_slice(), [0.0, 1.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn log1p<T: Real>(x: &mut Rows<T>) -> Result<()> {
    check_counts(x.as_mat())?;
    let n_cols = x.n_cols();
    x.as_mut_slice().par_chunks_mut(n_cols).for_each(|row| {
        for value in row {
            *value = T::from_f64(value.to_f64().ln_1p());
        }
    });
    Ok(())
}

/// Columns of mean 0 and standard deviation 1 (divisor n − 1), cut at ±`clip` where given.
///
/// Constant columns become 0.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::TooFewRows`] below two rows;
/// [`Error::Setting`] unless `clip` is positive.
///
/// # Example
/// ```
/// use embex_linalg::{counts::scale, faer::mat};
/// let x = mat![[0.0], [0.0], [0.0], [8.0_f64]];
/// assert_eq!(scale(x.as_ref(), Some(1.0))?.rows.as_slice(), [-0.5, -0.5, -0.5, 1.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn scale<T: Real>(x: MatRef<'_, T>, clip: Option<f64>) -> Result<Standardized<T>> {
    if let Some(value) = clip.filter(|clip| clip.is_nan() || *clip <= 0.0) {
        return Err(Error::Setting { name: "clip", value, expected: "positive" });
    }
    let mut scaled = standardize(x, 1)?;
    if let Some(clip) = clip.map(T::from_f64) {
        let n_cols = scaled.rows.n_cols();
        scaled.rows.as_mut_slice().par_chunks_mut(n_cols).for_each(|row| {
            for value in row {
                *value = value.min_(clip).max_(-clip);
            }
        });
    }
    Ok(scaled)
}

/// What makes a column variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Variability {
    /// Variance (divisor n − 1): for values already on a logarithmic scale.
    #[default]
    Variance,
    /// Variance over mean, 0 where the mean is 0: for counts, whose variance grows with their
    /// mean.
    Dispersion,
}

/// The `n` most variable columns, in rising order; equal ones by the lower index.
///
/// All columns if there are not more than `n`. There is no binning by mean: the order is that
/// of the plain score.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::TooFewRows`] below two rows;
/// [`Error::Setting`] if `n` is 0; [`Error::NegativeCount`] for the dispersion of negative
/// values.
///
/// # Example
/// ```
/// use embex_linalg::{counts::{Variability, top_variable}, faer::mat};
/// let x = mat![[0.0, 5.0, 1.0], [1.0, 5.0, 9.0_f64]];
/// assert_eq!(top_variable(x.as_ref(), 2, Variability::Variance)?, [0, 2]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn top_variable<T: Real>(x: MatRef<'_, T>, n: usize, by: Variability) -> Result<Vec<usize>> {
    if n == 0 {
        let expected = "at least 1";
        return Err(Error::Setting { name: "number of variable columns", value: 0.0, expected });
    }
    let mut scores = column_variances(x, 1)?;
    if by == Variability::Dispersion {
        check_counts(x)?;
        for (score, mean) in scores.iter_mut().zip(column_means(x)?) {
            *score = if mean > 0.0 { *score / mean } else { 0.0 };
        }
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(n);
    order.sort_unstable();
    Ok(order)
}

/// The given columns, in the given order.
///
/// # Errors
/// [`Error::Setting`] for an index that is not below the number of columns.
///
/// # Example
/// ```
/// use embex_linalg::{counts::keep_columns, faer::mat};
/// let kept = keep_columns(mat![[1.0, 2.0, 3.0_f64]].as_ref(), &[2, 0])?;
/// assert_eq!(kept.as_slice(), [3.0, 1.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn keep_columns<T: Real>(x: MatRef<'_, T>, columns: &[usize]) -> Result<Rows<T>> {
    if let Some(&outside) = columns.iter().find(|&&d| d >= x.ncols()) {
        let expected = "below the number of columns";
        return Err(Error::Setting { name: "column", value: outside as f64, expected });
    }
    let mut kept = Rows::zeros(x.nrows(), columns.len());
    for i in 0..kept.n_rows() {
        for (value, &d) in kept.row_mut(i).iter_mut().zip(columns) {
            *value = x[(i, d)];
        }
    }
    Ok(kept)
}

fn check_counts<T: Real>(x: MatRef<'_, T>) -> Result<()> {
    check::finite(x)?;
    for row in 0..x.nrows() {
        if let Some(col) = (0..x.ncols()).find(|&col| x[(row, col)] < T::ZERO) {
            return Err(Error::NegativeCount { row, col, value: x[(row, col)].to_f64() });
        }
    }
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::mat;

    fn rows(values: &[f64], n_cols: usize) -> Rows<f64> {
        Rows::from_vec(values.to_vec(), n_cols).unwrap()
    }

    #[test]
    fn totals_become_their_median() {
        let mut x = rows(&[1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 0.0, 8.0], 2);
        assert_eq!(normalize_total(&mut x, None).unwrap(), [2.0, 4.0, 10.0, 8.0]);
        assert_eq!(x.as_slice(), [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 0.0, 6.0]);
    }

    #[test]
    fn bad_counts_are_named() {
        let negative = Error::NegativeCount { row: 1, col: 0, value: -2.0 };
        assert_eq!(
            normalize_total(&mut rows(&[1.0, 1.0, -2.0, 3.0], 2), None),
            Err(negative.clone())
        );
        assert_eq!(log1p(&mut rows(&[1.0, 1.0, -2.0, 3.0], 2)), Err(negative));
        let empty = normalize_total(&mut rows(&[1.0, 0.0, 0.0, 0.0], 2), None);
        assert_eq!(empty, Err(Error::ZeroTotal { row: 1 }));
        let nan = log1p(&mut rows(&[f64::NAN], 1));
        assert!(matches!(nan, Err(Error::NotFinite { row: 0, col: 0, .. })));
        let target = normalize_total(&mut rows(&[1.0], 1), Some(0.0));
        assert!(matches!(target, Err(Error::Setting { .. })));
        assert_eq!(
            log1p(&mut Rows::<f64>::zeros(0, 0)),
            Err(Error::Empty { n_rows: 0, n_cols: 0 })
        );
    }

    #[test]
    fn dispersion_divides_by_the_mean_and_ties_go_to_the_lower_index() {
        let x = mat![[0.0, 90.0, 0.0, 4.0], [4.0, 110.0, 0.0, 0.0_f64]];
        assert_eq!(top_variable(x.as_ref(), 1, Variability::Variance).unwrap(), [1]);
        assert_eq!(top_variable(x.as_ref(), 2, Variability::Dispersion).unwrap(), [0, 3]);
        assert_eq!(top_variable(x.as_ref(), 9, Variability::Dispersion).unwrap(), [0, 1, 2, 3]);
        let none = top_variable(x.as_ref(), 0, Variability::Variance);
        assert!(matches!(none, Err(Error::Setting { .. })));
    }

    #[test]
    fn scaled_columns_are_cut_and_constant_ones_are_zero() {
        let x = mat![[1.0, 7.0], [2.0, 7.0], [3.0_f64, 7.0]];
        let z = scale(x.as_ref(), None).unwrap();
        assert_eq!(z.rows.as_slice(), [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(scale(x.as_ref(), Some(0.5)).unwrap().rows.row(2), [0.5, 0.0]);
        for clip in [0.0, -1.0, f64::NAN] {
            assert!(matches!(scale(x.as_ref(), Some(clip)), Err(Error::Setting { .. })));
        }
    }

    #[test]
    fn columns_outside_are_refused() {
        let x = mat![[1.0, 2.0_f64]];
        let outside = keep_columns(x.as_ref(), &[0, 2]);
        assert!(matches!(outside, Err(Error::Setting { value: 2.0, .. })));
    }
}
