//! Widened neighbour lists: where the search after a change begins, and mostly ends.

use rayon::prelude::*;

use embex_linalg::progress::{Progress, report};

use super::space::Geometry;
use crate::{Error, Result};

/// Rows per task and per progress report's block.
const ROWS: usize = 16;

/// The `width` nearest samples of every row: nearest first, equal distances by index.
///
/// Distances have the bits of [`Geometry::dist_sq_rows`], so that a sample found in a list and
/// the same sample found by a scan are one.
pub(super) struct Lists {
    width: usize,
    indices: Vec<u32>,
    dist_sq: Vec<f64>,
}

impl Lists {
    pub(super) fn new(
        geometry: &Geometry,
        width: usize,
        progress: &mut dyn Progress,
    ) -> Result<Self> {
        let n = geometry.n_samples();
        let (mut indices, mut dist_sq) = (vec![0; n * width], vec![0.0; n * width]);
        let step = ROWS * 64; // a report, and a chance to cancel, every so many rows
        for (part, (indices, dist_sq)) in
            indices.chunks_mut(step * width).zip(dist_sq.chunks_mut(step * width)).enumerate()
        {
            report(progress, "importance: neighbours", part * step, n, "")?;
            indices
                .par_chunks_mut(ROWS * width)
                .zip(dist_sq.par_chunks_mut(ROWS * width))
                .enumerate()
                .for_each(|(block, (indices, dist_sq))| {
                    let from = part * step + block * ROWS;
                    fill_rows(geometry, from, width, indices, dist_sq);
                });
        }
        report(progress, "importance: neighbours", n, n, "")?;
        let lists = Self { width, indices, dist_sq };
        lists.check()?;
        Ok(lists)
    }

    /// Distances beyond the largest number cannot be compared.
    fn check(&self) -> Result<()> {
        match self.dist_sq.iter().position(|d| !d.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::Distance {
                row: at / self.width,
                index: at % self.width,
                value: self.dist_sq[at],
            }),
        }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Indices and squared distances of row `i`.
    #[inline]
    pub(super) fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let range = i * self.width..(i + 1) * self.width;
        (&self.indices[range.clone()], &self.dist_sq[range])
    }
}

fn fill_rows(
    geometry: &Geometry,
    from: usize,
    width: usize,
    indices: &mut [u32],
    dist_sq: &mut [f64],
) {
    let n = geometry.n_samples();
    let mut all = vec![0.0; n * (indices.len() / width)];
    geometry.dist_sq_rows(from, &mut all);
    let mut nearest: Vec<(f64, u32)> = Vec::with_capacity(n);
    for (r, (indices, dist_sq)) in
        indices.chunks_mut(width).zip(dist_sq.chunks_mut(width)).enumerate()
    {
        let own = &all[r * n..(r + 1) * n];
        nearest.clear();
        nearest.extend((0..n).filter(|&j| j != from + r).map(|j| (own[j], j as u32)));
        keep_nearest(&mut nearest, width);
        nearest.sort_unstable_by(by_distance);
        for ((index, value), &(d, j)) in indices.iter_mut().zip(dist_sq).zip(&nearest) {
            (*index, *value) = (j, d);
        }
    }
}

/// Keeps the `k` nearest, in any order; equal distances go to the lower index.
pub(super) fn keep_nearest(entries: &mut Vec<(f64, u32)>, k: usize) {
    if entries.len() > k {
        entries.select_nth_unstable_by(k - 1, by_distance);
        entries.truncate(k);
    }
}

pub(super) fn by_distance(x: &(f64, u32), y: &(f64, u32)) -> std::cmp::Ordering {
    x.0.total_cmp(&y.0).then(x.1.cmp(&y.1))
}
