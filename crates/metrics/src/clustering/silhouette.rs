//! Silhouettes.

use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Progress, Real, faer::MatRef, ordered_sum};
use embex_trees::RowDistances;

use super::classes::Classes;
use crate::Result;
use crate::error::length;
use crate::sweep::{Sweep, chosen_rows};

/// Settings of silhouettes.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::mat, progress::Silent};
/// use embex_metrics::SilhouetteParams;
/// let x = mat![[0.0], [2.0], [10.0_f64]];
/// let found = SilhouetteParams::default().measure(
///     x.as_ref(), &["a", "a", "b"], &mut Silent, MemoryBudget::default())?;
/// assert_eq!(found.values, [0.8, 0.75, 0.0]); // a cluster of one says nothing
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SilhouetteParams {
    /// Measures so many rows, drawn without replacement, each against all samples; all rows
    /// unless set, or if there are no more.
    pub n_rows: Option<usize>,
    /// Seed of that draw.
    pub seed: u64,
}

impl Default for SilhouetteParams {
    fn default() -> Self {
        Self { n_rows: None, seed: 42 }
    }
}

/// Silhouettes of the measured rows.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Silhouette {
    /// The measured rows, ascending.
    pub rows: Vec<usize>,
    /// Their silhouettes, each in \[−1, 1\].
    pub values: Vec<f64>,
    /// The mean over these rows: of a sample, an unbiased estimate.
    pub mean: f64,
    /// Number of clusters.
    pub n_clusters: usize,
}

impl SilhouetteParams {
    embex_linalg::setters! {
        with_n_rows n_rows: Option<usize>,
        with_seed seed: u64,
    }

    /// (b − a) / max(a, b) of every row, with a the mean distance to the others of its cluster
    /// and b the least mean distance to another cluster (Rousseeuw 1987).
    ///
    /// Euclidean, blind to scale. 0 for a cluster of one and where a = b = 0. Phase
    /// "silhouette", in rows.
    ///
    /// # Shapes
    /// `x` is n × d, with n labels.
    ///
    /// # Errors
    /// [`crate::Error::LengthMismatch`]; [`crate::Error::ClusterCount`] unless
    /// 2 ≤ clusters < n; [`crate::Error::Setting`]; [`crate::Error::Search`] for bad entries;
    /// [`crate::Error::Cancelled`].
    ///
    /// # Cost
    /// O(m·n·d) for m measured rows. Memory 8·n·d bytes for a copy and 128·n per block in
    /// flight, which the budget bounds.
    pub fn measure<T: Real, L: Ord>(
        &self,
        x: MatRef<'_, T>,
        labels: &[L],
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Silhouette> {
        length("the labels", labels.len(), x.nrows())?;
        self.measure_distances(&RowDistances::new(x)?, labels, progress, budget)
    }

    pub(crate) fn measure_distances<L: Ord>(
        &self,
        space: &RowDistances,
        labels: &[L],
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Silhouette> {
        let classes = Classes::new(labels);
        classes.check_shape()?;
        let rows = chosen_rows(space.n_samples(), self.n_rows, self.seed)?;
        let mut values = Vec::with_capacity(rows.len());
        Sweep { spaces: &[space], rows: &rows, phase: "silhouette" }.run(
            progress,
            budget,
            |i, dist_sq| of_row(i, dist_sq, &classes),
            |value| values.push(value),
        )?;
        let mean = ordered_sum(values.len(), |at| values[at]) / values.len() as f64;
        Ok(Silhouette { rows, values, mean, n_clusters: classes.sizes.len() })
    }
}

fn of_row(i: usize, dist_sq: &[f64], classes: &Classes) -> f64 {
    let own = classes.of[i];
    if classes.sizes[own] == 1 {
        return 0.0;
    }
    let mut sums = vec![0.0; classes.sizes.len()];
    for (&class, d) in classes.of.iter().zip(dist_sq) {
        sums[class] += d.sqrt();
    }
    let within = sums[own] / (classes.sizes[own] - 1) as f64;
    let others = sums.iter().zip(&classes.sizes).enumerate().filter(|(class, _)| *class != own);
    let beside = others.map(|(_, (sum, &size))| sum / size as f64).fold(f64::INFINITY, f64::min);
    let larger = within.max(beside);
    if larger == 0.0 { 0.0 } else { (beside - within) / larger }
}

/// Mean silhouette of all samples; see [`SilhouetteParams::measure`].
///
/// # Errors
/// As there.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [2.0], [10.0], [12.0_f64]];
/// let mean = embex_metrics::silhouette(x.as_ref(), &[0, 0, 1, 1])?;
/// assert!((mean - (9.0 / 11.0 + 7.0 / 9.0) / 2.0).abs() < 1e-15);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn silhouette<T: Real, L: Ord>(x: MatRef<'_, T>, labels: &[L]) -> Result<f64> {
    let params = SilhouetteParams::default();
    Ok(params.measure(x, labels, &mut Silent, MemoryBudget::default())?.mean)
}

#[cfg(test)]
mod tests;
