//! On how few features scores lie.

use embex_linalg::check;
use embex_linalg::faer::MatRef;
use rayon::prelude::*;

use super::PerSample;
use crate::error::finite;
use crate::{BootstrapParams, Error, Result};

/// Sparseness: the Gini index of |a|.
///
/// 1 − 2 Σ_k |a|₍ₖ₎/‖a‖₁ · (D − k + ½)/D with |a| ascending (Hurley and Rickard 2009, Table I;
/// for attributions Chalasani et al. 2020). In \[0, 1 − 1/D\]: 0 if all sizes are equal, 1 − 1/D
/// if one feature has it all. Scale and sign do not matter. Cost O(D log D).
///
/// # Errors
/// [`Error::Value`] for entries that are not finite or if all are 0, [`Error::TooFew`] without.
///
/// # Example
/// ```
/// use embex_metrics::attribution::sparseness;
/// assert_eq!(sparseness(&[0.0, 0.0, -3.0, 0.0])?, 0.75);
/// assert_eq!(sparseness(&[2.0, -2.0])?, 0.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn sparseness(scores: &[f64]) -> Result<f64> {
    let mut shares = shares(scores)?;
    shares.sort_unstable_by(f64::total_cmp);
    let n = shares.len() as f64;
    let weighted = |(k, share): (usize, &f64)| share * (n - k as f64 - 0.5) / n; // k from 0
    let sum: f64 = shares.iter().enumerate().map(weighted).sum();
    Ok((1.0 - 2.0 * sum).max(0.0))
}

/// Complexity: the entropy of |a| over its sum, −Σ p_d ln p_d in nats (Bhatt, Weller and Moura
/// 2020, definition "complexity").
///
/// In \[0, ln D\]: 0 if one feature has it all. Scale and sign do not matter. Cost O(D).
///
/// # Errors
/// As [`sparseness`].
///
/// # Example
/// ```
/// let equal = embex_metrics::attribution::complexity(&[1.0, -1.0, 1.0, 0.0])?;
/// assert!((equal - 3.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn complexity(scores: &[f64]) -> Result<f64> {
    let shares = shares(scores)?;
    let entropy: f64 = shares.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
    Ok(entropy.max(0.0))
}

/// Effective number of features: the exponential of [`complexity`] (Hill 1973, order 1).
///
/// In \[1, D\]: k equal sizes and zeros give k.
///
/// # Errors
/// As [`sparseness`].
///
/// # Example
/// ```
/// let n = embex_metrics::attribution::effective_features(&[5.0, 0.0, -5.0])?;
/// assert!((n - 2.0).abs() < 1e-14);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn effective_features(scores: &[f64]) -> Result<f64> {
    Ok(complexity(scores)?.exp())
}

/// The three measures of every sample's scores.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Concentration {
    /// [`sparseness`] of every sample.
    pub sparseness: PerSample,
    /// [`complexity`] of every sample.
    pub complexity: PerSample,
    /// [`effective_features`] of every sample.
    pub effective_features: PerSample,
}

/// [`sparseness`], [`complexity`] and [`effective_features`] of every row; undefined for rows of
/// zeros. Cost n · D log D.
///
/// # Errors
/// [`Error::Matrix`] for entries that are not finite, [`Error::TooFew`] if all rows are 0; those of
/// the bootstrap.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::{BootstrapParams, attribution::concentration};
/// let scores = mat![[1.0, 1.0], [0.0, 7.0], [0.0, 0.0_f64]];
/// let found = concentration(scores.as_ref(), &BootstrapParams::default())?;
/// assert_eq!(found.sparseness.values, [Some(0.0), Some(0.5), None]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn concentration(
    attributions: MatRef<'_, f64>,
    bootstrap: &BootstrapParams,
) -> Result<Concentration> {
    check::finite(attributions)?;
    let rows: Vec<Option<[f64; 2]>> = (0..attributions.nrows())
        .into_par_iter()
        .map(|i| {
            let row: Vec<f64> = (0..attributions.ncols()).map(|d| attributions[(i, d)]).collect();
            let defined = row.iter().any(|a| *a != 0.0);
            defined.then(|| Ok([sparseness(&row)?, complexity(&row)?])).transpose()
        })
        .collect::<Result<_>>()?;
    let column = |value: fn([f64; 2]) -> f64| {
        PerSample::new(rows.iter().map(|row| row.map(value)).collect(), bootstrap)
    };
    Ok(Concentration {
        sparseness: column(|[gini, _]| gini)?,
        complexity: column(|[_, entropy]| entropy)?,
        effective_features: column(|[_, entropy]| entropy.exp())?,
    })
}

/// |a| over its sum; scaled by the largest first, so that no sum overflows.
fn shares(scores: &[f64]) -> Result<Vec<f64>> {
    let what = "the scores";
    if scores.is_empty() {
        return Err(Error::TooFew { what, needed: 1, got: 0 });
    }
    finite(what, scores)?;
    let largest = scores.iter().fold(0.0_f64, |m, a| m.max(a.abs()));
    if largest == 0.0 {
        return Err(Error::Value {
            what,
            index: 0,
            value: 0.0,
            expected: "not 0 if all others are",
        });
    }
    let sum: f64 = scores.iter().map(|a| a.abs() / largest).sum();
    Ok(scores.iter().map(|a| a.abs() / largest / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use proptest::prelude::*;

    /// numpy 2.4.6 from the formulas, and scipy 1.17.1: `scipy.stats.entropy` of |a|.
    #[test]
    fn golden_values() {
        let scores: Vec<f64> =
            (0..20).map(|i| f64::from(i * i % 13) * if i % 3 == 0 { -0.5 } else { 1.0 }).collect();
        assert!((sparseness(&scores).unwrap() - GINI).abs() < 1e-13);
        assert!((complexity(&scores).unwrap() - ENTROPY).abs() < 1e-13);
    }
    const GINI: f64 = 0.45615384615384613;
    const ENTROPY: f64 = 2.629744218374603;

    #[test]
    fn closed_forms() {
        // |a| = (1, 2, 3): 1 − 2 (1·2.5 + 2·1.5 + 3·0.5)/(6·3) = 2/9.
        assert!((sparseness(&[3.0, -1.0, 2.0]).unwrap() - 2.0 / 9.0).abs() < 1e-15);
        assert_eq!(complexity(&[0.0, 4.0]).unwrap(), 0.0);
        assert_eq!(sparseness(&[1e308, 1e308, 1e308]).unwrap(), 0.0);
        assert!((effective_features(&[1e-310; 5]).unwrap() - 5.0).abs() < 1e-10);
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(sparseness(&[]), Err(Error::TooFew { .. })));
        assert!(matches!(complexity(&[0.0, -0.0]), Err(Error::Value { .. })));
        assert!(matches!(sparseness(&[1.0, f64::INFINITY]), Err(Error::Value { index: 1, .. })));
        let params = BootstrapParams::default();
        let zero = concentration(Mat::zeros(3, 2).as_ref(), &params);
        assert!(matches!(zero, Err(Error::TooFew { .. })));
        let empty = concentration(Mat::zeros(0, 2).as_ref(), &params);
        assert!(matches!(empty, Err(Error::Matrix(_))));
    }

    proptest! {
        #[test]
        fn ranges_scale_sign_and_order(
            scores in prop::collection::vec(-9..9_i32, 1..30), scale in 0.001..1000.0_f64,
        ) {
            let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
            prop_assume!(scores.iter().any(|a| *a != 0.0));
            let (gini, entropy) = (sparseness(&scores).unwrap(), complexity(&scores).unwrap());
            let d = scores.len() as f64;
            prop_assert!((0.0..=1.0 - 1.0 / d + 1e-12).contains(&gini));
            prop_assert!((0.0..=d.ln() + 1e-12).contains(&entropy));
            let other: Vec<f64> = scores.iter().rev().map(|a| -scale * a).collect();
            prop_assert!((sparseness(&other).unwrap() - gini).abs() < 1e-12);
            prop_assert!((complexity(&other).unwrap() - entropy).abs() < 1e-12);
        }
    }
}
