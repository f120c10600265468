//! What a known change of the samples does to a map, its attributions and importances.
//!
//! Runs are in double precision, with steps small enough to be stable: at the usual learning
//! rate so few samples make maps in which rounding grows to the size of the map.

use embex_linalg::faer::{Mat, MatRef};
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_testkit::{gaussian, max_abs_error};
use embex_tsne::attribution::{AttributeParams, Attributor, Scalar};
use embex_tsne::importance::{FeatureSets, FeatureSpace, ImportanceParams, Occlusion};
use embex_tsne::{LearningRate, Method, Optimizer, Precision, TsneParams};

const N: usize = 90;
const D: usize = 5;
const PERPLEXITY: f64 = 8.0;
const SEEDS: [u64; 3] = [1, 2, 3];

/// Rounding of the affinities (1e-12) grown over 60 updates, relative to the largest entry.
const TOLERANCE: f64 = 1e-7;

/// All that is computed of some samples.
struct Explained {
    /// n × 2.
    map: Vec<f64>,
    /// n × 2 D: ∂y_i/∂x_i.
    attribution: Rows<f64>,
    /// One per set.
    importance: Vec<f64>,
}

/// Normal places of standard deviation 1, so that forces are of their final size at once.
fn start() -> Vec<[f64; 2]> {
    let y = gaussian(N, 2, 9);
    (0..N).map(|i| [y[(i, 0)], y[(i, 1)]]).collect()
}

fn explain(x: MatRef<'_, f64>, start: Vec<[f64; 2]>, sets: FeatureSets) -> Explained {
    let params = TsneParams::default()
        .with_perplexity(PERPLEXITY)
        .with_method(Method::Exact)
        .with_precision(Precision::Double)
        .with_gains(false)
        .with_learning_rate(LearningRate::Fixed(5.0))
        .with_exaggeration(4.0)
        .with_n_iter(60)
        .with_exaggeration_iter(40);
    let p = params.affinities(x, &mut Silent, MemoryBudget::default()).unwrap();
    let attribute = AttributeParams::default().with_scalar(Scalar::Axes);
    let attributor = Attributor::new(&attribute, &params, &p, x).unwrap();
    let mut run = Optimizer::new(&p, &params, start).unwrap();
    let done = attributor.run(&mut run, &mut Silent).unwrap();
    let map = run.y().concat();
    let view = MatRef::from_row_major_slice(&map, N, 2);
    let settings = ImportanceParams::for_map(&params).unwrap();
    let (space, budget) = (FeatureSpace::Given(x), MemoryBudget::default());
    let occlusion = Occlusion::new(space, view, sets, None, settings, budget, &mut Silent).unwrap();
    let importance = occlusion.finish(&mut Silent).unwrap().total;
    Explained { attribution: done.attributions[0].project(x).unwrap(), map, importance }
}

fn plain(x: MatRef<'_, f64>) -> Explained {
    explain(x, start(), FeatureSets::singles(x.ncols()))
}

fn bed(seed: u64) -> Mat<f64> {
    embex_testkit::clusters(N, D, 3, 2.0, seed).x
}

fn assert_alike(what: &str, seed: u64, got: &[f64], expected: &[f64]) {
    let size = expected.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    let gap = max_abs_error(got, expected);
    assert!(gap <= TOLERANCE * size, "{what}, seed {seed}: {gap:e} of {size:e}");
}

/// ∂y/∂x of a feature, n × 2.
fn of_feature(attribution: &Rows<f64>, d: usize) -> Vec<f64> {
    let n_features = attribution.n_cols() / 2;
    (0..N).flat_map(|i| [attribution.row(i)[d], attribution.row(i)[n_features + d]]).collect()
}

fn times(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|v| factor * v).collect()
}

/// An orthogonal matrix of a seed.
fn rotation(seed: u64) -> Mat<f64> {
    gaussian(D, D, seed + 100).qr().compute_Q()
}

#[test]
fn a_rotation_turns_attributions_and_leaves_the_map() {
    for seed in SEEDS {
        let (x, q) = (bed(seed), rotation(seed));
        let all = || FeatureSets::given(D, vec![(0..D).collect()]).unwrap();
        let before = explain(x.as_ref(), start(), all());
        let after = explain((&x * &q).as_ref(), start(), all());
        assert_alike("map", seed, &after.map, &before.map);
        for axis in 0..2 {
            let part = |rows: &Rows<f64>| Mat::from_fn(N, D, |i, d| rows.row(i)[axis * D + d]);
            let turned = part(&before.attribution) * &q;
            let expected = embex_testkit::row_major(turned.as_ref());
            let got = embex_testkit::row_major(part(&after.attribution).as_ref());
            assert_alike("attribution", seed, &got, &expected);
        }
        assert_alike("importance of all", seed, &after.importance, &before.importance);
    }
}

#[test]
fn a_shift_changes_nothing() {
    for seed in SEEDS {
        let x = bed(seed);
        let moved = Mat::from_fn(N, D, |i, d| x[(i, d)] + 10.0 * (d as f64 - 1.5));
        let (before, after) = (plain(x.as_ref()), plain(moved.as_ref()));
        assert_alike("map", seed, &after.map, &before.map);
        let (got, expected) = (after.attribution.as_slice(), before.attribution.as_slice());
        assert_alike("attribution", seed, got, expected);
        assert_alike("importance", seed, &after.importance, &before.importance);
    }
}

#[test]
fn permuted_samples_take_their_places_along() {
    for seed in SEEDS {
        let x = bed(seed);
        let from = |i: usize| (i * 37 + 11) % N; // 37 and 90 have no common factor
        let moved = Mat::from_fn(N, D, |i, d| x[(from(i), d)]);
        let first = start();
        let moved_start = (0..N).map(|i| first[from(i)]).collect();
        let before = plain(x.as_ref());
        let after = explain(moved.as_ref(), moved_start, FeatureSets::singles(D));
        let map: Vec<f64> = (0..N).flat_map(|i| before.map[2 * from(i)..][..2].to_vec()).collect();
        assert_alike("map", seed, &after.map, &map);
        let attribution: Vec<f64> =
            (0..N).flat_map(|i| before.attribution.row(from(i)).to_vec()).collect();
        assert_alike("attribution", seed, after.attribution.as_slice(), &attribution);
        assert_alike("importance", seed, &after.importance, &before.importance);
    }
}

#[test]
fn permuted_features_take_their_values_along() {
    for seed in SEEDS {
        let x = bed(seed);
        let from = |d: usize| (d * 3 + 1) % D;
        let moved = Mat::from_fn(N, D, |i, d| x[(i, from(d))]);
        let (before, after) = (plain(x.as_ref()), plain(moved.as_ref()));
        assert_alike("map", seed, &after.map, &before.map);
        let expected: Vec<f64> = (0..D).map(|d| before.importance[from(d)]).collect();
        assert_alike("importance", seed, &after.importance, &expected);
        for d in 0..D {
            let expected = of_feature(&before.attribution, from(d));
            assert_alike("attribution", seed, &of_feature(&after.attribution, d), &expected);
        }
    }
}

/// Two equal features a and b say what s = √2 a says: ∂y/∂a = ∂y/∂b = ∂y/∂s / √2, and a set of
/// both matters as s does.
#[test]
fn a_duplicate_shares_what_its_feature_had() {
    for seed in SEEDS {
        let x = bed(seed);
        let twice = Mat::from_fn(N, D + 1, |i, d| x[(i, d.min(D - 1))]);
        let root = std::f64::consts::SQRT_2;
        let stretched = Mat::from_fn(N, D, |i, d| x[(i, d)] * if d == D - 1 { root } else { 1.0 });
        let mut sets: Vec<Vec<usize>> = (0..D - 1).map(|d| vec![d]).collect();
        sets.push(vec![D - 1, D]);
        let got = explain(twice.as_ref(), start(), FeatureSets::given(D + 1, sets).unwrap());
        let expected = plain(stretched.as_ref());
        assert_alike("map", seed, &got.map, &expected.map);
        assert_alike("importance", seed, &got.importance, &expected.importance);
        let shared = times(&of_feature(&expected.attribution, D - 1), 1.0 / root);
        for copy in [D - 1, D] {
            assert_alike("attribution", seed, &of_feature(&got.attribution, copy), &shared);
        }
        let alone = plain(twice.as_ref()).importance;
        assert_alike("importance of a copy", seed, &alone[D..], &alone[D - 1..D]);
    }
}

#[test]
fn a_constant_feature_is_worth_nothing() {
    for seed in SEEDS {
        let x = bed(seed);
        let more = Mat::from_fn(N, D + 1, |i, d| if d == D { 0.7 } else { x[(i, d)] });
        let (before, after) = (plain(x.as_ref()), plain(more.as_ref()));
        assert_alike("map", seed, &after.map, &before.map);
        assert_alike("importance", seed, &after.importance[..D], &before.importance);
        assert_eq!(after.importance[D], 0.0, "seed {seed}");
        assert!(of_feature(&after.attribution, D).iter().all(|&v| v == 0.0), "seed {seed}");
        for d in 0..D {
            let expected = of_feature(&before.attribution, d);
            assert_alike("attribution", seed, &of_feature(&after.attribution, d), &expected);
        }
    }
}

/// y(x) = y(s x): derivatives shrink by s, what a feature is worth stays.
#[test]
fn units_of_all_features_leave_the_map() {
    for seed in SEEDS {
        let x = bed(seed);
        let before = plain(x.as_ref());
        for scale in [1e-30, 0.37, 1e30] {
            let other = Mat::from_fn(N, D, |i, d| scale * x[(i, d)]);
            let after = plain(other.as_ref());
            assert_alike("map", seed, &after.map, &before.map);
            let unscaled = times(after.attribution.as_slice(), scale);
            assert_alike("attribution", seed, &unscaled, before.attribution.as_slice());
            assert_alike("importance", seed, &after.importance, &before.importance);
        }
    }
}
