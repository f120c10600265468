//! Whether scores add up to the change that they explain.

use embex_linalg::faer::MatRef;
use embex_linalg::ordered_sums;

use super::PerSample;
use super::per_sample::same_shape;
use crate::error::finite;
use crate::{BootstrapParams, Result};

/// What scores leave unexplained of a known change.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Completeness {
    /// |Σ_d a_id − Δ_i| of every sample, in the units of the change.
    pub gap: PerSample,
    /// Σ_i |Σ_d a_id − Δ_i| / Σ_i |Δ_i|: 0 if complete; `None` if nothing changed.
    pub relative: Option<f64>,
}

/// Completeness gap: how far the scores of a sample are from adding up to a known change.
///
/// Completeness asks for Σ_d a_id = Δ_i, with Δ_i the change of a scalar of the embedding between
/// a baseline and the sample (Sundararajan, Taly and Yan 2017, axiom "Completeness"). Plain
/// gradients do not claim it; gradient times difference does to first order, integrated gradients
/// do exactly. Cost n · D.
///
/// # Errors
/// [`crate::Error::LengthMismatch`]; [`crate::Error::Value`] and [`crate::Error::Matrix`] for
/// numbers that are not finite; those of the bootstrap.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::{BootstrapParams, attribution::completeness_gap};
/// let scores = mat![[1.0, 2.0], [0.5, 0.0_f64]];
/// let found = completeness_gap(scores.as_ref(), &[3.0, 1.0], &BootstrapParams::default())?;
/// assert_eq!(found.gap.values, [Some(0.0), Some(0.5)]);
/// assert_eq!(found.relative, Some(0.125));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn completeness_gap(
    attributions: MatRef<'_, f64>,
    change: &[f64],
    bootstrap: &BootstrapParams,
) -> Result<Completeness> {
    let n = change.len();
    same_shape("the attributions", attributions, (n, attributions.ncols()))?;
    finite("the change", change)?;
    let sum = |i: usize| (0..attributions.ncols()).map(|d| attributions[(i, d)]).sum::<f64>();
    let gaps: Vec<f64> = (0..n).map(|i| (sum(i) - change[i]).abs()).collect();
    let [gap, whole] = ordered_sums(n, |i| [gaps[i], change[i].abs()]);
    if !(gap.is_finite() && whole.is_finite()) {
        return Err(embex_linalg::Error::OutOfRange { what: "sum of changes" }.into());
    }
    let relative = (whole > 0.0).then(|| gap / whole);
    Ok(Completeness { gap: PerSample::of_all(gaps, bootstrap)?, relative })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    proptest! {
        /// Gradient times difference is complete for a linear response, whatever the baseline.
        #[test]
        fn linear_responses_are_complete(seed in any::<u64>()) {
            let (x, w) = (gaussian(6, 4, seed), gaussian(1, 4, seed ^ 1));
            let scores = Mat::from_fn(6, 4, |i, d| w[(0, d)] * (x[(i, d)] - 0.5));
            let response = |x: &dyn Fn(usize) -> f64| (0..4).map(|d| w[(0, d)] * x(d)).sum::<f64>();
            let change: Vec<f64> =
                (0..6).map(|i| response(&|d| x[(i, d)]) - response(&|_| 0.5)).collect();
            let params = BootstrapParams::default().with_n_resamples(20);
            let found = completeness_gap(scores.as_ref(), &change, &params).unwrap();
            prop_assert!(found.gap.mean.high < 1e-12);
            prop_assert!(found.relative.unwrap() < 1e-12);
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let a = gaussian(3, 2, 1);
        let params = BootstrapParams::default();
        let gap = |change: &[f64]| completeness_gap(a.as_ref(), change, &params);
        assert!(matches!(gap(&[1.0; 2]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(gap(&[1.0, f64::NAN, 1.0]), Err(Error::Value { index: 1, .. })));
        assert_eq!(gap(&[0.0; 3]).unwrap().relative, None);
        let huge = Mat::from_fn(3, 2, |_, _| 1e308);
        let refused = completeness_gap(huge.as_ref(), &[0.0; 3], &params);
        assert!(matches!(refused, Err(Error::Matrix(_))));
    }
}
