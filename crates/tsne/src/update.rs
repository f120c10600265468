//! One update of all points: attraction along the edges, gradient, gains, momentum.

use embex_linalg::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::lanes::LANES;
use crate::repulsion::RepulsionSums;
use crate::step::Edges;

/// Points per task; fixed, because the last bits of the gradient's norm depend on it.
const BLOCK: usize = 128;

/// Added to a gain while a coordinate moves on, and factor on it otherwise.
const GAIN_UP: f64 = 0.2;
const GAIN_DOWN: f64 = 0.8;

/// Factors of one update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<T> {
    pub(crate) exaggeration: T,
    pub(crate) momentum: T,
    pub(crate) learning_rate: T,
    pub(crate) per_z: T,
    pub(crate) min_gain: T,
    pub(crate) gains: bool,
}

/// What an update changes, point by point.
pub(crate) struct Moving<'a, T, const C: usize> {
    pub(crate) y_next: &'a mut [[T; C]],
    pub(crate) velocity: &'a mut [[T; C]],
    pub(crate) gains: &'a mut [[T; C]],
}

/// Writes the next map, velocities and gains; returns the squared norm of the gradient.
pub(crate) fn update<T: Real, const C: usize>(
    arch: Arch,
    factors: Factors<T>,
    y: &[[T; C]],
    edges: &Edges<T>,
    sums: &RepulsionSums<T, C>,
    moving: Moving<'_, T, C>,
    partial: &mut Vec<f64>,
) -> f64 {
    partial.resize(y.len().div_ceil(BLOCK), 0.0);
    let Moving { y_next, velocity, gains } = moving;
    y_next
        .par_chunks_mut(BLOCK)
        .zip(velocity.par_chunks_mut(BLOCK))
        .zip(gains.par_chunks_mut(BLOCK))
        .zip(partial.par_iter_mut())
        .enumerate()
        .for_each(|(block, (((y_next, velocity), gains), partial))| {
            let moving = Moving { y_next, velocity, gains };
            let first = block * BLOCK;
            *partial = arch.dispatch(UpdateBlock { factors, y, edges, sums, first, moving });
        });
    partial.iter().sum()
}

/// The update of a run of points.
struct UpdateBlock<'a, T, const C: usize> {
    factors: Factors<T>,
    y: &'a [[T; C]],
    edges: &'a Edges<T>,
    sums: &'a RepulsionSums<T, C>,
    first: usize,
    moving: Moving<'a, T, C>,
}

impl<T: Real, const C: usize> WithSimd for UpdateBlock<'_, T, C> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Moving { y_next, velocity, gains } = self.moving;
        let mut norm_sq = 0.0;
        for r in 0..y_next.len() {
            let i = self.first + r;
            let gradient = gradient(self.factors, self.y, self.edges, self.sums, i);
            norm_sq += norm_sq_of(&gradient);
            move_point(self.factors, &gradient, &mut velocity[r], &mut gains[r]);
            for c in 0..C {
                y_next[r][c] = self.y[i][c] + velocity[r][c];
            }
        }
        norm_sq
    }
}

#[inline(always)]
fn norm_sq_of<T: Real, const C: usize>(gradient: &[T; C]) -> f64 {
    let mut sum = 0.0;
    for g in gradient {
        sum += g.to_f64() * g.to_f64();
    }
    sum
}

/// 4 (e Σ_j p_ij φ_ij − Σ_j q_ij φ_ij) of point `i`.
#[inline(always)]
fn gradient<T: Real, const C: usize>(
    factors: Factors<T>,
    y: &[[T; C]],
    edges: &Edges<T>,
    sums: &RepulsionSums<T, C>,
    i: usize,
) -> [T; C] {
    let attraction = attraction(y, edges, i);
    let four = T::from_f64(4.0);
    let mut gradient = [T::ZERO; C];
    for c in 0..C {
        let repulsion = sums.force[i][c] * factors.per_z;
        gradient[c] = four * (factors.exaggeration * attraction[c] - repulsion);
    }
    gradient
}

/// Σ_j p_ij φ_ij over the edges of point `i`.
#[inline(always)]
pub(crate) fn attraction<T: Real, const C: usize>(
    y: &[[T; C]],
    edges: &Edges<T>,
    i: usize,
) -> [T; C] {
    let range = edges.range(i);
    let (columns, rest_columns) = edges.columns[range.clone()].as_chunks::<LANES>();
    let (p, rest_p) = edges.p[range].as_chunks::<LANES>();
    let mut sums = [[T::ZERO; LANES]; C];
    for (columns, p) in columns.iter().zip(p) {
        add_attraction(y, y[i], columns, p, &mut sums);
    }
    if !rest_p.is_empty() {
        let (mut columns, mut p) = ([i as u32; LANES], [T::ZERO; LANES]);
        columns[..rest_p.len()].copy_from_slice(rest_columns);
        p[..rest_p.len()].copy_from_slice(rest_p);
        add_attraction(y, y[i], &columns, &p, &mut sums);
    }
    let mut out = [T::ZERO; C];
    for c in 0..C {
        let mut sum = sums[c][0];
        for l in 1..LANES {
            sum += sums[c][l];
        }
        out[c] = sum;
    }
    out
}

#[inline(always)]
fn add_attraction<T: Real, const C: usize>(
    y: &[[T; C]],
    yi: [T; C],
    columns: &[u32; LANES],
    p: &[T; LANES],
    sums: &mut [[T; LANES]; C],
) {
    let mut d = [[T::ZERO; LANES]; C];
    for l in 0..LANES {
        let yj = y[columns[l] as usize];
        for c in 0..C {
            d[c][l] = yi[c] - yj[c];
        }
    }
    let mut r = [T::ONE; LANES];
    for c in 0..C {
        for l in 0..LANES {
            r[l] = d[c][l].mul_add_(d[c][l], r[l]);
        }
    }
    let mut pg = [T::ZERO; LANES];
    for l in 0..LANES {
        pg[l] = p[l] / r[l];
    }
    for c in 0..C {
        for l in 0..LANES {
            sums[c][l] = pg[l].mul_add_(d[c][l], sums[c][l]);
        }
    }
}

/// Gains, then v ← momentum · v − learning rate · gain ∘ gradient.
#[inline(always)]
fn move_point<T: Real, const C: usize>(
    factors: Factors<T>,
    gradient: &[T; C],
    velocity: &mut [T; C],
    gains: &mut [T; C],
) {
    for c in 0..C {
        if factors.gains {
            let moves_on = velocity[c] * gradient[c] < T::ZERO;
            let gain = if moves_on {
                gains[c] + T::from_f64(GAIN_UP)
            } else {
                gains[c] * T::from_f64(GAIN_DOWN)
            };
            gains[c] = gain.max_(factors.min_gain);
        }
        velocity[c] =
            factors.momentum * velocity[c] - factors.learning_rate * (gains[c] * gradient[c]);
    }
}
