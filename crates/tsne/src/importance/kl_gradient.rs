//! The derivative of KL(P‖Q) by the inputs at a fixed map: one pass, no solve.

use embex_linalg::faer::MatRef;
use rayon::prelude::*;

use super::charge::FixedMap;
use super::run::check_map;
use crate::affinity::{Conditionals, Directed, merge};
use crate::attribution::{Bandwidth, Coefficients};
use crate::{Affinities, Error, Result};

/// ∂KL(P‖Q)/∂x_i at a fixed map, as weights: ∂KL/∂x_i = Σ_j w_ij (x_i − x_j).
///
/// At a rest point of the optimiser the total derivative of KL is this partial one. With
/// ℓ_ij = ln(p_ij / q_ij), bars and moments under p_{·|i}, and D_ij = |x_i − x_j|²,
///
/// w_ij = (2/n)(e_ij + e_ji), e_ij = −β_i p_{j|i} (ℓ_ij − ℓ̄_i − γ_i (D_ij − D̄_i)),
///
/// where γ_i = Cov(ℓ, D) / Var(D) keeps the perplexity and is 0 for fixed bandwidths. Unlike
/// the attributions of points this lets all rows of P respond to x_i. The weights are
/// symmetric. They are projected as those of an attribution, with one channel; features that
/// separate groups completely are as invisible as to every derivative
/// ([`crate::summary::Saturation`]).
///
/// # Shapes
/// `map` is n × 1 to 3.
///
/// # Errors
/// [`Error::NoConditionals`] for affinities given as joint values; [`Error::Input`] for a map
/// of another shape or with entries that are not finite.
///
/// # Cost
/// n² for Z, then one pass over the affinities.
///
/// # Example
/// ```
/// use embex_linalg::faer::Mat;
/// use embex_tsne::{Affinities, attribution::Bandwidth, importance::kl_gradient};
/// let x = Mat::from_fn(20, 2, |i, d| ((i * 7 + d * 5) % 11) as f64 + i as f64 / 40.0);
/// let neighbours = embex_trees::knn(x.as_ref(), 12).unwrap();
/// let affinities = Affinities::from_neighbours(neighbours, 4.0)?;
/// let gradient = kl_gradient(&affinities, x.as_ref(), Bandwidth::Aware)?;
/// let by_feature = gradient.project(x.as_ref())?; // 20 × 2
/// assert_eq!(by_feature.n_cols(), 2);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
pub fn kl_gradient(
    affinities: &Affinities,
    map: MatRef<'_, f64>,
    bandwidth: Bandwidth,
) -> Result<Coefficients<f64>> {
    let conditionals = affinities.conditionals().ok_or(Error::NoConditionals)?;
    let n = affinities.n_samples();
    check_map(map, n)?;
    let map = FixedMap::new(map);
    let rows: Vec<Vec<(u32, f64)>> = (0..n)
        .into_par_iter()
        .map(|i| directed_row(affinities, conditionals, &map, i, bandwidth))
        .collect();
    let mut directed = Directed { starts: vec![0], columns: Vec::new(), p: Vec::new() };
    for (j, e) in rows.iter().flatten() {
        directed.columns.push(*j);
        directed.p.push(*e);
    }
    directed.starts.extend((1..=n).map(|i| i * conditionals.neighbours().k()));
    let backward = directed.transposed();
    let factor = 2.0 / n as f64;
    let mut weights = Vec::with_capacity(affinities.n_edges());
    for i in 0..n {
        merge(directed.row(i), backward.row(i), |_, both| weights.push(factor * both));
    }
    Ok(Coefficients::from_weights(affinities, weights))
}

/// e_ij of one row, by ascending column.
fn directed_row(
    affinities: &Affinities,
    conditionals: &Conditionals,
    map: &FixedMap,
    i: usize,
    bandwidth: Bandwidth,
) -> Vec<(u32, f64)> {
    let (indices, dist_sq) =
        (conditionals.neighbours().row(i), conditionals.neighbours().dist_sq(i));
    let p = conditionals.row(i);
    let (columns, joint) = affinities.row(i);
    let surprise = |&j: &u32| {
        let p = columns.binary_search(&j).map_or(0.0, |at| joint[at]);
        if p > 0.0 { (p * map.inverse_q(i, j as usize)).ln() } else { 0.0 } // p ln p → 0
    };
    let surprises: Vec<f64> = indices.iter().map(surprise).collect();
    let mean_l: f64 = p.iter().zip(&surprises).map(|(p, l)| p * l).sum();
    let (mean_d, inverse_variance) = conditionals.moments(i);
    let together = |((p, l), d): ((&f64, &f64), &f64)| p * (l - mean_l) * (d - mean_d);
    let covariance: f64 = p.iter().zip(&surprises).zip(dist_sq).map(together).sum();
    let slope = match bandwidth {
        Bandwidth::Aware => covariance * inverse_variance,
        Bandwidth::Fixed => 0.0,
    };
    let beta = conditionals.beta()[i];
    let mut row: Vec<(u32, f64)> = (0..indices.len())
        .map(|t| {
            let left = surprises[t] - mean_l - slope * (dist_sq[t] - mean_d);
            (indices[t], -beta * p[t] * left)
        })
        .collect();
    row.sort_unstable_by_key(|entry| entry.0);
    row
}

#[cfg(test)]
mod tests {
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;

    use super::*;
    use crate::Divergence;

    const N: usize = 34;

    fn affinities(x: &Mat<f64>) -> Affinities {
        let neighbours = embex_trees::knn(x.as_ref(), N - 1).unwrap();
        Affinities::from_neighbours(neighbours, 7.0).unwrap()
    }

    /// KL with all neighbours and given bandwidths, by plain code.
    fn plain(x: &Mat<f64>, y: &Mat<f64>, beta: &[f64]) -> f64 {
        let dist = |x: &Mat<f64>, i: usize, j: usize| -> f64 {
            (0..x.ncols()).map(|c| (x[(i, c)] - x[(j, c)]).powi(2)).sum()
        };
        let weight = |i: usize, j: usize| {
            if i == j { 0.0 } else { (-beta[i] * dist(x, i, j)).exp() }
        };
        let sums: Vec<f64> = (0..N).map(|i| (0..N).map(|j| weight(i, j)).sum()).collect();
        let g = |i: usize, j: usize| if i == j { 0.0 } else { 1.0 / (1.0 + dist(y, i, j)) };
        let z: f64 = (0..N).map(|i| (0..N).map(|j| g(i, j)).sum::<f64>()).sum();
        let mut kl = 0.0;
        for i in 0..N {
            for j in (0..N).filter(|&j| j != i) {
                let p = (weight(i, j) / sums[i] + weight(j, i) / sums[j]) / (2 * N) as f64;
                kl += p * (p * z / g(i, j)).ln();
            }
        }
        kl
    }

    /// Fourth-order differences at step 1e-3: truncation near 1e-11, and the perplexity's
    /// tolerance of 1e-12 adds 1e-9.
    #[test]
    fn it_is_the_derivative_of_the_divergence() {
        for seed in 0..3 {
            let (x, y) = (gaussian(N, 3, seed), gaussian(N, 2, 90 + seed));
            let base = affinities(&x);
            let beta = base.conditionals().unwrap().beta().to_vec();
            let of = |bandwidth| {
                kl_gradient(&base, y.as_ref(), bandwidth).unwrap().project(x.as_ref()).unwrap()
            };
            let (aware, fixed) = (of(Bandwidth::Aware), of(Bandwidth::Fixed));
            for (i, d) in [(0, 0), (11, 2), (N - 1, 1)] {
                let slope = |kl: &dyn Fn(&Mat<f64>) -> f64| {
                    let at = |h: f64| {
                        let mut moved = x.clone();
                        moved[(i, d)] += h;
                        kl(&moved)
                    };
                    let h = 1e-3;
                    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
                };
                let expected =
                    slope(&|x| Divergence::exact(&affinities(x), y.as_ref()).unwrap().kl());
                assert!((aware.row(i)[d] - expected).abs() < 1e-8, "seed {seed} aware {expected}");
                let expected = slope(&|x| plain(x, &y, &beta));
                assert!((fixed.row(i)[d] - expected).abs() < 1e-8, "seed {seed} fixed {expected}");
            }
        }
    }

    #[test]
    fn wrong_inputs_are_refused() {
        let x = gaussian(N, 3, 5);
        let joint = Affinities::from_joint(vec![0, 1, 2], vec![1, 0], vec![0.5, 0.5]).unwrap();
        let y = gaussian(2, 2, 1);
        let error = kl_gradient(&joint, y.as_ref(), Bandwidth::Aware).unwrap_err();
        assert_eq!(error, Error::NoConditionals);
        let error = kl_gradient(&affinities(&x), y.as_ref(), Bandwidth::Aware).unwrap_err();
        assert!(matches!(error, Error::Input(_)));
    }
}
