//! Row-major numbers, as pages and result folders hold them.

use crate::{Error, Result};

/// An owned matrix, row after row. Columns may be none, rows may be none.
///
/// ```
/// let m = embex_report::Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 4.0_f32])?;
/// assert_eq!(m.row(1), [3.0, 4.0]);
/// # Ok::<(), embex_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix<T> {
    n_rows: usize,
    n_cols: usize,
    data: Vec<T>,
}

impl<T: Copy + Into<f64>> Matrix<T> {
    /// Takes row-major data.
    ///
    /// # Errors
    /// [`Error::Length`] unless there are `n_rows · n_cols` entries.
    pub fn new(n_rows: usize, n_cols: usize, data: Vec<T>) -> Result<Self> {
        if n_rows.checked_mul(n_cols) != Some(data.len()) {
            let expected = n_rows.saturating_mul(n_cols);
            return Err(Error::Length { what: "a matrix", got: data.len(), expected });
        }
        Ok(Self { n_rows, n_cols, data })
    }

    /// Fills a matrix from a function of row and column.
    pub fn from_fn(n_rows: usize, n_cols: usize, entry: impl Fn(usize, usize) -> T) -> Self {
        let data = (0..n_rows).flat_map(|i| (0..n_cols).map(move |d| (i, d)));
        Self { n_rows, n_cols, data: data.map(|(i, d)| entry(i, d)).collect() }
    }

    /// Number of rows.
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub const fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// One row.
    pub fn row(&self, i: usize) -> &[T] {
        &self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// One entry.
    pub fn at(&self, i: usize, d: usize) -> T {
        self.data[i * self.n_cols + d]
    }

    /// One column, top to bottom.
    pub fn column(&self, d: usize) -> impl Iterator<Item = T> + '_ {
        (0..self.n_rows).map(move |i| self.at(i, d))
    }

    /// All entries, row after row.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// Refuses a wrong shape.
    pub(crate) fn check_shape(
        &self,
        what: &'static str,
        n_rows: usize,
        n_cols: usize,
    ) -> Result<()> {
        if self.n_rows != n_rows {
            return Err(Error::Length { what, got: self.n_rows, expected: n_rows });
        }
        if self.n_cols != n_cols {
            return Err(Error::Length { what, got: self.n_cols, expected: n_cols });
        }
        Ok(())
    }

    /// Refuses NaN and infinities.
    pub(crate) fn check_finite(&self, what: &str) -> Result<()> {
        match self.data.iter().position(|&v| !v.into().is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NotFinite {
                what: what.to_owned(),
                row: at / self.n_cols,
                col: at % self.n_cols,
                value: self.data[at].into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_and_overflowing_shapes_are_refused() {
        assert!(matches!(
            Matrix::new(2, 3, vec![0.0_f32; 5]),
            Err(Error::Length { got: 5, expected: 6, .. })
        ));
        assert!(Matrix::new(usize::MAX, 2, vec![0.0_f32; 2]).is_err());
        assert!(Matrix::<f32>::new(0, 3, vec![]).is_ok());
    }

    #[test]
    fn a_nan_is_named_with_its_place() {
        let m = Matrix::new(2, 2, vec![0.0, 0.0, f64::NAN, 0.0]).unwrap();
        assert!(matches!(m.check_finite("x"), Err(Error::NotFinite { row: 1, col: 0, .. })));
    }

    #[test]
    fn columns_run_top_to_bottom() {
        let m = Matrix::from_fn(3, 2, |i, d| (10 * i + d) as f32);
        assert_eq!(m.column(1).collect::<Vec<_>>(), [1.0, 11.0, 21.0]);
    }
}
