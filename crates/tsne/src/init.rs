//! Where a map starts.

use embex_linalg::faer::MatRef;
use embex_linalg::pca::PcaParams;
use embex_linalg::seed::stream;
use embex_linalg::{Progress, Real};
use rand_distr::{Distribution, StandardNormal};

use crate::Result;

/// Standard deviation of a start along its first axis: small, so that forces are linear.
pub const START_SPREAD: f64 = 1e-4;

/// Independent normal coordinates of standard deviation [`START_SPREAD`].
///
/// Point i draws from its own stream, so that it does not depend on the number of points.
///
/// # Example
/// ```
/// let y = embex_tsne::init::random::<f32, 2>(100, 7);
/// assert_eq!(y[..50], embex_tsne::init::random::<f32, 2>(50, 7));
/// ```
pub fn random<T: Real, const C: usize>(n_samples: usize, seed: u64) -> Vec<[T; C]> {
    (0..n_samples)
        .map(|i| normal(seed, "t-SNE start", i).map(|v| T::from_f64(v * START_SPREAD)))
        .collect()
}

/// `C` standard normal numbers that belong to item `i` of a purpose.
fn normal<const C: usize>(seed: u64, purpose: &str, i: usize) -> [f64; C] {
    let mut rng = stream(seed, purpose, i as u64);
    std::array::from_fn(|_| StandardNormal.sample(&mut rng))
}

/// Principal component scores, scaled so that the first has standard deviation [`START_SPREAD`],
/// plus normal noise of `jitter` times that.
///
/// The noise parts equal samples, and it fills axes for which there is no component; all-equal
/// samples start from the noise alone.
///
/// # Errors
/// As [`PcaParams::fit`].
pub fn pca<U: Real, T: Real, const C: usize>(
    x: MatRef<'_, U>,
    jitter: f64,
    seed: u64,
    progress: &mut dyn Progress,
) -> Result<Vec<[T; C]>> {
    let k = C.min(x.nrows()).min(x.ncols());
    let params = PcaParams::default().with_n_components(k).with_seed(seed);
    let pca = params.fit_with(x, progress)?;
    let scores = pca.transform(x)?;
    let share = 1.0 - 1.0 / pca.n_samples as f64; // to the divisor n
    let spread = (pca.explained_variance[0] * share).sqrt();
    let coordinate = |i: usize, c: usize| {
        if c < k && spread > 0.0 { scores.row(i)[c] / spread } else { 0.0 }
    };
    let point = |i| {
        let noise: [f64; C] = normal(seed, "t-SNE jitter", i);
        std::array::from_fn(|c| T::from_f64(START_SPREAD * (coordinate(i, c) + jitter * noise[c])))
    };
    Ok((0..x.nrows()).map(point).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_linalg::progress::Silent;

    #[test]
    fn pca_start_has_the_stated_spread_at_any_scale() {
        let bed = embex_testkit::clusters(200, 5, 3, 4.0, 1);
        for scale in [1e-140, 1.0, 1e140] {
            let x = Mat::from_fn(200, 5, |i, d| scale * bed.x[(i, d)]);
            let y = pca::<f64, f64, 2>(x.as_ref(), 0.0, 0, &mut Silent).unwrap();
            let mean = y.iter().map(|y| y[0]).sum::<f64>() / 200.0;
            let variance = y.iter().map(|y| (y[0] - mean).powi(2)).sum::<f64>() / 200.0;
            assert!((variance.sqrt() / START_SPREAD - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn jitter_parts_equal_samples_and_fills_missing_axes() {
        let x = Mat::from_fn(50, 1, |_, _| 3.0);
        let y = pca::<f64, f64, 2>(x.as_ref(), 0.01, 7, &mut Silent).unwrap();
        assert!(y.iter().flatten().all(|v| v.abs() < 1e-5 && *v != 0.0));
        let flat = pca::<f64, f64, 2>(x.as_ref(), 0.0, 7, &mut Silent).unwrap();
        assert!(flat.iter().flatten().all(|v| *v == 0.0));
    }

    #[test]
    fn random_start_is_normal_with_the_stated_spread() {
        let y = random::<f64, 2>(4000, 3);
        let sum_sq: f64 = y.iter().flatten().map(|v| v * v).sum();
        assert!(((sum_sq / 8000.0).sqrt() / START_SPREAD - 1.0).abs() < 0.03);
        assert_ne!(random::<f64, 2>(3, 3), random::<f64, 2>(3, 4));
    }
}
