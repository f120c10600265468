//! Contiguous rows, for kernels that read one sample at a time.

use faer::MatRef;
use rayon::prelude::*;

use crate::Real;

/// An owned matrix whose rows are contiguous: what a kernel copies a strided view into, once.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rows<T> {
    n_cols: usize,
    data: Vec<T>,
}

impl<T: Real> Rows<T> {
    /// Copies a view of any strides.
    pub fn copy_from(x: MatRef<'_, T>) -> Self {
        Self::filled(x, |value| value)
    }

    /// Copies a view and rounds or widens every entry to `T`.
    pub fn convert_from<U: Real>(x: MatRef<'_, U>) -> Self {
        Self::filled(x, |value| T::from_f64(value.to_f64()))
    }

    fn filled<U: Real>(x: MatRef<'_, U>, entry: impl Fn(U) -> T + Sync) -> Self {
        let (n_rows, n_cols) = x.shape();
        let mut data = vec![T::ZERO; n_rows * n_cols];
        if n_cols > 0 {
            data.par_chunks_mut(n_cols).enumerate().for_each(|(i, row)| {
                for (d, value) in row.iter_mut().enumerate() {
                    *value = entry(x[(i, d)]);
                }
            });
        }
        Self { n_cols, data }
    }

    /// Takes row-major data; `None` unless its length is a multiple of `n_cols`.
    pub fn from_vec(data: Vec<T>, n_cols: usize) -> Option<Self> {
        let whole = if n_cols == 0 { data.is_empty() } else { data.len().is_multiple_of(n_cols) };
        whole.then_some(Self { n_cols, data })
    }

    /// Zeros.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Self { n_cols, data: vec![T::ZERO; n_rows * n_cols] }
    }

    /// Number of rows; 0 if there are no columns.
    pub fn n_rows(&self) -> usize {
        self.data.len().checked_div(self.n_cols).unwrap_or(0)
    }

    /// Number of columns.
    pub const fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// One row.
    #[inline]
    pub fn row(&self, i: usize) -> &[T] {
        &self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// One row, to write.
    #[inline]
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// All entries, row after row.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// All entries, row after row, to write.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Gives up the entries, row after row.
    pub fn into_vec(self) -> Vec<T> {
        self.data
    }

    /// A view.
    pub fn as_mat(&self) -> MatRef<'_, T> {
        MatRef::from_row_major_slice(&self.data, self.n_rows(), self.n_cols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn strided_views_are_copied_by_value() {
        let x = Mat::from_fn(3, 2, |i, j| (10 * i + j) as f64);
        let rows = Rows::copy_from(x.as_ref());
        assert_eq!(rows.as_slice(), [0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
        assert_eq!(rows.as_mat(), x.as_ref());
        let transposed = Rows::<f32>::convert_from(x.transpose());
        assert_eq!(transposed.row(1), [1.0, 11.0, 21.0]);
    }

    #[test]
    fn ragged_data_is_refused() {
        assert!(Rows::from_vec(vec![1.0, 2.0, 3.0], 2).is_none());
        assert!(Rows::<f64>::from_vec(vec![], 0).is_some());
    }
}
