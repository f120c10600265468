//! How compact clusters are against how far apart.

use embex_linalg::{Real, Rows, dist_sq, faer::MatRef};
use embex_trees::RowDistances;

use super::classes::Classes;
use crate::error::length;
use crate::{Error, Result};

/// Mean over clusters of the worst ratio (s_k + s_l) / |c_k − c_l|, with c the centroids and s
/// the mean distance of members to theirs (Davies and Bouldin 1979).
///
/// Euclidean. At least 0, smaller is better; blind to scale. Clusters of one have s = 0.
///
/// # Shapes
/// `x` is n × d, with n labels.
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::ClusterCount`] unless 2 ≤ clusters < n;
/// [`Error::Undefined`] if two clusters have one centroid; [`Error::Search`] for bad entries.
///
/// # Cost
/// O(d (n + c²)) for c clusters; memory one copy in `f64`.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [2.0], [10.0], [12.0_f64]];
/// assert_eq!(embex_metrics::davies_bouldin(x.as_ref(), &[0, 0, 1, 1])?, 0.2);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn davies_bouldin<T: Real, L: Ord>(x: MatRef<'_, T>, labels: &[L]) -> Result<f64> {
    let groups = Groups::new(x, labels)?;
    let n_clusters = groups.sizes.len();
    let mut spread = vec![0.0; n_clusters];
    for (i, &class) in groups.of.iter().enumerate() {
        spread[class] += groups.to_centroid_sq(i).sqrt();
    }
    let sizes = spread.iter_mut().zip(&groups.sizes);
    sizes.for_each(|(spread, &size)| *spread /= size as f64);
    let mut sum = 0.0;
    for k in 0..n_clusters {
        let mut worst = 0.0_f64;
        for l in (0..n_clusters).filter(|&l| l != k) {
            let apart = dist_sq(groups.centroids.row(k), groups.centroids.row(l)).sqrt();
            if apart == 0.0 {
                let why = "two clusters have one centroid";
                return Err(Error::Undefined { what: "Davies–Bouldin index", why });
            }
            worst = worst.max((spread[k] + spread[l]) / apart);
        }
        sum += worst;
    }
    Ok(sum / n_clusters as f64)
}

/// Scatter between clusters over scatter within, each by its degrees of freedom:
/// (Σ n_k |c_k − c|² / (K − 1)) / (Σ |x_i − c_k|² / (n − K)) (Caliński and Harabasz 1974).
///
/// Euclidean. At least 0, larger is better; blind to scale.
///
/// # Shapes
/// `x` is n × d, with n labels.
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::ClusterCount`] unless 2 ≤ clusters < n;
/// [`Error::Undefined`] if no cluster has any width; [`Error::Search`] for bad entries.
///
/// # Cost
/// O(n·d); memory one copy in `f64`.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [2.0], [10.0], [12.0_f64]];
/// assert_eq!(embex_metrics::calinski_harabasz(x.as_ref(), &[0, 0, 1, 1])?, 50.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn calinski_harabasz<T: Real, L: Ord>(x: MatRef<'_, T>, labels: &[L]) -> Result<f64> {
    let groups = Groups::new(x, labels)?;
    let (n, n_clusters) = (groups.of.len(), groups.sizes.len());
    let within: f64 = (0..n).map(|i| groups.to_centroid_sq(i)).sum();
    if within == 0.0 {
        let why = "no cluster has any width";
        return Err(Error::Undefined { what: "Calinski–Harabasz index", why });
    }
    let centre = groups.centre();
    let apart = |k: usize| groups.sizes[k] as f64 * dist_sq(groups.centroids.row(k), &centre);
    let between: f64 = (0..n_clusters).map(apart).sum();
    Ok(between / (n_clusters - 1) as f64 / (within / (n - n_clusters) as f64))
}

/// Samples, on a safe scale, about the centroids of their clusters.
struct Groups {
    x: Rows<f64>,
    of: Vec<usize>,
    sizes: Vec<usize>,
    centroids: Rows<f64>,
}

impl Groups {
    fn new<T: Real, L: Ord>(x: MatRef<'_, T>, labels: &[L]) -> Result<Self> {
        length("the labels", labels.len(), x.nrows())?;
        let classes = Classes::new(labels);
        let scaled = RowDistances::new(x)?; // its scale keeps all squares in range
        classes.check_shape()?;
        let Classes { of, sizes } = classes;
        let mut rows = Rows::zeros(x.nrows(), x.ncols());
        let mut centroids = Rows::<f64>::zeros(sizes.len(), x.ncols());
        for (i, &class) in of.iter().enumerate() {
            for (d, value) in scaled.row(i).enumerate() {
                rows.row_mut(i)[d] = value;
                centroids.row_mut(class)[d] += value;
            }
        }
        for (k, &size) in sizes.iter().enumerate() {
            centroids.row_mut(k).iter_mut().for_each(|sum| *sum /= size as f64);
        }
        Ok(Self { x: rows, of, sizes, centroids })
    }

    fn to_centroid_sq(&self, i: usize) -> f64 {
        dist_sq(self.x.row(i), self.centroids.row(self.of[i]))
    }

    fn centre(&self) -> Vec<f64> {
        let weights = self.sizes.iter().map(|&size| size as f64 / self.of.len() as f64);
        let mut centre = vec![0.0; self.x.n_cols()];
        for (k, weight) in weights.enumerate() {
            let columns = centre.iter_mut().zip(self.centroids.row(k));
            columns.for_each(|(sum, value)| *sum += weight * value);
        }
        centre
    }
}

#[cfg(test)]
mod tests;
