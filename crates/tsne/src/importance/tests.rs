//! Occlusion against plain dense code, and its properties.

use embex_linalg::faer::{Mat, MatRef};
use embex_linalg::pca::PcaParams;
use embex_linalg::progress::{Flow, Silent, Update};
use embex_linalg::{MemoryBudget, Real};
use embex_testkit::{Bed, gaussian, nested_clusters};

use super::*;
use crate::summary::Groups;
use crate::{Affinities, Error, Result, TsneParams};

fn run<T: Real>(
    space: FeatureSpace<'_, T>,
    y: MatRef<'_, f64>,
    sets: FeatureSets,
    params: &ImportanceParams,
    budget: MemoryBudget,
) -> Result<Importance> {
    Occlusion::new(space, y, sets, None, params.clone(), budget, &mut Silent)?.finish(&mut Silent)
}

fn importance(space: FeatureSpace<'_, f64>, y: MatRef<'_, f64>, perplexity: f64) -> Importance {
    let params = ImportanceParams::default().with_perplexity(perplexity);
    let sets = FeatureSets::singles(space.n_features());
    run(space, y, sets, &params, MemoryBudget::default()).unwrap()
}

/// Σ_j p_ij ln(p_ij / q_ij) of every point by plain code: dense, bisected, no shortcut.
fn plain_charges(z: MatRef<'_, f64>, y: MatRef<'_, f64>, perplexity: f64, k: usize) -> Vec<f64> {
    let n = z.nrows();
    let dist = |x: MatRef<'_, f64>, i: usize, j: usize| -> f64 {
        (0..x.ncols()).map(|c| (x[(i, c)] - x[(j, c)]).powi(2)).sum()
    };
    let mut conditional = vec![vec![0.0; n]; n];
    for i in 0..n {
        let mut near: Vec<(f64, usize)> =
            (0..n).filter(|&j| j != i).map(|j| (dist(z, i, j), j)).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.truncate(k);
        let weights = |beta: f64| -> Vec<f64> {
            let w: Vec<f64> = near.iter().map(|x| (-beta * (x.0 - near[0].0)).exp()).collect();
            let sum: f64 = w.iter().sum();
            w.iter().map(|w| w / sum).collect()
        };
        let entropy =
            |p: &[f64]| -> f64 { p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum() };
        let (mut low, mut high) = (-60.0, 60.0); // of ln β
        for _ in 0..200 {
            let middle: f64 = 0.5 * (low + high);
            if entropy(&weights(middle.exp())) > perplexity.ln() {
                low = middle;
            } else {
                high = middle;
            }
        }
        for (p, &(_, j)) in weights(low.exp()).iter().zip(&near) {
            conditional[i][j] = *p;
        }
    }
    let g = |i: usize, j: usize| if i == j { 0.0 } else { 1.0 / (1.0 + dist(y, i, j)) };
    let z: f64 = (0..n).map(|i| (0..n).map(|j| g(i, j)).sum::<f64>()).sum();
    let charge = |i: usize| {
        (0..n)
            .map(|j| (conditional[i][j] + conditional[j][i]) / (2 * n) as f64)
            .enumerate()
            .filter(|&(_, p)| p > 0.0)
            .map(|(j, p)| p * (p * z / g(i, j)).ln())
            .sum()
    };
    (0..n).map(charge).collect()
}

/// The data with some columns literally set to their mean.
fn occluded(x: MatRef<'_, f64>, members: &[usize]) -> Mat<f64> {
    let mean = |d: usize| (0..x.nrows()).map(|i| x[(i, d)]).sum::<f64>() / x.nrows() as f64;
    Mat::from_fn(
        x.nrows(),
        x.ncols(),
        |i, d| if members.contains(&d) { mean(d) } else { x[(i, d)] },
    )
}

/// A map with some structure: the first two coordinates, squeezed.
fn some_map(x: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(x.nrows(), 2, |i, c| 4.0 * x[(i, c)].tanh() + 0.3 * x[(i, x.ncols() - 1 - c)])
}

fn assert_equals_plain(
    found: &Importance,
    coordinates: &dyn Fn(&[usize]) -> Mat<f64>,
    y: MatRef<'_, f64>,
    k: usize,
) {
    let perplexity = found.params.perplexity;
    let base = plain_charges(coordinates(&[]).as_ref(), y, perplexity, k);
    assert!((found.divergence - base.iter().sum::<f64>()).abs() < 1e-10);
    for set in 0..found.sets.len() {
        let members = found.sets.members(set);
        let after = plain_charges(coordinates(members).as_ref(), y, perplexity, k);
        let rises: Vec<f64> = after.iter().zip(&base).map(|(a, b)| a - b).collect();
        let total: f64 = rises.iter().sum();
        assert!((found.total[set] - total).abs() < 1e-10, "{members:?}: {total}");
        let points = found.per_point.as_ref().unwrap();
        for (i, &rise) in rises.iter().enumerate() {
            let got = f64::from(points.row(i)[set]);
            assert!((got - rise).abs() < 1e-9 + 1e-6 * rise.abs(), "point {i}, {members:?}");
        }
    }
}

#[test]
fn given_features_equal_plain_recomputation() {
    for (seed, (n, d, effect)) in
        [(90, 4, 0.0), (130, 6, 8.0), (101, 3, 30.0)].into_iter().enumerate()
    {
        let Bed { x, .. } = nested_clusters(n, d, effect, effect / 2.0, seed as u64);
        let y = some_map(x.as_ref());
        let sets = FeatureSets::given(
            d,
            (0..d).map(|d| vec![d]).chain([vec![0, 1], (1..d).collect()]).collect(),
        );
        let params = ImportanceParams::default().with_perplexity(9.0);
        let space = FeatureSpace::Given(x.as_ref());
        let found =
            run(space, y.as_ref(), sets.unwrap(), &params, MemoryBudget::default()).unwrap();
        assert_equals_plain(&found, &|members| occluded(x.as_ref(), members), y.as_ref(), 28);
    }
}

/// Scores with loadings of a rotation, a truncation and a stretch.
fn projected(x: MatRef<'_, f64>, p: usize, seed: u64) -> (Mat<f64>, Mat<f64>) {
    let loadings = gaussian(x.ncols(), p, seed);
    (x * &loadings, loadings)
}

#[test]
fn components_equal_plain_recomputation() {
    for (seed, (n, d, p)) in [(95, 8, 3), (120, 5, 5), (90, 6, 1)].into_iter().enumerate() {
        let Bed { x, .. } = nested_clusters(n, d, 6.0, 3.0, 10 + seed as u64);
        let (scores, loadings) = projected(x.as_ref(), p, seed as u64);
        let y = some_map(x.as_ref());
        let sets = (0..d).map(|d| vec![d]).chain([vec![0, 2], (0..d - 1).collect()]).collect();
        let params = ImportanceParams::default().with_perplexity(8.0);
        let space = FeatureSpace::Components {
            scores: scores.as_ref(),
            loadings: loadings.as_ref(),
            features: x.as_ref(),
        };
        let sets = FeatureSets::given(d, sets).unwrap();
        let found = run(space, y.as_ref(), sets, &params, MemoryBudget::default()).unwrap();
        let coordinates = |members: &[usize]| &occluded(x.as_ref(), members) * &loadings;
        assert_equals_plain(&found, &coordinates, y.as_ref(), 25);
    }
}

#[test]
fn charges_of_points_and_groups_sum_to_the_rise() {
    let Bed { x, labels, .. } = nested_clusters(160, 5, 6.0, 3.0, 3);
    let labels: Vec<u32> = labels.iter().map(|&l| l as u32).collect();
    let y = some_map(x.as_ref());
    let found = Occlusion::new(
        FeatureSpace::Given(x.as_ref()),
        y.as_ref(),
        FeatureSets::singles(5),
        Some(Groups::new(&labels, 4).unwrap()),
        ImportanceParams::default().with_perplexity(12.0),
        MemoryBudget::default(),
        &mut Silent,
    )
    .unwrap()
    .finish(&mut Silent)
    .unwrap();
    let (groups, points) = (found.per_group.unwrap(), found.per_point.unwrap());
    for d in 0..5 {
        let by_group: f64 = (0..4).map(|g| groups.row(g)[d]).sum();
        assert!((by_group - found.total[d]).abs() < 1e-13);
        let by_point: f64 = (0..160).map(|i| f64::from(points.row(i)[d])).sum();
        assert!((by_point - found.total[d]).abs() < 1e-6);
    }
}

#[test]
fn rotating_components_changes_nothing() {
    let Bed { x, .. } = nested_clusters(150, 6, 6.0, 3.0, 4);
    let y = some_map(x.as_ref());
    let pca = PcaParams::default().with_n_components(3).fit(x.as_ref()).unwrap();
    let loadings = pca.loadings.as_mat().to_owned();
    let scores = &x * &loadings;
    let (sin, cos) = 0.7_f64.sin_cos();
    let rotation = embex_linalg::faer::mat![[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, -1.0]];
    let of = |scores: &Mat<f64>, loadings: &Mat<f64>| {
        let space = FeatureSpace::Components {
            scores: scores.as_ref(),
            loadings: loadings.as_ref(),
            features: x.as_ref(),
        };
        importance(space, y.as_ref(), 15.0).total
    };
    let (plain, turned) =
        (of(&scores, &loadings), of(&(&scores * &rotation), &(&loadings * &rotation)));
    for (a, b) in plain.iter().zip(&turned) {
        assert!((a - b).abs() < 1e-11, "{a} {b}");
    }
}

#[test]
fn constant_features_are_worth_exactly_nothing() {
    let mut x = gaussian(100, 4, 5);
    x.col_mut(2).fill(0.1);
    let y = some_map(x.as_ref());
    let found = importance(FeatureSpace::Given(x.as_ref()), y.as_ref(), 10.0);
    assert_eq!(found.total[2].to_bits(), 0.0_f64.to_bits());
    assert!(found.total[0] > 0.0);
}

/// Notes of the pilot: single removal hides copies, removing the group does not.
#[test]
fn copies_hide_each_other_unless_removed_together() {
    let x = Mat::from_fn(120, 4, |i, d| {
        let group = if i < 60 { 0.0 } else { 8.0 };
        let noise = gaussian(120, 4, 6);
        if d < 2 { noise[(i, 0)] + group } else { noise[(i, d)] }
    });
    let y = Mat::from_fn(120, 2, |i, c| x[(i, 2 * c)]);
    let sets = FeatureSets::correlated(x.as_ref(), 0.8).unwrap();
    assert_eq!(sets.members(0), [0, 1]);
    let params = ImportanceParams::default().with_perplexity(10.0);
    let space = FeatureSpace::Given(x.as_ref());
    let alone = importance(space, y.as_ref(), 10.0);
    let together = run(space, y.as_ref(), sets, &params, MemoryBudget::default()).unwrap();
    assert!(together.total[0] > 5.0 * alone.total[0], "{:?} {:?}", together.total, alone.total);
    assert_eq!(together.sets.spread(&together.total)[1], Some(together.total[0]));
}

/// Effect 8 separates completely: derivatives are blind there, occlusion is not. The map is
/// the design itself, so that the test needs no optimiser: one point per class and noise.
#[test]
fn effect_eight_is_found_with_exact_candidates() {
    let Bed { x, labels, relevant } = nested_clusters(400, 10, 8.0, 3.0, 7);
    let y = Mat::from_fn(400, 2, |i, c| match c {
        0 => 3.0 * x[(i, 0)],
        _ => x[(i, 1)] + x[(i, 2)] + 0.1 * x[(i, 3)],
    });
    let codes: Vec<u32> = labels.iter().map(|&l| l as u32).collect();
    let groups = Groups::new(&codes, 4).unwrap();
    let space = FeatureSpace::Given(x.as_ref());
    let params = ImportanceParams::default().with_perplexity(20.0);
    let mut run = Occlusion::new(
        space,
        y.as_ref(),
        FeatureSets::singles(10),
        Some(groups),
        params.clone(),
        MemoryBudget::default(),
        &mut Silent,
    )
    .unwrap();
    while run.advance(&mut Silent).unwrap() {}
    let found = run.finish(&mut Silent).unwrap();
    assert!(found.effect.counts.scanned > 0 && found.effect.counts.unproved == 0);
    let per_group = found.per_group.unwrap();
    for (class, relevant) in relevant.iter().enumerate() {
        let row = per_group.row(class);
        let least = relevant.iter().map(|&d| row[d]).fold(f64::INFINITY, f64::min);
        let others =
            (0..10).filter(|d| !relevant.contains(d)).map(|d| row[d]).fold(f64::MIN, f64::max);
        assert!(least > others, "class {class}: {row:?}");
    }
    let widened = params.with_candidates(Candidates::Widened { factor: 1.5 });
    let blind =
        self::run(space, y.as_ref(), FeatureSets::singles(10), &widened, MemoryBudget::default())
            .unwrap();
    assert!(blind.effect.recall < 1.0 && blind.effect.change_largest > 0.0, "{:?}", blind.effect);
    assert!(blind.effect.counts.unproved > 0);
    assert!(blind.total[0] < found.total[0]);
}

/// Equal bits for any threads, budget, number type's view and interruption.
#[test]
fn threads_budgets_and_resuming_leave_the_bits_alone() {
    let Bed { x, .. } = nested_clusters(210, 9, 8.0, 3.0, 8);
    let (scores, loadings) = projected(x.as_ref(), 4, 9);
    let y = some_map(x.as_ref());
    let space = FeatureSpace::Components {
        scores: scores.as_ref(),
        loadings: loadings.as_ref(),
        features: x.as_ref(),
    };
    let params = ImportanceParams::default().with_perplexity(10.0);
    let sets = FeatureSets::singles(9);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (none, tiny) = (MemoryBudget::default(), MemoryBudget::bytes(1));
    let of = |budget| run(space, y.as_ref(), sets.clone(), &params, budget).unwrap();
    let expected = pool(1).install(|| of(none));
    for threads in [2, 8] {
        assert_eq!(pool(threads).install(|| of(none)), expected);
    }
    let under_budget = of(tiny);
    assert_eq!(
        (under_budget.total, under_budget.per_point),
        (expected.total.clone(), expected.per_point.clone())
    );
    // The widths of the lists differ, so the searches may end differently, not elsewhere.

    let mut first =
        Occlusion::new(space, y.as_ref(), sets.clone(), None, params.clone(), tiny, &mut Silent)
            .unwrap();
    for _ in 0..4 {
        assert!(first.advance(&mut Silent).unwrap());
    }
    let state = first.state().clone();
    assert_eq!(state.n_finished(), 4);
    let mut second =
        Occlusion::new(space, y.as_ref(), sets.clone(), None, params.clone(), tiny, &mut Silent)
            .unwrap();
    second.resume(state.clone()).unwrap();
    assert_eq!(second.finish(&mut Silent).unwrap().total, expected.total);

    let other = params.with_perplexity(11.0);
    let mut third =
        Occlusion::new(space, y.as_ref(), sets, None, other, tiny, &mut Silent).unwrap();
    assert!(matches!(third.resume(state), Err(Error::StateMismatch { .. })));
}

#[test]
fn cancelling_loses_nothing() {
    let x = gaussian(100, 6, 11);
    let y = some_map(x.as_ref());
    let params = ImportanceParams::default().with_perplexity(8.0);
    let budget = MemoryBudget::bytes(1);
    let sets = FeatureSets::singles(6);
    let space = FeatureSpace::Given(x.as_ref());
    let mut run =
        Occlusion::new(space, y.as_ref(), sets, None, params.clone(), budget, &mut Silent).unwrap();
    let mut seen = 0;
    let mut stop = |_: Update<'_>| {
        seen += 1;
        if seen > 2 { Flow::Cancel } else { Flow::Continue }
    };
    run.advance(&mut stop).unwrap();
    assert_eq!(run.advance(&mut stop), Err(Error::Input(embex_linalg::Error::Cancelled)));
    assert_eq!(run.state().n_finished(), 1);
    let expected = importance(space, y.as_ref(), 8.0);
    assert_eq!(run.finish(&mut Silent).unwrap().total, expected.total);
}

#[test]
fn single_precision_inputs_agree() {
    let x = gaussian(120, 5, 12);
    let y = some_map(x.as_ref());
    let narrow = |m: &Mat<f64>| Mat::from_fn(m.nrows(), m.ncols(), |i, j| m[(i, j)] as f32);
    let x32 = narrow(&x);
    let params = ImportanceParams::default().with_perplexity(10.0);
    let sets = FeatureSets::singles(5);
    let single =
        run(FeatureSpace::Given(x32.as_ref()), y.as_ref(), sets, &params, MemoryBudget::default())
            .unwrap();
    let double = importance(FeatureSpace::Given(x.as_ref()), y.as_ref(), 10.0);
    for (a, b) in single.total.iter().zip(&double.total) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

/// The divergence reported is that of the map's own affinities.
#[test]
fn base_divergence_is_that_of_the_affinities() {
    let x = gaussian(150, 4, 13);
    let y = some_map(x.as_ref());
    let neighbours = embex_trees::knn(x.as_ref(), 31).unwrap();
    let affinities = Affinities::from_neighbours(neighbours, 10.0).unwrap();
    let expected = crate::Divergence::exact(&affinities, y.as_ref()).unwrap().kl();
    let found = importance(FeatureSpace::Given(x.as_ref()), y.as_ref(), 10.0);
    assert!((found.divergence - expected).abs() < 1e-11, "{} {expected}", found.divergence);
}

#[test]
fn wrong_inputs_are_refused() {
    let x = gaussian(60, 3, 14);
    let y = some_map(x.as_ref());
    let params = ImportanceParams::default().with_perplexity(10.0);
    let budget = MemoryBudget::default();
    let try_run = |space, y: MatRef<'_, f64>, sets, params: &ImportanceParams| {
        run(space, y, sets, params, budget).map(|_| ()).unwrap_err()
    };
    let (given, singles) = (FeatureSpace::Given(x.as_ref()), FeatureSets::singles(3));
    let loadings = gaussian(3, 2, 15);
    let scores = gaussian(60, 2, 16);
    let torn = FeatureSpace::Components {
        scores: scores.as_ref(),
        loadings: loadings.as_ref(),
        features: x.as_ref(),
    };
    assert!(matches!(
        try_run(torn, y.as_ref(), singles.clone(), &params),
        Error::LoadingsMismatch { .. }
    ));
    assert!(matches!(
        try_run(given, y.as_ref(), FeatureSets::singles(4), &params),
        Error::FeatureSet { .. }
    ));
    assert!(matches!(
        try_run(given, y.as_ref(), singles.clone(), &ImportanceParams::default()),
        Error::Perplexity { .. }
    ));
    let widened = params.clone().with_candidates(Candidates::Widened { factor: f64::NAN });
    assert!(matches!(try_run(given, y.as_ref(), singles.clone(), &widened), Error::Input(_)));
    let short = y.submatrix(0, 0, 59, 2);
    assert!(matches!(try_run(given, short, singles.clone(), &params), Error::Input(_)));
    let mut bad = y.clone();
    bad[(7, 1)] = f64::NAN;
    assert!(matches!(try_run(given, bad.as_ref(), singles.clone(), &params), Error::Input(_)));
    bad[(7, 1)] = 1e200;
    assert!(matches!(try_run(given, bad.as_ref(), singles, &params), Error::Input(_)));
    let cosine = TsneParams::default().with_metric(crate::Metric::Cosine);
    assert_eq!(ImportanceParams::for_map(&cosine), Err(Error::EuclideanOnly));
    let sets = FeatureSets::given(3, vec![vec![0], vec![2, 2]]);
    assert_eq!(sets, Err(Error::FeatureSet { set: 1, feature: Some(2), n_features: 3 }));
    let sets = FeatureSets::given(3, vec![vec![]]);
    assert_eq!(sets, Err(Error::FeatureSet { set: 0, feature: None, n_features: 3 }));
}

/// A feature so large that all else is below its rounding: distances are summed afresh.
#[test]
fn a_huge_feature_leaves_the_others_intact() {
    let mut x = gaussian(100, 4, 17);
    for i in 0..100 {
        x[(i, 1)] *= 1e7;
    }
    let y = some_map(gaussian(100, 4, 18).as_ref());
    let params = ImportanceParams::default().with_perplexity(9.0);
    let sets = FeatureSets::given(4, vec![vec![1]]).unwrap();
    let space = FeatureSpace::Given(x.as_ref());
    let found = run(space, y.as_ref(), sets, &params, MemoryBudget::default()).unwrap();
    assert_equals_plain(&found, &|members| occluded(x.as_ref(), members), y.as_ref(), 28);
}
