//! KL(P‖Q) at a fixed map, charged to the points.

use embex_linalg::faer::MatRef;
use rayon::prelude::*;

use crate::affinity::{Directed, merge};
use crate::exact::Exact;
use crate::repulsion::{Repulsion, RepulsionSums};

/// Rows per task.
const ROWS: usize = 256;

/// A finished map, seen through q_ij = g_ij / Z with g = 1 / (1 + |y_i − y_j|²).
pub(super) struct FixedMap {
    /// Up to three coordinates, the others 0.
    y: Vec<[f64; 3]>,
    /// Z = Σ_i Σ_{j≠i} g_ij, over all pairs.
    z: f64,
}

impl FixedMap {
    pub(super) fn new(map: MatRef<'_, f64>) -> Self {
        let (n, n_axes) = map.shape();
        let point = |i| {
            let mut y = [0.0; 3];
            for (c, y) in y.iter_mut().enumerate().take(n_axes) {
                *y = map[(i, c)];
            }
            y
        };
        let y: Vec<[f64; 3]> = (0..n).map(point).collect();
        let mut sums = RepulsionSums::default();
        Exact::default().sums(&y, false, &mut sums);
        Self { y, z: sums.z }
    }

    /// 1 / q_ij.
    #[inline(always)]
    pub(super) fn inverse_q(&self, i: usize, j: usize) -> f64 {
        self.z * spread(self.y[i], self.y[j])
    }

    /// c_i = Σ_j p_ij ln(p_ij / q_ij) with p_ij = (p_{j|i} + p_{i|j}) / 2n; they sum to KL(P‖Q).
    pub(super) fn charges(&self, directed: &Directed) -> Vec<f64> {
        let n = self.y.len();
        let backward = directed.transposed();
        let factor = 0.5 / n as f64;
        let mut charges = vec![0.0; n];
        charges.par_chunks_mut(ROWS).enumerate().for_each(|(block, charges)| {
            for (r, charge) in charges.iter_mut().enumerate() {
                let i = block * ROWS + r;
                merge(directed.row(i), backward.row(i), |j, both| {
                    let p = both * factor;
                    if p > 0.0 {
                        *charge += p * (p * self.inverse_q(i, j as usize)).ln();
                    }
                });
            }
        });
        charges
    }
}

/// 1 + |y − y′|².
#[inline(always)]
fn spread(a: [f64; 3], b: [f64; 3]) -> f64 {
    let d = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    1.0 + d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
}
