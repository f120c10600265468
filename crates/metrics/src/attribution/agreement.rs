//! Whether two sets of scores put the same features first.

use embex_linalg::faer::MatRef;
use embex_linalg::{check, stats};
use rayon::prelude::*;

use super::per_sample::same_shape;
use super::{Order, PerSample, Ranking, Scope};
use crate::error::no_nan;
use crate::{BootstrapParams, Error, Result};

/// Kendall's τ_b of two vectors, in \[−1, 1\].
///
/// (concordant − discordant) / √((n₀ − n₁)(n₀ − n₂)) over the n₀ = n(n − 1)/2 pairs, of which n₁
/// tie in `a` and n₂ in `b` (Kendall 1945). Pairs are counted by merge sort (Knight 1966):
/// O(n log n). Infinities have their place at the ends.
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::TooFew`] below 2; [`Error::Value`] for NaN;
/// [`Error::Matrix`] with [`embex_linalg::Error::Constant`] if either vector is.
///
/// # Example
/// ```
/// let tau = embex_metrics::attribution::kendall_tau_b(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0])?;
/// assert!((tau - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn kendall_tau_b(a: &[f64], b: &[f64]) -> Result<f64> {
    same_length(a.len(), b.len())?;
    no_nan("the first vector", a)?;
    no_nan("the second vector", b)?;
    let n = a.len();
    if n < 2 {
        return Err(Error::TooFew { what: "a rank correlation", needed: 2, got: n });
    }
    let pair = |i: usize| (a[i] + 0.0, b[i] + 0.0); // zeros of both signs are equal
    let mut pairs: Vec<(f64, f64)> = (0..n).map(pair).collect();
    pairs.sort_unstable_by(|p, q| p.0.total_cmp(&q.0).then(p.1.total_cmp(&q.1)));
    let tied_a = tied_pairs(&pairs, |p, q| p.0 == q.0);
    let tied_both = tied_pairs(&pairs, |p, q| p == q);
    let mut second: Vec<f64> = pairs.into_iter().map(|p| p.1).collect();
    let discordant = sort_counting(&mut second);
    let tied_b = tied_pairs(&second, |p, q| p == q);
    let all = n as f64 * (n - 1) as f64 / 2.0;
    for (what, tied) in [("first", tied_a), ("second", tied_b)] {
        if tied == all {
            return Err(embex_linalg::Error::Constant { what }.into());
        }
    }
    let excess = all - tied_a - tied_b + tied_both - 2.0 * discordant;
    let tau = excess / ((all - tied_a) * (all - tied_b)).sqrt();
    Ok(tau.clamp(-1.0, 1.0))
}

/// Pairs within runs of equal neighbours.
fn tied_pairs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> f64 {
    sorted.chunk_by(equal).map(|run| run.len() as f64 * (run.len() - 1) as f64 / 2.0).sum()
}

/// Sorts, and counts the pairs that were out of order (equal ones are not).
fn sort_counting(values: &mut [f64]) -> f64 {
    let n = values.len();
    let mut inversions = 0.0;
    let mut from = values.to_vec();
    let mut to = vec![0.0; n];
    let mut width = 1;
    while width < n {
        for start in (0..n).step_by(2 * width) {
            let (middle, end) = (n.min(start + width), n.min(start + 2 * width));
            inversions += merge(&from[start..middle], &from[middle..end], &mut to[start..end]);
        }
        std::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    values.copy_from_slice(&from);
    inversions
}

/// Merges two ascending runs; every value of the right one passes what is left of the left one.
fn merge(left: &[f64], right: &[f64], out: &mut [f64]) -> f64 {
    let (mut l, mut r, mut passed) = (0, 0, 0.0);
    for slot in out {
        if r == right.len() || (l < left.len() && left[l] <= right[r]) {
            *slot = left[l];
            l += 1;
        } else {
            *slot = right[r];
            r += 1;
            passed += (left.len() - l) as f64;
        }
    }
    passed
}

/// Share of the first `k` entries that two lists have in common, in any order: |A_k ∩ B_k| / k.
///
/// In \[0, 1\]; two random lists of D features share k/D. Entries of a list must differ. Cost
/// O(k log k).
///
/// # Errors
/// [`Error::Setting`] unless 1 ≤ `k` ≤ the lengths of both lists.
///
/// # Example
/// ```
/// use embex_metrics::attribution::top_k_overlap;
/// assert_eq!(top_k_overlap(&[4, 1, 2], &[1, 0, 4], 2)?, 0.5);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn top_k_overlap(a: &[u32], b: &[u32], k: usize) -> Result<f64> {
    Ok(n_common(a, b, k)? as f64 / k as f64)
}

/// Jaccard's index of the first `k` entries: |A_k ∩ B_k| / |A_k ∪ B_k|.
///
/// With overlap o it is o/(2 − o). In \[0, 1\].
///
/// # Errors
/// As [`top_k_overlap`].
///
/// # Example
/// ```
/// use embex_metrics::attribution::top_k_jaccard;
/// assert_eq!(top_k_jaccard(&[4, 1, 2], &[1, 0, 4], 2)?, 1.0 / 3.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn top_k_jaccard(a: &[u32], b: &[u32], k: usize) -> Result<f64> {
    let common = n_common(a, b, k)?;
    Ok(common as f64 / (2 * k - common) as f64)
}

fn n_common(a: &[u32], b: &[u32], k: usize) -> Result<usize> {
    if k == 0 || k > a.len().min(b.len()) {
        let expected = "at least 1 and at most the lengths of the lists";
        return Err(Error::Setting { name: "k", value: k as f64, expected });
    }
    let mut sorted = a[..k].to_vec();
    sorted.sort_unstable();
    Ok(b[..k].iter().filter(|d| sorted.binary_search(d).is_ok()).count())
}

/// Rank-biased overlap of two lists, extrapolated from their common depth (Webber, Moffat and
/// Zobel 2010, eq. 23).
///
/// A_k p^k + (1 − p)/p · Σ_{d=1}^k A_d p^d with A_d = |A_d ∩ B_d|/d and k the length of the
/// shorter list: the share in common, weighted by depth; what lies deeper is taken to agree as the
/// last depth does. In \[0, 1\]: 1 for equal lists, 0 if nothing is common. A reader goes on to
/// the next depth with chance `persistence`: 0.9 gives the first ten 86 % of the weight. Entries
/// of a list must differ. Cost O(k log k).
///
/// # Errors
/// [`Error::Setting`] unless 0 < `persistence` < 1, [`Error::TooFew`] for an empty list.
///
/// # Example
/// ```
/// use embex_metrics::attribution::rank_biased_overlap;
/// let found = rank_biased_overlap(&[0, 1], &[1, 0], 0.5)?;
/// assert_eq!(found, 0.5); // A_1 = 0, A_2 = 1: 0.25 + 1 · 0.25
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn rank_biased_overlap(a: &[u32], b: &[u32], persistence: f64) -> Result<f64> {
    if !(persistence > 0.0 && persistence < 1.0) {
        let expected = "above 0 and below 1";
        return Err(Error::Setting { name: "persistence", value: persistence, expected });
    }
    let depth = a.len().min(b.len());
    if depth == 0 {
        return Err(Error::TooFew { what: "a list", needed: 1, got: 0 });
    }
    let mut seen = std::collections::BTreeSet::new();
    let (mut common, mut weight, mut sum, mut share) = (0_usize, 1.0, 0.0, 0.0);
    for d in 0..depth {
        for entry in [a[d], b[d]] {
            common += usize::from(!seen.insert(entry)); // met before: on the other list
        }
        weight *= persistence;
        share = common as f64 / (d + 1) as f64;
        sum += share * weight;
    }
    Ok((share * weight + (1.0 - persistence) / persistence * sum).min(1.0))
}

/// Settings of [`agreement`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AgreementParams {
    /// What makes a feature come first; the size of its score unless set. Correlations are of
    /// these keys too.
    pub order: Order,
    /// First features that are compared as sets; 10 unless set, or all if there are fewer.
    pub k: usize,
    /// Of [`rank_biased_overlap`]; 0.9 unless set.
    pub persistence: f64,
    /// Of the intervals.
    pub bootstrap: BootstrapParams,
}

impl Default for AgreementParams {
    fn default() -> Self {
        let bootstrap = BootstrapParams::default();
        Self { order: Order::LargestSize, k: 10, persistence: 0.9, bootstrap }
    }
}

impl AgreementParams {
    embex_linalg::setters! {
        with_order order: Order,
        with_k k: usize,
        with_persistence persistence: f64,
        with_bootstrap bootstrap: BootstrapParams,
    }
}

/// How well two rankings of the same features agree.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Agreement {
    /// Spearman's correlation; undefined for a sample of which all keys are equal, `None` if none
    /// is defined.
    pub spearman: Option<PerSample>,
    /// [`kendall_tau_b`], defined where Spearman's is.
    pub kendall: Option<PerSample>,
    /// [`top_k_overlap`].
    pub overlap: PerSample,
    /// [`top_k_jaccard`].
    pub jaccard: PerSample,
    /// [`rank_biased_overlap`] of the whole rankings.
    pub rank_biased: PerSample,
}

/// Agreement of two matrices of scores, row by row.
///
/// Rows may be samples, groups, or one row for all. Cost O(D log D) a row.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::Matrix`] for entries that are not finite,
/// [`Error::Setting`]; those of the bootstrap.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::attribution::{AgreementParams, agreement};
/// let a = mat![[3.0, -2.0, 1.0], [1.0, 0.0, 5.0_f64]];
/// let b = mat![[-6.0, 4.0, 2.0], [5.0, 0.0, 1.0_f64]];
/// let found = agreement(a.as_ref(), b.as_ref(), &AgreementParams::default().with_k(1))?;
/// assert_eq!(found.overlap.values, [Some(1.0), Some(0.0)]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn agreement(
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
    params: &AgreementParams,
) -> Result<Agreement> {
    check::finite(a)?;
    same_shape("the second scores", b, a.shape())?;
    let length = a.ncols();
    let ranking = |scores| Ranking::new(scores, Scope::Local, params.order, length);
    let lists = [ranking(a)?, ranking(b)?];
    let rows: Vec<Row> = (0..a.nrows())
        .into_par_iter()
        .map(|i| Row::new([a, b], &lists, i, params))
        .collect::<Result<_>>()?;
    let some = |value: fn(&Row) -> Option<f64>| {
        PerSample::of_some(rows.iter().map(value).collect(), &params.bootstrap)
    };
    let all = |value: fn(&Row) -> f64| {
        PerSample::of_all(rows.iter().map(value).collect(), &params.bootstrap)
    };
    Ok(Agreement {
        spearman: some(|row| row.correlations.map(|c| c[0]))?,
        kendall: some(|row| row.correlations.map(|c| c[1]))?,
        overlap: all(|row| row.overlap)?,
        jaccard: all(|row| row.jaccard)?,
        rank_biased: all(|row| row.rank_biased)?,
    })
}

/// Agreement of one pair of rankings.
struct Row {
    /// Spearman's and Kendall's, if neither row of keys is constant.
    correlations: Option<[f64; 2]>,
    overlap: f64,
    jaccard: f64,
    rank_biased: f64,
}

impl Row {
    fn new(
        scores: [MatRef<'_, f64>; 2],
        lists: &[Ranking; 2],
        i: usize,
        params: &AgreementParams,
    ) -> Result<Self> {
        let keys = scores.map(|m| (0..m.ncols()).map(|d| params.order.key(m[(i, d)])).collect());
        let [a, b]: [Vec<f64>; 2] = keys;
        let varies = |keys: &[f64]| keys.iter().any(|key| *key != keys[0]);
        let correlate = || Ok::<_, Error>([stats::spearman(&a, &b)?, kendall_tau_b(&a, &b)?]);
        let [first, second] = [lists[0].of_sample(i), lists[1].of_sample(i)];
        let k = params.k.min(a.len());
        Ok(Self {
            correlations: (varies(&a) && varies(&b)).then(correlate).transpose()?,
            overlap: top_k_overlap(first, second, k)?,
            jaccard: top_k_jaccard(first, second, k)?,
            rank_biased: rank_biased_overlap(first, second, params.persistence)?,
        })
    }
}

fn same_length(expected: usize, got: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::LengthMismatch { what: "the second vector", got, expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    fn params() -> AgreementParams {
        let bootstrap = BootstrapParams::default().with_n_resamples(50);
        AgreementParams::default().with_bootstrap(bootstrap)
    }

    /// scipy 1.17.1: `scipy.stats.kendalltau` (variant b) of the same vectors.
    #[test]
    fn golden_kendall() {
        let a: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
        let b: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 23) - f64::from(i * i % 17)).collect();
        assert!((kendall_tau_b(&a, &b).unwrap() - KENDALL).abs() < 1e-14);
    }
    const KENDALL: f64 = -0.4518026778115081;

    /// Webber's implementation as in PyPI rbo 0.1.3, `RankingSimilarity(a, b).rbo_ext(p=0.9)`.
    #[test]
    fn golden_rank_biased_overlap() {
        let a: Vec<u32> = (0..12).map(|i| i * 5 % 12).collect();
        let b: Vec<u32> = (0..12).map(|i| i * 7 % 12).collect();
        assert!((rank_biased_overlap(&a, &b, 0.9).unwrap() - RBO).abs() < 1e-14);
        assert!((rank_biased_overlap(&a[..5], &b[..5], 0.9).unwrap() - RBO_5).abs() < 1e-14);
    }
    const RBO: f64 = 0.6574874627905196;
    const RBO_5: f64 = 0.321445;

    #[test]
    fn closed_forms() {
        let up = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(kendall_tau_b(&up, &[0.0, 1.0, 5.0, f64::INFINITY]).unwrap(), 1.0);
        assert_eq!(kendall_tau_b(&up, &[4.0, 3.0, 2.0, 1.0]).unwrap(), -1.0);
        assert_eq!(kendall_tau_b(&[0.0, -0.0, 1.0], &[3.0, 2.0, 2.0]).unwrap(), -0.5);
        assert_eq!(rank_biased_overlap(&[3, 1], &[3, 1], 0.3).unwrap(), 1.0);
        assert_eq!(rank_biased_overlap(&[3, 1], &[0, 2], 0.3).unwrap(), 0.0);
        assert_eq!(top_k_jaccard(&[1, 2], &[2, 1], 2).unwrap(), 1.0);
    }

    #[test]
    fn constant_rows_have_no_correlation() {
        let a = Mat::from_fn(2, 4, |i, d| if i == 0 { 1.0 } else { d as f64 });
        let found = agreement(a.as_ref(), a.as_ref(), &params()).unwrap();
        let spearman = found.spearman.unwrap();
        assert_eq!((spearman.n_undefined(), spearman.values[1]), (1, Some(1.0)));
        assert_eq!(found.rank_biased.mean.estimate, 1.0);
        let ones = Mat::from_fn(2, 4, |_, _| 1.0);
        assert_eq!(agreement(ones.as_ref(), a.as_ref(), &params()).unwrap().kendall, None);
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(kendall_tau_b(&[1.0], &[1.0, 2.0]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(kendall_tau_b(&[1.0], &[1.0]), Err(Error::TooFew { .. })));
        assert!(matches!(kendall_tau_b(&[1.0, f64::NAN], &[1.0, 2.0]), Err(Error::Value { .. })));
        assert!(matches!(kendall_tau_b(&[1.0, 1.0], &[1.0, 2.0]), Err(Error::Matrix(_))));
        assert!(top_k_overlap(&[1], &[1], 0).is_err() && top_k_overlap(&[1], &[1, 2], 2).is_err());
        assert!(matches!(rank_biased_overlap(&[], &[1], 0.5), Err(Error::TooFew { .. })));
        for p in [0.0, 1.0, f64::NAN] {
            assert!(matches!(rank_biased_overlap(&[1], &[1], p), Err(Error::Setting { .. })));
        }
        let a = gaussian(3, 4, 1);
        let narrow = agreement(a.as_ref(), a.get(.., ..3), &params());
        assert!(matches!(narrow, Err(Error::LengthMismatch { .. })));
        assert!(agreement(a.as_ref(), a.as_ref(), &params().with_k(0)).is_err());
    }

    proptest! {
        #[test]
        fn kendall_equals_the_count_of_pairs(
            pairs in prop::collection::vec((-5..5_i32, -5..5_i32), 2..40),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).unzip();
            let (mut excess, mut na, mut nb) = (0.0, 0.0_f64, 0.0_f64);
            for i in 0..a.len() {
                for j in 0..i {
                    let (p, q) = (a[i] - a[j], b[i] - b[j]);
                    excess += if p * q > 0.0 { 1.0 } else if p * q < 0.0 { -1.0 } else { 0.0 };
                    na += f64::from(p != 0.0);
                    nb += f64::from(q != 0.0);
                }
            }
            if let Ok(tau) = kendall_tau_b(&a, &b) {
                prop_assert!((tau - excess / (na * nb).sqrt()).abs() < 1e-12);
            } else {
                prop_assert_eq!(na * nb, 0.0);
            }
        }

        /// The sum over depths with fresh intersections, and symmetry.
        #[test]
        fn rank_biased_overlap_matches_the_definition(
            n in 1..20_usize, seed in any::<u64>(), p in 0.05..0.95_f64,
        ) {
            let list = |draw| {
                let ranking = Ranking::random(1, 24, Scope::Global, n, (seed, draw)).unwrap();
                ranking.of_sample(0).to_vec()
            };
            let (a, b) = (list(0), list(1));
            let at = |d: usize| top_k_overlap(&a, &b, d).unwrap();
            let sum: f64 = (1..=n).map(|d| at(d) * p.powi(d as i32)).sum();
            let expected = at(n) * p.powi(n as i32) + (1.0 - p) / p * sum;
            let got = rank_biased_overlap(&a, &b, p).unwrap();
            prop_assert!((got - expected).abs() < 1e-12);
            prop_assert!((got - rank_biased_overlap(&b, &a, p).unwrap()).abs() < 1e-15);
            prop_assert!((0.0..=1.0).contains(&got));
        }

        #[test]
        fn rows_agree_with_themselves_at_any_scale(seed in any::<u64>()) {
            let a = gaussian(4, 6, seed);
            let b = Mat::from_fn(4, 6, |i, d| -4.0 * a[(i, d)]);
            let found = agreement(a.as_ref(), b.as_ref(), &params()).unwrap();
            let perfect = |s: &PerSample| (s.mean.estimate - 1.0).abs() < 1e-12;
            prop_assert!(perfect(&found.overlap) && perfect(&found.jaccard));
            prop_assert!(perfect(&found.rank_biased));
            prop_assert!(perfect(&found.spearman.unwrap()) && perfect(&found.kendall.unwrap()));
        }
    }
}
