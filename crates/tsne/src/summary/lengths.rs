//! Lengths over the axes.

use embex_linalg::{Real, Rows};
use rayon::prelude::*;

use crate::{Error, Result};

/// Length over the axes of what was projected axis after axis: n × D from n × (axes · D).
///
/// For values that went through loadings; without any, project
/// [`crate::attribution::Scalar::JacobianNorm`] instead, which never holds the axes apart.
///
/// # Errors
/// [`Error::ColumnMismatch`] unless there are `n_axes` times as many columns as features.
///
/// # Example
/// ```
/// use embex_linalg::Rows;
/// let by_axis = Rows::from_vec(vec![3.0, 0.0, 4.0, -2.0_f32], 4).expect("one row");
/// assert_eq!(embex_tsne::summary::axis_lengths(&by_axis, 2)?.row(0), [5.0, 2.0]);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
pub fn axis_lengths<T: Real>(by_axis: &Rows<T>, n_axes: usize) -> Result<Rows<T>> {
    let got = by_axis.n_cols();
    if n_axes == 0 || !got.is_multiple_of(n_axes) {
        return Err(Error::ColumnMismatch { got, expected: n_axes });
    }
    let n_features = got / n_axes;
    let mut out = Rows::zeros(by_axis.n_rows(), n_features);
    out.as_mut_slice().par_chunks_mut(n_features.max(1)).enumerate().for_each(|(i, lengths)| {
        let row = by_axis.row(i);
        for (d, length) in lengths.iter_mut().enumerate() {
            let square = |v: &T| v.to_f64() * v.to_f64();
            let sum: f64 = row[d..].iter().step_by(n_features).map(square).sum();
            *length = T::from_f64(sum.sqrt());
        }
    });
    Ok(out)
}
