//! Crates that compute the same thing by different code agree.

use embex_linalg::faer::{Mat, MatRef};
use embex_linalg::pca::PcaParams;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_testkit::{gaussian, max_abs_error};
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::importance::{Candidates, FeatureSpace};
use embex_tsne::{Affinities, Divergence, LearningRate, Method, Optimizer, TsneParams};

use crate::entries::{D, N, compressed, map, occlude, quick, samples};

fn affinities_of(x: MatRef<'_, f64>) -> Affinities {
    quick().affinities(x, &mut Silent, MemoryBudget::default()).unwrap()
}

/// Two sums over the same n² terms in different orders.
#[test]
fn both_divergences_are_one() {
    let p = affinities_of(samples());
    let (starts, columns, values) = compressed(&p);
    let joint = embex_metrics::SparseJoint::new(&starts, &columns, &values).unwrap();
    for (seed, n_axes) in [(1, 1), (2, 2), (3, 3), (4, 2)] {
        for scale in [1e-4, 1.0, 50.0] {
            let unit = gaussian(N, n_axes, seed);
            let y = Mat::from_fn(N, n_axes, |i, c| scale * unit[(i, c)]);
            let ours = embex_metrics::kl_divergence(&joint, y.as_ref(), &mut Silent).unwrap();
            let theirs = Divergence::exact(&p, y.as_ref()).unwrap();
            let gaps = [
                ours.kl - theirs.kl(),
                ours.attraction - theirs.attraction,
                ours.log_z - theirs.log_z,
                ours.entropy - theirs.entropy,
            ];
            let gap = gaps.iter().fold(0.0, |a: f64, g| a.max(g.abs()));
            assert!(gap < 1e-12, "seed {seed}, {n_axes} axes, scale {scale}: {gap:e}");
        }
    }
}

/// Against sorting all distances, ties by index.
#[test]
fn preservation_is_that_of_sorted_distances() {
    let nearest = |x: MatRef<'_, f64>, i: usize, k: usize| {
        let dist_sq =
            |j: usize| -> f64 { (0..x.ncols()).map(|c| (x[(i, c)] - x[(j, c)]).powi(2)).sum() };
        let mut others: Vec<(f64, usize)> =
            (0..x.nrows()).filter(|&j| j != i).map(|j| (dist_sq(j), j)).collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        others[..k].iter().map(|o| o.1).collect::<Vec<_>>()
    };
    for k in [1, 10, N - 1] {
        let kept: usize = (0..N)
            .map(|i| {
                let (before, after) = (nearest(samples(), i, k), nearest(map(), i, k));
                before.iter().filter(|j| after.contains(j)).count()
            })
            .sum();
        let expected = kept as f64 / (N * k) as f64;
        let got = embex_metrics::knn_preservation(samples(), map(), k).unwrap();
        assert!((got - expected).abs() < 1e-15, "k = {k}: {got} and {expected}");
    }
}

/// The samples with one feature at its mean.
fn without(x: MatRef<'_, f64>, feature: usize) -> Mat<f64> {
    let mean = (0..x.nrows()).map(|i| x[(i, feature)]).sum::<f64>() / x.nrows() as f64;
    Mat::from_fn(x.nrows(), x.ncols(), |i, d| if d == feature { mean } else { x[(i, d)] })
}

/// The rise of the divergence, from new affinities of the samples without the feature.
fn rises(feature_gone: impl Fn(usize) -> Affinities, whole: &Affinities) -> Vec<f64> {
    let kl = |p: &Affinities| Divergence::exact(p, map()).unwrap().kl();
    (0..D).map(|d| kl(&feature_gone(d)) - kl(whole)).collect()
}

/// Perplexities are met to 1e-12 nats, so divergences agree to about 1e-11.
#[test]
fn importance_is_a_difference_of_divergences() {
    let (x, budget) = (samples(), MemoryBudget::default());
    let found = occlude(FeatureSpace::Given(x), map(), None, Candidates::Exact, budget).unwrap();
    let expected = rises(|d| affinities_of(without(x, d).as_ref()), &affinities_of(x));
    let gap = max_abs_error(&found.total, &expected);
    assert!(gap < 1e-9, "given features: {gap:e}");
    let charged: Vec<f64> = {
        let per_point = found.per_point.as_ref().unwrap();
        (0..D).map(|d| (0..N).map(|i| f64::from(per_point.row(i)[d])).sum()).collect()
    };
    assert!(max_abs_error(&charged, &found.total) < 1e-5, "shares are stored in single precision");

    let (pca, scores) = PcaParams::default().with_n_components(4).fit_scores(x).unwrap();
    let space = FeatureSpace::Components {
        scores: scores.as_mat(),
        loadings: pca.loadings.as_mat(),
        features: x,
    };
    let found = occlude(space, map(), None, Candidates::Exact, budget).unwrap();
    let of_scores = |x: MatRef<'_, f64>| affinities_of(pca.transform(x).unwrap().as_mat());
    let expected = rises(|d| of_scores(without(x, d).as_ref()), &of_scores(x));
    let gap = max_abs_error(&found.total, &expected);
    assert!(gap < 1e-9, "components: {gap:e}");
}

/// A map and its attributions with a given method.
fn mapped(params: &TsneParams) -> (Vec<f64>, Rows<f64>) {
    let (x, p) = (samples(), affinities_of(samples()));
    let start = (0..N).map(|i| [map()[(i, 0)], map()[(i, 1)]]).collect();
    let attributor = Attributor::new(&AttributeParams::default(), params, &p, x).unwrap();
    let mut run = Optimizer::new(&p, params, start).unwrap();
    let done = attributor.run(&mut run, &mut Silent).unwrap();
    (run.y().concat(), done.attributions[0].project(x).unwrap())
}

/// Runs whose only difference is how repulsion is summed; steps are small enough to be stable,
/// or the least difference would grow to the size of the map.
#[test]
fn the_tree_becomes_exact_as_its_angle_vanishes() {
    let params = quick()
        .with_gains(false)
        .with_learning_rate(LearningRate::Fixed(5.0))
        .with_exaggeration(4.0);
    let (map, values) = mapped(&params.clone().with_method(Method::Exact));
    let size = |v: &[f64]| v.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    let gaps: Vec<[f64; 2]> = [0.8, 0.4, 0.1, 0.0]
        .into_iter()
        .map(|angle| {
            let tree = params.clone().with_method(Method::BarnesHut).with_angle(angle);
            let (other_map, other_values) = mapped(&tree);
            [
                max_abs_error(&other_map, &map) / size(&map),
                max_abs_error(other_values.as_slice(), values.as_slice()) / size(values.as_slice()),
            ]
        })
        .collect();
    for part in 0..2 {
        assert!(gaps[1][part] < gaps[0][part] && gaps[2][part] < gaps[1][part], "{gaps:?}");
        assert!(gaps[3][part] < 1e-9, "{gaps:?}");
    }
}

/// 1797 digits as they are, from a start jittered by a seed.
fn digits_kl(x: MatRef<'_, f64>, p: &Affinities, seed: u64) -> f64 {
    let params = TsneParams::default()
        .with_method(Method::BarnesHut)
        .with_learning_rate(LearningRate::Fixed(50.0))
        .with_seed(seed);
    let start = params.start::<f64, f64, 2>(x, &mut Silent).unwrap().concat();
    let start = MatRef::from_row_major_slice(&start, x.nrows(), 2);
    let map = params.fit_affinities(p, start, &mut Silent).unwrap();
    Divergence::exact(p, map.embedding.as_mat()).unwrap().kl()
}

/// The peers' best settings reach 0.765 here; a wrong factor, phase or tree does not.
#[test]
fn digits_are_mapped_as_well_as_by_the_peers() {
    let pixels = embex_io::Digits::load().unwrap().pixels;
    let x = Mat::from_fn(1797, 64, |i, d| f64::from(pixels[i * 64 + d]));
    let params = TsneParams::default();
    let p = params.affinities(x.as_ref(), &mut Silent, MemoryBudget::default()).unwrap();
    let mut kls: Vec<f64> = (0..5).map(|seed| digits_kl(x.as_ref(), &p, seed)).collect();
    println!("exact KL by seed: {kls:?}");
    kls.sort_by(f64::total_cmp);
    assert!(kls[2] <= 0.765, "{kls:?}");
}
