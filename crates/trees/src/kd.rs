//! Exact search by a kd-tree, for few columns.

use std::num::NonZero;

use embex_linalg::{Progress, Real};
use kiddo::{ImmutableKdTree, SquaredEuclidean};

use crate::points::dist_sq;
use crate::ranked::{Ranked, keep_nearest};
use crate::search::{Lists, Search, fill_in_waves, write};
use crate::{Error, Result};

/// Most columns that the tree takes.
pub(crate) const MAX_COLUMNS: usize = 8;

const BLOCK: usize = 256;
const WAVE: usize = 64;

/// The tree's own sums may round differently from the direct distances, by a few parts in
/// 10¹⁵ for at most eight columns: radii are widened by more than that.
const SLACK: f64 = 1.0 + 1e-12;

/// At most [`MAX_COLUMNS`] columns.
pub(crate) fn search<T: Real>(
    search: &Search<'_, T>,
    progress: &mut dyn Progress,
) -> Result<Lists> {
    match search.base.n_cols() {
        1 => run::<T, 1>(search, progress),
        2 => run::<T, 2>(search, progress),
        3 => run::<T, 3>(search, progress),
        4 => run::<T, 4>(search, progress),
        5 => run::<T, 5>(search, progress),
        6 => run::<T, 6>(search, progress),
        7 => run::<T, 7>(search, progress),
        8 => run::<T, 8>(search, progress),
        n_cols => Err(Error::TreeColumns { n_cols, most: MAX_COLUMNS }),
    }
}

fn run<T: Real, const D: usize>(
    search: &Search<'_, T>,
    progress: &mut dyn Progress,
) -> Result<Lists> {
    let points: Vec<[f64; D]> =
        (0..search.base.n_rows()).map(|j| point(search.base.row(j))).collect();
    let tree = ImmutableKdTree::<f64, D>::new_from_slice(&points)
        .map_err(|error| Error::Tree { reason: error.to_string() })?;
    let (n, k) = (search.queries.n_rows(), search.k);
    fill_in_waves((n, k), (BLOCK, WAVE), progress, |first, index, dist_sq| {
        let mut found = Vec::new();
        for (r, (index, dist_sq)) in
            index.chunks_exact_mut(k).zip(dist_sq.chunks_exact_mut(k)).enumerate()
        {
            nearest(search, &tree, first + r, &mut found);
            write(found.iter().copied(), index, dist_sq);
        }
    })
}

/// Bytes of the tree and of the points it is built from.
pub(crate) fn memory_bytes(n: u64, d: u64) -> u64 {
    n * (3 * 8 * d + 8)
}

fn point<T: Real, const D: usize>(row: &[T]) -> [f64; D] {
    std::array::from_fn(|d| row[d].to_f64())
}

/// A first query tells how far the k-th neighbour is, a second fetches everything as near:
/// the tree breaks ties at the k-th distance as it likes, the lists must not.
fn nearest<T: Real, const D: usize>(
    search: &Search<'_, T>,
    tree: &ImmutableKdTree<f64, D>,
    i: usize,
    found: &mut Vec<Ranked>,
) {
    let row = search.queries.row(i);
    let query: [f64; D] = point(row);
    let wanted = NonZero::new(search.k)
        .map_or(NonZero::<usize>::MIN, |k| k.saturating_add(usize::from(search.within)));
    let near = tree.query(&query).nearest_n::<SquaredEuclidean<f64>>(wanted).execute();
    let radius = near.last().map_or(0.0, |last| last.distance) * SLACK + f64::MIN_POSITIVE;
    let within = tree.query(&query).within::<SquaredEuclidean<f64>>(radius).unsorted().execute();
    found.clear();
    found.extend(within.iter().filter(|item| search.admits(i, item.item as usize)).map(|item| {
        let dist_sq = dist_sq(row, search.base.row(item.item as usize));
        Ranked { dist_sq, index: item.item }
    }));
    keep_nearest(found, search.k, |ranked| *ranked);
}
