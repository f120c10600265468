//! Decompositions of small dense matrices, sequential so that bits are equal everywhere.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as apply_q_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as apply_q,
};
use faer::linalg::qr::no_pivoting::factor::{
    qr_in_place, qr_in_place_scratch, recommended_block_size,
};
use faer::{Conj, Mat, MatRef, Par, Spec};

use crate::{Error, Result};

/// Eigenvalues of a symmetric matrix, descending, and the eigenvectors as columns.
pub(super) fn symmetric_eigen(a: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let n = a.nrows();
    let (mut values, mut vectors) = (Diag::zeros(n), Mat::zeros(n, n));
    let scratch =
        self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Spec::default());
    self_adjoint_evd(
        a,
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Spec::default(),
    )
    .map_err(|_| Error::Decomposition { what: "eigendecomposition of the covariance" })?;
    let ascending = values.column_vector();
    let values = (0..n).rev().map(|i| ascending[i]).collect();
    Ok((values, vectors.as_ref().reverse_cols().to_owned()))
}

/// An orthonormal basis of the columns; directions that are missing are filled up.
pub(super) fn orthonormal(mut a: Mat<f64>) -> Mat<f64> {
    let (m, n) = a.shape();
    let block = recommended_block_size::<f64>(m, n);
    let mut factor = Mat::zeros(block, n.min(m));
    let scratch = qr_in_place_scratch::<f64>(m, n, block, Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    qr_in_place(a.as_mut(), factor.as_mut(), Par::Seq, MemStack::new(&mut memory), Spec::default());
    let mut q = Mat::identity(m, n.min(m));
    let mut memory = MemBuffer::new(apply_q_scratch::<f64>(m, block, n.min(m)));
    let stack = MemStack::new(&mut memory);
    apply_q(a.as_ref(), factor.as_ref(), Conj::No, q.as_mut(), Par::Seq, stack);
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_testkit::{assert_close, gaussian, row_major};

    fn identity_gap(q: MatRef<'_, f64>) -> f64 {
        let gram = q.transpose() * q;
        let n = gram.nrows();
        let entry = |i: usize, j: usize| (gram[(i, j)] - f64::from(u8::from(i == j))).abs();
        (0..n * n).map(|p| entry(p / n, p % n)).fold(0.0, f64::max)
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let a = gaussian(40, 40, 3);
        let a = &a + a.transpose();
        let (values, v) = symmetric_eigen(a.as_ref()).unwrap();
        assert!(values.is_sorted_by(|p, q| p >= q));
        let scaled = Mat::from_fn(40, 40, |i, j| v[(i, j)] * values[j]);
        let back = &scaled * v.transpose();
        assert_close("rebuilt", &row_major(back.as_ref()), &row_major(a.as_ref()), 1e-13);
    }

    #[test]
    fn bases_are_orthonormal_even_of_deficient_columns() {
        let x = gaussian(90, 5, 1);
        let deficient = Mat::from_fn(90, 8, |i, j| if j == 2 { 0.0 } else { x[(i, j % 5)] });
        for a in [x, deficient, Mat::zeros(30, 4)] {
            assert!(identity_gap(orthonormal(a).as_ref()) < 1e-13);
        }
    }
}
