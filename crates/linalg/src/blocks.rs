//! Centred and scaled blocks of a matrix in `f64`, and sums of products over them.
//!
//! A matrix of any type and strides is read block by block, so nothing of its size is ever
//! copied. Which entry belongs to which block is a function of the shape alone, and every
//! entry of a product belongs to one task that adds the blocks in order: equal bits for any
//! number of threads and any strides.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::Real;

/// Entries of a block; 32 MiB.
const BLOCK: usize = 1 << 22;
/// Rows of a product that one task owns.
const BAND: usize = 64;
/// Lines that one task fills; covers a cache line when the view runs the other way.
const FILL: usize = 16;

/// A matrix of which column `d` reads as (x − `means[d]`) · `factors[d]`.
pub(crate) struct Centred<'a, T> {
    pub(crate) x: MatRef<'a, T>,
    pub(crate) means: &'a [f64],
    pub(crate) factors: &'a [f64],
}

impl<T: Real> Centred<'_, T> {
    /// Calls `use_block` with row-major blocks of rows, in order.
    pub(crate) fn for_row_blocks<E>(
        &self,
        mut use_block: impl FnMut(Range<usize>, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (n, width) = self.x.shape();
        let mut buffer = Vec::new();
        for block in ranges(n, lines_per_block(width)) {
            buffer.resize(block.len() * width, 0.0);
            fill(self.x, block.clone(), &mut buffer, |_, d, v| self.value(d, v));
            use_block(block, &buffer)?;
        }
        Ok(())
    }

    /// Calls `use_block` with blocks of columns, in order, one column after the other.
    pub(crate) fn for_column_blocks<E>(
        &self,
        mut use_block: impl FnMut(Range<usize>, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (n, width) = self.x.shape();
        let mut buffer = Vec::new();
        for block in ranges(width, lines_per_block(n)) {
            buffer.resize(block.len() * n, 0.0);
            fill(self.x.transpose(), block.clone(), &mut buffer, |d, _, v| self.value(d, v));
            use_block(block, &buffer)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn value(&self, d: usize, v: T) -> f64 {
        (v.to_f64() - self.means[d]) * self.factors[d]
    }
}

/// Lines (rows, or columns for blocks of columns) of length `width` in a block.
pub(crate) fn lines_per_block(width: usize) -> usize {
    (BLOCK / width.max(1)).clamp(FILL, 1024)
}

/// Number of blocks that `n` lines of length `width` make.
pub(crate) fn n_blocks(n: usize, width: usize) -> usize {
    n.div_ceil(lines_per_block(width))
}

fn ranges(n: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(step).map(move |start| start..n.min(start + step))
}

/// Copies rows `lines` of a view to row-major `out`, reading along its shorter stride.
pub(crate) fn fill<T: Real>(
    x: MatRef<'_, T>,
    lines: Range<usize>,
    out: &mut [f64],
    value: impl Fn(usize, usize, T) -> f64 + Sync,
) {
    let width = x.ncols();
    let along_rows = x.col_stride().unsigned_abs() <= x.row_stride().unsigned_abs();
    out.par_chunks_mut((FILL * width).max(1)).enumerate().for_each(|(chunk, out)| {
        let first = lines.start + chunk * FILL;
        if along_rows {
            for (i, row) in (first..).zip(out.chunks_exact_mut(width)) {
                for (j, slot) in row.iter_mut().enumerate() {
                    *slot = value(i, j, x[(i, j)]);
                }
            }
        } else {
            for j in 0..width {
                for (i, slot) in (first..).zip(out[j..].iter_mut().step_by(width)) {
                    *slot = value(i, j, x[(i, j)]);
                }
            }
        }
    });
}

/// Adds Σ_r b_rᵀ b_r to `out`, for columns `panel` (its rows) against all columns.
///
/// `block` holds lines b_r of length `width` in row-major order, `out` is `panel.len()` ×
/// `width`. Only columns from a row's own band on are written: the upper triangle and a bit.
pub(crate) fn add_products(block: &[f64], width: usize, panel: &Range<usize>, out: &mut [f64]) {
    let b = MatRef::from_row_major_slice(block, block.len() / width, width);
    out.par_chunks_mut(BAND * width).with_max_len(1).enumerate().for_each(|(band, out)| {
        let start = panel.start + band * BAND;
        let n_rows = out.len() / width;
        let target = MatMut::from_row_major_slice_mut(out, n_rows, width);
        matmul(
            target.subcols_mut(start, width - start),
            Accum::Add,
            b.subcols(start, n_rows).transpose(),
            b.subcols(start, width - start),
            1.0,
            Par::Seq,
        );
    });
}

/// `out` = or += `lhs` · `rhs` for a row-major `out`, each band of its rows one task.
pub(crate) fn multiply_into(
    out: &mut [f64],
    accum: Accum,
    lhs: MatRef<'_, f64>,
    rhs: MatRef<'_, f64>,
) {
    let width = rhs.ncols();
    out.par_chunks_mut((BAND * width).max(1)).enumerate().for_each(|(band, out)| {
        let n_rows = out.len() / width;
        matmul(
            MatMut::from_row_major_slice_mut(out, n_rows, width),
            accum,
            lhs.subrows(band * BAND, n_rows),
            rhs,
            1.0,
            Par::Seq,
        );
    });
}

/// Copies the upper triangle of a row-major square matrix to the lower one.
pub(crate) fn mirror(square: &mut [f64], n: usize) {
    for i in 1..n {
        for j in 0..i {
            square[i * n + j] = square[j * n + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_testkit::{gaussian, max_abs_error};
    use std::convert::Infallible;

    fn products(x: MatRef<'_, f64>, panel: Range<usize>) -> Vec<f64> {
        let d = x.ncols();
        let (means, factors) = (vec![0.5; d], vec![2.0; d]);
        let mut out = vec![0.0; panel.len() * d];
        let centred = Centred { x, means: &means, factors: &factors };
        let Ok(()) = centred.for_row_blocks(|_, block| {
            add_products(block, d, &panel, &mut out);
            Ok::<(), Infallible>(())
        });
        out
    }

    #[test]
    fn products_match_the_definition() {
        let x = gaussian(2100, 70, 4);
        let panel = products(x.as_ref(), 60..70);
        for (row, a) in (60..70).enumerate() {
            for b in a..70 {
                let direct: f64 =
                    (0..2100).map(|i| (x[(i, a)] - 0.5) * 2.0 * (x[(i, b)] - 0.5) * 2.0).sum();
                assert!((panel[row * 70 + b] - direct).abs() < 1e-9 * 2100.0);
            }
        }
    }

    #[test]
    fn products_have_equal_bits_for_strides_and_threads() {
        let x = gaussian(1500, 130, 4);
        let rows = crate::Rows::copy_from(x.as_ref());
        let one = crate::tests::pool(1).install(|| products(x.as_ref(), 0..130));
        for threads in [2, 8] {
            let many = crate::tests::pool(threads).install(|| products(rows.as_mat(), 0..130));
            assert_eq!(one, many);
        }
    }

    #[test]
    fn column_blocks_are_transposed_row_blocks() {
        let x = gaussian(30, 20, 1);
        let (means, factors) = (vec![1.0; 20], vec![3.0; 20]);
        let centred = Centred { x: x.as_ref(), means: &means, factors: &factors };
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        let Ok(()) = centred.for_row_blocks(|_, block| {
            rows.extend_from_slice(block);
            Ok::<(), Infallible>(())
        });
        let Ok(()) = centred.for_column_blocks(|_, block| {
            columns.extend_from_slice(block);
            Ok::<(), Infallible>(())
        });
        let turned: Vec<f64> = (0..600).map(|p| columns[(p % 20) * 30 + p / 20]).collect();
        assert_eq!(max_abs_error(&rows, &turned), 0.0);
    }
}
