//! Differences of means: the plain baseline beside which every explanation is shown.

use embex_linalg::{Real, Rows, faer::MatRef, stats};

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
    /// [`embex_linalg::Error::LengthMismatch`] if the groups are of other samples,
    /// [`embex_linalg::Error::OutOfRange`] if a difference or a variance is.
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
        let found = stats::mean_differences(x, groups.codes(), groups.n_groups())?;
        let standardised = found.standardised();
        Ok(Self { standardised, difference: found.difference, variance: found.variance })
    }
}
