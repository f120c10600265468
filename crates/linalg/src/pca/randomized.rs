//! Leading components by subspace iteration from a random sketch.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rand::RngExt;
use rand_distr::StandardNormal;

use super::small::{orthonormal, symmetric_eigen};
use super::{Counter, Found, PcaParams};
use crate::blocks::{Centred, multiply_into};
use crate::progress::Progress;
use crate::{Real, Result, seed};

/// Relative change of the variances below which further passes change nothing that counts;
/// subspace errors are of the order of its root.
const SETTLED: f64 = 1e-12;

/// Subspace iteration on C = XᵀX with Rayleigh–Ritz in every pass.
///
/// One pass reads X once: Z = CQ for the current orthonormal basis Q. The eigenvalues of QᵀZ
/// approximate those of C; Z spans the next basis. Working on C needs no n × p matrix and
/// one pass per power instead of two.
pub(super) fn solve<T: Real>(
    x: &Centred<'_, T>,
    params: &PcaParams,
    progress: &mut dyn Progress,
) -> Result<Found> {
    let (n, d) = x.x.shape();
    let k = params.n_components;
    let p = (k + params.oversampling).min(n).min(d);
    let mut counter = Counter::new(progress, n, d, params.power_iterations + 1);
    let mut q = orthonormal(sketch(d, p, params.seed));
    let mut before = vec![0.0; k];
    let mut passes = 0;
    loop {
        let (z, total) = apply_covariance(x, q.as_ref(), &mut counter)?;
        passes += 1;
        let (values, rotation) = symmetric_eigen(projected(q.as_ref(), z.as_ref()).as_ref())?;
        let squares: Vec<f64> = values[..k].iter().map(|v| v.max(0.0)).collect();
        let change = largest_change(&before, &squares);
        if passes > params.power_iterations || change <= SETTLED {
            counter.finish()?;
            let loadings = product(q.as_ref(), rotation.get(.., ..k));
            return Ok(Found { loadings, squares, total, passes, change });
        }
        before = squares;
        q = orthonormal(z);
    }
}

/// d × p standard normal numbers, a stream per row.
fn sketch(d: usize, p: usize, seed: u64) -> Mat<f64> {
    let mut omega = Mat::zeros(d, p);
    for i in 0..d {
        let mut rng = seed::stream(seed, "pca sketch", i as u64);
        for c in 0..p {
            omega[(i, c)] = rng.sample(StandardNormal);
        }
    }
    omega
}

/// XᵀXQ, and the sum of all squares of X.
fn apply_covariance<T: Real>(
    x: &Centred<'_, T>,
    q: MatRef<'_, f64>,
    counter: &mut Counter<'_>,
) -> Result<(Mat<f64>, f64)> {
    let (d, p) = q.shape();
    let mut z = vec![0.0; d * p];
    let (mut y, mut total) = (Vec::new(), 0.0);
    x.for_row_blocks(|rows, block| {
        let b = MatRef::from_row_major_slice(block, rows.len(), d);
        y.resize(rows.len() * p, 0.0);
        multiply_into(&mut y, Accum::Replace, b, q);
        let y = MatRef::from_row_major_slice(&y, rows.len(), p);
        multiply_into(&mut z, Accum::Add, b.transpose(), y);
        total += crate::ordered_sum(block.len(), |i| block[i] * block[i]);
        counter.tick()
    })?;
    Ok((Mat::from_fn(d, p, |i, c| z[i * p + c]), total))
}

/// QᵀZ, made symmetric to the last bit.
fn projected(q: MatRef<'_, f64>, z: MatRef<'_, f64>) -> Mat<f64> {
    let p = q.ncols();
    let mut h = Mat::zeros(p, p);
    matmul(h.as_mut(), Accum::Replace, q.transpose(), z, 1.0, Par::Seq);
    Mat::from_fn(p, p, |i, j| 0.5 * (h[(i, j)] + h[(j, i)]))
}

/// Row-major a · b.
fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Vec<f64> {
    let mut out = vec![0.0; a.nrows() * b.ncols()];
    multiply_into(&mut out, Accum::Replace, a, b);
    out
}

fn largest_change(before: &[f64], after: &[f64]) -> f64 {
    let change = |(b, a): (&f64, &f64)| if a == b { 0.0 } else { (a - b).abs() / a.max(*b) };
    before.iter().zip(after).map(change).fold(0.0, f64::max)
}
