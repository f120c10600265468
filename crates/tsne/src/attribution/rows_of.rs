//! Matrices and ragged arrays by rows.

use embex_linalg::faer::{ContiguousFwd, MatRef};
use embex_linalg::{Real, Rows};

/// Rows as slices: borrowed from a row-major view, else copied once.
pub(crate) enum RowsOf<'a, T> {
    Borrowed(MatRef<'a, T, usize, usize, isize, ContiguousFwd>),
    Owned(Rows<T>),
}

impl<'a, T: Real> RowsOf<'a, T> {
    pub(crate) fn new(x: MatRef<'a, T>) -> Self {
        match x.try_as_row_major() {
            Some(rows) => Self::Borrowed(rows),
            None => Self::Owned(Rows::copy_from(x)),
        }
    }

    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> &[T] {
        match self {
            Self::Borrowed(x) => x.row(i).as_slice(),
            Self::Owned(x) => x.row(i),
        }
    }

    pub(crate) fn n_rows(&self) -> usize {
        match self {
            Self::Borrowed(x) => x.nrows(),
            Self::Owned(x) => x.n_rows(),
        }
    }

    #[inline(always)]
    pub(crate) fn n_cols(&self) -> usize {
        match self {
            Self::Borrowed(x) => x.ncols(),
            Self::Owned(x) => x.n_cols(),
        }
    }
}

/// Mutable rows of a ragged array: `width` values per entry.
pub(crate) fn split_rows<'v, T>(
    values: &'v mut [T],
    starts: &[usize],
    width: usize,
) -> Vec<(usize, &'v mut [T])> {
    let mut rest = values;
    let mut rows = Vec::with_capacity(starts.len() - 1);
    for (i, pair) in starts.windows(2).enumerate() {
        let (row, tail) = rest.split_at_mut((pair[1] - pair[0]) * width);
        rows.push((i, row));
        rest = tail;
    }
    rows
}
