//! Input checks that name what is wrong and where.

use faer::MatRef;
use rayon::prelude::*;

use crate::{Error, Real, Result};

/// Rows per task; any value gives the same answer, the first bad entry in row order.
const ROWS: usize = 256;

/// Accepts a matrix that has rows and columns and only finite entries.
///
/// # Errors
/// [`Error::Empty`]; [`Error::NotFinite`] for the first bad entry in row order.
///
/// # Example
/// ```
/// use embex_linalg::{check, faer::mat, Error};
/// let x = mat![[1.0, 2.0], [3.0, f64::INFINITY]];
/// assert_eq!(
///     check::finite(x.as_ref()),
///     Err(Error::NotFinite { row: 1, col: 1, value: f64::INFINITY })
/// );
/// ```
pub fn finite<T: Real>(x: MatRef<'_, T>) -> Result<()> {
    let (n_rows, n_cols) = x.shape();
    if n_rows == 0 || n_cols == 0 {
        return Err(Error::Empty { n_rows, n_cols });
    }
    let bad = (0..n_rows.div_ceil(ROWS)).into_par_iter().find_map_first(|block| {
        (block * ROWS..n_rows.min((block + 1) * ROWS)).find_map(|row| {
            (0..n_cols).find(|&col| !x[(row, col)].is_finite_()).map(|col| (row, col))
        })
    });
    match bad {
        None => Ok(()),
        Some((row, col)) => Err(Error::NotFinite { row, col, value: x[(row, col)].to_f64() }),
    }
}

/// Accepts `n_rows ≥ needed`.
///
/// # Errors
/// [`Error::TooFewRows`].
pub fn at_least_rows(n_rows: usize, needed: usize) -> Result<()> {
    if n_rows < needed { Err(Error::TooFewRows { needed, n_rows }) } else { Ok(()) }
}

/// Accepts an input of the expected length.
///
/// # Errors
/// [`Error::LengthMismatch`].
pub fn length(what: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::LengthMismatch { what, got, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn finite_names_the_first_bad_entry_in_row_order() {
        let mut x = Mat::<f32>::zeros(2000, 3);
        x[(1999, 0)] = f32::NAN;
        x[(700, 2)] = f32::NEG_INFINITY;
        let error = finite(x.as_ref()).unwrap_err();
        assert_eq!(error, Error::NotFinite { row: 700, col: 2, value: f64::NEG_INFINITY });
    }

    #[test]
    fn finite_refuses_empty_matrices() {
        let x = Mat::<f64>::zeros(0, 4);
        assert_eq!(finite(x.as_ref()), Err(Error::Empty { n_rows: 0, n_cols: 4 }));
        let x = Mat::<f64>::zeros(4, 0);
        assert_eq!(finite(x.as_ref()), Err(Error::Empty { n_rows: 4, n_cols: 0 }));
    }

    #[test]
    fn counts_are_compared() {
        assert_eq!(at_least_rows(1, 2), Err(Error::TooFewRows { needed: 2, n_rows: 1 }));
        assert_eq!(at_least_rows(2, 2), Ok(()));
        let error = Error::LengthMismatch { what: "labels", got: 3, expected: 4 };
        assert_eq!(length("labels", 3, 4), Err(error));
    }
}
