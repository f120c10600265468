//! Exact nearest neighbours.

use embex_linalg::{MemoryBudget, Progress, Real, Rows, check, faer::MatRef, progress::Silent};

use crate::distinct::Distinct;
use crate::points::{Scale, largest_magnitude, scaled_rows, unit_rows};
use crate::search::{Lists, Search};
use crate::{Error, Neighbours, Result, blocked, kd};

/// How exact neighbours are found; every method gives the same lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Method {
    /// The kd-tree for few columns, blocks otherwise.
    #[default]
    Auto,
    /// A kd-tree; at most 8 columns.
    KdTree,
    /// Blocked matrix products with direct distances for the candidates.
    Blocked,
}

/// What near means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Metric {
    /// Σ (x − y)².
    #[default]
    Euclidean,
    /// |x/‖x‖ − y/‖y‖|² = 2 − 2 cos(x, y): twice the usual cosine distance.
    Cosine,
}

/// Settings of an exact search.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::mat, progress::Silent};
/// use embex_trees::{KnnParams, Metric};
/// let x = mat![[1.0, 0.0], [9.0, 1.0], [0.0, 2.0_f64]];
/// let params = KnnParams::new(1).with_metric(Metric::Cosine);
/// let near = params.search(x.as_ref(), &mut Silent, MemoryBudget::default())?;
/// assert_eq!(near.row(0), [1]);
/// # Ok::<(), embex_trees::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KnnParams {
    /// Neighbours per row: 1 ≤ k ≤ n − 1, or ≤ n between two matrices.
    pub k: usize,
    /// How they are found.
    pub method: Method,
    /// What near means.
    pub metric: Metric,
}

impl KnnParams {
    /// `k` neighbours, Euclidean, automatic method.
    pub fn new(k: usize) -> Self {
        Self { k, method: Method::Auto, metric: Metric::Euclidean }
    }

    embex_linalg::setters! {
        with_method method: Method,
        with_metric metric: Metric,
    }

    /// The nearest other rows of every row of `x`.
    ///
    /// A row is not its own neighbour, its exact duplicates are. Nearest first; equal
    /// distances by index. The lists are those of comparing all n (n − 1) direct distances
    /// Σ (x − y)² in `f64`, bit for bit, for any method, number of threads and budget.
    ///
    /// # Errors
    /// [`Error::Input`] if `x` is empty or not finite, [`Error::NeighbourCount`] unless
    /// 1 ≤ k < n, [`Error::TreeColumns`], [`Error::ZeroRow`] (cosine), [`Error::Scale`],
    /// [`Error::TooManyRows`], [`Error::Cancelled`].
    ///
    /// # Cost
    /// Blocked: n² d multiply-adds in single precision (in double precision where rows lie so
    /// far from the centre, against their neighbours' distances, that single cannot tell them
    /// apart). kd-tree: about n k log n in two or three columns.
    /// See [`Self::memory_bytes`].
    pub fn search<T: Real>(
        &self,
        x: MatRef<'_, T>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Neighbours> {
        check::finite(x)?;
        check_count(self.k, x.nrows(), x.nrows() - 1)?;
        match self.metric {
            Metric::Euclidean => {
                let scale = Scale::of_largest(largest_magnitude(x));
                self.among(&scaled_rows(x, scale), scale, progress, budget)
            }
            Metric::Cosine => {
                let rows = unit_rows(x, |row| Error::ZeroRow { row })?;
                self.among(&rows, Scale::ONE, progress, budget)
            }
        }
    }

    /// The nearest rows of `base` to every row of `queries`; no row is left out.
    ///
    /// # Errors
    /// As [`Self::search`], with 1 ≤ k ≤ rows of `base`; [`Error::Queries`],
    /// [`Error::ColumnMismatch`], [`Error::ZeroQuery`].
    pub fn search_between<T: Real>(
        &self,
        queries: MatRef<'_, T>,
        base: MatRef<'_, T>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Neighbours> {
        check::finite(base)?;
        check::finite(queries).map_err(Error::Queries)?;
        if queries.ncols() != base.ncols() {
            return Err(Error::ColumnMismatch { queries: queries.ncols(), base: base.ncols() });
        }
        check_count(self.k, base.nrows(), base.nrows())?;
        match self.metric {
            Metric::Euclidean => {
                let largest = largest_magnitude(queries).max(largest_magnitude(base));
                let scale = Scale::of_largest(largest);
                let (queries, base) = (scaled_rows(queries, scale), scaled_rows(base, scale));
                self.between(&queries, &base, scale, progress, budget)
            }
            Metric::Cosine => {
                let base = unit_rows(base, |row| Error::ZeroRow { row })?;
                let queries = unit_rows(queries, |row| Error::ZeroQuery { row })?;
                self.between(&queries, &base, Scale::ONE, progress, budget)
            }
        }
    }

    /// Bytes that [`Self::search`] takes for `n_rows` × `n_cols` entries of type `T` besides the
    /// input, its lists included: an upper estimate for distinct rows, within a few MB.
    pub fn memory_bytes<T: Real>(&self, n_rows: usize, n_cols: usize, budget: MemoryBudget) -> u64 {
        let (n, d, k) = (n_rows as u64, n_cols as u64, self.k as u64);
        let entry = match self.metric {
            Metric::Euclidean => size_of::<T>() as u64,
            Metric::Cosine => size_of::<f64>() as u64,
        };
        let lists = n * k * (size_of::<u32>() + size_of::<f64>()) as u64;
        let grouping = 2 * n * size_of::<(u64, u32)>() as u64;
        let search = if self.by_tree(n_cols) {
            kd::memory_bytes(n, d)
        } else {
            blocked::memory_bytes(n_rows, n_cols, self.k, budget)
        };
        n * d * entry + lists + grouping.max(search)
    }

    fn by_tree(&self, n_cols: usize) -> bool {
        match self.method {
            Method::Auto => n_cols <= AUTO_TREE_COLUMNS,
            Method::KdTree => true,
            Method::Blocked => false,
        }
    }

    fn among<T: Real>(
        &self,
        rows: &Rows<T>,
        scale: Scale,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Neighbours> {
        let lists = among_places(rows, self.k, |search| self.run(search, progress, budget))?;
        finish(lists, self.k, scale)
    }

    fn between<T: Real>(
        &self,
        queries: &Rows<T>,
        base: &Rows<T>,
        scale: Scale,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Neighbours> {
        let Some(distinct) = Distinct::of(base) else {
            let search = Search { queries, base, within: false, k: self.k };
            return finish(self.run(&search, progress, budget)?, self.k, scale);
        };
        let places = distinct.representatives(base);
        let k = self.k.min(places.n_rows());
        let search = Search { queries, base: &places, within: false, k };
        let found = self.run(&search, progress, budget)?;
        let lists = Lists::from_rows(queries.n_rows(), self.k, |i, out| {
            distinct.expand(&found.row(i, k), None, self.k, out);
        });
        finish(lists, self.k, scale)
    }

    /// Searches prepared rows.
    pub(crate) fn run<T: Real>(
        &self,
        search: &Search<'_, T>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Lists> {
        if self.by_tree(search.base.n_cols()) {
            kd::search(search, progress)
        } else {
            blocked::search(search, progress, budget)
        }
    }
}

/// Most columns for which the tree is the faster of the two.
const AUTO_TREE_COLUMNS: usize = 6;

/// Accepts 1 ≤ k ≤ candidates and rows that 32 bits can count.
pub(crate) fn check_count(k: usize, n_rows: usize, candidates: usize) -> Result<()> {
    if k == 0 || k > candidates {
        return Err(Error::NeighbourCount { k, candidates });
    }
    if u32::try_from(n_rows).is_err() {
        return Err(Error::TooManyRows { n_rows });
    }
    Ok(())
}

/// Lists of all rows from a search among their distinct places.
pub(crate) fn among_places<T: Real>(
    rows: &Rows<T>,
    k: usize,
    run: impl FnOnce(&Search<'_, T>) -> Result<Lists>,
) -> Result<Lists> {
    let Some(distinct) = Distinct::of(rows) else {
        return run(&Search { queries: rows, base: rows, within: true, k });
    };
    let places = distinct.representatives(rows);
    let k_places = k.min(places.n_rows() - 1);
    let found = if k_places == 0 {
        Lists::zeros(0, 0) // all rows are equal
    } else {
        run(&Search { queries: &places, base: &places, within: true, k: k_places })?
    };
    Ok(Lists::from_rows(rows.n_rows(), k, |i, out| {
        let groups = found.row(distinct.group_of(i), k_places);
        distinct.expand(&groups, Some(i), k, out);
    }))
}

/// Brings distances back to the scale of the data.
pub(crate) fn finish(mut lists: Lists, k: usize, scale: Scale) -> Result<Neighbours> {
    for (at, dist_sq) in lists.dist_sq.iter_mut().enumerate() {
        let Some(original) = scale.undo_sq(*dist_sq) else {
            return Err(Error::Scale { row: at / k, neighbour: lists.index[at] as usize });
        };
        *dist_sq = original;
    }
    Ok(Neighbours::from_lists(k, lists.index, lists.dist_sq))
}

/// The `k` nearest other rows of every row; see [`KnnParams::search`].
///
/// # Errors
/// Those of [`KnnParams::search`].
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [1.0], [5.0], [6.5_f64]];
/// let near = embex_trees::knn(x.as_ref(), 2)?;
/// assert_eq!(near.row(0), [1, 2]);
/// assert_eq!(near.dist_sq(0), [1.0, 25.0]);
/// # Ok::<(), embex_trees::Error>(())
/// ```
pub fn knn<T: Real>(x: MatRef<'_, T>, k: usize) -> Result<Neighbours> {
    KnnParams::new(k).search(x, &mut Silent, MemoryBudget::default())
}

/// [`knn`] with an observer and a memory budget.
///
/// # Errors
/// Those of [`KnnParams::search`].
pub fn knn_with<T: Real>(
    x: MatRef<'_, T>,
    k: usize,
    progress: &mut dyn Progress,
    budget: MemoryBudget,
) -> Result<Neighbours> {
    KnnParams::new(k).search(x, progress, budget)
}

/// The `k` rows of `base` nearest to every row of `queries`; see
/// [`KnnParams::search_between`].
///
/// # Errors
/// Those of [`KnnParams::search_between`].
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let base = mat![[0.0], [1.0], [5.0_f64]];
/// let near = embex_trees::knn_between(mat![[1.0]].as_ref(), base.as_ref(), 2)?;
/// assert_eq!(near.row(0), [1, 0]);
/// # Ok::<(), embex_trees::Error>(())
/// ```
pub fn knn_between<T: Real>(
    queries: MatRef<'_, T>,
    base: MatRef<'_, T>,
    k: usize,
) -> Result<Neighbours> {
    KnnParams::new(k).search_between(queries, base, &mut Silent, MemoryBudget::default())
}
