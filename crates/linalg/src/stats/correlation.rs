//! Ranks and correlations of two vectors.

use crate::{Error, Result, check};

/// Ranks from 1, ties by their mean rank.
///
/// Infinities have their place at the ends. Cost O(n log n).
///
/// # Errors
/// [`Error::NotFinite`] at the first NaN (`row` is its position).
///
/// # Example
/// ```
/// let ranks = embex_linalg::stats::ranks(&[10.0, 30.0, 10.0, 20.0])?;
/// assert_eq!(ranks, [1.5, 4.0, 1.5, 3.0]);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn ranks(values: &[f64]) -> Result<Vec<f64>> {
    if let Some(row) = values.iter().position(|v| v.is_nan()) {
        return Err(Error::NotFinite { row, col: 0, value: values[row] });
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = 0.5 * (2 * first + tie.len() + 1) as f64;
        for &i in tie {
            ranks[i] = mean;
        }
        first += tie.len();
    }
    Ok(ranks)
}

/// Pearson's correlation, in \[−1, 1\].
///
/// Σ (a − ā)(b − b̄) / √(Σ (a − ā)² · Σ (b − b̄)²), in two passes on deviations scaled to at
/// most 1, so that no scale of data overflows or vanishes.
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::TooFewRows`] below 2; [`Error::NotFinite`];
/// [`Error::Constant`] if either vector is; [`Error::OutOfRange`] if differences overflow.
///
/// # Example
/// ```
/// let r = embex_linalg::stats::pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 7.0])?;
/// assert!((r - 0.9933992677987828).abs() < 1e-15);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn pearson(a: &[f64], b: &[f64]) -> Result<f64> {
    check::length("second vector", b.len(), a.len())?;
    check::at_least_rows(a.len(), 2)?;
    let (a, b) = (scaled_deviations(a, "first")?, scaled_deviations(b, "second")?);
    let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).fold(0.0, |sum, (p, q)| sum + p * q);
    let r = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    Ok(r.clamp(-1.0, 1.0))
}

/// Spearman's correlation: [`pearson`] of the [`ranks`], ties by their mean rank.
///
/// # Errors
/// As [`pearson`], but infinities are accepted.
///
/// # Example
/// ```
/// let rho = embex_linalg::stats::spearman(&[1.0, 2.0, 3.0], &[0.1, 10.0, 1e9])?;
/// assert_eq!(rho, 1.0);
/// # Ok::<(), embex_linalg::Error>(())
/// ```
pub fn spearman(a: &[f64], b: &[f64]) -> Result<f64> {
    check::length("second vector", b.len(), a.len())?;
    check::at_least_rows(a.len(), 2)?;
    pearson(&ranks(a)?, &ranks(b)?)
}

/// v − mean, divided by its largest absolute entry.
fn scaled_deviations(values: &[f64], what: &'static str) -> Result<Vec<f64>> {
    if let Some(row) = values.iter().position(|v| !v.is_finite()) {
        return Err(Error::NotFinite { row, col: 0, value: values[row] });
    }
    let first = values[0];
    let shifted: Vec<f64> = values.iter().map(|v| v - first).collect();
    let scale = shifted.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    if scale == 0.0 {
        return Err(Error::Constant { what });
    }
    if !scale.is_finite() {
        return Err(Error::OutOfRange { what: "spread" });
    }
    let mean = shifted.iter().fold(0.0, |sum, v| sum + v / scale) / values.len() as f64;
    Ok(shifted.into_iter().map(|v| v / scale - mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// scipy 1.17.1: `scipy.stats.spearmanr`, `pearsonr`, `rankdata`.
    const A: [f64; 8] = [3.1, -1.0, 2.2, 2.2, 0.0, 5.5, 2.2, -4.0];
    const B: [f64; 8] = [1.0, 1.0, 0.5, 3.0, -2.0, 8.0, 1.0, 0.0];

    #[test]
    fn golden_values() {
        assert_eq!(ranks(&A).unwrap(), [7.0, 2.0, 5.0, 5.0, 3.0, 8.0, 5.0, 1.0]);
        assert!((pearson(&A, &B).unwrap() - PEARSON).abs() < 1e-14);
        assert!((spearman(&A, &B).unwrap() - SPEARMAN).abs() < 1e-14);
    }

    const PEARSON: f64 = 0.6729196167914677;
    const SPEARMAN: f64 = 0.675;

    #[test]
    fn zeros_of_both_signs_tie_and_infinities_rank() {
        assert_eq!(ranks(&[0.0, -0.0, f64::INFINITY]).unwrap(), [1.5, 1.5, 3.0]);
        assert!(ranks(&[1.0, f64::NAN]).is_err());
        assert_eq!(ranks(&[]).unwrap(), [0.0; 0]);
    }

    #[test]
    fn no_scale_of_data_is_lost() {
        for scale in [1e-300, 1e-160, 1.0, 1e160, 1e300] {
            let a: Vec<f64> = A.iter().map(|v| v * scale).collect();
            assert!((pearson(&a, &B).unwrap() - PEARSON).abs() < 1e-13, "{scale}");
        }
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), Err(Error::Constant { what: "first" }));
        assert_eq!(spearman(&[1.0, 3.0], &[2.0, 2.0]), Err(Error::Constant { what: "second" }));
        assert!(matches!(pearson(&[1.0], &[1.0, 2.0]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(pearson(&[1.0], &[2.0]), Err(Error::TooFewRows { .. })));
        assert!(matches!(pearson(&[1.0, f64::NAN], &A[..2]), Err(Error::NotFinite { .. })));
        assert!(matches!(pearson(&[1.7e308, -1.7e308], &A[..2]), Err(Error::OutOfRange { .. })));
    }

    proptest! {
        #[test]
        fn correlations_are_symmetric_bounded_and_blind_to_scale(
            pairs in prop::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 2..60),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            if let Ok(r) = pearson(&a, &b) {
                prop_assert!((-1.0..=1.0).contains(&r));
                prop_assert_eq!(r, pearson(&b, &a).unwrap());
                let scaled: Vec<f64> = a.iter().map(|v| -8.0 * v).collect();
                prop_assert!((pearson(&scaled, &b).unwrap() + r).abs() < 1e-9);
                let cubes: Vec<f64> = a.iter().map(|v| v * v * v).collect();
                prop_assert_eq!(spearman(&a, &b).unwrap(), spearman(&cubes, &b).unwrap());
            }
        }
    }
}
