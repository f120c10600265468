//! Symmetric C×C matrices, C ≤ 3: eigenvalues and a pseudo-inverse.

use embex_linalg::Real;

/// A symmetric matrix.
pub(crate) type Square<T, const C: usize> = [[T; C]; C];

/// Eigenvalues in ascending order with their unit vectors (in rows), by cyclic Jacobi rotations.
///
/// In `f64` whatever the caller's precision; C = 2 is done after one rotation.
pub(crate) fn eigen<const C: usize>(a: Square<f64, C>) -> ([f64; C], Square<f64, C>) {
    let mut a = a;
    let mut vectors = [[0.0; C]; C];
    (0..C).for_each(|c| vectors[c][c] = 1.0);
    // Converges quadratically; 12 sweeps are far more than three rows ever need.
    for _ in 0..12 {
        let mut off = 0.0;
        for p in 0..C {
            for q in p + 1..C {
                off += a[p][q].abs();
                rotate(&mut a, &mut vectors, p, q);
            }
        }
        if off == 0.0 {
            break;
        }
    }
    let mut order: [usize; C] = std::array::from_fn(|c| c);
    order.sort_by(|&p, &q| a[p][p].total_cmp(&a[q][q]));
    (order.map(|c| a[c][c]), order.map(|c| vectors[c]))
}

/// One Jacobi rotation that annihilates a[p][q]; `vectors` holds eigenvectors in rows.
fn rotate<const C: usize>(
    a: &mut Square<f64, C>,
    vectors: &mut Square<f64, C>,
    p: usize,
    q: usize,
) {
    if a[p][q] == 0.0 {
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let t = if t.is_finite() { t } else { 0.0 };
    let cos = 1.0 / t.hypot(1.0);
    let sin = t * cos;
    for k in 0..C {
        let (kp, kq) = (a[k][p], a[k][q]);
        a[k][p] = cos * kp - sin * kq;
        a[k][q] = sin * kp + cos * kq;
    }
    for k in 0..C {
        let (pk, qk) = (a[p][k], a[q][k]);
        a[p][k] = cos * pk - sin * qk;
        a[q][k] = sin * pk + cos * qk;
        let (vp, vq) = (vectors[p][k], vectors[q][k]);
        vectors[p][k] = cos * vp - sin * vq;
        vectors[q][k] = sin * vp + cos * vq;
    }
    a[p][q] = 0.0;
    a[q][p] = 0.0;
}

/// Smallest eigenvalue.
pub(crate) fn smallest<T: Real, const C: usize>(a: &Square<T, C>) -> f64 {
    eigen(a.map(|row| row.map(T::to_f64))).0[0]
}

/// Largest absolute row sum: no eigenvalue exceeds it.
#[inline(always)]
pub(crate) fn row_bound<T: Real, const C: usize>(a: &Square<T, C>) -> T {
    let mut bound = T::ZERO;
    for row in a {
        let mut sum = T::ZERO;
        for &v in row {
            sum += v.abs_();
        }
        bound = bound.max_(sum);
    }
    bound
}

/// What kind of matrix was inverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All eigenvalues clearly positive.
    Definite,
    /// A clearly negative eigenvalue: a saddle, not a rest.
    Indefinite,
    /// An eigenvalue too small to invert; its direction is left out.
    Singular,
}

/// Eigenvalues below this share of the largest are treated as zero.
const SINGULAR: f64 = 1e-9;

/// Pseudo-inverse of a symmetric matrix: directions of vanishing eigenvalue give zero.
pub(crate) fn pseudo_inverse<const C: usize>(a: Square<f64, C>) -> (Square<f64, C>, Kind) {
    let (values, vectors) = eigen(a);
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mut inverse = [[0.0; C]; C];
    let mut kind = if values[0] < 0.0 { Kind::Indefinite } else { Kind::Definite };
    for (value, vector) in values.iter().zip(&vectors) {
        if value.abs() <= SINGULAR * largest || !value.is_normal() {
            kind = Kind::Singular;
            continue;
        }
        for p in 0..C {
            for q in 0..C {
                inverse[p][q] += vector[p] * vector[q] / value;
            }
        }
    }
    (inverse, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product<const C: usize>(a: Square<f64, C>, v: [f64; C]) -> [f64; C] {
        std::array::from_fn(|p| (0..C).map(|q| a[p][q] * v[q]).sum())
    }

    #[test]
    fn eigenpairs_satisfy_their_equation() {
        let a = [[2.0, -1.0, 0.5], [-1.0, 3.0, 0.25], [0.5, 0.25, -4.0]];
        let (values, vectors) = eigen(a);
        assert!(values.is_sorted());
        for (value, vector) in values.iter().zip(vectors) {
            for (left, right) in product(a, vector).iter().zip(vector) {
                assert!((left - value * right).abs() < 1e-14);
            }
        }
        assert_eq!(eigen([[7.0]]).0, [7.0]);
        let (values, _) = eigen([[0.0, 1.0], [1.0, 0.0]]);
        assert!((values[0] + 1.0).abs() < 1e-15 && (values[1] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn pseudo_inverse_leaves_out_flat_directions() {
        let (inverse, kind) = pseudo_inverse([[4.0, 0.0], [0.0, 0.5]]);
        assert_eq!((inverse, kind), ([[0.25, 0.0], [0.0, 2.0]], Kind::Definite));
        let (inverse, kind) = pseudo_inverse([[1.0, 1.0], [1.0, 1.0]]);
        assert_eq!(kind, Kind::Singular);
        assert!(inverse.iter().flatten().all(|v| (v - 0.25).abs() < 1e-15));
        assert_eq!(pseudo_inverse([[-1.0, 0.0], [0.0, 2.0]]).1, Kind::Indefinite);
        assert_eq!(pseudo_inverse([[0.0, 0.0], [0.0, 0.0]]), ([[0.0; 2]; 2], Kind::Singular));
    }
}
