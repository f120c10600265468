//! Candidates in the one order of every list: nearest first, equal distances by index.

use std::cmp::Ordering;

/// A row at a squared distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) dist_sq: f64,
    pub(crate) index: u32,
}

impl Ranked {
    /// By distance, then by index.
    #[inline]
    pub(crate) fn order(a: &Self, b: &Self) -> Ordering {
        a.dist_sq.total_cmp(&b.dist_sq).then(a.index.cmp(&b.index))
    }
}

/// Keeps the `k` first candidates, sorted.
pub(crate) fn keep_nearest<C>(candidates: &mut Vec<C>, k: usize, ranked: impl Fn(&C) -> Ranked) {
    let order = |a: &C, b: &C| Ranked::order(&ranked(a), &ranked(b));
    if candidates.len() > k {
        candidates.select_nth_unstable_by(k - 1, order);
        candidates.truncate(k);
    }
    candidates.sort_unstable_by(order);
}
