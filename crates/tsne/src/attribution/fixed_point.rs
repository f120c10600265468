//! The derivative of the place at which the force on one point vanishes.
//!
//! g_i(y_i, x_i) = 4 Σ_j (p_ij − q_ij) φ_ij = 0 gives, with all other points held,
//! ∂y_i/∂x_i = −H_ii⁻¹ ∂g_i/∂x_i with H_ii = 4 A and ∂g_i/∂x_i = 4 Σ_j φ_ij (∂p_ij/∂x_i)ᵀ:
//! in weights on the entries of P, F_ij = −A⁻¹ φ_ij. The restricted recursion tends to it.

use embex_linalg::Real;
use rayon::prelude::*;

use super::rows_of::split_rows;
use super::rule::{per_z, repulsion_of};
use super::small::{Kind, Square, pseudo_inverse, smallest};
use crate::repulsion::RepulsionSums;
use crate::step::Edges;

/// Weights at the fixed point and what kind of rest each point is at.
pub(crate) struct FixedPoint<T> {
    /// Per row channels × entries.
    pub(crate) weights: Vec<T>,
    /// Points at a saddle.
    pub(crate) indefinite: u64,
    /// Points with a flat direction, which is left out.
    pub(crate) singular: u64,
}

/// −s·A⁺ φ_ij for every channel's seed s; `seeds` is n × channels × C.
pub(crate) fn fixed_point<T: Real, const C: usize>(
    y: &[[T; C]],
    edges: &Edges<T>,
    sums: &RepulsionSums<T, C>,
    seeds: &[T],
    channels: usize,
    zeroed: bool,
) -> FixedPoint<T> {
    let mut weights = vec![T::ZERO; edges.columns.len() * channels];
    let per_z = per_z(sums);
    let kinds: Vec<Kind> = split_rows(&mut weights, &edges.starts, channels)
        .into_par_iter()
        .map(|(i, row)| {
            let repulsion = repulsion_of(sums, per_z, i, zeroed);
            let a = point_matrix(y, edges, T::ONE, repulsion, i);
            let (inverse, kind) = pseudo_inverse(a.map(|row| row.map(T::to_f64)));
            let seeds = &seeds[i * channels * C..(i + 1) * channels * C];
            for (channel, seed) in seeds.chunks_exact(C).enumerate() {
                let degree = row.len() / channels;
                let out = &mut row[channel * degree..(channel + 1) * degree];
                charge(y, edges, i, &apply(&inverse, seed), out);
            }
            kind
        })
        .collect();
    let count = |kind| kinds.iter().filter(|&&k| k == kind).count() as u64;
    FixedPoint { weights, indefinite: count(Kind::Indefinite), singular: count(Kind::Singular) }
}

/// −A⁺ s.
fn apply<T: Real, const C: usize>(inverse: &Square<f64, C>, seed: &[T]) -> [f64; C] {
    inverse.map(|row| -row.iter().zip(seed).map(|(a, s)| a * s.to_f64()).sum::<f64>())
}

/// b · φ_ij for every entry of the row.
fn charge<T: Real, const C: usize>(
    y: &[[T; C]],
    edges: &Edges<T>,
    i: usize,
    b: &[f64; C],
    out: &mut [T],
) {
    for (value, &j) in out.iter_mut().zip(&edges.columns[edges.range(i)]) {
        let d: [f64; C] = std::array::from_fn(|c| (y[i][c] - y[j as usize][c]).to_f64());
        let g = 1.0 / (1.0 + d.iter().map(|d| d * d).sum::<f64>());
        *value = T::from_f64(g * b.iter().zip(&d).map(|(b, d)| b * d).sum::<f64>());
    }
}

/// A of one point from its repulsive part.
fn point_matrix<T: Real, const C: usize>(
    y: &[[T; C]],
    edges: &Edges<T>,
    exaggeration: T,
    mut a: Square<T, C>,
    i: usize,
) -> Square<T, C> {
    let two = T::from_f64(2.0);
    let entries = edges.range(i);
    for (&j, &p) in edges.columns[entries.clone()].iter().zip(&edges.p[entries]) {
        let d: [T; C] = std::array::from_fn(|c| y[i][c] - y[j as usize][c]);
        let g = T::ONE / (T::ONE + d.iter().map(|&d| d * d).sum::<T>());
        let w = exaggeration * p * g;
        for u in 0..C {
            a[u][u] += w;
            for v in 0..C {
                a[u][v] -= two * w * g * d[u] * d[v];
            }
        }
    }
    a
}

/// Smallest eigenvalue of each point's own Hessian, 4 A: how firmly the map holds it.
///
/// The Hessian of KL(e·P‖Q)'s force by y_i alone, C × C. Negative or small values mean that the
/// point would move far, or to another place, at a small change (the singularity score of
/// LOO-map is the same number up to their leave-one-out).
///
/// `sums` are those at `y`, with curvature; `exaggeration` is usually 1.
///
/// # Errors
/// [`embex_linalg::Error::LengthMismatch`] unless `y`, `edges` and `sums` fit.
pub fn stability<T: Real, const C: usize>(
    y: &[[T; C]],
    edges: &Edges<T>,
    sums: &RepulsionSums<T, C>,
    exaggeration: f64,
) -> crate::Result<Vec<f64>> {
    embex_linalg::check::length("edges", edges.starts.len(), y.len() + 1)?;
    embex_linalg::check::length("curvature", sums.curvature.len(), y.len())?;
    let per_z = per_z(sums);
    let of = |i: usize| {
        let repulsion = repulsion_of(sums, per_z, i, false);
        4.0 * smallest(&point_matrix(y, edges, T::from_f64(exaggeration), repulsion, i))
    };
    Ok((0..y.len()).into_par_iter().map(of).collect())
}
