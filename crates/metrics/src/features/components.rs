//! Features that lead the principal components.

use embex_linalg::pca::Pca;

use crate::{Error, Result};

/// Variance of every feature that the first `k` principal components carry: Σ_{c<k} λ_c l_dc², with
/// λ_c the variance along component c and l its loadings (divisor n − 1).
///
/// From 0 to the variance of the feature, which all components together give. It is the variance
/// baseline "top components" of \[TG, "Baselines"\]: there the features are principal components
/// themselves, their loadings the unit vectors, and this score is λ_d: the first components come
/// first. Cost k · D.
///
/// # Errors
/// [`Error::Setting`] unless 1 ≤ `k` ≤ the number of components.
///
/// # Example
/// ```
/// use embex_linalg::{faer::mat, pca::PcaParams};
/// let x = mat![[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [0.0, -0.5_f64]];
/// let pca = PcaParams::default().with_n_components(2).fit(x.as_ref())?;
/// let scores = embex_metrics::features::top_components(&pca, 1)?;
/// assert!((scores[0] - 2.0 / 3.0).abs() < 1e-15 && scores[1].abs() < 1e-15);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn top_components(pca: &Pca, k: usize) -> Result<Vec<f64>> {
    if k == 0 || k > pca.n_components() {
        let expected = "at least 1 and at most the number of components";
        return Err(Error::Setting { name: "k", value: k as f64, expected });
    }
    let carried = |d: usize| {
        let pairs = pca.explained_variance[..k].iter().zip(pca.loadings.row(d));
        pairs.map(|(variance, loading)| variance * loading * loading).sum()
    };
    Ok((0..pca.n_features()).map(carried).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::pca::PcaParams;
    use embex_linalg::stats::column_variances;
    use embex_testkit::{assert_close, gaussian};
    use proptest::prelude::*;

    /// scikit-learn 1.9.1: Σ `explained_variance_` · `components_`² over the first two.
    #[test]
    fn golden_values() {
        let x =
            embex_linalg::faer::Mat::from_fn(15, 4, |i, d| ((i * i * (d + 1) + 4 * i) % 13) as f64);
        let pca = PcaParams::default().with_n_components(4).fit(x.as_ref()).unwrap();
        assert_close("score", &top_components(&pca, 2).unwrap(), &GOLDEN, 1e-10);
    }
    const GOLDEN: [f64; 4] =
        [12.618132445406024, 9.146796619457055, 11.895276131748313, 17.73798802230031];

    #[test]
    fn bad_counts_are_refused() {
        let pca =
            PcaParams::default().with_n_components(2).fit(gaussian(5, 3, 1).as_ref()).unwrap();
        for k in [0, 3] {
            assert!(matches!(top_components(&pca, k), Err(Error::Setting { name: "k", .. })));
        }
    }

    proptest! {
        /// All components carry all variance; of scores, the first come first.
        #[test]
        fn all_components_carry_all(seed in any::<u64>()) {
            let x = gaussian(20, 3, seed);
            let params = PcaParams::default().with_n_components(3);
            let (pca, scores) = params.fit_scores(x.as_ref()).unwrap();
            let variances = column_variances(x.as_ref(), 1).unwrap();
            for (a, b) in top_components(&pca, 3).unwrap().iter().zip(&variances) {
                prop_assert!((a - b).abs() < 1e-12 * (1.0 + b));
            }
            let again = params.fit(scores.as_mat()).unwrap();
            let of_scores = top_components(&again, 3).unwrap();
            for (a, b) in of_scores.iter().zip(&pca.explained_variance) {
                prop_assert!((a - b).abs() < 1e-9 * (1.0 + b));
            }
        }
    }
}
