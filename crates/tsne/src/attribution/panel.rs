//! Sums of weighted input differences, a narrow panel of columns at a time.
//!
//! J_i = Σ_j w_ij (x_i − x_j) visits more than a hundred rows x_j per point. Whole rows of many
//! features would come from main memory each time; a panel of [`TILE`] columns of all samples,
//! packed line by line, stays near the processor. A value is summed over the partners in their
//! order, whatever the panels, tasks and blocks.

use embex_linalg::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::coefficients::RowsOf;

/// Columns of a panel: the sums of a line fill a part of the vector registers.
pub(crate) const TILE: usize = 64;

/// Rows per task; any value gives the same bits.
const ROWS: usize = 32;

/// A panel is packed if at least one row in so many is asked for; packing visits all.
pub(crate) const PACKED_SHARE: usize = 8;

/// Some columns of one row, padded with zeros.
pub(crate) type Tile<T> = [T; TILE];

/// The columns from `first` on of all rows.
pub(crate) struct Panel<'a, T> {
    x: &'a RowsOf<'a, T>,
    /// Lines of all rows, or none: then they are cut out at every visit.
    packed: &'a [Tile<T>],
    pub(crate) first: usize,
}

/// What is done with a panel, row by row.
pub(crate) trait PerRow<T>: Sync {
    /// Takes the panel of row `i`; `out` holds the row's values, all columns of them.
    ///
    /// Compiled for the machine's vectors if it is `#[inline(always)]`.
    fn take(&self, panel: &Panel<'_, T>, i: usize, out: &mut [T]);
}

/// Shows every panel to the rows from `first_row` on, each with its `width` values in `out`.
pub(crate) fn by_panels<T: Real>(
    x: &RowsOf<'_, T>,
    first_row: usize,
    (out, width): (&mut [T], usize),
    rows: &impl PerRow<T>,
) {
    let n = x.n_rows();
    let is_packed = out.len() / width * PACKED_SHARE >= n;
    let mut packed = vec![[T::ZERO; TILE]; if is_packed { n } else { 0 }];
    let arch = Arch::new();
    for first in (0..x.n_cols()).step_by(TILE) {
        packed.par_chunks_mut(ROWS).enumerate().for_each(|(block, lines)| {
            for (r, line) in lines.iter_mut().enumerate() {
                *line = cut(x.row(block * ROWS + r), first);
            }
        });
        let panel = Panel { x, packed: &packed, first };
        out.par_chunks_mut(ROWS * width).enumerate().for_each(|(block, out)| {
            let first_row = first_row + block * ROWS;
            arch.dispatch(Block { panel: &panel, rows, first_row, width, out });
        });
    }
}

/// One task's rows.
struct Block<'a, T, R> {
    panel: &'a Panel<'a, T>,
    rows: &'a R,
    first_row: usize,
    width: usize,
    out: &'a mut [T],
}

impl<T: Real, R: PerRow<T>> WithSimd for Block<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (r, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            self.rows.take(self.panel, self.first_row + r, out);
        }
    }
}

/// The columns from `first` on of one row.
#[inline(always)]
pub(crate) fn cut<T: Real>(row: &[T], first: usize) -> Tile<T> {
    let rest = &row[first..];
    if let Some(whole) = rest.first_chunk() {
        return *whole;
    }
    let mut tile = [T::ZERO; TILE];
    tile[..rest.len()].copy_from_slice(rest);
    tile
}

impl<T: Real> Panel<'_, T> {
    /// Columns of this panel.
    #[inline(always)]
    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        self.first..self.x.n_cols().min(self.first + TILE)
    }

    /// The panel's columns of one row.
    #[inline(always)]
    pub(crate) fn line(&self, i: usize) -> Tile<T> {
        if self.packed.is_empty() { cut(self.x.row(i), self.first) } else { self.packed[i] }
    }

    /// Σ_j w_j (x_i − x_j).
    #[inline(always)]
    pub(crate) fn sum(&self, i: usize, partners: &[u32], weights: &[T]) -> Tile<T> {
        let xi = self.line(i);
        let mut sums = [T::ZERO; TILE];
        let terms = partners.iter().zip(weights);
        if self.packed.is_empty() {
            for (&j, &w) in terms {
                add_gap(&mut sums, w, &xi, &cut(self.x.row(j as usize), self.first));
            }
        } else {
            for (&j, &w) in terms {
                add_gap(&mut sums, w, &xi, &self.packed[j as usize]);
            }
        }
        sums
    }
}

#[inline(always)]
fn add_gap<T: Real>(sums: &mut Tile<T>, w: T, xi: &Tile<T>, xj: &Tile<T>) {
    let mut gap = [T::ZERO; TILE];
    for l in 0..TILE {
        gap[l] = xi[l] - xj[l];
    }
    for l in 0..TILE {
        sums[l] = w.mul_add_(gap[l], sums[l]);
    }
}
