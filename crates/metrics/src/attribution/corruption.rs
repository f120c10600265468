//! Data of which chosen features are spoilt.

use embex_linalg::faer::MatRef;
use embex_linalg::{Rows, seed};
use rand::RngExt;
use rayon::prelude::*;

use super::{Ranking, Scope};
use crate::{Error, Result};

/// What happens to the values of a corrupted feature.
///
/// "The corrupted values" of a feature are those of all samples whose list has it among the
/// first: one set per feature, whatever the scope, so that groups with a feature in common are
/// pooled, as the authors of \[TG\] do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Corruption {
    /// All become the mean of the corrupted values \[TG, "Methods of Feature Corruption"\].
    Mean,
    /// All become the mean of the whole column.
    ///
    /// Unlike [`Self::Mean`] it does not shift the corrupted samples away from the rest by where
    /// their own values lie, so it says less about who was corrupted.
    ColumnMean,
    /// The corrupted values change places at random; a value may keep its place.
    Permutation,
    /// The column is dropped. Only for [`Scope::Global`]: a matrix has no column for some of its
    /// rows alone.
    Removal,
}

/// How many of `n_features` a share of them is: the nearest integer, at least 1 unless the
/// share is 0.
///
/// # Errors
/// [`Error::Setting`] unless 0 ≤ `share` ≤ 1, [`Error::TooFew`] without features.
///
/// # Example
/// ```
/// use embex_metrics::attribution::n_features_of_share;
/// assert_eq!((n_features_of_share(0.18, 784)?, n_features_of_share(0.001, 50)?), (141, 1));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn n_features_of_share(share: f64, n_features: usize) -> Result<usize> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::Setting { name: "share", value: share, expected: "between 0 and 1" });
    }
    if n_features == 0 {
        return Err(Error::TooFew { what: "a share of the features", needed: 1, got: 0 });
    }
    let least = usize::from(share > 0.0);
    Ok(((share * n_features as f64).round() as usize).max(least))
}

/// The data with the first `count` features of every sample's list corrupted.
///
/// `x` is n × D; the result is too, or n × (D − `count`) after [`Corruption::Removal`]. Only
/// [`Corruption::Permutation`] draws: for every feature from its own stream. Cost n · D.
///
/// # Errors
/// [`Error::LengthMismatch`] if the ranking is of other samples or features, [`Error::Setting`]
/// for a `count` beyond the lists, or one that leaves no column, [`Error::Scope`] for a removal
/// that is not global, [`Error::Matrix`] for entries that are not finite.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::attribution::{Corruption, Order, Ranking, Scope, corrupt};
/// let x = mat![[1.0, 5.0], [3.0, 6.0], [9.0, 7.0_f64]];
/// let scores = mat![[2.0, 1.0], [2.0, 1.0], [0.0, 1.0_f64]];
/// let ranking = Ranking::new(scores.as_ref(), Scope::Local, Order::Largest, 1)?;
/// let corrupted = corrupt(x.as_ref(), &ranking, 1, Corruption::Mean, 0)?;
/// assert_eq!(corrupted.as_slice(), [2.0, 5.0, 2.0, 6.0, 9.0, 7.0]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn corrupt(
    x: MatRef<'_, f64>,
    ranking: &Ranking,
    count: usize,
    how: Corruption,
    seed: u64,
) -> Result<Rows<f64>> {
    ranking.check_fits(x)?;
    ranking.check_count(count)?;
    if how == Corruption::Removal {
        return remove(x, ranking, count);
    }
    let affected = affected_rows(x.nrows(), ranking, count);
    let replaced: Vec<Vec<f64>> = affected
        .par_iter()
        .enumerate()
        .map(|(d, rows)| replacement(x, d, rows, how, seed))
        .collect();
    let mut corrupted = Rows::copy_from(x);
    for (d, (rows, values)) in affected.iter().zip(replaced).enumerate() {
        for (&i, value) in rows.iter().zip(values) {
            corrupted.row_mut(i as usize)[d] = value;
        }
    }
    Ok(corrupted)
}

/// For every feature the samples that have it among their first `count`, ascending.
fn affected_rows(n: usize, ranking: &Ranking, count: usize) -> Vec<Vec<u32>> {
    let mut rows = vec![Vec::new(); ranking.n_features()];
    for i in 0..n {
        for &d in &ranking.of_sample(i)[..count] {
            rows[d as usize].push(i as u32);
        }
    }
    rows
}

/// New values of feature `d` for the given rows.
fn replacement(x: MatRef<'_, f64>, d: usize, rows: &[u32], how: Corruption, seed: u64) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().map(|&i| x[(i as usize, d)]).collect();
    match how {
        Corruption::Permutation => {
            let mut rng = seed::stream(seed, "permuted values", d as u64);
            shuffle(&mut values, &mut rng);
            values
        }
        Corruption::ColumnMean => {
            let mean = mean((0..x.nrows()).map(|i| x[(i, d)]));
            vec![mean; rows.len()]
        }
        _ => {
            let mean = mean(values.iter().copied());
            vec![mean; rows.len()]
        }
    }
}

/// Mean about the first value, so that equal values have it as their mean, to the bit.
fn mean(mut values: impl Iterator<Item = f64>) -> f64 {
    let Some(first) = values.next() else { return 0.0 };
    let (n, sum) = values.fold((1.0, 0.0), |(n, sum), v| (n + 1.0, sum + (v - first)));
    first + sum / n
}

/// A uniform permutation (Fisher and Yates).
pub(super) fn shuffle<T>(values: &mut [T], rng: &mut seed::ChaCha8Rng) {
    for last in (1..values.len()).rev() {
        values.swap(last, rng.random_range(0..=last));
    }
}

fn remove(x: MatRef<'_, f64>, ranking: &Ranking, count: usize) -> Result<Rows<f64>> {
    if *ranking.scope() != Scope::Global {
        return Err(Error::Scope { what: "removing columns", expected: "a global ranking" });
    }
    let n_features = x.ncols();
    if count >= n_features {
        let expected = "below the number of features where columns are removed";
        return Err(Error::Setting { name: "count", value: count as f64, expected });
    }
    let mut kept = vec![true; n_features];
    ranking.of_sample(0)[..count].iter().for_each(|&d| kept[d as usize] = false);
    let columns: Vec<usize> = (0..n_features).filter(|&d| kept[d]).collect();
    let mut left = Rows::zeros(x.nrows(), columns.len());
    for i in 0..x.nrows() {
        for (slot, &d) in left.row_mut(i).iter_mut().zip(&columns) {
            *slot = x[(i, d)];
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Order;
    use embex_linalg::faer::{Mat, mat};
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    fn random(x: &Mat<f64>, scope: Scope, length: usize) -> Ranking {
        Ranking::random(x.nrows(), x.ncols(), scope, length, (5, 0)).unwrap()
    }

    /// Groups 0 and 1 both list feature 0, so its mean is over all four; feature 1 is untouched.
    #[test]
    fn groups_with_a_feature_in_common_are_pooled() {
        let x = mat![[0.0, 1.0], [2.0, 2.0], [4.0, 3.0], [6.0, 4.0_f64]];
        let scope = Scope::Groups(vec![0, 0, 1, 1]);
        let scores = mat![[1.0, 0.0], [1.0, 0.0_f64]];
        let ranking = Ranking::new(scores.as_ref(), scope, Order::Largest, 1).unwrap();
        let got = corrupt(x.as_ref(), &ranking, 1, Corruption::Mean, 0).unwrap();
        assert_eq!(got.as_slice(), [3.0, 1.0, 3.0, 2.0, 3.0, 3.0, 3.0, 4.0]);
    }

    #[test]
    fn the_mean_of_the_column_is_over_all_samples() {
        let x = mat![[0.0], [2.0], [10.0_f64]];
        let scope = Scope::Groups(vec![0, 1, 1]);
        let scores = mat![[1.0], [1.0_f64]];
        let ranking = Ranking::new(scores.as_ref(), scope, Order::Largest, 1).unwrap();
        let got = corrupt(x.as_ref(), &ranking, 1, Corruption::ColumnMean, 0).unwrap();
        assert_eq!(got.as_slice(), [4.0, 4.0, 4.0]);
    }

    #[test]
    fn removal_keeps_the_other_columns_in_order() {
        let x = mat![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0_f64]];
        let scores = mat![[0.0, 2.0, 1.0_f64]];
        let ranking = Ranking::new(scores.as_ref(), Scope::Global, Order::Largest, 3).unwrap();
        let left = |count| corrupt(x.as_ref(), &ranking, count, Corruption::Removal, 0);
        assert_eq!(left(1).unwrap().as_slice(), [1.0, 3.0, 4.0, 6.0]);
        assert_eq!(left(2).unwrap().as_slice(), [1.0, 4.0]);
        assert!(matches!(left(3), Err(Error::Setting { name: "count", .. })));
        let local = random(&x.to_owned(), Scope::Local, 1);
        let refused = corrupt(x.as_ref(), &local, 1, Corruption::Removal, 0);
        assert!(matches!(refused, Err(Error::Scope { .. })));
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(6, 4, 1);
        let ranking = random(&x, Scope::Local, 2);
        let run = |x: MatRef<'_, f64>, count| corrupt(x, &ranking, count, Corruption::Mean, 0);
        assert!(matches!(run(x.as_ref(), 3), Err(Error::Setting { .. })));
        assert!(matches!(run(x.get(..5, ..), 1), Err(Error::LengthMismatch { .. })));
        assert!(matches!(run(x.get(.., ..3), 1), Err(Error::LengthMismatch { .. })));
        let mut bad = x.clone();
        bad[(2, 1)] = f64::INFINITY;
        assert!(matches!(run(bad.as_ref(), 1), Err(Error::Matrix(_))));
        assert!(n_features_of_share(1.5, 3).is_err() && n_features_of_share(0.5, 0).is_err());
        assert_eq!(n_features_of_share(0.0, 3), Ok(0));
    }

    proptest! {
        /// What is not listed stays; means and multisets of the corrupted values stay.
        #[test]
        fn sums_of_columns_survive(seed in any::<u64>(), n in 2..20_usize, count in 0..4_usize) {
            let x = gaussian(n, 4, seed);
            let scopes = [Scope::Local, Scope::Global, Scope::Groups((0..n).map(|i| (i % 2) as u32).collect())];
            for scope in scopes {
                let ranking = random(&x, scope, 4);
                for how in [Corruption::Mean, Corruption::Permutation] {
                    let got = corrupt(x.as_ref(), &ranking, count, how, seed).unwrap();
                    for d in 0..4 {
                        let sum = |m: MatRef<'_, f64>| (0..n).map(|i| m[(i, d)]).sum::<f64>();
                        prop_assert!((sum(got.as_mat()) - sum(x.as_ref())).abs() < 1e-9);
                    }
                    for i in 0..n {
                        for d in 0..4_u32 {
                            if !ranking.of_sample(i)[..count].contains(&d) {
                                prop_assert_eq!(got.row(i)[d as usize], x[(i, d as usize)]);
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn permutations_are_seeded_and_keep_the_values() {
        let x = gaussian(40, 2, 9);
        let ranking = random(&x, Scope::Global, 2);
        let run = |seed| corrupt(x.as_ref(), &ranking, 2, Corruption::Permutation, seed).unwrap();
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let sorted = |m: MatRef<'_, f64>| {
            let mut column: Vec<f64> = (0..40).map(|i| m[(i, 1)]).collect();
            column.sort_by(f64::total_cmp);
            column
        };
        assert_eq!(sorted(run(1).as_mat()), sorted(x.as_ref()));
    }
}
