//! Differences of means: the plain baseline beside which every explanation is shown.

use embex_linalg::{Real, Rows, check, faer::MatRef};
use rayon::prelude::*;

use super::Groups;
use crate::Result;

/// How far each group's mean lies from the mean of the rest, feature by feature.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Contrast {
    /// |mean of the group − mean of the rest| / standard deviation over all samples (divisor
    /// n): group × feature, at least 0; 0 for a constant feature.
    pub standardised: Rows<f64>,
    /// Mean of the group − mean of the rest, in the feature's units: group × feature.
    pub difference: Rows<f64>,
    /// Variance over all samples (divisor n), per feature.
    pub variance: Vec<f64>,
}

impl Contrast {
    /// Of the features `x`, n × D; n · D operations.
    ///
    /// # Errors
    /// [`embex_linalg::Error::Empty`], [`embex_linalg::Error::NotFinite`],
    /// [`embex_linalg::Error::LengthMismatch`] if the groups are of other samples.
    ///
    /// # Example
    /// ```
    /// use embex_linalg::faer::mat;
    /// use embex_tsne::summary::{Contrast, Groups};
    /// let x = mat![[0.0, 7.0], [0.0, 7.0], [4.0_f64, 7.0]];
    /// let contrast = Contrast::new(x.as_ref(), &Groups::new(&[0, 0, 1], 2)?)?;
    /// assert_eq!(contrast.difference.row(1), [4.0, 0.0]);
    /// assert_eq!(contrast.standardised.row(0)[1], 0.0);
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn new<T: Real>(x: MatRef<'_, T>, groups: &Groups) -> Result<Self> {
        check::finite(x)?;
        check::length("groups", groups.n_samples(), x.nrows())?;
        let (n_groups, n_features) = (groups.n_groups(), x.ncols());
        let columns: Vec<(Vec<f64>, f64)> =
            (0..n_features).into_par_iter().map(|d| column(x, d, groups)).collect();
        let mut contrast = Self {
            standardised: Rows::zeros(n_groups, n_features),
            difference: Rows::zeros(n_groups, n_features),
            variance: Vec::with_capacity(n_features),
        };
        for (d, (differences, variance)) in columns.into_iter().enumerate() {
            for (group, difference) in differences.into_iter().enumerate() {
                contrast.difference.row_mut(group)[d] = difference;
                let scaled = if variance > 0.0 { difference.abs() / variance.sqrt() } else { 0.0 };
                contrast.standardised.row_mut(group)[d] = scaled;
            }
            contrast.variance.push(variance);
        }
        Ok(contrast)
    }
}

/// Differences of one feature and its variance; all 0 if it is constant.
fn column<T: Real>(x: MatRef<'_, T>, d: usize, groups: &Groups) -> (Vec<f64>, f64) {
    let n = x.nrows();
    let origin = x[(0, d)].to_f64(); // so that a large common offset costs no digits
    let mut sums = vec![0.0; groups.n_groups()];
    for (i, &group) in groups.codes().iter().enumerate() {
        sums[group as usize] += x[(i, d)].to_f64() - origin;
    }
    let total: f64 = sums.iter().sum();
    let mean = total / n as f64;
    let square = |i: usize| (x[(i, d)].to_f64() - origin - mean).powi(2);
    let variance = (0..n).map(square).sum::<f64>() / n as f64;
    let difference = |(&sum, &size): (&f64, &usize)| {
        sum / size as f64 - (total - sum) / (n - size) as f64 // two groups or more: n > size
    };
    (sums.iter().zip(groups.sizes()).map(difference).collect(), variance)
}
