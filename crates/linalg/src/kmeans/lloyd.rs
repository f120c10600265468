//! Lloyd's iteration.

use rayon::prelude::*;

use super::{KMeans, KMeansParams, assign};
use crate::{Rows, dist_sq, ordered_sum};

/// Rows per partial mean; fixed, because the last bits of the centres depend on it.
const ROWS: usize = 1024;

pub(super) fn run(
    rows: &Rows<f64>,
    weights: &[f64],
    mut centers: Rows<f64>,
    params: &KMeansParams,
    start: usize,
) -> KMeans {
    let k = centers.n_rows();
    let mut labels = vec![usize::MAX; rows.n_rows()];
    let (mut sizes, mut iterations, mut converged) = (vec![0.0; k], 0, false);
    while iterations < params.max_iterations && !converged {
        iterations += 1;
        let mut assigned = assign(rows, &centers);
        sizes = cluster_sizes(&assigned, weights, k);
        fill_empty(&mut assigned, weights, &mut sizes);
        converged = assigned.iter().zip(&labels).all(|((new, _), old)| new == old);
        for (label, (new, _)) in labels.iter_mut().zip(&assigned) {
            *label = *new;
        }
        if !converged {
            update(rows, weights, &labels, &sizes, &mut centers);
        }
    }
    let inertia =
        ordered_sum(rows.n_rows(), |i| weights[i] * dist_sq(rows.row(i), centers.row(labels[i])));
    let params = params.clone();
    KMeans { params, centers, labels, sizes, inertia, iterations, converged, start }
}

fn cluster_sizes(assigned: &[(usize, f64)], weights: &[f64], k: usize) -> Vec<f64> {
    let mut sizes = vec![0.0; k];
    for ((label, _), w) in assigned.iter().zip(weights) {
        sizes[*label] += w;
    }
    sizes
}

/// Gives each cluster without weight the row that costs most where it is.
fn fill_empty(assigned: &mut [(usize, f64)], weights: &[f64], sizes: &mut [f64]) {
    for m in 0..sizes.len() {
        if sizes[m] > 0.0 {
            continue;
        }
        let mut worst = (0, 0.0);
        for (i, ((label, dist), w)) in assigned.iter().zip(weights).enumerate() {
            let alone = sizes[*label] <= *w; // would leave another cluster empty
            if !alone && w * dist > worst.1 {
                worst = (i, w * dist);
            }
        }
        let (i, cost) = worst;
        if cost > 0.0 {
            sizes[assigned[i].0] -= weights[i];
            sizes[m] = weights[i];
            assigned[i] = (m, 0.0);
        }
    }
}

/// Centres become weighted means; those of empty clusters stay.
fn update(
    rows: &Rows<f64>,
    weights: &[f64],
    labels: &[usize],
    sizes: &[f64],
    centers: &mut Rows<f64>,
) {
    let (n, d, k) = (rows.n_rows(), rows.n_cols(), sizes.len());
    let partial: Vec<Rows<f64>> = (0..n.div_ceil(ROWS))
        .into_par_iter()
        .map(|block| {
            let mut sums = Rows::zeros(k, d);
            for i in block * ROWS..n.min((block + 1) * ROWS) {
                for (sum, v) in sums.row_mut(labels[i]).iter_mut().zip(rows.row(i)) {
                    *sum += weights[i] * v;
                }
            }
            sums
        })
        .collect();
    for m in (0..k).filter(|&m| sizes[m] > 0.0) {
        let center = centers.row_mut(m);
        center.fill(0.0);
        for sums in &partial {
            center.iter_mut().zip(sums.row(m)).for_each(|(c, sum)| *c += sum);
        }
        for c in center.iter_mut() {
            *c /= sizes[m];
        }
    }
}
