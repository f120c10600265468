//! Where a map starts.

use embex_linalg::Real;
use embex_linalg::seed::stream;
use rand_distr::{Distribution, StandardNormal};

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
