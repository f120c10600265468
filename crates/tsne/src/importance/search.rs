//! The neighbours and the affinities of one row after a change.

use super::change::Change;
use super::lists::{Lists, keep_nearest};
use super::space::Geometry;
use crate::bandwidth::conditional_row;

/// How a row's search ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ended {
    /// The list was proved to hold all neighbours.
    Proved,
    /// The list ended before that.
    Open {
        /// D′² of the k-th nearest of the list: no neighbour is further.
        threshold: f64,
    },
}

/// Buffers of one task.
pub(super) struct Scratch {
    found: Vec<(f64, u32)>,
    values: Vec<f64>,
    dist_sq: Vec<f64>,
}

impl Scratch {
    pub(super) fn new(width: usize, k: usize) -> Self {
        Self {
            found: Vec::with_capacity(width + 1),
            values: Vec::with_capacity(width),
            dist_sq: vec![0.0; k],
        }
    }

    /// The first `k` of a list.
    pub(super) fn take_first(&mut self, (indices, dist_sq): (&[u32], &[f64]), k: usize) {
        self.found.clear();
        self.found.extend(dist_sq.iter().copied().zip(indices.iter().copied()).take(k));
    }

    /// Squared distances of the row finished last, by ascending index.
    pub(super) fn dist_sq(&self) -> &[f64] {
        &self.dist_sq
    }
}

/// What every search needs.
pub(super) struct Searcher<'a> {
    pub(super) geometry: &'a Geometry,
    pub(super) lists: &'a Lists,
    /// Neighbours per row.
    pub(super) k: usize,
    pub(super) perplexity: f64,
    pub(super) arch: pulp::Arch,
}

impl Searcher<'_> {
    /// Searches the list of row `i`: leaves all its samples within the threshold in `scratch`.
    ///
    /// The first k + k/4 of the list give the threshold: their k-th nearest after the change
    /// is at least as far as the k-th nearest of all. The list is then followed until no
    /// sample beyond can come within it.
    pub(super) fn search_list(&self, change: &Change, i: usize, scratch: &mut Scratch) -> Ended {
        let (indices, dist_sq) = self.lists.row(i);
        let head = (self.k + self.k / 4).min(indices.len());
        scratch.found.clear();
        for (&j, &old) in indices[..head].iter().zip(dist_sq) {
            scratch.found.push((change.dist_sq(self.geometry, i, j as usize, old), j));
        }
        let threshold = self.threshold(scratch);
        let cut = change.cut(i, threshold);
        scratch.found.retain(|&(d, _)| d <= threshold);
        for (&j, &old) in indices[head..].iter().zip(&dist_sq[head..]) {
            if old > cut {
                return Ended::Proved;
            }
            let new = change.dist_sq(self.geometry, i, j as usize, old);
            if new <= threshold {
                scratch.found.push((new, j));
            }
        }
        let complete = indices.len() + 1 == self.geometry.n_samples();
        if complete { Ended::Proved } else { Ended::Open { threshold } }
    }

    /// The k-th smallest distance found so far.
    fn threshold(&self, scratch: &mut Scratch) -> f64 {
        scratch.values.clear();
        scratch.values.extend(scratch.found.iter().map(|entry| entry.0));
        *scratch.values.select_nth_unstable_by(self.k - 1, f64::total_cmp).1
    }

    /// Searches all samples; `dist_sq` are the old distances of row `i`.
    pub(super) fn search_all(
        &self,
        change: &Change,
        i: usize,
        threshold: f64,
        dist_sq: &[f64],
        scratch: &mut Scratch,
    ) {
        scratch.found.clear();
        let found = &mut scratch.found;
        change.scan(self.geometry, i, dist_sq, threshold, &mut |j, new| found.push((new, j)));
    }

    /// Keeps the k nearest and fits their bandwidth; columns ascend. Returns whether the row
    /// differs from `base`; if not, base is copied.
    pub(super) fn finish(
        &self,
        base: Option<&BaseRow<'_>>,
        scratch: &mut Scratch,
        columns: &mut [u32],
        p: &mut [f64],
    ) -> (bool, f64) {
        keep_nearest(&mut scratch.found, self.k);
        scratch.found.sort_unstable_by_key(|entry| entry.1);
        for ((&(d, j), value), column) in
            scratch.found.iter().zip(&mut scratch.dist_sq).zip(columns.iter_mut())
        {
            (*value, *column) = (d, j);
        }
        if let Some(base) = base
            && base.columns == columns
            && base.dist_sq == scratch.dist_sq
        {
            p.copy_from_slice(base.p);
            return (false, base.beta);
        }
        let guess = base.map_or(0.0, |base| base.beta);
        let fit = conditional_row(self.arch, &scratch.dist_sq, self.perplexity, guess, p);
        (true, fit.beta)
    }
}

/// A row before any change, by ascending index.
pub(super) struct BaseRow<'a> {
    pub(super) columns: &'a [u32],
    pub(super) dist_sq: &'a [f64],
    pub(super) p: &'a [f64],
    pub(super) beta: f64,
}
