//! Derivatives against central differences.

use super::*;
use crate::attribution::small::eigen;

/// Affinities of `x` over fixed neighbour lists: bandwidths solved for, or as in `like`.
fn again(x: &Mat<f64>, like: &Affinities, aware: bool) -> Affinities {
    let old = like.conditionals().expect("made of neighbours");
    let lists = old.neighbours();
    let (k, n) = (lists.k(), lists.n_samples());
    let indices: Vec<u32> = (0..n).flat_map(|i| lists.row(i).to_vec()).collect();
    let pairs = indices.iter().enumerate();
    let dist_sq: Vec<f64> = pairs.map(|(at, &j)| distance_sq(x, at / k, j as usize)).collect();
    let lists = Neighbours::new(k, indices, dist_sq).expect("equal lengths");
    if aware {
        return Affinities::from_neighbours(lists, old.perplexity()).expect("as before");
    }
    let mut p = Vec::new();
    for i in 0..n {
        let row: Vec<f64> = lists.dist_sq(i).iter().map(|d| (-old.beta()[i] * d).exp()).collect();
        let sum: f64 = row.iter().sum();
        p.extend(row.iter().map(|v| v / sum));
    }
    given(lists, p, old.beta().to_vec())
}

fn nudged(x: &Mat<f64>, i: usize, f: usize, h: f64) -> Mat<f64> {
    let mut moved = x.clone();
    moved[(i, f)] += h;
    moved
}

/// Truncation near h² = 1e-10 of a smooth function of size 1e-2, rounding near 1e-16 / h.
#[test]
fn affinity_derivatives_match_differences() {
    let h = 1e-5;
    for (seed, n, d, k, perplexity) in
        [(1, 25, 3, 24, 7.0), (2, 40, 6, 13, 5.0), (3, 31, 1, 9, 3.0), (4, 60, 2, 31, 10.0)]
    {
        let x = points(n, d, seed);
        let base = affinities(&x, k, perplexity);
        for aware in [false, true] {
            let dp = explicit_dp(&base, DpForm { size: 1.0, sign: 1.0, aware }, &x);
            let largest = dp.iter().flat_map(Rows::as_slice).fold(0.0_f64, |m, v| m.max(v.abs()));
            for i in [0, n / 2, n - 1] {
                for f in 0..d {
                    let up = again(&nudged(&x, i, f, h), &base, aware);
                    let down = again(&nudged(&x, i, f, -h), &base, aware);
                    for (e, (up, down)) in up.row(i).1.iter().zip(down.row(i).1).enumerate() {
                        let slope = (up - down) / (2.0 * h);
                        let gap = (dp[i].row(e)[f] - slope).abs() / largest;
                        assert!(gap < 1e-7, "seed {seed}, aware {aware}: {gap:e}");
                    }
                }
            }
        }
    }
}

/// y_i after `until` updates when it alone moves: the others follow the path, gains are stored.
pub(super) fn frozen<const C: usize>(
    path: &Path<C>,
    i: usize,
    push: [f64; C],
    edges: &Edges<f64>,
    until: usize,
) -> [f64; C] {
    let mut yi = path.steps[0].y[i];
    (0..C).for_each(|c| yi[c] += push[c]);
    let mut v = [0.0; C];
    for step in &path.steps[..until] {
        let g = force(&step.y, edges, step.exaggeration, i, &yi);
        for c in 0..C {
            let mu = if step.starts_phase { 0.0 } else { step.momentum };
            v[c] = mu * v[c] - path.learning_rate * step.gains[i][c] * g[c];
            yi[c] += v[c];
        }
    }
    yi
}

/// The recursion is the derivative of the frozen system that defines it.
#[test]
fn the_recursion_matches_the_frozen_system() {
    let h = 1e-5;
    for (seed, n, d, k, lr) in [(1, 24, 3, 23, 6.0), (2, 36, 5, 10, 10.0), (3, 30, 2, 15, 2.0)] {
        let x = points(n, d, seed);
        let base = affinities(&x, k, 5.0);
        let schedule = Schedule { learning_rate: lr, ..Schedule::default() };
        let path = Path::<2>::run(base.edges(), &start(n, 0.2, seed), &schedule);
        for bandwidth in [Bandwidth::Fixed, Bandwidth::Aware] {
            let params = params(Formula::Corrected).with_bandwidth(bandwidth);
            let params = params.with_limit_step(false).with_steps([12, 35]);
            let found = path.attribute(&params, &base, &x).expect("a calm run");
            for found in found {
                let values = found.project(x.as_ref()).expect("same rows");
                for i in [0, n / 2, n - 1] {
                    let largest = values.row(i).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                    for f in 0..d {
                        let moved = |h: f64| {
                            let aware = bandwidth == Bandwidth::Aware;
                            let edges = again(&nudged(&x, i, f, h), &base, aware).edges();
                            frozen(&path, i, [0.0; 2], &edges, found.step)
                        };
                        let (up, down) = (moved(h), moved(-h));
                        for c in 0..2 {
                            let slope = (up[c] - down[c]) / (2.0 * h);
                            let gap = (values.row(i)[c * d + f] - slope).abs() / largest;
                            assert!(gap < 1e-6, "seed {seed}, step {}: {gap:e}", found.step);
                        }
                    }
                }
            }
        }
    }
}

/// H_ii of one point from differences of its force.
fn hessian(y: &[[f64; 2]], edges: &Edges<f64>, e: f64, i: usize) -> [[f64; 2]; 2] {
    let h = 1e-5;
    let mut out = [[0.0; 2]; 2];
    for c in 0..2 {
        let (mut up, mut down) = (y[i], y[i]);
        up[c] += h;
        down[c] -= h;
        let (up, down) = (force(y, edges, e, i, &up), force(y, edges, e, i, &down));
        (0..2).for_each(|a| out[a][c] = (up[a] - down[a]) / (2.0 * h));
    }
    out
}

#[test]
fn stability_is_the_smallest_eigenvalue_of_the_points_hessian() {
    let x = points(30, 3, 8);
    let edges = affinities(&x, 11, 5.0).edges();
    let y = start::<2>(30, 1.5, 8);
    for e in [1.0, 4.0] {
        let found = stability(&y, &edges, &sums(&y), e).expect("fits");
        let (mut signs, largest) = ([0, 0], found.iter().fold(0.0_f64, |m, v| m.max(v.abs())));
        for (i, found) in found.iter().enumerate() {
            let slope = eigen(hessian(&y, &edges, e, i)).0[0];
            assert!((found - slope).abs() < 1e-7 * largest, "{found} {slope}");
            signs[usize::from(*found > 0.0)] += 1;
        }
        assert!(signs[0] > 0 && signs[1] > 0, "both signs occur");
    }
}

/// H_ii J + ∂g_i/∂x_i = 0 at any map.
#[test]
fn the_fixed_point_solves_its_equation() {
    let (n, d, h) = (30, 4, 1e-5);
    let x = points(n, d, 9);
    let base = affinities(&x, 12, 5.0);
    let path = Path::<2>::run(base.edges(), &start(n, 0.3, 9), &Schedule::default());
    let y = &path.steps[path.steps.len() - 1].y_next;
    for bandwidth in [Bandwidth::Fixed, Bandwidth::Aware] {
        let params = params(Formula::Corrected)
            .with_derivative(Derivative::FixedPoint)
            .with_bandwidth(bandwidth);
        let found = &path.attribute(&params, &base, &x).expect("no overflow")[0];
        assert_eq!((found.step, found.diagnostics.singular), (path.steps.len(), 0));
        assert!(!found.diagnostics.after_exaggeration);
        let values = found.project(x.as_ref()).expect("same rows");
        for i in [0, 5, 29] {
            let hessian = hessian(y, &path.edges, 1.0, i);
            let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
            for f in 0..d {
                let aware = bandwidth == Bandwidth::Aware;
                let at = |h: f64| {
                    let edges = again(&nudged(&x, i, f, h), &base, aware).edges();
                    force(y, &edges, 1.0, i, &y[i])
                };
                let (up, down) = (at(h), at(-h));
                for c in 0..2 {
                    let pulled: f64 =
                        (0..2).map(|a| hessian[c][a] * values.row(i)[a * d + f]).sum();
                    let slope = (up[c] - down[c]) / (2.0 * h);
                    worst = worst.max((pulled + slope).abs());
                    largest = largest.max(slope.abs());
                }
            }
            assert!(worst < 1e-6 * largest, "{worst:e} of {largest:e}");
        }
    }
}

/// Under the cosine metric the chain through the normalisation is included.
#[test]
fn cosine_attributions_match_differences() {
    let (n, d, h) = (26, 4, 1e-5);
    let mut x = points(n, d, 10);
    (0..n).for_each(|i| x[(i, 1)] += 4.0);
    let unit = |x: &Mat<f64>| {
        let lengths: Vec<f64> =
            (0..n).map(|i| (0..d).map(|f| x[(i, f)].powi(2)).sum::<f64>().sqrt()).collect();
        Mat::from_fn(n, d, |i, f| x[(i, f)] / lengths[i])
    };
    let base = affinities(&unit(&x), 10, 4.0);
    let path = Path::<2>::run(base.edges(), &start(n, 0.3, 10), &Schedule::default());
    let params = params(Formula::Corrected).with_limit_step(false).with_steps([25]);
    let tsne = Schedule::default().params().with_metric(Metric::Cosine);
    let mut attributor = Attributor::new(&params, &tsne, &base, x.as_ref()).expect("valid");
    path.show(0, 35, &mut attributor);
    let found = &path.finish(attributor, &base).expect("a calm run")[0];
    let values = found.project(x.as_ref()).expect("same rows");
    for i in [0, 13, 25] {
        let largest = values.row(i).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for f in 0..d {
            let moved = |h: f64| {
                let edges = again(&unit(&nudged(&x, i, f, h)), &base, true).edges();
                frozen(&path, i, [0.0; 2], &edges, 25)
            };
            let (up, down) = (moved(h), moved(-h));
            for c in 0..2 {
                let slope = (up[c] - down[c]) / (2.0 * h);
                assert!((values.row(i)[c * d + f] - slope).abs() < 1e-6 * largest);
            }
        }
    }
}
