//! Starting centres by k-means++.

use rand::RngExt;
use rayon::prelude::*;

use crate::{Rows, dist_sq, ordered_sum, seed};

/// The first centre is drawn with probability ∝ w, the others ∝ w·D², D the distance to the
/// nearest centre so far. Where all D are 0, the first row with a weight is repeated.
pub(super) fn plus_plus(
    rows: &Rows<f64>,
    weights: &[f64],
    k: usize,
    seed: u64,
    start: usize,
) -> Rows<f64> {
    let mut rng = seed::stream(seed, "k-means++", start as u64);
    let mut centers = Rows::zeros(k, rows.n_cols());
    let mut dist = vec![f64::INFINITY; rows.n_rows()];
    let mut mass = weights.to_vec();
    for m in 0..k {
        let chosen = draw(&mass, weights, rng.random::<f64>());
        centers.row_mut(m).copy_from_slice(rows.row(chosen));
        dist.par_iter_mut().enumerate().for_each(|(i, dist)| {
            *dist = dist.min(dist_sq(rows.row(i), rows.row(chosen)));
        });
        for (mass, (w, d)) in mass.iter_mut().zip(weights.iter().zip(&dist)) {
            *mass = w * d;
        }
    }
    centers
}

/// The row at quantile `u` of the cumulated `mass`.
fn draw(mass: &[f64], weights: &[f64], u: f64) -> usize {
    let total = ordered_sum(mass.len(), |i| mass[i]);
    let mut left = u * total;
    let mut last = weights.iter().position(|w| *w > 0.0).unwrap_or(0);
    for (i, m) in mass.iter().enumerate().filter(|(_, m)| **m > 0.0) {
        last = i; // rounding may leave a rest at the end: the last row that has any mass
        left -= m;
        if left < 0.0 {
            break;
        }
    }
    last
}
