//! Which features come first, for a sample, a group or all.

use embex_linalg::faer::MatRef;
use embex_linalg::{Real, Rows, seed};
use rand::RngExt;
use rayon::prelude::*;

use super::per_sample::same_shape;
use crate::features::group_sizes;
use crate::{Error, Result};

/// What makes a feature come first. Equal scores are in the order of the features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Order {
    /// The largest score.
    Largest,
    /// The smallest score, as for the Laplacian score.
    Smallest,
    /// The largest |score|.
    #[default]
    LargestSize,
    /// The largest score above 0; all others count as 0 and follow in the order of the features.
    Positive,
}

impl Order {
    /// Larger comes first; zeros of both signs are equal.
    pub(super) fn key(self, score: f64) -> f64 {
        0.0 + match self {
            Self::Largest => score,
            Self::Smallest => -score,
            Self::LargestSize => score.abs(),
            Self::Positive => score.max(0.0),
        }
    }
}

/// Which samples share a list of features: the three levels of \[TG, "MNIST Validation
/// Experiments"\].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scope {
    /// Every sample has its own list.
    Local,
    /// The samples of a group share one: the group of every sample, counted from 0.
    Groups(Vec<u32>),
    /// All samples share one.
    Global,
}

/// Lists of features, first first: one per sample, per group or for all samples.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::attribution::{Order, Ranking, Scope};
/// let scores = mat![[0.5, -2.0, 0.5], [0.0, 1.0_f64, 3.0]];
/// let ranking = Ranking::new(scores.as_ref(), Scope::Local, Order::LargestSize, 2)?;
/// assert_eq!((ranking.of_sample(0), ranking.of_sample(1)), (&[1, 0][..], &[2, 1][..]));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ranking {
    n_features: usize,
    /// Length of every list.
    length: usize,
    scope: Scope,
    lists: Vec<u32>,
}

impl Ranking {
    /// The first `length` features by a row of `scores` each: n rows for [`Scope::Local`], one
    /// per group for [`Scope::Groups`], one for [`Scope::Global`].
    ///
    /// Scores may be infinite. Cost O(rows · (D + `length` log `length`)), memory
    /// rows · `length` · 4 bytes.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for the rows, [`Error::EmptyGroup`], [`Error::Setting`] unless
    /// 1 ≤ `length` ≤ D, [`Error::Matrix`] for NaN.
    pub fn new<T: Real>(
        scores: MatRef<'_, T>,
        scope: Scope,
        order: Order,
        length: usize,
    ) -> Result<Self> {
        let (n_lists, n_features) = scores.shape();
        let expected = match &scope {
            Scope::Local => n_lists,
            Scope::Groups(codes) => group_sizes(codes)?.len(),
            Scope::Global => 1,
        };
        if n_lists != expected {
            let what = "the matrix of scores";
            return Err(Error::LengthMismatch { what, got: n_lists, expected });
        }
        check_length(length, n_features)?;
        let lists: Vec<Vec<u32>> = (0..n_lists)
            .into_par_iter()
            .map(|i| first(scores, i, order, length))
            .collect::<Result<_>>()?;
        Ok(Self { n_features, length, scope, lists: lists.concat() })
    }

    /// Random lists: a uniform draw without replacement for every sample, group, or for all.
    ///
    /// Every list comes from its own stream of (seed, draw, list); the first k of a list are a
    /// uniform draw of k. `n_samples` counts only under [`Scope::Local`].
    ///
    /// # Errors
    /// [`Error::EmptyGroup`], [`Error::Setting`] unless 1 ≤ `length` ≤ `n_features`.
    pub fn random(
        n_samples: usize,
        n_features: usize,
        scope: Scope,
        length: usize,
        (seed, draw): (u64, u32),
    ) -> Result<Self> {
        check_length(length, n_features)?;
        let n_lists = match &scope {
            Scope::Local => n_samples,
            Scope::Groups(codes) => group_sizes(codes)?.len(),
            Scope::Global => 1,
        };
        let lists: Vec<Vec<u32>> = (0..n_lists)
            .into_par_iter()
            .map(|list| {
                let item = (u64::from(draw) << 32) | list as u64;
                let mut rng = seed::stream(seed, "random ranking", item);
                let mut features: Vec<u32> = (0..n_features as u32).collect();
                for place in 0..length {
                    features.swap(place, rng.random_range(place..n_features));
                }
                features.truncate(length);
                features
            })
            .collect();
        Ok(Self { n_features, length, scope, lists: lists.concat() })
    }

    /// One list per group, or for all: the features that are most often among the first `count`
    /// of the samples' own lists \[TG, "Selecting Features to Corrupt"\]; equal counts by index.
    ///
    /// The list holds all features, those that no sample has among its first `count` last. It
    /// depends on `count`. Cost n · `count`.
    ///
    /// # Errors
    /// [`Error::Scope`] unless this ranking is local and the new one is not,
    /// [`Error::LengthMismatch`] for the groups, [`Error::EmptyGroup`], [`Error::Setting`] for
    /// `count`.
    pub fn most_frequent(&self, scope: Scope, count: usize) -> Result<Self> {
        let expected = "local lists, to be shared by groups or by all";
        if self.scope != Scope::Local || scope == Scope::Local {
            return Err(Error::Scope { what: "counting features", expected });
        }
        self.check_count(count)?;
        let n = self.lists.len() / self.length;
        let n_lists = match &scope {
            Scope::Groups(codes) if codes.len() != n => {
                let what = "the groups";
                return Err(Error::LengthMismatch { what, got: codes.len(), expected: n });
            }
            Scope::Groups(codes) => group_sizes(codes)?.len(),
            _ => 1,
        };
        let mut counts = Rows::<f64>::zeros(n_lists, self.n_features);
        for i in 0..n {
            let list = list_of(&scope, i);
            for &d in &self.of_sample(i)[..count] {
                counts.row_mut(list)[d as usize] += 1.0;
            }
        }
        Self::new(counts.as_mat(), scope, Order::Largest, self.n_features)
    }

    /// The list of a sample, first first.
    pub fn of_sample(&self, i: usize) -> &[u32] {
        let list = list_of(&self.scope, i);
        &self.lists[list * self.length..(list + 1) * self.length]
    }

    /// Who shares a list.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Features ranked, of which every list names the first [`Self::length`].
    pub const fn n_features(&self) -> usize {
        self.n_features
    }

    /// Features in every list.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Accepts a matrix of these features, and of these samples as far as they are known.
    pub(crate) fn check_fits(&self, x: MatRef<'_, f64>) -> Result<()> {
        let n_samples = match &self.scope {
            Scope::Local => self.lists.len() / self.length,
            Scope::Groups(codes) => codes.len(),
            Scope::Global => x.nrows(),
        };
        same_shape("the data of a ranking", x, (n_samples, self.n_features))
    }

    pub(crate) fn check_count(&self, count: usize) -> Result<()> {
        if count > self.length {
            let expected = "at most the length of the ranking's lists";
            return Err(Error::Setting { name: "count", value: count as f64, expected });
        }
        Ok(())
    }
}

/// Attribution times value, entry by entry: a_id · x_id.
///
/// Ranked by [`Order::LargestSize`] it is the third ranking of \[TG, "Selecting Features to
/// Corrupt"\].
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::Matrix`] for entries that are not finite, or products.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let product = embex_metrics::attribution::times_value(
///     mat![[1.0, -2.0_f64]].as_ref(),
///     mat![[3.0, 0.5_f64]].as_ref(),
/// )?;
/// assert_eq!(product.as_slice(), [3.0, -1.0]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn times_value(attributions: MatRef<'_, f64>, x: MatRef<'_, f64>) -> Result<Rows<f64>> {
    embex_linalg::check::finite(x)?;
    same_shape("the attributions", attributions, x.shape())?;
    let mut product = Rows::copy_from(attributions);
    for i in 0..x.nrows() {
        for (d, value) in product.row_mut(i).iter_mut().enumerate() {
            *value *= x[(i, d)];
        }
    }
    embex_linalg::check::finite(product.as_mat())?;
    Ok(product)
}

/// The list that a sample looks at.
fn list_of(scope: &Scope, i: usize) -> usize {
    match scope {
        Scope::Local => i,
        Scope::Groups(codes) => codes[i] as usize,
        Scope::Global => 0,
    }
}

fn check_length(length: usize, n_features: usize) -> Result<()> {
    if length == 0 || length > n_features {
        let expected = "at least 1 and at most the number of features";
        return Err(Error::Setting { name: "length", value: length as f64, expected });
    }
    Ok(())
}

/// The first features of row `i`.
fn first<T: Real>(
    scores: MatRef<'_, T>,
    row: usize,
    order: Order,
    length: usize,
) -> Result<Vec<u32>> {
    let n_features = scores.ncols();
    let score = |col: usize| scores[(row, col)].to_f64();
    if let Some(col) = (0..n_features).find(|&col| score(col).is_nan()) {
        return Err(embex_linalg::Error::NotFinite { row, col, value: f64::NAN }.into());
    }
    let keys: Vec<f64> = (0..n_features).map(|d| order.key(score(d))).collect();
    let before = |&a: &u32, &b: &u32| keys[b as usize].total_cmp(&keys[a as usize]).then(a.cmp(&b));
    let mut features: Vec<u32> = (0..n_features as u32).collect();
    if length < n_features {
        features.select_nth_unstable_by(length - 1, before);
        features.truncate(length);
    }
    features.sort_unstable_by(before);
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::{Mat, mat};
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    fn list(scores: &[f64], order: Order, length: usize) -> Vec<u32> {
        let row = MatRef::from_row_major_slice(scores, 1, scores.len());
        Ranking::new(row, Scope::Global, order, length).unwrap().of_sample(7).to_vec()
    }

    #[test]
    fn orders_and_ties() {
        let scores = [1.0, -3.0, -0.0, 2.0, 0.0, 1.0];
        assert_eq!(list(&scores, Order::Largest, 6), [3, 0, 5, 2, 4, 1]);
        assert_eq!(list(&scores, Order::Smallest, 6), [1, 2, 4, 0, 5, 3]);
        assert_eq!(list(&scores, Order::LargestSize, 3), [1, 3, 0]);
        assert_eq!(list(&scores, Order::Positive, 6), [3, 0, 5, 1, 2, 4]);
        assert_eq!(list(&[1.0, f64::INFINITY], Order::Largest, 1), [1]);
    }

    #[test]
    fn groups_share_lists() {
        let scores = mat![[1.0, 2.0], [4.0, 3.0_f64]];
        let scope = Scope::Groups(vec![1, 0, 1]);
        let ranking = Ranking::new(scores.as_ref(), scope, Order::Largest, 2).unwrap();
        assert_eq!(ranking.of_sample(0), [0, 1]);
        assert_eq!(ranking.of_sample(1), [1, 0]);
        assert_eq!((ranking.n_features(), ranking.length()), (2, 2));
    }

    /// Feature 2 is first for two samples, 0 for one; of the first two, 1 is there for all.
    #[test]
    fn frequency_counts_the_first_features() {
        let scores = mat![[0.0, 2.0, 3.0], [0.0, 2.0, 3.0], [9.0, 2.0, 1.0_f64]];
        let local = Ranking::new(scores.as_ref(), Scope::Local, Order::Largest, 3).unwrap();
        let global = |count| local.most_frequent(Scope::Global, count).unwrap();
        assert_eq!(global(1).of_sample(0), [2, 0, 1]);
        assert_eq!(global(2).of_sample(0), [1, 2, 0]);
        let groups = local.most_frequent(Scope::Groups(vec![0, 0, 1]), 1).unwrap();
        assert_eq!(groups.of_sample(0), [2, 0, 1]);
        assert_eq!(groups.of_sample(2), [0, 1, 2]);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(3, 4, 1);
        let make = |scope, length| Ranking::new(x.as_ref(), scope, Order::Largest, length);
        for length in [0, 5] {
            let error = make(Scope::Local, length).unwrap_err();
            assert!(matches!(error, Error::Setting { name: "length", .. }));
        }
        assert!(matches!(make(Scope::Global, 1), Err(Error::LengthMismatch { .. })));
        let gap = make(Scope::Groups(vec![0, 2, 2]), 1).unwrap_err();
        assert!(matches!(gap, Error::EmptyGroup { group: 1, .. }));
        let mut bad = x.clone();
        bad[(1, 2)] = f64::NAN;
        let nan = Ranking::new(bad.as_ref(), Scope::Local, Order::Largest, 1).unwrap_err();
        let named = |row, col| matches!(&nan, Error::Matrix(embex_linalg::Error::NotFinite { row: r, col: c, .. }) if (*r, *c) == (row, col));
        assert!(named(1, 2));
        let local = make(Scope::Local, 2).unwrap();
        assert!(matches!(local.most_frequent(Scope::Local, 1), Err(Error::Scope { .. })));
        assert!(matches!(local.most_frequent(Scope::Global, 3), Err(Error::Setting { .. })));
        let short = local.most_frequent(Scope::Groups(vec![0]), 1);
        assert!(matches!(short, Err(Error::LengthMismatch { .. })));
        assert!(local.check_fits(Mat::zeros(3, 4).as_ref()).is_ok());
        assert!(local.check_fits(Mat::zeros(2, 4).as_ref()).is_err());
        assert!(times_value(x.as_ref(), x.get(..2, ..)).is_err());
    }

    proptest! {
        #[test]
        fn lists_are_prefixes_of_the_whole_order(
            scores in prop::collection::vec(-4..4_i32, 1..40),
            share in 0.0..1.0_f64,
        ) {
            let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
            let length = 1 + (share * (scores.len() - 1) as f64) as usize;
            for order in [Order::Largest, Order::Smallest, Order::LargestSize, Order::Positive] {
                let whole = list(&scores, order, scores.len());
                prop_assert_eq!(&list(&scores, order, length)[..], &whole[..length]);
                let mut sorted = whole.clone();
                sorted.sort_unstable();
                prop_assert!(sorted.into_iter().eq(0..scores.len() as u32));
            }
        }

        #[test]
        fn random_lists_hold_every_feature_once(d in 1..30_usize, seed in any::<u64>()) {
            let make = |draw| Ranking::random(3, d, Scope::Local, d, (seed, draw)).unwrap();
            prop_assert_eq!(make(0), make(0));
            for i in 0..3 {
                let mut sorted = make(1).of_sample(i).to_vec();
                sorted.sort_unstable();
                prop_assert!(sorted.into_iter().eq(0..d as u32));
            }
        }
    }

    #[test]
    fn random_lists_are_uniform() {
        let ranking = Ranking::random(6000, 6, Scope::Local, 2, (3, 0)).unwrap();
        let mut counts = [0; 6];
        (0..6000).flat_map(|i| ranking.of_sample(i)).for_each(|&d| counts[d as usize] += 1);
        assert!(counts.iter().all(|&c| (c as f64 - 2000.0).abs() < 150.0), "{counts:?}");
    }
}
