//! Attributions as weights on input differences, and their way into a feature space.

use embex_linalg::faer::MatRef;
use embex_linalg::{Real, Rows};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::dp::{AffinityDerivative, DpScratch};
use super::panel::{Panel, Panels, PerRow, Tile};
use super::rows_of::{RowsOf, split_rows};
use crate::{Error, Result};

/// Weights w such that the attribution of point i is Σ_j w_ij (x_i − x_j) / unit².
///
/// The unit, a power of two, is about the distance at which affinities fall off: without it the
/// weights of features of extreme scale would leave the range of single precision.
///
/// Only affinities depend on the inputs, so this holds for every formula and in every feature
/// space that shares the affinities: the given features, principal components, original
/// features. One weight per entry of P and channel; nothing grows with the number of features.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Coefficients<T> {
    starts: Vec<usize>,
    columns: Vec<u32>,
    channels: usize,
    /// Power of two.
    unit: f64,
    /// Row after row; within a row channel after channel.
    weights: Vec<T>,
}

impl<T: Real> Coefficients<T> {
    /// Turns weights F on the entries of P into weights on input differences.
    pub(crate) fn from_sensitivities(
        derivative: &AffinityDerivative<'_>,
        channels: usize,
        mut weights: Vec<T>,
    ) -> Self {
        let (starts, columns) = derivative.layout();
        let rows = split_rows(&mut weights, starts, channels);
        rows.into_par_iter().for_each_init(DpScratch::default, |scratch, (i, row)| {
            derivative.weights_of_row(i, row, scratch);
        });
        let (starts, columns) = (starts.to_vec(), columns.to_vec());
        Self { starts, columns, channels, unit: derivative.unit(), weights }
    }

    /// One channel of weights on the entries of P.
    pub(crate) fn from_weights(affinities: &crate::Affinities, weights: Vec<T>) -> Self {
        debug_assert_eq!(weights.len(), affinities.n_edges());
        let (starts, columns) = (affinities.starts.clone(), affinities.columns.clone());
        Self { starts, columns, channels: 1, unit: 1.0, weights }
    }

    /// Σ_a seed_ika w_ija for every channel k; `seeds` is n × `channels` × own channels.
    pub(crate) fn combined(&self, seeds: &[T], channels: usize) -> Self {
        let mut weights = vec![T::ZERO; self.columns.len() * channels];
        let rows = split_rows(&mut weights, &self.starts, channels);
        rows.into_par_iter().for_each(|(i, row)| {
            let width = channels * self.channels;
            let own = &self.weights[self.entries(i)];
            combine(own, &seeds[i * width..(i + 1) * width], self.channels, row);
        });
        let (starts, columns) = (self.starts.clone(), self.columns.clone());
        Self { starts, columns, channels, unit: self.unit, weights }
    }

    /// Partners of all rows, as starts and columns.
    pub(crate) fn layout(&self) -> (&[usize], &[u32]) {
        (&self.starts, &self.columns)
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.starts.len() - 1
    }

    /// Values per feature.
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Length in which the weights are given: a power of two.
    pub const fn unit(&self) -> f64 {
        self.unit
    }

    /// Partners of sample `i`, ascending.
    pub fn partners(&self, i: usize) -> &[u32] {
        &self.columns[self.starts[i]..self.starts[i + 1]]
    }

    /// Weights of sample `i` in one channel, in the order of [`Self::partners`].
    ///
    /// # Panics
    /// If there is no such sample or channel.
    pub fn weights(&self, i: usize, channel: usize) -> &[T] {
        let degree = self.starts[i + 1] - self.starts[i];
        let row = &self.weights[self.starts[i] * self.channels..];
        &row[channel * degree..(channel + 1) * degree]
    }

    /// Largest absolute weight.
    pub fn max_abs(&self) -> f64 {
        self.weights.iter().fold(T::ZERO, |m, w| m.max_(w.abs_())).to_f64()
    }

    /// Whether the weights of sample `i` are in range: see [`in_range`].
    pub(crate) fn row_in_range(&self, i: usize) -> bool {
        in_range(&self.weights[self.entries(i)])
    }

    /// Zeroes the weights of sample `i`.
    pub(crate) fn clear_row(&mut self, i: usize) {
        let row = self.entries(i);
        self.weights[row].fill(T::ZERO);
    }

    /// Where the weights of sample `i` are, all channels.
    fn entries(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i] * self.channels..self.starts[i + 1] * self.channels
    }

    /// A panel of Σ_j w_ij (x_i − x_j), one sample and channel.
    #[inline(always)]
    pub(crate) fn project_tile(&self, panel: &Panel<'_, T>, i: usize, channel: usize) -> Tile<T> {
        let mut tile = panel.sum(i, self.partners(i), self.weights(i, channel));
        let per_unit = T::from_f64(1.0 / self.unit);
        for value in &mut tile {
            *value = *value * per_unit * per_unit; // exact; the square alone may leave the range
        }
        tile
    }

    /// Σ_j w_ij (x_i − x_j) / unit² in a feature space: n × (channels · D), channel after channel.
    ///
    /// Cost: one multiply-add per entry of P, channel and feature.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] on the number of rows, `NotFinite`, `Empty`.
    pub fn project(&self, features: MatRef<'_, T>) -> Result<Rows<T>> {
        self.check_features(features)?;
        let x = Panels::new(RowsOf::new(features), self.layout());
        let width = self.channels * x.n_cols();
        let mut out = Rows::zeros(self.n_samples(), width);
        x.show(0, (out.as_mut_slice(), width), self);
        Ok(out)
    }

    pub(crate) fn check_features(&self, features: MatRef<'_, T>) -> Result<()> {
        embex_linalg::check::finite(features)?;
        Ok(embex_linalg::check::length("features", features.nrows(), self.n_samples())?)
    }
}

impl<T: Real> PerRow<T> for Coefficients<T> {
    #[inline(always)]
    fn take(&self, panel: &Panel<'_, T>, i: usize, out: &mut [T]) {
        let n_cols = out.len() / self.channels;
        for (channel, values) in out.chunks_exact_mut(n_cols).enumerate() {
            let values = &mut values[panel.columns()];
            values.copy_from_slice(&self.project_tile(panel, i, channel)[..values.len()]);
        }
    }
}

/// Σ_a seed_ka values_a for every channel k, into `out`; channel after channel on both sides.
pub(crate) fn combine<T: Real>(values: &[T], seeds: &[T], n_channels: usize, out: &mut [T]) {
    let width = values.len() / n_channels;
    for (out, seeds) in out.chunks_exact_mut(width.max(1)).zip(seeds.chunks_exact(n_channels)) {
        for (values, &seed) in values.chunks_exact(width.max(1)).zip(seeds) {
            out.iter_mut().zip(values).for_each(|(sum, &v)| *sum += seed * v);
        }
    }
}

/// Attributions through a linear map: J_original = J_scores · Lᵀ, for every channel.
///
/// `values` is n × (channels · q) as [`Coefficients::project`] gives it; `loadings` is p × q
/// with a column per component; the result is n × (channels · p). Exact, because the scores are
/// linear in the original features.
///
/// # Errors
/// [`Error::ColumnMismatch`] unless `values` has a multiple of q columns.
///
/// # Example
/// ```
/// use embex_linalg::{Rows, faer::mat};
/// let values = Rows::from_vec(vec![1.0, 2.0], 2).expect("one row");
/// let loadings = mat![[0.0, 1.0], [1.0, 0.0], [0.5, 0.5_f64]];
/// let pixels = embex_tsne::attribution::through_loadings(&values, loadings.as_ref())?;
/// assert_eq!(pixels.row(0), [2.0, 1.0, 1.5]);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
pub fn through_loadings<T: Real>(values: &Rows<T>, loadings: MatRef<'_, T>) -> Result<Rows<T>> {
    let (p, q) = loadings.shape();
    embex_linalg::check::finite(loadings)?;
    if !values.n_cols().is_multiple_of(q) {
        return Err(Error::ColumnMismatch { got: values.n_cols(), expected: q });
    }
    let columns = Rows::copy_from(loadings.transpose());
    let channels = values.n_cols() / q;
    let mut out = Rows::zeros(values.n_rows(), channels * p);
    let arch = Arch::new();
    out.as_mut_slice().par_chunks_mut((channels * p).max(1)).enumerate().for_each(|(i, row)| {
        arch.dispatch(Load { scores: values.row(i), columns: &columns, out: row });
    });
    Ok(out)
}

/// Σ_m score_m · loadings of component m, for every channel of one row.
struct Load<'a, T> {
    scores: &'a [T],
    columns: &'a Rows<T>,
    out: &'a mut [T],
}

impl<T: Real> WithSimd for Load<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (q, p) = (self.columns.n_rows(), self.columns.n_cols());
        for (sums, scores) in self.out.chunks_exact_mut(p).zip(self.scores.chunks_exact(q)) {
            for (m, &score) in scores.iter().enumerate() {
                for (sum, &load) in sums.iter_mut().zip(self.columns.row(m)) {
                    *sum = score.mul_add_(load, *sum);
                }
            }
        }
    }
}

/// Whether absolute values sum to at most √MAX (1.8e19 in `f32`, 1.3e154 in `f64`).
///
/// Coefficients within it make finite products with any feature differences up to √MAX. NaN and
/// infinities are out of range.
pub(crate) fn in_range<T: Real>(values: &[T]) -> bool {
    values.iter().map(|v| v.abs_()).sum::<T>() <= T::MAX.sqrt_()
}
