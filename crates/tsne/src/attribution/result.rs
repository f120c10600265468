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
    /// Points whose derivative says nothing about moves of finite size, ascending: the absolute
    /// values of their coefficients sum to more than 1000 times the median over the points.
    ///
    /// The values are those of the derivative and stay: the point's path passed a saddle (or its
    /// fixed point lies at a nearly flat place), and a small change of its input would take it
    /// elsewhere. Leave such points out of means.
    pub unstable: Vec<u32>,
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
    /// Point-updates whose step was shortened: a rate above 2 (1 − momentum) / (exaggeration ·
    /// Σ_j p_ij), up to which no sequence of positive curvatures makes the recursion grow. The
    /// map is not touched; a slower recursion lags it a little longer. Most are shortened
    /// at the usual settings; once the map has settled it makes no difference.
    pub limited: u64,
    /// Points whose recursion left the range of numbers: see [`Attribution::overflowed`].
    pub overflowed: u64,
    /// Points with a derivative of no use: see [`Attribution::unstable`].
    pub unstable: u64,
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

/// Points beyond this multiple of the median are unstable.
///
/// At the default settings and 2000 points none passed 90 times the median (six maps); growth at
/// saddles is exponential, so that the value hardly matters.
const UNSTABLE: f64 = 1e3;

/// Points whose coefficients are far beyond the median point's, ascending.
pub(crate) fn unstable<T: Real>(coefficients: &Coefficients<T>) -> Vec<u32> {
    let size = |i: usize| -> f64 {
        let channels = 0..coefficients.channels();
        channels.flat_map(|k| coefficients.weights(i, k)).map(|w| w.abs_().to_f64()).sum()
    };
    let sizes: Vec<f64> = (0..coefficients.n_samples()).map(size).collect();
    let mut nonzero: Vec<f64> = sizes.iter().copied().filter(|&s| s > 0.0).collect();
    if nonzero.is_empty() {
        return Vec::new();
    }
    let middle = (nonzero.len() - 1) / 2;
    let bound = UNSTABLE * *nonzero.select_nth_unstable_by(middle, f64::total_cmp).1;
    (0u32..).zip(sizes).filter(|&(_, size)| size > bound).map(|(i, _)| i).collect()
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
