//! The neighbours of a run, and how many of the true ones they are.

use embex_linalg::faer::MatRef;
use embex_linalg::{MemoryBudget, Progress, Real};
use embex_trees::{KnnParams, Neighbours};

use crate::{NeighbourSearch, Result, TsneParams};

/// How many of the true neighbours an approximate search found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Recall {
    /// Share of the listed neighbours that are no farther than the true k-th, 0 to 1.
    pub share: f64,
    /// Rows on which it was measured, against an exact search.
    pub n_checked: usize,
    /// Distinct rows whose neighbours were searched exactly: all of few rows, or those for which
    /// the descent found too few.
    pub n_exact: usize,
}

/// Neighbours, with their recall unless they are all there.
pub(crate) struct Found {
    pub(crate) neighbours: Neighbours,
    pub(crate) recall: Option<Recall>,
}

impl TsneParams {
    /// The `k` neighbours of every row of `x`, as [`Self::neighbour_search`] says.
    pub(crate) fn neighbours<U: Real>(
        &self,
        x: MatRef<'_, U>,
        k: usize,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Found> {
        match self.neighbour_search {
            NeighbourSearch::Exact => {
                let search = KnnParams::new(k).with_metric(self.metric);
                let neighbours = search.search(x, progress, budget)?;
                Ok(Found { neighbours, recall: None })
            }
            #[cfg(feature = "approx")]
            NeighbourSearch::Approximate => self.approximate(x, k, progress),
            #[cfg(not(feature = "approx"))]
            NeighbourSearch::Approximate => Err(crate::Error::NoApproximateSearch),
        }
    }

    /// Bytes that the search for `k` neighbours of `n_rows` × `n_cols` entries of type `U` takes
    /// besides the input, its lists included.
    pub fn neighbour_memory_bytes<U: Real>(
        &self,
        (n_rows, n_cols): (usize, usize),
        k: usize,
        budget: MemoryBudget,
    ) -> u64 {
        let exact = KnnParams::new(k).with_metric(self.metric);
        match self.neighbour_search {
            #[cfg(feature = "approx")]
            NeighbourSearch::Approximate => {
                let search = embex_trees::ApproximateParams::new(k).with_metric(self.metric);
                search.memory_bytes::<U>(n_rows, n_cols)
            }
            _ => exact.memory_bytes::<U>(n_rows, n_cols, budget),
        }
    }

    #[cfg(feature = "approx")]
    fn approximate<U: Real>(
        &self,
        x: MatRef<'_, U>,
        k: usize,
        progress: &mut dyn Progress,
    ) -> Result<Found> {
        let search = embex_trees::ApproximateParams::new(k).with_metric(self.metric);
        let found = search.with_seed(self.seed).search(x, progress)?;
        let (share, n_checked, n_exact) = (found.recall, found.n_checked, found.n_exact);
        let recall = Some(Recall { share, n_checked, n_exact });
        Ok(Found { neighbours: found.neighbours, recall })
    }
}

#[cfg(all(test, not(feature = "approx")))]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn an_approximate_search_that_is_not_built_is_refused() {
        let params = TsneParams::default().with_neighbour_search(NeighbourSearch::Approximate);
        assert_eq!(params.check(), Err(Error::NoApproximateSearch));
        let x = embex_linalg::faer::Mat::<f64>::from_fn(100, 2, |i, d| (i * (d + 2)) as f64);
        assert_eq!(params.fit(x.as_ref()), Err(Error::NoApproximateSearch));
    }
}
