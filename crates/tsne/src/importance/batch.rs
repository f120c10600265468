//! Several sets at once: they share the distances of the rows that must be scanned.

use rayon::prelude::*;

use super::change::Change;
use super::result::SearchCounts;
use super::search::{BaseRow, Ended, Scratch, Searcher};
use crate::affinity::Directed;
use crate::summary::Groups;

/// Rows per task.
const ROWS: usize = 16;

/// Neighbours and conditional affinities of all rows, by ascending index.
pub(super) struct SetRows {
    k: usize,
    directed: Directed,
    /// Of the base alone: squared distances and bandwidths.
    dist_sq: Vec<f64>,
    beta: Vec<f64>,
}

/// One task's part of one set: columns and affinities of its rows.
type Part<'a> = (&'a mut [u32], &'a mut [f64]);

impl SetRows {
    fn zeros(n: usize, k: usize) -> Self {
        let starts = (0..=n).map(|i| i * k).collect();
        let directed = Directed { starts, columns: vec![0; n * k], p: vec![0.0; n * k] };
        Self { k, directed, dist_sq: Vec::new(), beta: Vec::new() }
    }

    pub(super) const fn directed(&self) -> &Directed {
        &self.directed
    }

    /// Neighbours of row `i`, ascending.
    pub(super) fn neighbours(&self, i: usize) -> &[u32] {
        &self.directed.columns[i * self.k..(i + 1) * self.k]
    }

    fn base_row(&self, i: usize) -> BaseRow<'_> {
        let range = i * self.k..(i + 1) * self.k;
        BaseRow {
            columns: &self.directed.columns[range.clone()],
            dist_sq: &self.dist_sq[range.clone()],
            p: &self.directed.p[range],
            beta: self.beta[i],
        }
    }

    /// Before any removal: the first k of every list.
    pub(super) fn base(searcher: &Searcher<'_>) -> Self {
        let (n, k) = (searcher.geometry.n_samples(), searcher.k);
        let mut rows = Self::zeros(n, k);
        let (mut dist_sq, mut beta) = (vec![0.0; n * k], vec![0.0; n]);
        let Directed { columns, p, .. } = &mut rows.directed;
        (columns.par_chunks_mut(k).zip(p.par_chunks_mut(k)))
            .zip(dist_sq.par_chunks_mut(k).zip(&mut beta))
            .enumerate()
            .for_each(|(i, ((columns, p), (dist_sq, beta)))| {
                let mut scratch = Scratch::new(k, k);
                scratch.take_first(searcher.lists.row(i), k);
                *beta = searcher.finish(None, &mut scratch, columns, p).1;
                dist_sq.copy_from_slice(scratch.dist_sq());
            });
        rows.dist_sq = dist_sq;
        rows.beta = beta;
        rows
    }

    /// Neighbours and affinities after each change; `exact` scans rows left unproved.
    pub(super) fn search(
        searcher: &Searcher<'_>,
        changes: &[Option<Change>],
        base: &Self,
        exact: bool,
    ) -> (Vec<Option<Self>>, SearchCounts) {
        let (n, k) = (searcher.geometry.n_samples(), searcher.k);
        let mut sets: Vec<Option<Self>> =
            changes.iter().map(|change| change.as_ref().map(|_| Self::zeros(n, k))).collect();
        let active: Vec<&Change> = changes.iter().flatten().collect();
        let mut blocks: Vec<Vec<Part<'_>>> = (0..n.div_ceil(ROWS)).map(|_| Vec::new()).collect();
        for set in sets.iter_mut().flatten() {
            let Directed { columns, p, .. } = &mut set.directed;
            let parts = columns.chunks_mut(ROWS * k).zip(p.chunks_mut(ROWS * k));
            for (block, part) in blocks.iter_mut().zip(parts) {
                block.push(part);
            }
        }
        let counts: Vec<SearchCounts> = blocks
            .into_par_iter()
            .enumerate()
            .map(|(block, parts)| {
                Block { searcher, base, from: block * ROWS, exact }.search(&active, parts)
            })
            .collect();
        let mut all = SearchCounts::default();
        for counts in &counts {
            all.add(counts);
        }
        (sets, all)
    }
}

/// One task: some rows, all sets of the batch.
struct Block<'a> {
    searcher: &'a Searcher<'a>,
    base: &'a SetRows,
    from: usize,
    exact: bool,
}

/// A search that the list could not end.
struct Pending {
    row: usize,
    set: usize,
    threshold: f64,
}

impl Block<'_> {
    fn search(&self, changes: &[&Change], mut parts: Vec<Part<'_>>) -> SearchCounts {
        let k = self.searcher.k;
        let mut scratch = Scratch::new(self.searcher.lists.width(), k);
        let mut counts = SearchCounts::default();
        let mut pending = Vec::new();
        for (set, (change, (columns, p))) in changes.iter().zip(&mut parts).enumerate() {
            for (r, (columns, p)) in columns.chunks_mut(k).zip(p.chunks_mut(k)).enumerate() {
                let row = self.from + r;
                match self.searcher.search_list(change, row, &mut scratch) {
                    Ended::Open { threshold } if self.exact => {
                        pending.push(Pending { row, set, threshold });
                        continue;
                    }
                    Ended::Open { .. } => counts.unproved += 1,
                    Ended::Proved => counts.proved += 1,
                }
                self.finish(row, &mut scratch, columns, p, &mut counts);
            }
        }
        self.scan(changes, parts, pending, &mut scratch, &mut counts);
        counts
    }

    /// All samples for the pending searches, row by row.
    fn scan(
        &self,
        changes: &[&Change],
        mut parts: Vec<Part<'_>>,
        mut pending: Vec<Pending>,
        scratch: &mut Scratch,
        counts: &mut SearchCounts,
    ) {
        let k = self.searcher.k;
        let mut dist_sq = Vec::new();
        let mut current = None;
        pending.sort_unstable_by_key(|pending| (pending.row, pending.set));
        for Pending { row, set, threshold } in pending {
            if current != Some(row) {
                dist_sq.resize(self.searcher.geometry.n_samples(), 0.0);
                self.searcher.geometry.dist_sq_rows(row, &mut dist_sq);
                current = Some(row);
            }
            self.searcher.search_all(changes[set], row, threshold, &dist_sq, scratch);
            let (columns, p) = &mut parts[set];
            let at = (row - self.from) * k..(row - self.from + 1) * k;
            counts.scanned += 1;
            self.finish(row, scratch, &mut columns[at.clone()], &mut p[at], counts);
        }
    }

    fn finish(
        &self,
        row: usize,
        scratch: &mut Scratch,
        columns: &mut [u32],
        p: &mut [f64],
        counts: &mut SearchCounts,
    ) {
        let base = self.base.base_row(row);
        let (changed, _) = self.searcher.finish(Some(&base), scratch, columns, p);
        counts.rows += 1;
        counts.unchanged += u64::from(!changed);
    }
}

/// The importance of one set.
pub(super) struct Outcome {
    pub(super) total: f64,
    pub(super) per_group: Vec<f64>,
    pub(super) per_point: Vec<f32>,
}

impl Outcome {
    pub(super) fn zero(n_groups: usize, n_points: usize) -> Self {
        Self { total: 0.0, per_group: vec![0.0; n_groups], per_point: vec![0.0; n_points] }
    }

    pub(super) fn new(rises: &[f64], groups: Option<&Groups>, keep_points: bool) -> Self {
        let mut per_group = vec![0.0; groups.map_or(0, Groups::n_groups)];
        if let Some(groups) = groups {
            for (&rise, &group) in rises.iter().zip(groups.codes()) {
                per_group[group as usize] += rise;
            }
        }
        let per_point =
            if keep_points { rises.iter().map(|&rise| rise as f32).collect() } else { Vec::new() };
        Self { total: rises.iter().sum(), per_group, per_point }
    }
}
