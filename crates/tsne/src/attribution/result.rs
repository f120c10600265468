//! What an attribution is made of.

use embex_linalg::Real;

use super::coefficients::{Coefficients, combine, in_range};
use super::params::{Mode, Scalar};
use crate::{Error, Metric, Result};

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
    /// which means "unknown", not "no influence". Leave them out of means: [`Self::unusable`].
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
    /// elsewhere. Leave such points out of means: [`Self::unusable`].
    pub unstable: Vec<u32>,
    /// What happened on the way.
    pub diagnostics: Diagnostics,
    /// The map at the step: n × C.
    pub(crate) map: Vec<T>,
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
    /// Largest absolute coefficient, in the units of [`Coefficients::unit`].
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

    /// Points to leave out of means, ascending: the overflowed and the unstable ones.
    ///
    /// As [`crate::summary::GroupMeans::without`] wants them.
    pub fn unusable(&self) -> Vec<u32> {
        let mut named = [self.overflowed.as_slice(), &self.unstable].concat();
        named.sort_unstable();
        named
    }

    /// The attribution of another scalar of y_i at this step, from that of the axes.
    ///
    /// Σ_c ∂s/∂y_ic · (the attribution of axis c): one recording of [`Scalar::Axes`] serves every
    /// scalar, to rounding as if it had been recorded itself. A point that overflowed in an axis
    /// stays overflowed.
    ///
    /// # Errors
    /// [`Error::NotOfAxes`] unless this is of [`Scalar::Axes`] or [`Scalar::JacobianNorm`]; what
    /// [`Scalar::check`] refuses; [`Error::AttributionOverflow`].
    ///
    /// # Example
    /// ```
    /// use embex_linalg::{faer::Mat, progress::Silent};
    /// use embex_tsne::attribution::{AttributeParams, Attributor, Scalar};
    /// use embex_tsne::{Affinities, Optimizer, TsneParams, init};
    /// let x = Mat::from_fn(40, 3, |i, d| ((i * 7 + d * 13) % 11 + i / 20) as f64);
    /// let affinities = Affinities::from_neighbours(embex_trees::knn(x.as_ref(), 16).unwrap(), 5.0)?;
    /// let params = TsneParams::default().with_n_iter(60).with_exaggeration_iter(40);
    /// let axes = AttributeParams::default().with_scalar(Scalar::Axes);
    /// let attributor = Attributor::new(&axes, &params, &affinities, x.as_ref())?;
    /// let mut run = Optimizer::new(&affinities, &params, init::random::<f64, 2>(40, 1))?;
    /// let axes = attributor.run(&mut run, &mut Silent)?.attributions.remove(0);
    /// let length = axes.of_scalar(Scalar::NormSq)?;
    /// assert_eq!((axes.values_per_feature(), length.values_per_feature()), (2, 1));
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn of_scalar(&self, scalar: Scalar) -> Result<Self> {
        if !matches!(self.scalar, Scalar::Axes | Scalar::JacobianNorm) {
            return Err(Error::NotOfAxes);
        }
        let axes = self.coefficients.channels();
        scalar.check(self.n_samples(), axes)?;
        let (seeds, channels) = (scalar.seeds_at(&self.map, axes), scalar.channels(axes));
        let seeds_of = |i: usize| &seeds[i * channels * axes..(i + 1) * channels * axes];
        let mut transfer = vec![T::ZERO; self.transfer.len() / axes * channels];
        let starts = self.transfer.chunks_exact(axes * axes);
        for (i, (own, out)) in starts.zip(transfer.chunks_exact_mut(channels * axes)).enumerate() {
            combine(own, seeds_of(i), axes, out);
        }
        let explicit = |(i, values): &(usize, Vec<T>)| {
            let mut out = vec![T::ZERO; values.len() / axes * channels];
            combine(values, seeds_of(*i), axes, &mut out);
            (*i, out)
        };
        let mut derived = Self {
            coefficients: self.coefficients.combined(&seeds, channels),
            transfer,
            explicit: self.explicit.iter().map(explicit).collect(),
            scalar,
            map: self.map.clone(),
            stability: self.stability.clone(),
            overflowed: self.overflowed.clone(),
            unstable: Vec::new(),
            ..*self
        };
        derived.check_range()?;
        Ok(derived)
    }

    /// Zeroes all parts of the points that left the range and names them, and names the unstable
    /// ones; zeroes in the coefficients those that a clip made explicit. Points that were named
    /// for overflow before stay so.
    ///
    /// # Errors
    /// [`Error::AttributionOverflow`] if no point is left.
    pub(crate) fn check_range(&mut self) -> Result<()> {
        let (n, step) = (self.n_samples(), self.step);
        self.explicit.iter().for_each(|(i, _)| self.coefficients.clear_row(*i));
        let mut out: Vec<usize> = (0..n).filter(|&i| !self.coefficients.row_in_range(i)).collect();
        let explicit = self.explicit.iter().filter(|(_, values)| !in_range(values));
        out.extend(explicit.map(|&(i, _)| i));
        let width = (self.transfer.len() / n).max(1);
        let starts = self.transfer.chunks_exact(width).enumerate();
        out.extend(starts.filter(|(_, t)| !in_range(t)).map(|(i, _)| i));
        out.extend(self.overflowed.iter().map(|&i| i as usize));
        out.sort_unstable();
        out.dedup();
        for &i in &out {
            self.coefficients.clear_row(i);
            if let Some(start) = self.transfer.chunks_exact_mut(width).nth(i) {
                start.fill(T::ZERO);
            }
        }
        self.explicit.retain(|(i, _)| out.binary_search(i).is_err());
        if out.len() == n {
            return Err(Error::AttributionOverflow { step, n_samples: n });
        }
        self.overflowed = out.into_iter().map(|i| i as u32).collect();
        self.unstable = unstable(&self.coefficients);
        self.diagnostics.overflowed = self.overflowed.len() as u64;
        self.diagnostics.unstable = self.unstable.len() as u64;
        self.diagnostics.max_weight = self.coefficients.max_abs();
        Ok(())
    }
}

/// Points beyond this multiple of the median are unstable.
///
/// At the default settings and 2000 points none passed 90 times the median (six maps); growth at
/// saddles is exponential, so that the value hardly matters.
const UNSTABLE: f64 = 1e3;

/// Points whose coefficients are far beyond the median point's, ascending.
fn unstable<T: Real>(coefficients: &Coefficients<T>) -> Vec<u32> {
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
pub(crate) fn rms_spread<T: Real, const C: usize>(y: &[[T; C]]) -> f64 {
    let n = y.len().max(1) as f64;
    let variance = |c: usize| {
        let mean = embex_linalg::ordered_sum(y.len(), |i| y[i][c].to_f64()) / n;
        embex_linalg::ordered_sum(y.len(), |i| (y[i][c].to_f64() - mean).powi(2)) / n
    };
    (0..C).map(variance).sum::<f64>().sqrt()
}
