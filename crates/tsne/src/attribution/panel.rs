//! Sums of weighted input differences, a narrow panel of columns at a time.
//!
//! J_i = Σ_j w_ij (x_i − x_j) visits more than a hundred rows x_j per point. Whole rows of many
//! features would come from main memory each time; a panel of [`TILE`] columns of all samples,
//! packed line by line, stays near the processor. A value is summed over the partners in their
//! order, whatever the panels, tasks and blocks.

use std::ops::Range;

use embex_linalg::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::rows_of::RowsOf;

/// Columns of a panel: the sums of a line fill a part of the vector registers.
pub(crate) const TILE: usize = 64;

/// Rows per task; any value gives the same bits.
const ROWS: usize = 32;

/// Panels are packed if at least one row in so many is asked for; packing visits all.
const PACKED_SHARE: usize = 8;

/// Some columns of one row, padded with zeros.
pub(crate) type Tile<T> = [T; TILE];

/// All rows, by panels.
pub(crate) struct Panels<'a, T> {
    x: RowsOf<'a, T>,
    /// The only panel, where there is but one.
    only: Vec<Tile<T>>,
}

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

impl<'a, T: Real> Panels<'a, T> {
    pub(crate) fn new(x: RowsOf<'a, T>) -> Self {
        let mut only = Vec::new();
        if x.n_cols() <= TILE {
            pack(&x, 0, &mut only);
        }
        Self { x, only }
    }

    pub(crate) fn n_cols(&self) -> usize {
        self.x.n_cols()
    }

    /// Shows every panel to the rows from `first_row` on, each with its `width` values in `out`.
    ///
    /// For many rows panel after panel, packed; for a few row after row.
    pub(crate) fn show(
        &self,
        first_row: usize,
        (out, width): (&mut [T], usize),
        rows: &impl PerRow<T>,
    ) {
        let Self { x, only } = self;
        let few = out.len() / width * PACKED_SHARE < x.n_rows();
        let mut pass = |packed: &[Tile<T>], panels: Range<usize>| {
            let arch = Arch::new();
            out.par_chunks_mut(ROWS * width).enumerate().for_each(|(block, out)| {
                let first_row = first_row + block * ROWS;
                let panels = panels.clone();
                arch.dispatch(Block { x, packed, panels, rows, first_row, width, out });
            });
        };
        if few || !only.is_empty() {
            return pass(only, 0..x.n_cols());
        }
        let mut packed = Vec::new();
        for first in (0..x.n_cols()).step_by(TILE) {
            pack(x, first, &mut packed);
            pass(&packed, first..first + TILE);
        }
    }
}

/// Packs the columns from `first` on into a line per row.
fn pack<T: Real>(x: &RowsOf<'_, T>, first: usize, lines: &mut Vec<Tile<T>>) {
    lines.resize(x.n_rows(), [T::ZERO; TILE]);
    lines.par_chunks_mut(ROWS).enumerate().for_each(|(block, lines)| {
        for (r, line) in lines.iter_mut().enumerate() {
            *line = cut(x.row(block * ROWS + r), first);
        }
    });
}

/// One task's rows and the columns of their panels.
struct Block<'a, T, R> {
    x: &'a RowsOf<'a, T>,
    packed: &'a [Tile<T>],
    panels: Range<usize>,
    rows: &'a R,
    first_row: usize,
    width: usize,
    out: &'a mut [T],
}

impl<T: Real, R: PerRow<T>> WithSimd for Block<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, packed, .. } = self;
        for (r, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            for first in self.panels.clone().step_by(TILE) {
                self.rows.take(&Panel { x, packed, first }, self.first_row + r, out);
            }
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
    pub(crate) fn columns(&self) -> Range<usize> {
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
