//! One exact search on prepared rows, by either back end.

use embex_linalg::{Progress, Real, Rows, progress::report};
use rayon::prelude::*;

use crate::Result;
use crate::ranked::Ranked;

/// Prepared input of a search: distinct base rows, checked and scaled.
pub(crate) struct Search<'a, T> {
    pub(crate) queries: &'a Rows<T>,
    pub(crate) base: &'a Rows<T>,
    /// Queries are the base rows themselves, and no row is its own neighbour.
    pub(crate) within: bool,
    /// Neighbours wanted, at least 1 and at most what a row can have.
    pub(crate) k: usize,
}

impl<T: Real> Search<'_, T> {
    /// Whether base row `j` may be a neighbour of query `i`.
    #[inline]
    pub(crate) fn admits(&self, i: usize, j: usize) -> bool {
        !(self.within && i == j)
    }
}

/// Neighbour lists before they are checked.
pub(crate) struct Lists {
    pub(crate) index: Vec<u32>,
    pub(crate) dist_sq: Vec<f64>,
}

impl Lists {
    pub(crate) fn zeros(n: usize, k: usize) -> Self {
        Self { index: vec![0; n * k], dist_sq: vec![0.0; n * k] }
    }

    /// Lists of exactly `k` entries from what `of_row` leaves in its buffer.
    pub(crate) fn from_rows(
        n: usize,
        k: usize,
        of_row: impl Fn(usize, &mut Vec<Ranked>) + Sync,
    ) -> Self {
        let mut lists = Self::zeros(n, k);
        let rows = lists.index.par_chunks_exact_mut(k).zip(lists.dist_sq.par_chunks_exact_mut(k));
        rows.enumerate().for_each_init(Vec::new, |buffer, (i, (index, dist_sq))| {
            of_row(i, buffer);
            write(buffer.iter().copied(), index, dist_sq);
        });
        lists
    }

    /// Replaces the list of row `i`.
    #[cfg(feature = "approx")]
    pub(crate) fn set_row(&mut self, i: usize, ranked: &[Ranked]) {
        let span = i * ranked.len()..(i + 1) * ranked.len();
        let (index, dist_sq) = (&mut self.index[span.clone()], &mut self.dist_sq[span]);
        write(ranked.iter().copied(), index, dist_sq);
    }

    /// The list of row `i`, of length `k`.
    pub(crate) fn row(&self, i: usize, k: usize) -> Vec<Ranked> {
        let span = i * k..(i + 1) * k;
        let pairs = self.index[span.clone()].iter().zip(&self.dist_sq[span]);
        pairs.map(|(&index, &dist_sq)| Ranked { dist_sq, index }).collect()
    }
}

/// Copies ranked rows to their slots.
pub(crate) fn write(ranked: impl Iterator<Item = Ranked>, index: &mut [u32], dist_sq: &mut [f64]) {
    for ((ranked, index), dist_sq) in ranked.zip(index).zip(dist_sq) {
        *index = ranked.index;
        *dist_sq = ranked.dist_sq;
    }
}

/// Fills the lists of `n` rows in blocks; `fill` gets the first row of a block and its slices.
///
/// Blocks of a wave run in parallel; between waves the observer hears of them.
pub(crate) fn fill_in_waves(
    (n, k): (usize, usize),
    (block, wave): (usize, usize),
    progress: &mut dyn Progress,
    fill: impl Fn(usize, &mut [u32], &mut [f64]) + Sync,
) -> Result<Lists> {
    let mut lists = Lists::zeros(n, k);
    for start in (0..n).step_by(block * wave) {
        report(progress, "neighbours", start, n, "")?;
        let span = start * k..n.min(start + block * wave) * k;
        lists.index[span.clone()]
            .par_chunks_mut(block * k)
            .zip(lists.dist_sq[span].par_chunks_mut(block * k))
            .enumerate()
            .for_each(|(b, (index, dist_sq))| fill(start + b * block, index, dist_sq));
    }
    report(progress, "neighbours", n, n, "")?;
    Ok(lists)
}
