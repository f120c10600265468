//! The divergence KL(P‖Q) of a map from its affinities, and its parts.

use embex_linalg::faer::MatRef;
use embex_linalg::{Real, check, ordered_sum};

use crate::exact::Exact;
use crate::repulsion::{Repulsion, RepulsionSums};
use crate::{Affinities, Error, Result};

/// KL(P‖Q) = Σ p ln p − Σ p ln q in nats, in its three parts.
///
/// With q_ij = g_ij / Z and Σ p = 1 it is `attraction + log_z − entropy`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Divergence {
    /// Σ p_ij ln(1 + |y_i − y_j|²): small when neighbours are close.
    pub attraction: f64,
    /// ln Z, Z = Σ_{i≠j} 1 / (1 + |y_i − y_j|²): small when points are far apart.
    pub log_z: f64,
    /// −Σ p_ij ln p_ij, which no map can change.
    pub entropy: f64,
}

impl Divergence {
    /// KL(P‖Q).
    pub fn kl(&self) -> f64 {
        self.attraction + self.log_z - self.entropy
    }

    /// The divergence of the map `y`, exact over all pairs; n² terms.
    ///
    /// # Errors
    /// [`Error::InitShape`] unless `y` is n × 1, 2 or 3; [`embex_linalg::Error::NotFinite`].
    ///
    /// # Example
    /// ```
    /// use embex_linalg::faer::mat;
    /// use embex_tsne::{Affinities, Divergence};
    /// // Two samples: p and q are both 1/2, wherever the points lie.
    /// let p = Affinities::from_joint(vec![0, 1, 2], vec![1, 0], vec![0.5, 0.5])?;
    /// let divergence = Divergence::exact(&p, mat![[0.0], [3.0_f64]].as_ref())?;
    /// assert!(divergence.kl().abs() < 1e-15);
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn exact(affinities: &Affinities, y: MatRef<'_, f64>) -> Result<Self> {
        match y.ncols() {
            1 => Self::exact_in::<1>(affinities, y),
            2 => Self::exact_in::<2>(affinities, y),
            3 => Self::exact_in::<3>(affinities, y),
            n_cols => Err(Error::InitShape {
                n_rows: y.nrows(),
                n_cols,
                n_samples: affinities.n_samples(),
                n_components: 2,
            }),
        }
    }

    fn exact_in<const C: usize>(affinities: &Affinities, y: MatRef<'_, f64>) -> Result<Self> {
        let y = points::<f64, C>(y, affinities.n_samples())?;
        let mut sums = RepulsionSums::default();
        Exact::default().sums(&y, false, &mut sums);
        Ok(Self::new(affinities, &y, sums.z))
    }

    /// The divergence of the map `y` whose normaliser is `z`.
    pub fn new<T: Real, const C: usize>(affinities: &Affinities, y: &[[T; C]], z: f64) -> Self {
        Self { attraction: attraction(affinities, y), log_z: z.ln(), entropy: entropy(affinities) }
    }
}

/// Σ p_ij ln(1 + |y_i − y_j|²).
pub(crate) fn attraction<T: Real, const C: usize>(affinities: &Affinities, y: &[[T; C]]) -> f64 {
    ordered_sum(y.len(), |i| {
        let (columns, p) = affinities.row(i);
        let term = |(&j, p): (&u32, &f64)| p * dist_sq(&y[i], &y[j as usize]).ln_1p();
        columns.iter().zip(p).map(term).sum()
    })
}

/// −Σ p_ij ln p_ij.
pub(crate) fn entropy(affinities: &Affinities) -> f64 {
    ordered_sum(affinities.n_samples(), |i| {
        let (_, p) = affinities.row(i);
        p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum()
    })
}

/// |a − b|² in `f64`.
fn dist_sq<T: Real, const C: usize>(a: &[T; C], b: &[T; C]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum()
}

/// The rows of a map as points.
pub(crate) fn points<T: Real, const C: usize>(
    y: MatRef<'_, f64>,
    n_samples: usize,
) -> Result<Vec<[T; C]>> {
    if y.shape() != (n_samples, C) {
        let (n_rows, n_cols) = y.shape();
        return Err(Error::InitShape { n_rows, n_cols, n_samples, n_components: C });
    }
    check::finite(y)?;
    let place = |i: usize, c: usize| T::from_f64(y[(i, c)]);
    for (row, col) in (0..n_samples).flat_map(|row| (0..C).map(move |col| (row, col))) {
        if !place(row, col).is_finite_() {
            let (value, precision) = (y[(row, col)], T::NAME);
            return Err(Error::InitValue { row, col, value, precision });
        }
    }
    Ok((0..n_samples).map(|i| std::array::from_fn(|c| place(i, c))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::mat;

    fn triangle() -> Affinities {
        let p = vec![0.2, 0.1, 0.2, 0.2, 0.1, 0.2];
        Affinities::from_joint(vec![0, 2, 4, 6], vec![1, 2, 0, 2, 0, 1], p).unwrap()
    }

    /// Against the definition, Σ p ln(p / q).
    #[test]
    fn parts_add_up_to_the_definition() {
        let (y, p) = (mat![[0.0, 1.0_f64], [2.0, -1.0], [0.5, 0.3]], triangle());
        let q = |i: usize, j: usize| {
            1.0 / (1.0 + (0..2).map(|c| (y[(i, c)] - y[(j, c)]).powi(2)).sum::<f64>())
        };
        let z: f64 = 2.0 * (q(0, 1) + q(0, 2) + q(1, 2));
        let expected: f64 = (0..3)
            .flat_map(|i| {
                let (columns, p) = p.row(i);
                columns.iter().zip(p).map(move |(&j, &p)| (i, j as usize, p)).collect::<Vec<_>>()
            })
            .map(|(i, j, p)| p * (p * z / q(i, j)).ln())
            .sum();
        let got = Divergence::exact(&p, y.as_ref()).unwrap();
        assert!((got.kl() - expected).abs() < 1e-14);
    }

    #[test]
    fn wrong_maps_are_refused() {
        let error = Divergence::exact(&triangle(), mat![[0.0, 1.0]].as_ref()).unwrap_err();
        let expected = Error::InitShape { n_rows: 1, n_cols: 2, n_samples: 3, n_components: 2 };
        assert_eq!(error, expected);
        let far = mat![[0.0], [1e120], [1.0]];
        assert_eq!(
            points::<f32, 1>(far.as_ref(), 3).unwrap_err().to_string(),
            "the start at row 1, column 0 is 1e120, beyond f32"
        );
        let map = mat![[0.0], [f64::NAN], [1.0]];
        assert!(matches!(
            Divergence::exact(&triangle(), map.as_ref()),
            Err(Error::Input(embex_linalg::Error::NotFinite { row: 1, col: 0, .. }))
        ));
    }
}
