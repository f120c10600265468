//! Weighted graphs in compressed rows.

use crate::{Error, Result};

/// How much w_ij and w_ji may differ, relative to the larger.
const ASYMMETRY: f64 = 1e-9;

/// A symmetric graph on the samples: weights w_ij ≥ 0 in compressed rows, borrowed and checked.
///
/// A diagonal entry is a loop: it adds to the degree of its sample and to nothing else.
#[derive(Clone, Copy, Debug)]
pub struct SparseGraph<'a> {
    starts: &'a [usize],
    columns: &'a [u32],
    weights: &'a [f64],
}

impl<'a> SparseGraph<'a> {
    /// Row i holds entries `starts[i]..starts[i + 1]` of `columns` and `weights`.
    ///
    /// Affinities P of t-SNE will do, and so will Q on the same entries; no scale matters. Cost
    /// O(entries · log(entries of a row)).
    ///
    /// # Errors
    /// [`Error::Structure`] for starts that do not ascend from 0 to the number of entries, columns
    /// that do not ascend or lie outside, weights that are not symmetric to 1e-9 of themselves;
    /// [`Error::LengthMismatch`]; [`Error::Value`] for a weight that is negative or not finite;
    /// [`Error::TooFew`] if all are 0.
    ///
    /// # Example
    /// ```
    /// use embex_metrics::features::SparseGraph;
    /// let (starts, columns, weights) = ([0, 1, 3, 4], [1, 0, 2, 1], [1.0, 1.0, 0.5, 0.5]);
    /// let path = SparseGraph::new(&starts, &columns, &weights)?;
    /// assert_eq!((path.n_samples(), path.degrees()), (3, vec![1.0, 1.5, 0.5]));
    /// # Ok::<(), embex_metrics::Error>(())
    /// ```
    pub fn new(starts: &'a [usize], columns: &'a [u32], weights: &'a [f64]) -> Result<Self> {
        if columns.len() != weights.len() {
            let (what, got) = ("the columns of the graph", columns.len());
            return Err(Error::LengthMismatch { what, got, expected: weights.len() });
        }
        if starts.len() < 2 || starts[0] != 0 {
            return Err(Error::Structure { row: 0, problem: "needs a row that starts at 0" });
        }
        let n = starts.len() - 1;
        for row in 0..n {
            crate::embedding::divergence::check_row(starts, columns, n, row)?;
        }
        if starts[n] != weights.len() {
            let problem = "does not end with the last entry";
            return Err(Error::Structure { row: n - 1, problem });
        }
        if let Some(index) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            let (what, expected) = ("the weights", "finite and not negative");
            return Err(Error::Value { what, index, value: weights[index], expected });
        }
        let graph = Self { starts, columns, weights };
        graph.check_symmetric()?;
        if weights.iter().all(|w| *w == 0.0) {
            return Err(Error::TooFew { what: "the graph (weights above 0)", needed: 1, got: 0 });
        }
        Ok(graph)
    }

    fn check_symmetric(&self) -> Result<()> {
        for row in 0..self.n_samples() {
            for (j, weight) in self.row(row) {
                let mirrored = self.weight(j, row);
                if (weight - mirrored).abs() > ASYMMETRY * weight.max(mirrored) {
                    let problem = "differs from its column: the graph is not symmetric";
                    return Err(Error::Structure { row, problem });
                }
            }
        }
        Ok(())
    }

    fn weight(&self, i: usize, j: usize) -> f64 {
        let start = self.starts[i];
        let columns = &self.columns[start..self.starts[i + 1]];
        columns.binary_search(&(j as u32)).map_or(0.0, |place| self.weights[start + place])
    }

    /// Number of samples.
    pub const fn n_samples(&self) -> usize {
        self.starts.len() - 1
    }

    /// Sum of every row.
    pub fn degrees(&self) -> Vec<f64> {
        (0..self.n_samples()).map(|i| self.row(i).map(|(_, w)| w).sum()).collect()
    }

    pub(super) fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        let columns = self.columns[range.clone()].iter().map(|&j| j as usize);
        columns.zip(self.weights[range].iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_graphs_are_refused() {
        let make = |starts: &[usize], columns: &[u32], weights: &[f64]| {
            SparseGraph::new(starts, columns, weights).err()
        };
        let structure = |error, row| {
            assert!(
                matches!(error, Some(Error::Structure { row: r, .. }) if r == row),
                "{error:?}"
            );
        };
        structure(make(&[1, 2], &[0], &[1.0]), 0);
        structure(make(&[0, 1, 3], &[1, 0], &[1.0, 1.0]), 1);
        structure(make(&[0, 1, 1], &[1], &[1.0]), 0); // no entry back
        structure(make(&[0, 1, 2], &[1, 0], &[1.0, 1.1]), 0);
        structure(make(&[0, 1, 2], &[1, 2], &[1.0, 1.0]), 1);
        structure(make(&[0, 1, 2], &[1, 0, 1], &[1.0, 1.0, 1.0]), 1);
        assert!(matches!(make(&[0, 1], &[0], &[]), Some(Error::LengthMismatch { .. })));
        let negative = make(&[0, 1, 2], &[1, 0], &[-1.0, -1.0]);
        assert!(matches!(negative, Some(Error::Value { index: 0, .. })));
        assert!(matches!(make(&[0, 0, 0], &[], &[]), Some(Error::TooFew { .. })));
        let loops = SparseGraph::new(&[0, 1, 1], &[0], &[2.0]).unwrap();
        assert_eq!(loops.degrees(), [2.0, 0.0]);
    }
}
