//! All eigenvectors of the covariance, or of the Gram matrix when there are fewer rows.

use faer::{Accum, Mat, MatRef};

use super::small::{orthonormal, symmetric_eigen};
use super::{Counter, Found};
use crate::blocks::{Centred, add_products, mirror, multiply_into};
use crate::progress::Progress;
use crate::{Real, Result};

pub(super) fn solve<T: Real>(
    x: &Centred<'_, T>,
    k: usize,
    progress: &mut dyn Progress,
) -> Result<Found> {
    if x.x.nrows() < x.x.ncols() { by_gram(x, k, progress) } else { by_covariance(x, k, progress) }
}

/// XᵀX = V Λ Vᵀ: the loadings are the leading columns of V.
fn by_covariance<T: Real>(
    x: &Centred<'_, T>,
    k: usize,
    progress: &mut dyn Progress,
) -> Result<Found> {
    let (n, d) = x.x.shape();
    let mut counter = Counter::new(progress, n, d, 1);
    let mut products = vec![0.0; d * d];
    x.for_row_blocks(|_, block| {
        add_products(block, d, &(0..d), &mut products);
        counter.tick()
    })?;
    mirror(&mut products, d);
    let total = trace(&products, d);
    let (values, vectors) = symmetric_eigen(MatRef::from_row_major_slice(&products, d, d))?;
    let loadings = (0..d * k).map(|p| vectors[(p / k, p % k)]).collect();
    Ok(Found { loadings, squares: leading(&values, k), total, passes: 1, change: 0.0 })
}

/// XXᵀ = U Λ Uᵀ: the loadings are XᵀU with columns of length 1.
///
/// By Householder reflections rather than by division, so that components of variance 0 get
/// directions too, orthogonal to the others.
fn by_gram<T: Real>(x: &Centred<'_, T>, k: usize, progress: &mut dyn Progress) -> Result<Found> {
    let (n, d) = x.x.shape();
    let mut counter = Counter::new(progress, d, n, 2);
    let mut products = vec![0.0; n * n];
    x.for_column_blocks(|_, block| {
        add_products(block, n, &(0..n), &mut products);
        counter.tick()
    })?;
    mirror(&mut products, n);
    let total = trace(&products, n);
    let (values, vectors) = symmetric_eigen(MatRef::from_row_major_slice(&products, n, n))?;
    let mut directions = vec![0.0; d * k];
    x.for_column_blocks(|columns, block| {
        let lines = MatRef::from_row_major_slice(block, columns.len(), n);
        let out = &mut directions[columns.start * k..columns.end * k];
        multiply_into(out, Accum::Replace, lines, vectors.get(.., ..k));
        counter.tick()
    })?;
    let q = orthonormal(Mat::from_fn(d, k, |i, c| directions[i * k + c]));
    let loadings = (0..d * k).map(|p| q[(p / k, p % k)]).collect();
    Ok(Found { loadings, squares: leading(&values, k), total, passes: 2, change: 0.0 })
}

/// The first `k` eigenvalues; rounding below 0 is cut off.
fn leading(values: &[f64], k: usize) -> Vec<f64> {
    values[..k].iter().map(|v| v.max(0.0)).collect()
}

fn trace(square: &[f64], n: usize) -> f64 {
    (0..n).map(|i| square[i * n + i]).sum()
}
