//! Fitted components and the maps they define.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::{Found, PcaParams};
use crate::blocks::fill;
use crate::{Error, Real, Result, Rows, check};

/// Principal components of a matrix with d columns.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Pca {
    /// Settings, with the solver that was used in place of `Auto`.
    pub params: PcaParams,
    /// Number of rows fitted.
    pub n_samples: usize,
    /// Mean of every column, length d.
    pub mean: Vec<f64>,
    /// d × k with orthonormal columns: row d holds the weights of feature d in every score.
    ///
    /// In each column the entry of largest size is positive (the first one on a tie).
    pub loadings: Rows<f64>,
    /// Variance of every score over the rows fitted (divisor n − 1), descending.
    pub explained_variance: Vec<f64>,
    /// The same as a share of [`Self::total_variance`]; 0 if that is 0.
    pub explained_variance_ratio: Vec<f64>,
    /// Σ of the variances of all columns.
    pub total_variance: f64,
    /// Passes over the data after centring.
    pub passes: usize,
    /// Largest relative change of an explained variance at the last pass; 0 if exact.
    pub change: f64,
}

impl Pca {
    pub(super) fn new(
        mut found: Found,
        mean: Vec<f64>,
        scale: f64,
        n_samples: usize,
        params: PcaParams,
    ) -> Result<Self> {
        let (k, divisor) = (found.squares.len(), (n_samples - 1) as f64);
        fix_signs(&mut found.loadings, k);
        let variance = |square: f64| square / divisor / scale / scale;
        let ratio = |s: &f64| if found.total > 0.0 { (s / found.total).min(1.0) } else { 0.0 };
        let total_variance = variance(found.total);
        if !total_variance.is_finite() {
            return Err(Error::OutOfRange { what: "variance" });
        }
        Ok(Self {
            explained_variance: found.squares.iter().map(|&s| variance(s)).collect(),
            explained_variance_ratio: found.squares.iter().map(ratio).collect(),
            loadings: Rows::from_vec(found.loadings, k)
                .ok_or(Error::Decomposition { what: "shape of the loadings" })?,
            passes: found.passes,
            change: found.change,
            params,
            n_samples,
            mean,
            total_variance,
        })
    }

    /// Number of components k.
    pub const fn n_components(&self) -> usize {
        self.loadings.n_cols()
    }

    /// Number of original features d.
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Scores (x − mean) · loadings of rows with d columns: m × k.
    ///
    /// In `f64`, m·d·k multiply–adds.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for the columns, [`Error::Empty`], [`Error::NotFinite`],
    /// [`Error::OutOfRange`] if a score overflows.
    pub fn transform<T: Real>(&self, x: MatRef<'_, T>) -> Result<Rows<f64>> {
        check::length("a row of the matrix", x.ncols(), self.n_features())?;
        check::finite(x)?;
        let loadings = self.loadings.as_mat();
        let scores = by_blocks(x, loadings, |_, d, v| v.to_f64() - self.mean[d], |_, v| v);
        in_range(scores)
    }

    /// Carries vectors of score space back to the original features: rows · loadingsᵀ.
    ///
    /// The linear part alone, without the mean: since ∂score_c / ∂x_d = `loadings[d][c]`, a
    /// gradient with respect to the scores (m × k) becomes one with respect to the features
    /// (m × d). Computed in `f64`, rounded to `T`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for the columns, [`Error::Empty`], [`Error::NotFinite`],
    /// [`Error::OutOfRange`].
    ///
    /// # Example
    /// ```
    /// use embex_linalg::{faer::mat, pca::PcaParams};
    /// let x = mat![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0_f64]];
    /// let pca = PcaParams::default().with_n_components(1).fit(x.as_ref())?;
    /// let gradient = pca.to_original(mat![[10.0_f64]].as_ref())?;
    /// assert!((gradient.row(0)[1] - 8.0).abs() < 1e-14);
    /// # Ok::<(), embex_linalg::Error>(())
    /// ```
    pub fn to_original<T: Real>(&self, rows: MatRef<'_, T>) -> Result<Rows<T>> {
        self.back(rows, |_, v| T::from_f64(v))
    }

    /// The best approximation of x from its scores: mean + scores · loadingsᵀ.
    ///
    /// # Errors
    /// As [`Self::to_original`].
    pub fn reconstruct<T: Real>(&self, scores: MatRef<'_, T>) -> Result<Rows<T>> {
        self.back(scores, |d, v| T::from_f64(v + self.mean[d]))
    }

    fn back<T: Real>(
        &self,
        rows: MatRef<'_, T>,
        finish: impl Fn(usize, f64) -> T + Sync,
    ) -> Result<Rows<T>> {
        check::length("a row of scores", rows.ncols(), self.n_components())?;
        check::finite(rows)?;
        let loadings = self.loadings.as_mat().transpose();
        in_range(by_blocks(rows, loadings, |_, _, v| v.to_f64(), finish))
    }
}

/// finish(read(x) · m), a block of rows at a time; which rows share a block is a function of
/// the shapes.
fn by_blocks<T: Real, U: Real>(
    x: MatRef<'_, T>,
    m: MatRef<'_, f64>,
    read: impl Fn(usize, usize, T) -> f64 + Sync,
    finish: impl Fn(usize, f64) -> U + Sync,
) -> Rows<U> {
    const ENTRIES: usize = 1 << 18;
    let (n, width, k) = (x.nrows(), m.nrows(), m.ncols());
    let lines = (ENTRIES / width.max(k)).clamp(16, 256);
    let mut out = Rows::zeros(n, k);
    out.as_mut_slice().par_chunks_mut(lines * k).enumerate().for_each_init(
        || (Vec::new(), Vec::new()),
        |(input, product), (chunk, out)| {
            let rows = chunk * lines..chunk * lines + out.len() / k;
            input.resize(rows.len() * width, 0.0);
            product.resize(rows.len() * k, 0.0);
            fill(x, rows.clone(), input, &read);
            matmul(
                MatMut::from_row_major_slice_mut(product, rows.len(), k),
                Accum::Replace,
                MatRef::from_row_major_slice(input, rows.len(), width),
                m,
                1.0,
                Par::Seq,
            );
            for (place, (slot, value)) in out.iter_mut().zip(product.iter()).enumerate() {
                *slot = finish(place % k, *value);
            }
        },
    );
    out
}

fn in_range<T: Real>(rows: Rows<T>) -> Result<Rows<T>> {
    match check::finite(rows.as_mat()) {
        Ok(()) => Ok(rows),
        Err(_) => Err(Error::OutOfRange { what: "projection" }),
    }
}

/// Makes the entry of largest size positive in every column, the first one on a tie.
fn fix_signs(loadings: &mut [f64], k: usize) {
    for c in 0..k {
        let column = loadings.iter().skip(c).step_by(k);
        let peak = column.fold(0.0_f64, |peak, &v| if v.abs() > peak.abs() { v } else { peak });
        if peak < 0.0 {
            loadings.iter_mut().skip(c).step_by(k).for_each(|v| *v = -*v);
        }
    }
}
