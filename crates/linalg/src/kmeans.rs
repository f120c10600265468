//! Weighted k-means.

mod lloyd;
mod seeding;

use faer::MatRef;
use rayon::prelude::*;

use crate::{Error, Real, Result, Rows, check, dist_sq};

/// Settings of k-means.
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, kmeans::KMeansParams};
/// let x = mat![[0.0], [1.0], [10.0], [11.0_f64]];
/// let found = KMeansParams::default().with_n_clusters(2).fit(x.as_ref(), None)?;
/// assert_eq!(found.labels[0], found.labels[1]);
/// assert_ne!(found.labels[0], found.labels[2]);
/// assert_eq!(found.inertia, 1.0);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KMeansParams {
    /// Number of clusters, 1 ≤ k ≤ n; 8 unless set.
    pub n_clusters: usize,
    /// Runs from different starts, of which the best is kept; 10 unless set.
    pub n_starts: usize,
    /// Largest number of iterations of a run; 300 unless set.
    pub max_iterations: usize,
    /// Seed of the starts.
    pub seed: u64,
}

impl Default for KMeansParams {
    fn default() -> Self {
        Self { n_clusters: 8, n_starts: 10, max_iterations: 300, seed: 42 }
    }
}

impl KMeansParams {
    crate::setters! {
        with_n_clusters n_clusters: usize,
        with_n_starts n_starts: usize,
        with_max_iterations max_iterations: usize,
        with_seed seed: u64,
    }

    /// Clusters the rows of `x`, minimising Σ_i w_i |x_i − c(label_i)|².
    ///
    /// Every start draws its centres by k-means++ (Arthur and Vassilvitskii 2007, with w·D²
    /// for weights w) and repeats Lloyd's two steps until no label changes. A row at equal
    /// distances goes to the lower cluster; starts of equal inertia to the earlier one. A
    /// cluster left without weight takes the row of largest w·distance² to its centre (the
    /// lower row on a tie); with fewer distinct rows than clusters some clusters stay empty
    /// (size 0), on a centre that repeats a row. Rows of weight 0 get labels and nothing else.
    ///
    /// Weights are 1 if not given. Memory 2·n·d numbers in `f64`; cost n·k·d per iteration.
    ///
    /// # Errors
    /// [`Error::Setting`] for the number of clusters (also if more than rows of positive
    /// weight), of starts or of iterations; [`Error::LengthMismatch`] and [`Error::Weight`]
    /// for the weights; [`Error::Empty`], [`Error::NotFinite`]; [`Error::OutOfRange`] if a
    /// distance overflows.
    pub fn fit<T: Real>(&self, x: MatRef<'_, T>, weights: Option<&[f64]>) -> Result<KMeans> {
        check::finite(x)?;
        let weights = checked_weights(weights, x.nrows())?;
        self.check(weights.iter().filter(|w| **w > 0.0).count())?;
        let rows = Rows::<f64>::convert_from(x);
        check_spread(&rows)?;
        let mut best: Option<KMeans> = None;
        for start in 0..self.n_starts {
            let centers = seeding::plus_plus(&rows, &weights, self.n_clusters, self.seed, start);
            let found = lloyd::run(&rows, &weights, centers, self, start);
            if best.as_ref().is_none_or(|b| found.inertia < b.inertia) {
                best = Some(found);
            }
        }
        best.ok_or(Error::Setting { name: "n_starts", value: 0.0, expected: "at least 1" })
    }

    fn check(&self, n_weighted: usize) -> Result<()> {
        let setting = |name, value: usize, expected| {
            Err(Error::Setting { name, value: value as f64, expected })
        };
        if self.n_clusters == 0 || self.n_clusters > n_weighted {
            let expected = "at least 1 and at most the number of rows with a weight";
            return setting("n_clusters", self.n_clusters, expected);
        }
        if self.n_starts == 0 {
            return setting("n_starts", 0, "at least 1");
        }
        if self.max_iterations == 0 {
            return setting("max_iterations", 0, "at least 1");
        }
        Ok(())
    }
}

/// Clusters found by k-means.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KMeans {
    /// Settings.
    pub params: KMeansParams,
    /// Weighted means of the clusters, k × d.
    pub centers: Rows<f64>,
    /// Cluster of every row.
    pub labels: Vec<usize>,
    /// Total weight of every cluster.
    pub sizes: Vec<f64>,
    /// Σ_i w_i |x_i − c(label_i)|².
    pub inertia: f64,
    /// Iterations of the run that was kept.
    pub iterations: usize,
    /// Whether that run ended because no label changed.
    pub converged: bool,
    /// Which start it was, from 0.
    pub start: usize,
}

impl KMeans {
    /// Nearest centre of every row, the lower one on a tie.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for the columns, [`Error::Empty`], [`Error::NotFinite`].
    pub fn predict<T: Real>(&self, x: MatRef<'_, T>) -> Result<Vec<usize>> {
        check::length("a row of the matrix", x.ncols(), self.centers.n_cols())?;
        check::finite(x)?;
        let rows = Rows::<f64>::convert_from(x);
        Ok(assign(&rows, &self.centers).into_iter().map(|(label, _)| label).collect())
    }
}

/// Nearest centre of every row and the squared distance to it.
fn assign(rows: &Rows<f64>, centers: &Rows<f64>) -> Vec<(usize, f64)> {
    (0..rows.n_rows()).into_par_iter().map(|i| nearest(rows.row(i), centers)).collect()
}

fn nearest(row: &[f64], centers: &Rows<f64>) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for m in 0..centers.n_rows() {
        let distance = dist_sq(row, centers.row(m));
        if distance < best.1 {
            best = (m, distance);
        }
    }
    best
}

fn checked_weights(weights: Option<&[f64]>, n: usize) -> Result<Vec<f64>> {
    let Some(weights) = weights else { return Ok(vec![1.0; n]) };
    check::length("weights", weights.len(), n)?;
    let bad = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0));
    match bad.or_else(|| weights.iter().all(|w| *w == 0.0).then_some(0)) {
        Some(index) => Err(Error::Weight { index, value: weights[index] }),
        None => Ok(weights.to_vec()),
    }
}

/// Refuses data whose squared distances could overflow: the diagonal of its bounding box.
fn check_spread(rows: &Rows<f64>) -> Result<()> {
    let (mut low, mut high) = (rows.row(0).to_vec(), rows.row(0).to_vec());
    for i in 1..rows.n_rows() {
        for (d, v) in rows.row(i).iter().enumerate() {
            low[d] = low[d].min(*v);
            high[d] = high[d].max(*v);
        }
    }
    let total = dist_sq(&low, &high) * rows.n_rows() as f64;
    if total.is_finite() { Ok(()) } else { Err(Error::OutOfRange { what: "spread" }) }
}

#[cfg(test)]
mod tests;
