//! Groups of correlated columns.

use std::convert::Infallible;

use faer::MatRef;

use super::columns::{column_means, column_sums};
use crate::blocks::{Centred, add_products};
use crate::{Error, Real, Result};

/// Columns correlated with all others in one pass over the data.
const PANEL: usize = 512;

/// Groups columns whose correlations chain: the connected components of |r| > `threshold`.
///
/// Groups are ascending and ordered by their first column; every column is in exactly one. A
/// constant column, whose correlation is undefined, is a group of its own.
///
/// `threshold` lies in \[0, 1). Cost n·d² multiply–adds, in ⌈d / 512⌉ passes over the data;
/// memory 512 × d numbers and one block of rows (32 MiB).
///
/// # Errors
/// [`Error::Setting`] for the threshold, [`Error::Empty`], [`Error::NotFinite`],
/// [`Error::OutOfRange`].
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, stats::correlation_groups};
/// let x = mat![[1.0, 5.0, -1.0], [2.0, 1.0, -2.1], [3.0, 4.0, -2.9_f64]];
/// assert_eq!(correlation_groups(x.as_ref(), 0.8)?, [vec![0, 2], vec![1]]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn correlation_groups<T: Real>(x: MatRef<'_, T>, threshold: f64) -> Result<Vec<Vec<usize>>> {
    if !(0.0..1.0).contains(&threshold) {
        let expected = "at least 0 and below 1";
        return Err(Error::Setting { name: "threshold", value: threshold, expected });
    }
    let means = column_means(x)?;
    let factors = inverse_norms(x, &means)?;
    let centred = Centred { x, means: &means, factors: &factors };
    let mut forest = Forest::new(x.ncols());
    for start in (0..x.ncols()).step_by(PANEL) {
        join_panel(&centred, start, threshold, &mut forest);
    }
    Ok(forest.groups())
}

/// Joins columns `start..start + PANEL` with every later column they correlate with.
fn join_panel<T: Real>(centred: &Centred<'_, T>, start: usize, threshold: f64, f: &mut Forest) {
    let width = centred.x.ncols();
    let panel = start..width.min(start + PANEL);
    let mut r = vec![0.0; panel.len() * width];
    let Ok(()) = centred.for_row_blocks(|_, block| {
        add_products(block, width, &panel, &mut r);
        Ok::<(), Infallible>(())
    });
    for (a, row) in panel.zip(r.chunks_exact(width)) {
        for b in a + 1..width {
            if row[b].abs() > threshold {
                f.join(a, b);
            }
        }
    }
}

/// 1 / √Σ (x − mean)² of every column; 0 for constant ones.
fn inverse_norms<T: Real>(x: MatRef<'_, T>, means: &[f64]) -> Result<Vec<f64>> {
    let sums = column_sums(x, |d, v| (v - means[d]) * (v - means[d]));
    if sums.iter().any(|sum| !sum.is_finite()) {
        return Err(Error::OutOfRange { what: "variance" });
    }
    Ok(sums.into_iter().map(|sum| if sum > 0.0 { sum.sqrt().recip() } else { 0.0 }).collect())
}

/// Disjoint sets; the root of a set is its smallest member.
struct Forest(Vec<usize>);

impl Forest {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&mut self, mut a: usize) -> usize {
        while self.0[a] != a {
            self.0[a] = self.0[self.0[a]]; // halves the path
            a = self.0[a];
        }
        a
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }

    fn groups(mut self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut place = vec![0; self.0.len()];
        for a in 0..self.0.len() {
            let root = self.root(a);
            if root == a {
                place[a] = groups.len();
                groups.push(Vec::new());
            }
            groups[place[root]].push(a);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::pearson;
    use embex_testkit::{dup, gaussian};
    use faer::Mat;

    #[test]
    fn copies_join_their_features() {
        let bed = dup(600, 1);
        let groups = correlation_groups(bed.x.as_ref(), 0.8).unwrap();
        assert_eq!(groups.len(), 10);
        for (feature, copy) in [(0, 10), (1, 11), (5, 12)] {
            assert!(groups.contains(&vec![feature, copy]));
        }
    }

    #[test]
    fn groups_across_panels_match_pairwise_correlations() {
        let base = gaussian(40, 20, 9);
        let noise = gaussian(40, 1100, 10);
        let x = Mat::from_fn(40, 1100, |i, j| base[(i, j % 20)] + 0.45 * noise[(i, j)]);
        let column = |j: usize| (0..40).map(|i| x[(i, j)]).collect::<Vec<_>>();
        let columns: Vec<Vec<f64>> = (0..1100).map(column).collect();
        let mut forest = Forest::new(1100);
        for a in 0..1100 {
            for b in a + 1..1100 {
                if pearson(&columns[a], &columns[b]).unwrap().abs() > 0.8 {
                    forest.join(a, b);
                }
            }
        }
        let groups = correlation_groups(x.as_ref(), 0.8).unwrap();
        assert!(groups.len() > 20 && groups.len() < 1000, "{} groups", groups.len());
        assert_eq!(groups, forest.groups());
    }

    #[test]
    fn constant_columns_stay_alone_and_one_row_has_no_correlation() {
        let x = Mat::from_fn(5, 3, |i, j| if j == 1 { 0.3 } else { i as f64 });
        assert_eq!(correlation_groups(x.as_ref(), 0.5).unwrap(), [vec![0, 2], vec![1]]);
        let row = Mat::from_fn(1, 2, |_, j| j as f64);
        assert_eq!(correlation_groups(row.as_ref(), 0.5).unwrap(), [vec![0], vec![1]]);
        assert!(matches!(correlation_groups(x.as_ref(), 1.0), Err(Error::Setting { .. })));
        assert!(matches!(correlation_groups(x.as_ref(), f64::NAN), Err(Error::Setting { .. })));
    }
}
