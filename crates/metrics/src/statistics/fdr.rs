//! False discovery rate.

use crate::{Error, Result};

/// Benjamini–Hochberg adjusted p-values, in the order given.
///
/// min over l ≥ rank of m·p₍ₗ₎ / l, at most 1 (Benjamini and Hochberg 1995): keeping those
/// up to q bounds the expected share of false discoveries by q for independent tests. In
/// \[p, 1\], as ordered as the p-values. Equal p-values get equal results; none give none.
/// Cost O(m log m).
///
/// # Errors
/// [`Error::Value`] outside \[0, 1\].
///
/// # Example
/// ```
/// let adjusted = embex_metrics::benjamini_hochberg(&[0.0625, 0.75, 0.125])?;
/// assert_eq!(adjusted, [0.1875, 0.75, 0.1875]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn benjamini_hochberg(p: &[f64]) -> Result<Vec<f64>> {
    if let Some(index) = p.iter().position(|v| !(0.0..=1.0).contains(v)) {
        let expected = "between 0 and 1";
        return Err(Error::Value { what: "the p-values", index, value: p[index], expected });
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let m = p.len();
    let mut adjusted = vec![0.0; m];
    let mut least = 1.0_f64;
    for (above, &i) in order.iter().enumerate() {
        least = least.min(p[i] * (m as f64 / (m - above) as f64));
        adjusted[i] = least;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// scipy 1.17.1: `false_discovery_control` of the same p-values.
    #[test]
    fn golden_values() {
        let p = [0.001, 0.04, 0.03, 0.9, 0.0004, 0.2, 0.03, 0.05, 1.0, 0.011];
        let expected = [
            0.005,
            0.06666666666666667,
            0.06,
            1.0,
            0.004,
            0.25,
            0.06,
            0.07142857142857144,
            1.0,
            0.03666666666666667,
        ];
        for (got, expected) in benjamini_hochberg(&p).unwrap().into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(benjamini_hochberg(&[]).unwrap(), [0.0; 0]);
        assert_eq!(benjamini_hochberg(&[0.3]).unwrap(), [0.3]);
        assert_eq!(benjamini_hochberg(&[0.2; 7]).unwrap(), [0.2; 7]);
        for bad in [-0.1, 1.1, f64::NAN] {
            let error = benjamini_hochberg(&[0.5, bad]).unwrap_err();
            assert!(matches!(error, Error::Value { index: 1, .. }));
        }
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_the_order_and_only_grow(
            p in prop::collection::vec(0.0..=1.0_f64, 1..50),
        ) {
            let adjusted = benjamini_hochberg(&p).unwrap();
            for i in 0..p.len() {
                prop_assert!(adjusted[i] >= p[i] * (1.0 - 1e-15) && adjusted[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
