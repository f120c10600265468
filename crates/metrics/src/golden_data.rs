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

/// A map of [`samples`], 90 × 2.
pub(crate) fn map() -> Mat<f64> {
    let x = samples();
    Mat::from_fn(N, 2, |i, c| {
        if c == 0 { x[(i, 0)] + 0.5 * x[(i, 2)] } else { x[(i, 1)] - x[(i, 3)] * x[(i, 0)] }
    })
}

/// Labels with three and with five classes.
pub(crate) fn labels() -> [Vec<usize>; 2] {
    [(0..N).map(|i| i * i % 7 % 3).collect(), (0..N).map(|i| (i * i * i + i / 9) % 5).collect()]
}
