//! Correlations with p-values.

use embex_linalg::stats::{pearson, spearman};
use statrs::function::beta::beta_reg;

use crate::error::length;
use crate::{Error, Result};

/// A correlation and the chance of one as large without any.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CorrelationTest {
    /// The coefficient, in \[−1, 1\].
    pub coefficient: f64,
    /// Chance of one at least as far from 0.
    pub p_two_sided: f64,
    /// Chance of one at least as large: small for a positive correlation.
    pub p_greater: f64,
    /// Chance of one at most as large: small for a negative correlation.
    pub p_less: f64,
    /// Number of pairs.
    pub n: usize,
}

/// Pearson's correlation with p-values.
///
/// t = r √((n − 2) / (1 − r²)) has Student's law with n − 2 degrees of freedom if the values
/// are normal and independent; the two-sided p is the incomplete beta function
/// I_{1−r²}((n − 2)/2, ½), which keeps its digits in far tails. r = ±1 gives p = 0. Cost O(n).
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::TooFew`] below three pairs; [`Error::Matrix`] for bad
/// entries or a constant vector.
///
/// # Example
/// ```
/// let test = embex_metrics::pearson_test(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0])?;
/// assert!((test.coefficient - 0.8).abs() < 1e-15);
/// assert!((test.p_two_sided - 0.2).abs() < 1e-14);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn pearson_test(a: &[f64], b: &[f64]) -> Result<CorrelationTest> {
    check(a, b)?;
    Ok(CorrelationTest::new(pearson(a, b)?, a.len()))
}

/// Spearman's correlation, ties at their mean rank, with p-values.
///
/// By Student's law as [`pearson_test`], which is an approximation, rough for few pairs or many
/// ties (Kendall and Stuart 1973, section 31.18); permutations are not enumerated. Values may
/// be infinite. Cost O(n log n).
///
/// # Errors
/// As [`pearson_test`].
///
/// # Example
/// ```
/// let test = embex_metrics::spearman_test(&[1.0, 2.0, 3.0, 4.0], &[1.0, 9.0, 8.0, 70.0])?;
/// assert!((test.coefficient - 0.8).abs() < 1e-15);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn spearman_test(a: &[f64], b: &[f64]) -> Result<CorrelationTest> {
    check(a, b)?;
    Ok(CorrelationTest::new(spearman(a, b)?, a.len()))
}

fn check(a: &[f64], b: &[f64]) -> Result<()> {
    length("the second vector", b.len(), a.len())?;
    if a.len() < 3 {
        return Err(Error::TooFew { what: "a test of correlation", needed: 3, got: a.len() });
    }
    Ok(())
}

impl CorrelationTest {
    fn new(r: f64, n: usize) -> Self {
        let rest = (1.0 - r.abs()) * (1.0 + r.abs()); // 1 − r² without cancellation
        let p_two_sided = beta_reg((n - 2) as f64 / 2.0, 0.5, rest);
        let (near, far) = (p_two_sided / 2.0, 1.0 - p_two_sided / 2.0);
        let (p_greater, p_less) = if r > 0.0 { (near, far) } else { (far, near) };
        Self { coefficient: r, p_two_sided, p_greater, p_less, n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden_data::{N, samples};
    use proptest::prelude::*;

    fn relative(got: f64, expected: f64) -> f64 {
        (got / expected - 1.0).abs()
    }

    /// scipy 1.17.1: `pearsonr`, `spearmanr`, two-sided, greater and less.
    #[test]
    fn golden_values() {
        let x = samples();
        let a: Vec<f64> = (0..N).map(|i| x[(i, 0)]).collect();
        let b: Vec<f64> = (0..N).map(|i| 0.2 * x[(i, 0)] + x[(i, 1)]).collect();
        let found = pearson_test(&a, &b).unwrap();
        assert!(relative(found.coefficient, 0.26668066526576467) < 1e-12);
        assert!(relative(found.p_two_sided, 0.011060483381402758) < 1e-11);
        assert!(relative(found.p_greater, 0.005530241690701379) < 1e-11);
        assert!(relative(found.p_less, 0.9944697583092986) < 1e-12);
        let found = spearman_test(&a, &b).unwrap();
        assert!(relative(found.coefficient, 0.2500802568218298) < 1e-12);
        assert!(relative(found.p_two_sided, 0.01744410176354284) < 1e-11);
        assert!(relative(found.p_greater, 0.00872205088177142) < 1e-11);
        assert!(relative(found.p_less, 0.9912779491182285) < 1e-12);
    }

    /// scipy 1.17.1: `pearsonr`, far below the rounding of 1 − p.
    #[test]
    fn far_tails_keep_their_digits() {
        let a: Vec<f64> = (0..90).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|v| v + 3.0 * (1.7 * v).sin()).collect();
        let found = pearson_test(&a, &b).unwrap();
        assert!((found.coefficient - 0.9967014935448172).abs() < 1e-13);
        assert!(relative(found.p_two_sided, 8.904489677920427e-98) < 1e-9);
    }

    /// With one degree of freedom, Cauchy's law: p = 1 − (2/π) asin |r|.
    #[test]
    fn closed_forms() {
        let found = pearson_test(&[0.0, 1.0, 2.0], &[0.0, 3.0, 1.0]).unwrap();
        let expected = 1.0 - found.coefficient.asin() * std::f64::consts::FRAC_2_PI;
        assert!((found.p_two_sided - expected).abs() < 1e-14);
        let perfect = spearman_test(&[1.0, 2.0, 3.0], &[9.0, 5.0, f64::NEG_INFINITY]).unwrap();
        assert_eq!((perfect.coefficient, perfect.p_two_sided), (-1.0, 0.0));
        assert_eq!((perfect.p_less, perfect.p_greater, perfect.n), (0.0, 1.0, 3));
        let none = pearson_test(&[-1.0, 0.0, 1.0], &[1.0, -2.0, 1.0]).unwrap();
        assert_eq!((none.coefficient, none.p_two_sided, none.p_greater), (0.0, 1.0, 0.5));
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(pearson_test(&[1.0; 3], &[1.0; 2]), Err(Error::LengthMismatch { .. })));
        let two = spearman_test(&[1.0, 2.0], &[1.0, 2.0]);
        assert!(matches!(two, Err(Error::TooFew { needed: 3, got: 2, .. })));
        let constant = pearson_test(&[1.0, 2.0, 3.0], &[4.0; 3]);
        let matrix = Error::Matrix(embex_linalg::Error::Constant { what: "second" });
        assert_eq!(constant, Err(matrix));
        assert!(spearman_test(&[1.0, f64::NAN, 3.0], &[1.0, 2.0, 3.0]).is_err());
    }

    proptest! {
        #[test]
        fn tails_add_up_and_mirror(
            pairs in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 3..50),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            if let Ok(found) = pearson_test(&a, &b) {
                prop_assert!((found.p_greater + found.p_less - 1.0).abs() < 1e-12);
                prop_assert!((0.0..=1.0).contains(&found.p_two_sided));
                let turned: Vec<f64> = b.iter().map(|v| -v).collect();
                let turned = pearson_test(&a, &turned).unwrap();
                prop_assert!((turned.p_less - found.p_greater).abs() < 1e-12);
                prop_assert_eq!(turned.p_two_sided, found.p_two_sided);
            }
        }
    }
}
