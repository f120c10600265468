//! What an attribution is made of.

use embex_linalg::Real;

use super::coefficients::Coefficients;
use super::params::{Mode, Scalar};
use crate::Metric;

/// Maps narrower than this have fallen together: their derivatives are of rounding size.
pub(crate) const COLLAPSED: f64 = 1e-10;

/// Attributions of all points at one step.
///
/// The coefficients are the result; [`Self::project`] turns them into values per feature.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Attribution<T> {
    /// Formula, derivative and bandwidth.
    pub mode: Mode,
    /// What of y_i is attributed.
    pub scalar: Scalar,
    /// Number of completed updates.
    pub step: usize,
    /// Distances that the affinities were made of: they decide how features enter.
    pub metric: Metric,
    /// Weights on input differences.
    pub coefficients: Coefficients<T>,
    /// Per point the smallest eigenvalue of its own Hessian, 4 A: at the map for the fixed
    /// point, else at the last update before the step, with that update's exaggeration.
    pub stability: Vec<f64>,
    /// Points whose recursion left the range of numbers, ascending: their coefficients are zero,
    /// which means "unknown", not "no influence". Leave them out of means.
    ///
    /// The range ends where a point's coefficients (or its values in features that a clip made
    /// explicit, or its share of the start) sum to more than √MAX in absolute value: 1.8e19 in
    /// single precision, 1.3e154 in double.
    pub overflowed: Vec<u32>,
    /// What happened on the way.
    pub diagnostics: Diagnostics,
    /// Derivatives of the channels by the start: n × channels × C, or empty.
    pub(crate) transfer: Vec<T>,
    /// Rows that a clip took out of the coefficients, with their values in the given features.
    pub(crate) explicit: Vec<(usize, Vec<T>)>,
}

/// What happened on the way to an attribution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Diagnostics {
    /// Point-updates whose step was shortened to stay stable: those of single points beyond
    /// 0.95 of the limit 2 (1 + momentum), and all points' in updates whose
    /// 4 · learning rate · exaggeration / n is beyond it, where the recursion takes the
    /// automatic learning rate n / (4 · exaggeration). The map is not touched; a slower
    /// recursion lags the map a little longer.
    pub limited: u64,
    /// Points whose recursion left the range of numbers: see [`Attribution::overflowed`].
    pub overflowed: u64,
    /// Entries of increments that the clip cut.
    pub clipped: u64,
    /// Points that the clip made leave the form of coefficients.
    pub explicit_points: u64,
    /// Points whose Hessian has a negative eigenvalue (fixed point only): a saddle, at which the
    /// derivative points away from the rest.
    pub indefinite: u64,
    /// Points whose Hessian has a vanishing eigenvalue (fixed point only), left out.
    pub singular: u64,
    /// Largest absolute coefficient.
    pub max_weight: f64,
    /// Root mean square distance of the map's points from their mean, at the step.
    pub spread: f64,
    /// Warning: the map had fallen together ([`Self::spread`] below 1e-10).
    pub collapsed: bool,
    /// Warning: a restricted derivative after early exaggeration; it tends to the fixed point's
    /// value and ranks features worse than at the end of early exaggeration.
    pub after_exaggeration: bool,
}

impl<T: Real> Attribution<T> {
    /// Values per feature: C for [`Scalar::Axes`], else 1.
    pub fn values_per_feature(&self) -> usize {
        if self.scalar == Scalar::JacobianNorm { 1 } else { self.coefficients.channels() }
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.coefficients.n_samples()
    }
}

/// Root mean square distance from the mean.
pub(crate) fn spread<T: Real, const C: usize>(y: &[[T; C]]) -> f64 {
    let n = y.len().max(1) as f64;
    let variance = |c: usize| {
        let mean = embex_linalg::ordered_sum(y.len(), |i| y[i][c].to_f64()) / n;
        embex_linalg::ordered_sum(y.len(), |i| (y[i][c].to_f64() - mean).powi(2)) / n
    };
    (0..C).map(variance).sum::<f64>().sqrt()
}
