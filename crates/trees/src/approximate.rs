//! Approximate neighbours for very many rows, with their measured recall.
//!
//! By nearest-neighbour descent: it gave equal graphs in every repetition, where a
//! hierarchical graph built in parallel did not.

use ann_search_rs::build_knn_graph_nndescent;
use ann_search_rs::prelude::{KNN_GRAPH_EMPTY, NNDescentKnnParams, Verbosity};
use embex_linalg::{
    MemoryBudget, Progress, Real, Rows, check,
    faer::MatRef,
    progress::{Silent, report},
    seed::stream,
};
use rand::RngExt;
use rayon::prelude::*;

use crate::frame::Frame;
use crate::knn::{among_places, check_count, finish};
use crate::points::{Scale, dist_sq, largest_magnitude, scaled_rows, unit_rows};
use crate::ranked::Ranked;
use crate::search::{Lists, Search};
use crate::{Error, KnnParams, Metric, Neighbours, Result};

/// Up to this many distinct rows an exact search takes no longer.
const EXACT_ROWS: usize = 4096;

/// Bytes of the descent per row and square of the neighbours, and beside that. The updates it
/// holds depend on the data: 3 to 7 bytes were measured for 6000 to 60,000 rows, 5 to 300 columns
/// and 25 to 91 neighbours.
const DESCENT_PER_PAIR: u64 = 8;
const DESCENT_BESIDE: u64 = 24 << 20;

/// Settings of an approximate search.
///
/// # Example
/// ```
/// use embex_linalg::{faer::Mat, progress::Silent};
/// use embex_trees::ApproximateParams;
/// let x = Mat::from_fn(40, 3, |i, d| (i * (d + 1) % 41) as f64);
/// let found = ApproximateParams::new(5).search(x.as_ref(), &mut Silent)?;
/// assert_eq!((found.recall, found.n_exact), (1.0, 40)); // few rows are searched exactly
/// # Ok::<(), embex_trees::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ApproximateParams {
    /// Neighbours per row: 1 ≤ k ≤ n − 1.
    pub k: usize,
    /// What near means.
    pub metric: Metric,
    /// Seed of the descent and of the choice of checked rows.
    pub seed: u64,
    /// Rows whose neighbours are also found exactly, to measure the recall; at least 1.
    pub n_checked: usize,
}

/// Approximate lists and what is known about them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ApproximateNeighbours {
    /// The lists; distances are direct, in `f64`.
    pub neighbours: Neighbours,
    /// Share of the entries of the checked rows that lie no farther than the true k-th
    /// neighbour.
    pub recall: f64,
    /// Rows checked.
    pub n_checked: usize,
    /// Distinct rows searched exactly: those for which the descent found fewer than k
    /// neighbours, or all of a small input.
    pub n_exact: usize,
    /// Settings of the search.
    pub params: ApproximateParams,
}

impl ApproximateParams {
    /// `k` neighbours, Euclidean, seed 0, recall measured on 1000 rows.
    pub fn new(k: usize) -> Self {
        Self { k, metric: Metric::Euclidean, seed: 0, n_checked: 1000 }
    }

    embex_linalg::setters! {
        with_metric metric: Metric,
        with_seed seed: u64,
        with_n_checked n_checked: usize,
    }

    /// Approximate neighbours of every row, of the same form as those of
    /// [`KnnParams::search`]; up to 4096 distinct rows are searched exactly.
    ///
    /// The observer hears of the phases; the descent itself cannot be cancelled, and no budget
    /// bounds what it takes: see [`Self::memory_bytes`].
    ///
    /// # Errors
    /// Those of [`KnnParams::search`]; [`Error::Input`] with a setting if `n_checked` is 0;
    /// [`Error::Descent`].
    pub fn search<T: Real>(
        &self,
        x: MatRef<'_, T>,
        progress: &mut dyn Progress,
    ) -> Result<ApproximateNeighbours> {
        check::finite(x)?;
        check_count(self.k, x.nrows(), x.nrows() - 1)?;
        if self.n_checked == 0 {
            let expected = "at least 1";
            let error = embex_linalg::Error::Setting { name: "n_checked", value: 0.0, expected };
            return Err(Error::Input(error));
        }
        match self.metric {
            Metric::Euclidean => {
                let scale = Scale::of_largest(largest_magnitude(x));
                self.among(&scaled_rows(x, scale), scale, progress)
            }
            Metric::Cosine => {
                let rows = unit_rows(x, |row| Error::ZeroRow { row })?;
                self.among(&rows, Scale::ONE, progress)
            }
        }
    }

    /// Bytes that [`Self::search`] takes for `n_rows` × `n_cols` entries of type `T` besides the
    /// input, its lists included: an upper estimate, up to twice what some data need.
    pub fn memory_bytes<T: Real>(&self, n_rows: usize, n_cols: usize) -> u64 {
        let (n, d, k) = (n_rows as u64, n_cols as u64, self.k as u64);
        if self.is_exact(n_rows) {
            let exact = KnnParams::new(self.k).with_metric(self.metric);
            return exact.memory_bytes::<T>(n_rows, n_cols, MemoryBudget::default());
        }
        let entry = match self.metric {
            Metric::Euclidean => size_of::<T>() as u64,
            Metric::Cosine => size_of::<f64>() as u64,
        };
        n * (d * (entry + 4) + DESCENT_PER_PAIR * k * k) + DESCENT_BESIDE
    }

    /// Whether so many distinct rows are searched exactly.
    const fn is_exact(&self, n_rows: usize) -> bool {
        n_rows <= EXACT_ROWS || 4 * self.k > n_rows
    }

    fn among<T: Real>(
        &self,
        rows: &Rows<T>,
        scale: Scale,
        progress: &mut dyn Progress,
    ) -> Result<ApproximateNeighbours> {
        let mut n_exact = 0;
        let lists = among_places(rows, self.k, |search| {
            let (lists, n) = self.descend(search, progress)?;
            n_exact = n;
            Ok(lists)
        })?;
        report(progress, "recall", 0, 1, "")?;
        let checked = self.checked_rows(rows.n_rows());
        let recall = recall(rows, &lists, self.k, &checked)?;
        report(progress, "recall", 1, 1, "")?;
        Ok(ApproximateNeighbours {
            neighbours: finish(lists, self.k, scale)?,
            recall,
            n_checked: checked.len(),
            n_exact,
            params: self.clone(),
        })
    }

    /// Lists of distinct rows, and how many of them had to be searched exactly.
    fn descend<T: Real>(
        &self,
        search: &Search<'_, T>,
        progress: &mut dyn Progress,
    ) -> Result<(Lists, usize)> {
        let (n, k) = (search.base.n_rows(), search.k);
        if self.is_exact(n) {
            let lists = KnnParams::new(k).run(search, progress, MemoryBudget::default())?;
            return Ok((lists, n));
        }
        report(progress, "neighbours", 0, n, "")?;
        let graph = self.graph(search)?;
        let mut lists = Lists::from_rows(n, k, |i, out| {
            out.clear();
            let found = graph[i * k..(i + 1) * k].iter().filter(|&&j| j != KNN_GRAPH_EMPTY);
            out.extend(found.filter(|&&j| j as usize != i).map(|&j| Ranked {
                dist_sq: dist_sq(search.base.row(i), search.base.row(j as usize)),
                index: j,
            }));
            out.sort_unstable_by(Ranked::order);
            out.dedup_by_key(|ranked| ranked.index);
            if out.len() < k {
                out.clear(); // to be searched exactly
                out.resize(k, Ranked { dist_sq: f64::NAN, index: u32::MAX });
            }
        });
        let missing: Vec<usize> = (0..n).filter(|i| lists.index[i * k] == u32::MAX).collect();
        let exact = exact_lists(search.base, &missing, k)?;
        for (&i, list) in missing.iter().zip(&exact) {
            lists.set_row(i, list);
        }
        report(progress, "neighbours", n, n, "")?;
        Ok((lists, missing.len()))
    }

    fn graph<T: Real>(&self, search: &Search<'_, T>) -> Result<Vec<u32>> {
        let (n, d) = (search.base.n_rows(), search.base.n_cols());
        let frame = Frame::of(search.base, search.base);
        let mut data = vec![0.0_f32; n * d];
        data.par_chunks_exact_mut(d).enumerate().for_each(|(i, row)| {
            for (d, (y, &x)) in row.iter_mut().zip(search.base.row(i)).enumerate() {
                *y = frame.entry(x, d);
            }
        });
        let params = NNDescentKnnParams { k: search.k, return_dist: false, ..Default::default() };
        let seed = self.seed as usize;
        build_knn_graph_nndescent((data, n, d), "euclidean", Some(params), seed, Verbosity::Quiet)
            .map(|graph| graph.indices)
            .map_err(|error| Error::Descent { reason: error.to_string() })
    }

    /// Different rows by Floyd's sampling, ascending.
    fn checked_rows(&self, n: usize) -> Vec<usize> {
        let count = self.n_checked.min(n);
        let mut rng = stream(self.seed, "recall", 0);
        let mut chosen = std::collections::BTreeSet::new();
        for last in n - count..n {
            let draw = rng.random_range(0..=last);
            if !chosen.insert(draw) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }
}

/// Exact lists of some of the rows.
fn exact_lists<T: Real>(base: &Rows<T>, rows: &[usize], k: usize) -> Result<Vec<Vec<Ranked>>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut queries = Rows::zeros(rows.len(), base.n_cols());
    for (r, &i) in rows.iter().enumerate() {
        queries.row_mut(r).copy_from_slice(base.row(i));
    }
    let search = Search { queries: &queries, base, within: false, k: k + 1 };
    let found = KnnParams::new(k + 1).run(&search, &mut Silent, MemoryBudget::default())?;
    let others = |(r, &i): (usize, &usize)| {
        let mut list = found.row(r, k + 1);
        list.retain(|ranked| ranked.index as usize != i);
        list.truncate(k);
        list
    };
    Ok(rows.iter().enumerate().map(others).collect())
}

fn recall<T: Real>(rows: &Rows<T>, lists: &Lists, k: usize, checked: &[usize]) -> Result<f64> {
    let exact = exact_lists(rows, checked, k)?;
    let as_near = |(&i, exact): (&usize, &Vec<Ranked>)| {
        let farthest = exact.last().map_or(0.0, |last| last.dist_sq);
        lists.row(i, k).iter().filter(|ranked| ranked.dist_sq <= farthest).count()
    };
    let n_near: usize = checked.iter().zip(&exact).map(as_near).sum();
    Ok(n_near as f64 / (checked.len() * k) as f64)
}
