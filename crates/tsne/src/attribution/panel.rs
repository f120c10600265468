//! Sums of weighted input differences, a narrow panel of columns at a time.
//!
//! J_i = Σ_j w_ij (x_i − x_j) visits more than a hundred rows x_j per point. Whole rows of many
//! features would come from main memory each time; a panel of [`TILE`] columns of all samples,
//! packed line by line and gone through breadth first, stays near the processor. A value is
//! summed over the partners in their order, whatever the panels, tasks and blocks.

use std::ops::Range;

use embex_linalg::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::near::breadth_first;
use super::rows_of::RowsOf;
use crate::lanes::LANES;

/// Columns of a panel: their sums and the line they are taken from fit the narrowest registers.
pub(crate) const TILE: usize = 32;

/// Rows per task where panels are packed: enough to use a panel while it is near.
const ROWS: usize = 128;

/// Rows per task where they are not; any values give the same bits.
const FEW_ROWS: usize = 8;

/// Panels packed together: a row far away in memory is visited once for all of them.
const PANELS: usize = 8;

/// Panels are packed if at least one row in so many is asked for; packing visits all.
const PACKED_SHARE: usize = 8;

/// Some columns of one row, padded with zeros.
pub(crate) type Tile<T> = [T; TILE];

/// A line of each row.
type Packed<T> = Vec<Line<T>>;

/// A tile that begins where a cache line does: no load of it crosses two.
#[derive(Clone, Copy)]
#[repr(align(128))]
struct Line<T>(Tile<T>);

/// All rows, by panels.
pub(crate) struct Panels<'a, T> {
    x: RowsOf<'a, T>,
    /// All panels, where one pack holds them.
    all: Vec<Packed<T>>,
    /// When each row has its turn.
    turns: Vec<u32>,
}

/// The columns from `first` on of all rows.
pub(crate) struct Panel<'a, T> {
    x: &'a RowsOf<'a, T>,
    /// Lines of all rows, or none: then they are cut out at every visit.
    packed: &'a [Line<T>],
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
    /// `partners` of every row, as starts and columns: what its sums will visit.
    pub(crate) fn new(x: RowsOf<'a, T>, (starts, columns): (&[usize], &[u32])) -> Self {
        let mut turns = vec![0; x.n_rows()];
        for (turn, row) in breadth_first(starts, columns).into_iter().enumerate() {
            turns[row as usize] = turn as u32;
        }
        let mut all = Vec::new();
        if x.n_cols() <= PANELS * TILE {
            pack(&x, 0, &mut all);
        }
        Self { x, all, turns }
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
        let Self { x, all, turns } = self;
        let mut out: Vec<(usize, &mut [T])> =
            (first_row..).zip(out.chunks_exact_mut(width)).collect();
        out.sort_unstable_by_key(|&(row, _)| turns[row]);
        let few = out.len() * PACKED_SHARE < x.n_rows();
        let mut pass = |packed: &[Packed<T>], first: usize| {
            let arch = Arch::new();
            let per_task = if packed.is_empty() { FEW_ROWS } else { ROWS };
            out.par_chunks_mut(per_task).for_each(|out| {
                arch.dispatch(Block { x, packed, first, rows, out });
            });
        };
        if few || !all.is_empty() {
            return pass(all, 0);
        }
        let mut packed = Vec::new();
        for first in (0..x.n_cols()).step_by(PANELS * TILE) {
            pack(x, first, &mut packed);
            pass(&packed, first);
        }
    }
}

/// Packs the panels of the columns from `first` on.
fn pack<T: Real>(x: &RowsOf<'_, T>, first: usize, panels: &mut Vec<Packed<T>>) {
    panels.resize((x.n_cols() - first).div_ceil(TILE).min(PANELS), Vec::new());
    let mut parts: Vec<Vec<&mut [Line<T>]>> = Vec::new();
    parts.resize_with(x.n_rows().div_ceil(ROWS), Vec::new);
    for panel in panels {
        panel.resize(x.n_rows(), Line([T::ZERO; TILE]));
        for (part, lines) in parts.iter_mut().zip(panel.chunks_mut(ROWS)) {
            part.push(lines);
        }
    }
    parts.into_par_iter().enumerate().for_each(|(block, mut part)| {
        for r in 0..part[0].len() {
            let row = x.row(block * ROWS + r);
            for (lines, first) in part.iter_mut().zip((first..).step_by(TILE)) {
                lines[r] = Line(cut(row, first));
            }
        }
    });
}

/// One task's rows and their panels: those packed, from column `first` on, or all.
struct Block<'a, 'o, T, R> {
    x: &'a RowsOf<'a, T>,
    packed: &'a [Packed<T>],
    first: usize,
    rows: &'a R,
    out: &'a mut [(usize, &'o mut [T])],
}

impl<T: Real, R: PerRow<T>> WithSimd for Block<'_, '_, T, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, packed, first, rows, out } = self;
        for (packed, first) in packed.iter().zip((first..).step_by(TILE)) {
            for (row, out) in out.iter_mut() {
                rows.take(&Panel { x, packed, first }, *row, out);
            }
        }
        if packed.is_empty() {
            for (row, out) in out {
                for first in (0..x.n_cols()).step_by(TILE) {
                    rows.take(&Panel { x, packed: &[], first }, *row, out);
                }
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
        if self.packed.is_empty() { cut(self.x.row(i), self.first) } else { self.packed[i].0 }
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
                add_gap(&mut sums, w, &xi, &self.packed[j as usize].0);
            }
        }
        sums
    }
}

#[inline(always)]
fn add_gap<T: Real>(sums: &mut Tile<T>, w: T, xi: &Tile<T>, xj: &Tile<T>) {
    let lanes = xi.as_chunks::<LANES>().0.iter().zip(xj.as_chunks::<LANES>().0);
    for (sums, (xi, xj)) in sums.as_chunks_mut::<LANES>().0.iter_mut().zip(lanes) {
        let mut gap = [T::ZERO; LANES];
        for l in 0..LANES {
            gap[l] = xi[l] - xj[l];
        }
        for l in 0..LANES {
            sums[l] = w.mul_add_(gap[l], sums[l]);
        }
    }
}
