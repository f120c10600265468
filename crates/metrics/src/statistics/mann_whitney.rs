//! Mann–Whitney's test of two samples.

use embex_linalg::stats::ranks;
use statrs::function::erf::erfc;

use crate::error::no_nan;
use crate::{Error, Result};

/// Largest product of the sample sizes up to which [`Method::Auto`] is exact.
const EXACT_UP_TO: usize = 1600;

/// How the p-values are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Method {
    /// From the exact distribution of U if there are no ties and n₁·n₂ ≤ 1600, else normal.
    #[default]
    Auto,
    /// From the normal distribution, with tie and continuity corrections.
    Normal,
}

/// Result of Mann–Whitney's test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MannWhitney {
    /// Pairs in which the first sample's value is larger, ties counting half; in \[0, n₁n₂\].
    pub u: f64,
    /// (U − n₁n₂/2), moved towards 0 by ½, over its standard deviation with ties.
    pub z: f64,
    /// Chance of a U at least as far from the middle if both samples come from one law.
    pub p_two_sided: f64,
    /// Chance of a U at least as large: small if the first sample is larger.
    pub p_greater: f64,
    /// Chance of a U at most as large: small if the first sample is smaller.
    pub p_less: f64,
    /// Whether the p-values come from the exact distribution.
    pub exact: bool,
    /// Sizes of the samples.
    pub n: [usize; 2],
}

/// Tests whether values of one sample tend to be larger than those of another.
///
/// U = R₁ − n₁(n₁ + 1)/2 with mean ranks for ties (Mann and Whitney 1947). The normal
/// approximation has variance n₁n₂/12 · (n + 1 − Σ(t³ − t)/(n(n − 1))) over the sizes t of the
/// ties and a continuity correction of ½; tails are taken by erfc and reach 1e-300 before they
/// are 0. If all values are equal, z = 0 and every p = 1. Values may be infinite. Cost
/// O(n log n), exact O(n₁² n₂²) with n₁n₂ ≤ 1600.
///
/// # Errors
/// [`Error::TooFew`] if a sample is empty; [`Error::Value`] for NaN.
///
/// # Example
/// ```
/// use embex_metrics::{Method, mann_whitney_u};
/// let test = mann_whitney_u(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0], Method::Auto)?;
/// assert_eq!((test.u, test.exact), (17.0, true));
/// assert!((test.p_two_sided - 1.0 / 9.0).abs() < 1e-15);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn mann_whitney_u(first: &[f64], second: &[f64], method: Method) -> Result<MannWhitney> {
    for (what, sample) in [("the first sample", first), ("the second sample", second)] {
        if sample.is_empty() {
            return Err(Error::TooFew { what, needed: 1, got: 0 });
        }
        no_nan(what, sample)?;
    }
    let pooled: Vec<f64> = first.iter().chain(second).copied().collect();
    let ranks = ranks(&pooled)?;
    let rank_sum = ranks[..first.len()].iter().sum();
    let n = [first.len(), second.len()];
    Ok(Ranked { rank_sum, n, ties: tie_term(&ranks) }.test(method))
}

/// What the test needs of two samples that were ranked together.
pub(crate) struct Ranked {
    /// Σ of the first sample's ranks.
    pub(crate) rank_sum: f64,
    /// Sizes of the samples, at least 1.
    pub(crate) n: [usize; 2],
    /// [`tie_term`] of all ranks.
    pub(crate) ties: f64,
}

impl Ranked {
    pub(crate) fn test(&self, method: Method) -> MannWhitney {
        let Self { rank_sum, n, ties } = *self;
        let (n1, n2) = (n[0] as f64, n[1] as f64);
        let u = rank_sum - n1 * (n1 + 1.0) / 2.0;
        let few = n[0].saturating_mul(n[1]) <= EXACT_UP_TO;
        let exact = method == Method::Auto && ties == 0.0 && few;
        let sd = deviation(n1, n2, ties);
        let mean = n1 * n2 / 2.0;
        let z = standardised((u - mean).abs(), sd).max(0.0).copysign(u - mean);
        let (p_greater, p_less) = if exact {
            exact_tails(n[0], n[1], u as usize)
        } else {
            (upper_tail(standardised(u - mean, sd)), upper_tail(standardised(mean - u, sd)))
        };
        let p_two_sided = (2.0 * p_greater.min(p_less)).min(1.0);
        MannWhitney { u, z, p_two_sided, p_greater, p_less, exact, n }
    }
}

/// Σ (t³ − t) over the ties: ranks that are equal.
pub(crate) fn tie_term(ranks: &[f64]) -> f64 {
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|tie| (tie.len() as f64).powi(3) - tie.len() as f64).sum()
}

fn deviation(n1: f64, n2: f64, ties: f64) -> f64 {
    let n = n1 + n2;
    (n1 * n2 / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)))).max(0.0).sqrt()
}

/// The continuity-corrected excess in standard deviations; −∞ if there are none.
fn standardised(excess: f64, sd: f64) -> f64 {
    if sd > 0.0 { (excess - 0.5) / sd } else { f64::NEG_INFINITY }
}

fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// P(U ≥ u) and P(U ≤ u) without ties.
///
/// The largest of all values belongs to the first sample with chance m/(m + n), and then beats
/// all n others: P(m, n; u) = m/(m+n) · P(m−1, n; u−n) + n/(m+n) · P(m, n−1; u). Only sums
/// of positive terms, so small tails keep their digits.
fn exact_tails(n1: usize, n2: usize, u: usize) -> (f64, f64) {
    let mut row: Vec<Vec<f64>> = vec![vec![1.0]; n2 + 1]; // m = 0: U is 0
    for m in 1..=n1 {
        row[0] = vec![1.0];
        for n in 1..=n2 {
            let share = m as f64 / (m + n) as f64;
            let mut next = vec![0.0; m * n + 1];
            for (v, p) in row[n].iter().enumerate() {
                next[v + n] += share * p;
            }
            for (v, p) in row[n - 1].iter().enumerate() {
                next[v] += (1.0 - share) * p;
            }
            row[n] = next;
        }
    }
    let law = &row[n2];
    (law[u..].iter().rev().sum::<f64>().min(1.0), law[..=u].iter().sum::<f64>().min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLOSE: f64 = 1e-12;

    fn relative(got: f64, expected: f64) -> f64 {
        (got / expected - 1.0).abs()
    }

    /// scipy 1.17.1: `mannwhitneyu(..., method="asymptotic")` on tied samples, in the order
    /// two-sided, greater, less.
    #[test]
    fn golden_values_with_ties() {
        let first: Vec<f64> = (0..30).map(|i| f64::from(i * i % 11)).collect();
        let second: Vec<f64> = (0..25).map(|i| f64::from(i * 3 % 8)).collect();
        let test = mann_whitney_u(&first, &second, Method::Auto).unwrap();
        assert!(!test.exact);
        assert_eq!(test.u, 405.0);
        assert!(relative(test.p_two_sided, 0.6148497242569386) < CLOSE);
        assert!(relative(test.p_greater, 0.3074248621284693) < CLOSE);
        assert!(relative(test.p_less, 0.6985446332239902) < CLOSE);
    }

    /// scipy 1.17.1: `mannwhitneyu(..., method="exact")`.
    #[test]
    fn golden_values_of_the_exact_law() {
        let first: Vec<f64> = (0..7).map(|i| f64::from(i * i) + 0.5).collect();
        let second: Vec<f64> = (0..12).map(|i| f64::from(i * 5 % 13)).collect();
        let test = mann_whitney_u(&first, &second, Method::Auto).unwrap();
        assert!(test.exact);
        assert_eq!(test.u, 53.0);
        assert!(relative(test.p_two_sided, 0.38445661665475905) < CLOSE);
        assert!(relative(test.p_greater, 0.19222830832737953) < CLOSE);
        assert!(relative(test.p_less, 0.8298801301897277) < CLOSE);
    }

    /// scipy 1.17.1, asymptotic: a tail far below the rounding of 1 − p.
    #[test]
    fn far_tails_do_not_vanish() {
        let first: Vec<f64> = (0..600).map(|i| f64::from(i) + 1000.5).collect();
        let second: Vec<f64> = (0..500).map(f64::from).collect();
        let test = mann_whitney_u(&first, &second, Method::Auto).unwrap();
        assert!(relative(test.p_greater, 4.3730150144152675e-180) < 1e-10);
        assert!((test.z - 28.59078946996558).abs() < 1e-10);
        let far = upper_tail(37.0); // about 6e-300
        assert!(far > 0.0 && far < 1e-298);
    }

    #[test]
    fn closed_forms() {
        let test = mann_whitney_u(&[3.0, 4.0], &[1.0, 2.0], Method::Auto).unwrap();
        assert_eq!((test.u, test.p_less), (4.0, 1.0));
        assert!(relative(test.p_greater, 1.0 / 6.0) < 1e-15);
        let equal = mann_whitney_u(&[2.0; 5], &[2.0; 4], Method::Auto).unwrap();
        assert_eq!((equal.u, equal.z, equal.p_two_sided), (10.0, 0.0, 1.0));
        assert_eq!((equal.p_greater, equal.p_less), (1.0, 1.0));
    }

    #[test]
    fn the_normal_law_approaches_the_exact_one() {
        let first: Vec<f64> = (0..40).map(|i| f64::from(i * 17 % 83) + 0.25).collect();
        let second: Vec<f64> = (0..40).map(|i| f64::from(i * 29 % 83)).collect();
        let exact = mann_whitney_u(&first, &second, Method::Auto).unwrap();
        let normal = mann_whitney_u(&first, &second, Method::Normal).unwrap();
        assert!(exact.exact && !normal.exact);
        assert!((exact.p_greater - normal.p_greater).abs() < 2e-3);
    }

    #[test]
    fn bad_input_is_refused() {
        let empty = mann_whitney_u(&[], &[1.0], Method::Auto);
        assert!(matches!(empty, Err(Error::TooFew { .. })));
        let nan = mann_whitney_u(&[1.0], &[2.0, f64::NAN], Method::Auto);
        assert!(matches!(nan, Err(Error::Value { index: 1, .. })));
    }

    proptest! {
        #[test]
        fn swapping_the_samples_mirrors_the_test(
            first in prop::collection::vec(-9..9_i32, 1..30),
            second in prop::collection::vec(-9..9_i32, 1..30),
        ) {
            let widen = |v: Vec<i32>| v.into_iter().map(f64::from).collect::<Vec<f64>>();
            let (first, second) = (widen(first), widen(second));
            let a = mann_whitney_u(&first, &second, Method::Auto).unwrap();
            let b = mann_whitney_u(&second, &first, Method::Auto).unwrap();
            prop_assert_eq!(a.u + b.u, (first.len() * second.len()) as f64);
            prop_assert!((a.z + b.z).abs() < 1e-12);
            prop_assert!((a.p_greater - b.p_less).abs() < 1e-12);
            prop_assert!((a.p_two_sided - b.p_two_sided).abs() < 1e-12);
            for p in [a.p_two_sided, a.p_greater, a.p_less] {
                prop_assert!((0.0..=1.0).contains(&p));
            }
        }
    }
}
