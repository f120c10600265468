//! Clusters as dense regions.

use embex_linalg::{MemoryBudget, Progress, Real, faer::MatRef};
use embex_trees::RowDistances;

use crate::sweep::Sweep;
use crate::{Error, Result};

/// Settings of DBSCAN (Ester, Kriegel, Sander and Xu 1996).
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::mat, progress::Silent};
/// use embex_metrics::DbscanParams;
/// let x = mat![[0.0], [0.5], [1.0], [7.0], [7.5], [7.8], [20.0_f64]];
/// let found =
///     DbscanParams::new(1.0, 3).fit(x.as_ref(), &mut Silent, MemoryBudget::default())?;
/// let expected = [Some(0), Some(0), Some(0), Some(1), Some(1), Some(1), None];
/// assert_eq!(found.labels, expected);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DbscanParams {
    /// Radius of a neighbourhood, its border included; above 0.
    pub eps: f64,
    /// Samples in the neighbourhood of a core point, itself counted; at least 1.
    pub min_samples: usize,
}

/// Clusters and noise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dbscan {
    /// The cluster of each sample, `None` for noise. Clusters are numbered from 0 in the order
    /// of their first core points.
    pub labels: Vec<Option<usize>>,
    /// Whether each sample is a core point.
    pub core: Vec<bool>,
    /// Number of clusters.
    pub n_clusters: usize,
}

impl DbscanParams {
    /// A radius and the number of samples that make a neighbourhood dense.
    pub const fn new(eps: f64, min_samples: usize) -> Self {
        Self { eps, min_samples }
    }

    /// Joins core points that are neighbours, gives every other point with a core neighbour to
    /// the lowest-numbered cluster that has one, and leaves the rest as noise.
    ///
    /// Euclidean. The result equals that of scikit-learn, label by label; it does not depend
    /// on the order of rows but for the numbers of clusters and the choice among several by
    /// border points. Phases "core points" and "clusters", in rows.
    ///
    /// # Shapes
    /// `x` is n × d.
    ///
    /// # Errors
    /// [`Error::Setting`] unless eps is finite and above 0 and `min_samples` at least 1;
    /// [`Error::Search`] for bad entries; [`Error::Cancelled`].
    ///
    /// # Cost
    /// O(n²·d): all distances, twice. Memory 8·n·d bytes for a copy, at most 4·n·`min_samples`
    /// for border points, and 4·n per row of the blocks in flight; no list of neighbourhoods,
    /// which could have n² entries.
    pub fn fit<T: Real>(
        &self,
        x: MatRef<'_, T>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Dbscan> {
        self.check()?;
        let space = RowDistances::new(x)?;
        let radius = self.eps * space.factor();
        let pass = Pass { space: &space, radius_sq: radius * radius, budget };
        let sparse = pass.sparse(self.min_samples, progress)?;
        let core: Vec<bool> = sparse.iter().map(Option::is_none).collect();
        let roots = pass.join(&core, progress)?;
        let (mut labels, n_clusters) = numbered(&core, &roots);
        for (i, near) in sparse.into_iter().enumerate() {
            if let Some(near) = near {
                let cores = near.into_iter().filter(|&j| core[j as usize]);
                labels[i] = cores.filter_map(|j| labels[j as usize]).min();
            }
        }
        Ok(Dbscan { labels, core, n_clusters })
    }

    fn check(&self) -> Result<()> {
        if !(self.eps > 0.0 && self.eps.is_finite()) {
            let expected = "finite and above 0";
            return Err(Error::Setting { name: "eps", value: self.eps, expected });
        }
        if self.min_samples == 0 {
            let expected = "at least 1";
            return Err(Error::Setting { name: "min_samples", value: 0.0, expected });
        }
        Ok(())
    }
}

struct Pass<'a> {
    space: &'a RowDistances,
    radius_sq: f64,
    budget: MemoryBudget,
}

impl Pass<'_> {
    /// The neighbours of every point that is not a core point; fewer than `min_samples`.
    fn sparse(
        &self,
        min_samples: usize,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Option<Vec<u32>>>> {
        let rows: Vec<usize> = (0..self.space.n_samples()).collect();
        let mut sparse = Vec::with_capacity(rows.len());
        let sweep = Sweep { spaces: &[self.space], rows: &rows, phase: "core points" };
        let of_row = |_: usize, dist_sq: &mut [f64]| {
            let near = dist_sq.iter().filter(|&&d| d <= self.radius_sq).count();
            (near < min_samples).then(|| self.near(dist_sq).collect())
        };
        sweep.run(progress, self.budget, of_row, |near| sparse.push(near))?;
        Ok(sparse)
    }

    /// For every core point the first core point of its cluster.
    fn join(&self, core: &[bool], progress: &mut dyn Progress) -> Result<Vec<usize>> {
        let rows: Vec<usize> = (0..core.len()).filter(|&i| core[i]).collect();
        let mut roots: Vec<usize> = (0..core.len()).collect();
        let sweep = Sweep { spaces: &[self.space], rows: &rows, phase: "clusters" };
        let of_row = |i: usize, dist_sq: &mut [f64]| {
            let near: Vec<u32> = self.near(&dist_sq[..i]).filter(|&j| core[j as usize]).collect();
            (i, near)
        };
        sweep.run(progress, self.budget, of_row, |(i, near)| {
            for j in near {
                let (a, b) = (root(&mut roots, i), root(&mut roots, j as usize));
                roots[a.max(b)] = a.min(b);
            }
        })?;
        Ok((0..core.len()).map(|i| root(&mut roots, i)).collect())
    }

    fn near(&self, dist_sq: &[f64]) -> impl Iterator<Item = u32> {
        (0..).zip(dist_sq).filter(|&(_, &d)| d <= self.radius_sq).map(|(j, _)| j)
    }
}

/// The root of a set is its smallest member.
fn root(roots: &mut [usize], mut i: usize) -> usize {
    while roots[i] != i {
        roots[i] = roots[roots[i]]; // halves the path
        i = roots[i];
    }
    i
}

/// Labels of the core points, and how many clusters there are.
fn numbered(core: &[bool], roots: &[usize]) -> (Vec<Option<usize>>, usize) {
    let mut labels = vec![None; core.len()];
    let mut n_clusters = 0;
    for i in (0..core.len()).filter(|&i| core[i]) {
        if roots[i] == i {
            labels[i] = Some(n_clusters);
            n_clusters += 1;
        } else {
            labels[i] = labels[roots[i]]; // met before: roots come first
        }
    }
    (labels, n_clusters)
}

#[cfg(test)]
mod tests;
