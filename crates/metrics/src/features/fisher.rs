//! Variance between groups against variance within.

use embex_linalg::check;
use embex_linalg::faer::MatRef;
use rayon::prelude::*;

use super::groups::several;
use crate::Result;

/// Fisher score of every feature: Σ_c n_c (μ_c − μ)² / Σ_c n_c σ_c², with variances of divisor n_c
/// (Duda, Hart and Stork 2001; He, Cai and Niyogi 2005, section 4).
///
/// At least 0; larger is better. Infinite if the groups differ and do not vary; 0 for a constant
/// feature. It is η²/(1 − η²) of the analysis of variance, that is F · (G − 1)/(n − G). No scale or
/// offset matters. `groups` counts from 0, two at least. Cost n · D, parallel over features.
///
/// # Departures
/// scikit-feature 1.1.0 computes it as 1/(Laplacian score) − 1 on the graph of the groups; the same
/// number but for its guard, by which features of variance below 1e-12/n count as 10,000.
///
/// # Errors
/// [`crate::Error::LengthMismatch`], [`crate::Error::EmptyGroup`], [`crate::Error::TooFew`] below
/// two groups, [`crate::Error::Matrix`] for entries that are not finite or whose squares overflow.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [6.0, 1.0_f64]];
/// assert_eq!(embex_metrics::features::fisher_score(x.as_ref(), &[0, 0, 1, 1])?, [4.0, 0.0]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn fisher_score(x: MatRef<'_, f64>, groups: &[u32]) -> Result<Vec<f64>> {
    check::finite(x)?;
    let sizes = several(groups, x.nrows())?;
    (0..x.ncols()).into_par_iter().map(|d| column(x, d, groups, &sizes)).collect()
}

fn column(x: MatRef<'_, f64>, d: usize, groups: &[u32], sizes: &[usize]) -> Result<f64> {
    let (n, origin) = (x.nrows(), x[(0, d)]); // so that a large common offset costs no digits
    let mut means = vec![0.0; sizes.len()];
    for (i, &group) in groups.iter().enumerate() {
        means[group as usize] += x[(i, d)] - origin;
    }
    let mean = means.iter().sum::<f64>() / n as f64;
    for (mean, &size) in means.iter_mut().zip(sizes) {
        *mean /= size as f64;
    }
    let between =
        means.iter().zip(sizes).fold(0.0, |sum, (m, &size)| sum + size as f64 * (m - mean).powi(2));
    let within = groups
        .iter()
        .enumerate()
        .fold(0.0, |sum, (i, &group)| sum + (x[(i, d)] - origin - means[group as usize]).powi(2));
    if !(between.is_finite() && within.is_finite()) {
        return Err(embex_linalg::Error::OutOfRange { what: "spread" }.into());
    }
    Ok(if between > 0.0 { between / within } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use embex_linalg::faer::{Mat, mat};
    use embex_testkit::{assert_close, gaussian};
    use proptest::prelude::*;

    /// The steps of scikit-feature 1.1.0 `fisher_score` in numpy 2.4.6, and scikit-learn 1.9.1
    /// `f_classif` · (G − 1)/(n − G), which agree to 1e-12.
    #[test]
    fn golden_values() {
        let x = Mat::from_fn(24, 3, |i, d| {
            ((i * i * (d + 1) + 3 * i) % 17) as f64 + (i % 3 * d) as f64
        });
        let groups: Vec<u32> = (0..24).map(|i| i % 3).collect();
        assert_close("score", &fisher_score(x.as_ref(), &groups).unwrap(), &GOLDEN, 1e-12);
    }
    const GOLDEN: [f64; 3] = [0.2334023872940713, 0.34288213426634595, 0.018096906012842966];

    #[test]
    fn separated_and_constant_features() {
        let x = mat![[0.1, 0.1, 0.0], [0.1, 0.1, 1.0], [0.1, 0.4, 0.0], [0.1, 0.4, 1.0_f64]];
        let scores = fisher_score(x.as_ref(), &[0, 0, 1, 1]).unwrap();
        assert_eq!(scores, [0.0, f64::INFINITY, 0.0]);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(4, 2, 1);
        let run = |groups: &[u32]| fisher_score(x.as_ref(), groups);
        assert!(matches!(run(&[0, 1, 0]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(run(&[0; 4]), Err(Error::TooFew { .. })));
        assert!(matches!(run(&[0, 0, 2, 2]), Err(Error::EmptyGroup { group: 1, .. })));
        let huge = Mat::from_fn(4, 1, |i, _| if i == 0 { 1e200 } else { 0.0 });
        assert!(matches!(fisher_score(huge.as_ref(), &[0, 0, 1, 1]), Err(Error::Matrix(_))));
    }

    proptest! {
        /// No scale, offset or name of a group matters.
        #[test]
        fn invariances(seed in any::<u64>(), scale in 0.01..100.0_f64) {
            let x = gaussian(12, 2, seed);
            let groups: Vec<u32> = (0..12).map(|i| i % 3).collect();
            let renamed: Vec<u32> = groups.iter().map(|g| 2 - g).collect();
            let moved = Mat::from_fn(12, 2, |i, d| 5.0 - scale * x[(i, d)]);
            let (a, b) = (fisher_score(x.as_ref(), &groups).unwrap(), fisher_score(moved.as_ref(), &renamed).unwrap());
            for (a, b) in a.iter().zip(&b) {
                prop_assert!((a - b).abs() < 1e-7 * (1.0 + a));
            }
        }
    }
}
