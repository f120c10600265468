//! How far the means of groups of rows lie from the means of all others.

use faer::MatRef;
use rayon::prelude::*;

use crate::{Error, Real, Result, Rows, check};

/// Differences of means, and the variances to scale them by.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MeanDifferences {
    /// Mean of the group − mean of all other rows: group × column.
    pub difference: Rows<f64>,
    /// Variance of every column over all rows (divisor n).
    pub variance: Vec<f64>,
}

impl MeanDifferences {
    /// |difference| / standard deviation over all rows: group × column; 0 in constant columns.
    pub fn standardised(&self) -> Rows<f64> {
        let mut scaled = self.difference.clone();
        for row in scaled.as_mut_slice().chunks_mut(self.variance.len().max(1)) {
            for (value, &variance) in row.iter_mut().zip(&self.variance) {
                *value = if variance > 0.0 { value.abs() / variance.sqrt() } else { 0.0 };
            }
        }
        scaled
    }
}

/// Mean of every group of rows minus the mean of all other rows, column by column.
///
/// `groups` holds the group of every row, below `n_groups`. Entries are shifted by the first
/// row's before they are summed, so that a common offset costs no digits. Cost n · d, parallel
/// over columns.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::LengthMismatch`] for the groups;
/// [`Error::Setting`] for a group beyond `n_groups`, or one that holds no row or all of them;
/// [`Error::OutOfRange`] if a difference or a variance is.
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, stats::mean_differences};
/// let found = mean_differences(mat![[0.0, 7.0], [0.0, 7.0], [4.0_f64, 7.0]].as_ref(), &[0, 0, 1], 2)?;
/// assert_eq!(found.difference.row(1), [4.0, 0.0]);
/// assert_eq!(found.standardised().row(0)[1], 0.0);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn mean_differences<T: Real>(
    x: MatRef<'_, T>,
    groups: &[u32],
    n_groups: usize,
) -> Result<MeanDifferences> {
    check::finite(x)?;
    check::length("groups", groups.len(), x.nrows())?;
    let sizes = sizes(groups, n_groups)?;
    let columns: Vec<(Vec<f64>, f64)> =
        (0..x.ncols()).into_par_iter().map(|d| column(x, d, groups, &sizes)).collect();
    let mut difference = Rows::zeros(n_groups, x.ncols());
    let mut variance = Vec::with_capacity(x.ncols());
    for (d, (differences, of_column)) in columns.into_iter().enumerate() {
        for (group, value) in differences.into_iter().enumerate() {
            difference.row_mut(group)[d] = value;
        }
        variance.push(of_column);
    }
    if difference.as_slice().iter().chain(&variance).any(|v| !v.is_finite()) {
        return Err(Error::OutOfRange { what: "spread" });
    }
    Ok(MeanDifferences { difference, variance })
}

fn sizes(groups: &[u32], n_groups: usize) -> Result<Vec<usize>> {
    let n = groups.len();
    let expected = "at least 2, and not more than the rows";
    if n_groups < 2 || n_groups > n {
        return Err(Error::Setting { name: "n_groups", value: n_groups as f64, expected });
    }
    let mut sizes = vec![0; n_groups];
    for &group in groups {
        let Some(size) = sizes.get_mut(group as usize) else {
            let expected = "below n_groups";
            return Err(Error::Setting { name: "a group", value: f64::from(group), expected });
        };
        *size += 1;
    }
    if sizes.contains(&0) {
        let expected = "at least 1";
        return Err(Error::Setting { name: "the size of a group", value: 0.0, expected });
    }
    Ok(sizes)
}

/// Differences of one column and its variance; all 0 if it is constant.
fn column<T: Real>(x: MatRef<'_, T>, d: usize, groups: &[u32], sizes: &[usize]) -> (Vec<f64>, f64) {
    let n = x.nrows();
    let origin = x[(0, d)].to_f64();
    let mut sums = vec![0.0; sizes.len()];
    for (i, &group) in groups.iter().enumerate() {
        sums[group as usize] += x[(i, d)].to_f64() - origin;
    }
    let total: f64 = sums.iter().sum();
    let mean = total / n as f64;
    let square = |i: usize| (x[(i, d)].to_f64() - origin - mean).powi(2);
    let variance = (0..n).map(square).sum::<f64>() / n as f64;
    let difference = |(&sum, &size): (&f64, &usize)| {
        sum / size as f64 - (total - sum) / (n - size) as f64 // two groups or more: n > size
    };
    (sums.iter().zip(sizes).map(difference).collect(), variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::pool;
    use embex_testkit::gaussian;
    use faer::mat;

    /// Three groups: 1 and 3, 2, 6 against the mean of the rest; variance of 1, 3, 2, 6 is 3.5.
    #[test]
    fn closed_form() {
        let x = mat![[1.0], [3.0], [2.0], [6.0_f64]];
        let found = mean_differences(x.as_ref(), &[0, 0, 1, 2], 3).unwrap();
        assert_eq!(found.difference.as_slice(), [-2.0, 2.0 - 10.0 / 3.0, 4.0]);
        assert_eq!(found.variance, [3.5]);
        assert_eq!(found.standardised().row(2), [4.0 / 3.5_f64.sqrt()]);
    }

    #[test]
    fn two_groups_mirror_each_other_for_any_threads_and_strides() {
        let x = gaussian(500, 6, 2);
        let groups: Vec<u32> = (0..500).map(|i| u32::from(i % 3 == 0)).collect();
        let run = || mean_differences(x.as_ref(), &groups, 2).unwrap();
        let one = pool(1).install(run);
        assert_eq!(pool(8).install(run), one);
        let rows = Rows::copy_from(x.as_ref());
        assert_eq!(mean_differences(rows.as_mat(), &groups, 2).unwrap(), one);
        for d in 0..6 {
            let (a, b) = (one.difference.row(0)[d], one.difference.row(1)[d]);
            assert!((a + b).abs() < 1e-12 && a.abs() > 0.0);
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(4, 2, 1);
        let run = |groups: &[u32], n_groups| mean_differences(x.as_ref(), groups, n_groups);
        assert!(matches!(run(&[0, 1], 2), Err(Error::LengthMismatch { .. })));
        assert!(matches!(run(&[0; 4], 1), Err(Error::Setting { name: "n_groups", .. })));
        assert!(matches!(run(&[0, 1, 2, 0], 2), Err(Error::Setting { name: "a group", .. })));
        assert!(matches!(run(&[0, 0, 2, 2], 3), Err(Error::Setting { .. })));
        let huge = mat![[1e200], [-1e200_f64]];
        let error = mean_differences(huge.as_ref(), &[0, 1], 2).unwrap_err();
        assert_eq!(error, Error::OutOfRange { what: "spread" });
    }
}
