//! Principal components, with the map back to the original features.

mod exact;
mod randomized;
mod result;
mod small;

use faer::MatRef;

use crate::blocks::{Centred, n_blocks};
use crate::progress::{Progress, Silent, report};
use crate::stats::column_means;
use crate::{Error, Real, Result, Rows, check};
pub use result::Pca;

/// Up to this many rows or columns, whichever is fewer, [`Solver::Auto`] is exact.
const EXACT_UP_TO: usize = 2000;

/// How the components are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Solver {
    /// Exact if min(n, d) ≤ 2000 or if nearly all components are wanted, else randomised.
    #[default]
    Auto,
    /// All eigenvectors of the covariance, or of the Gram matrix if n < d.
    ///
    /// n·d·m multiply–adds for m = min(n, d), some 10·m³ for the eigenvectors and 3·m²
    /// numbers of memory.
    Exact,
    /// Subspace iteration on the covariance from a Gaussian sketch.
    ///
    /// 4·n·d·p flops for each of at most `power_iterations` + 1 passes over the data, where
    /// p = `n_components` + `oversampling`, and 3·d·p numbers of memory.
    Randomized,
}

/// Settings of principal component analysis.
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, pca::PcaParams};
/// let x = mat![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [3.0, 4.0_f64]];
/// let pca = PcaParams::default().with_n_components(1).fit(x.as_ref())?;
/// assert!((pca.loadings.row(0)[0] - 0.6).abs() < 1e-15);
/// assert!((pca.loadings.row(1)[0] - 0.8).abs() < 1e-15);
/// assert!((pca.explained_variance_ratio[0] - 1.0).abs() < 1e-15);
/// let scores = pca.transform(x.as_ref())?;
/// assert!((scores.row(2)[0] - 5.0).abs() < 1e-14);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PcaParams {
    /// Number of components, 1 ≤ k ≤ min(n, d); 50 unless set.
    pub n_components: usize,
    /// How the components are found.
    pub solver: Solver,
    /// Seed of the sketch; the exact solver draws nothing.
    pub seed: u64,
    /// Extra directions of the randomised solver, which speed up its convergence; 10 unless
    /// set, as in Halko, Martinsson and Tropp (2011), section 4.2.
    pub oversampling: usize,
    /// Largest number of power iterations of the randomised solver, at least 1; 7 unless set.
    ///
    /// It stops earlier when no wanted variance changes by more than 1e-12 of itself.
    pub power_iterations: usize,
}

impl Default for PcaParams {
    fn default() -> Self {
        Self {
            n_components: 50,
            solver: Solver::Auto,
            seed: 42,
            oversampling: 10,
            power_iterations: 7,
        }
    }
}

impl PcaParams {
    crate::setters! {
        with_n_components n_components: usize,
        with_solver solver: Solver,
        with_seed seed: u64,
        with_oversampling oversampling: usize,
        with_power_iterations power_iterations: usize,
    }

    /// Finds the components of the centred columns of `x` (n × d).
    ///
    /// All arithmetic is in `f64`; `x` is read in blocks of at most 32 MiB and never copied
    /// whole. Constant columns get loadings 0 up to
    /// rounding, all-equal rows variances 0. Cost as
    /// [`Solver`] says.
    ///
    /// # Errors
    /// [`Error::TooFewRows`] below 2, [`Error::Setting`] for the number of components or of
    /// power iterations, [`Error::Empty`], [`Error::NotFinite`], [`Error::OutOfRange`] if a
    /// variance is, [`Error::Decomposition`] if the eigenvectors are not found.
    pub fn fit<T: Real>(&self, x: MatRef<'_, T>) -> Result<Pca> {
        self.fit_with(x, &mut Silent)
    }

    /// [`Self::fit`] and the scores of the rows themselves: [`Pca::transform`] of `x`.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn fit_scores<T: Real>(&self, x: MatRef<'_, T>) -> Result<(Pca, Rows<f64>)> {
        let pca = self.fit(x)?;
        let scores = pca.transform(x)?;
        Ok((pca, scores))
    }

    /// [`Self::fit`] under an observer (phase "pca", in blocks of the data).
    ///
    /// # Errors
    /// As [`Self::fit`], and [`Error::Cancelled`].
    pub fn fit_with<T: Real>(&self, x: MatRef<'_, T>, progress: &mut dyn Progress) -> Result<Pca> {
        self.check(x)?;
        let means = column_means(x)?;
        let scale = unit_scale(x, &means)?;
        let factors = vec![scale; x.ncols()];
        let centred = Centred { x, means: &means, factors: &factors };
        let solver = self.solver_for(x.nrows(), x.ncols());
        let found = match solver {
            Solver::Randomized => randomized::solve(&centred, self, progress),
            _ => exact::solve(&centred, self.n_components, progress),
        }?;
        Pca::new(found, means, scale, x.nrows(), Self { solver, ..self.clone() })
    }

    fn check<T: Real>(&self, x: MatRef<'_, T>) -> Result<()> {
        let (n, d) = x.shape();
        if n == 0 || d == 0 {
            return Err(Error::Empty { n_rows: n, n_cols: d });
        }
        check::at_least_rows(n, 2)?;
        let setting = |name, value: usize, expected| {
            Err(Error::Setting { name, value: value as f64, expected })
        };
        if self.n_components == 0 || self.n_components > n.min(d) {
            let expected = "at least 1 and at most the number of rows and of columns";
            return setting("n_components", self.n_components, expected);
        }
        if self.power_iterations == 0 {
            return setting("power_iterations", 0, "at least 1");
        }
        Ok(())
    }

    /// The solver for `n_rows` × `n_cols` entries: never [`Solver::Auto`].
    pub fn solver_for(&self, n_rows: usize, n_cols: usize) -> Solver {
        let (least, wanted) = (n_rows.min(n_cols), self.n_components + self.oversampling);
        match self.solver {
            Solver::Auto if least <= EXACT_UP_TO || 4 * wanted > least => Solver::Exact,
            Solver::Auto => Solver::Randomized,
            chosen => chosen,
        }
    }
}

/// What a solver found, of data scaled by the factor it was given.
pub(crate) struct Found {
    /// Orthonormal, d × k, row-major; signs as they come.
    pub(crate) loadings: Vec<f64>,
    /// Σ over rows of the squared scores, descending, length k.
    pub(crate) squares: Vec<f64>,
    /// Σ over rows and columns of the squared entries.
    pub(crate) total: f64,
    /// Passes over the data.
    pub(crate) passes: usize,
    /// Largest relative change of a variance at the last pass; 0 if exact.
    pub(crate) change: f64,
}

/// The power of two that brings the largest deviation into [1, 2): squares neither overflow
/// nor vanish, and no bit of the data is lost.
fn unit_scale<T: Real>(x: MatRef<'_, T>, means: &[f64]) -> Result<f64> {
    let zeros = vec![1.0; means.len()];
    let centred = Centred { x, means, factors: &zeros };
    let mut largest = 0.0_f64;
    centred.for_row_blocks(|_, block| {
        largest = block.iter().fold(largest, |m, v| m.max(v.abs()));
        Ok::<(), Error>(())
    })?;
    if !largest.is_finite() {
        return Err(Error::OutOfRange { what: "spread" });
    }
    let exponent = if largest > 0.0 { largest.log2().floor() } else { 0.0 };
    Ok((-exponent).clamp(-1000.0, 1000.0).exp2())
}

/// Counts blocks for the observer.
pub(crate) struct Counter<'a> {
    progress: &'a mut dyn Progress,
    done: usize,
    total: usize,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(
        progress: &'a mut dyn Progress,
        lines: usize,
        width: usize,
        passes: usize,
    ) -> Self {
        Self { progress, done: 0, total: passes * n_blocks(lines, width) }
    }

    pub(crate) fn tick(&mut self) -> Result<()> {
        self.done += 1;
        report(self.progress, "pca", self.done, self.total, "")
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        self.done = self.total;
        report(self.progress, "pca", self.done, self.total, "")
    }
}

#[cfg(test)]
mod tests;
