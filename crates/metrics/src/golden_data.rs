//! Samples and labels of the golden tests, the same formulas as in the packages' runs.

use embex_linalg::faer::Mat;

pub(crate) const N: usize = 90;

/// 90 × 5 samples.
pub(crate) fn samples() -> Mat<f64> {
    Mat::from_fn(N, 5, |i, j| {
        let (i, c) = (i as f64, j as f64);
        let wave = (1.3 * i * (c + 1.0) + 0.5 * c * c).sin() / (c + 1.0).sqrt();
        wave + 0.02 * ((i as usize * (j + 3)) % 11) as f64
    })
}
