//! Area under the receiver operating characteristic.

use embex_linalg::stats::ranks;

use crate::error::no_nan;
use crate::{Error, Result};

/// Chance that a positive sample scores above a negative one, ties counting half.
///
/// (R₊ − n₊(n₊ + 1)/2) / (n₊ n₋), with R₊ the sum of the positive samples' ranks and ties at
/// their mean rank: Mann–Whitney's U over its largest value (Hanley and McNeil 1982). In
/// \[0, 1\]; 0.5 says nothing. Scores may be infinite. Cost O(n log n).
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::OneClass`]; [`Error::Value`] for NaN.
///
/// # Example
/// ```
/// let auroc = embex_metrics::auroc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert_eq!(auroc, 0.75);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn auroc(scores: &[f64], positive: &[bool]) -> Result<f64> {
    let (n, expected) = (scores.len(), scores.len());
    if positive.len() != n {
        return Err(Error::LengthMismatch { what: "labels", got: positive.len(), expected });
    }
    no_nan("scores", scores)?;
    let n_positive = positive.iter().filter(|p| **p).count();
    if n_positive == 0 || n_positive == n {
        return Err(Error::OneClass { n_positive, n });
    }
    let ranks = ranks(scores)?;
    let rank_sum: f64 = ranks.iter().zip(positive).filter(|(_, p)| **p).map(|(r, _)| r).sum();
    let (plus, minus) = (n_positive as f64, (n - n_positive) as f64);
    Ok((rank_sum - plus * (plus + 1.0) / 2.0) / (plus * minus))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// scikit-learn 1.9.1: `roc_auc_score` of the same labels and scores.
    #[test]
    fn golden_value() {
        let scores: Vec<f64> = (0..40).map(|i| f64::from(i * i % 23)).collect();
        let positive: Vec<bool> = (0..40).map(|i| i * i * i % 7 > 2).collect();
        assert!((auroc(&scores, &positive).unwrap() - 0.6783854166666667).abs() < 1e-14);
    }

    #[test]
    fn closed_forms() {
        let positive = [true, false, true];
        assert_eq!(auroc(&[2.0, 1.0, f64::INFINITY], &positive).unwrap(), 1.0);
        assert_eq!(auroc(&[1.0, 2.0, 0.0], &positive).unwrap(), 0.0);
        assert_eq!(auroc(&[3.0, 3.0, 3.0], &positive).unwrap(), 0.5);
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(auroc(&[1.0], &[true]), Err(Error::OneClass { n_positive: 1, n: 1 }));
        assert_eq!(auroc(&[], &[]), Err(Error::OneClass { n_positive: 0, n: 0 }));
        assert!(matches!(auroc(&[1.0], &[]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(auroc(&[f64::NAN, 1.0], &[true, false]), Err(Error::Value { .. })));
    }

    proptest! {
        #[test]
        fn equals_the_count_of_pairs_and_mirrors(
            pairs in prop::collection::vec((0..9_i32, any::<bool>()), 2..40),
        ) {
            let (scores, positive): (Vec<f64>, Vec<bool>) =
                pairs.into_iter().map(|(s, p)| (f64::from(s), p)).unzip();
            if let Ok(area) = auroc(&scores, &positive) {
                let (mut wins, mut n_pairs) = (0.0, 0.0);
                for i in (0..scores.len()).filter(|&i| positive[i]) {
                    for j in (0..scores.len()).filter(|&j| !positive[j]) {
                        n_pairs += 1.0;
                        wins += if scores[i] > scores[j] { 1.0 } else { 0.0 };
                        wins += if scores[i] == scores[j] { 0.5 } else { 0.0 };
                    }
                }
                prop_assert!((area - wins / n_pairs).abs() < 1e-12);
                let flipped: Vec<bool> = positive.iter().map(|p| !p).collect();
                prop_assert!((auroc(&scores, &flipped).unwrap() + area - 1.0).abs() < 1e-12);
            }
        }
    }
}
