//! Whole runs: from samples to maps, resumed runs, bad input, new samples.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use embex_linalg::faer::{Mat, MatRef};
use embex_linalg::progress::{Flow, Silent, Update};
use embex_linalg::{MemoryBudget, Rows};
use embex_testkit::Golden;
use embex_tsne::attribution::AttributeParams;
use embex_tsne::{
    Affinities, Divergence, Error, Init, LearningRate, MapEvery, Method, Metric, Optimizer,
    OptimizerState, Precision, StopReason, TransformParams, TsneParams,
};

/// 500 digits in 10 principal components.
fn digits() -> Mat<f64> {
    let path = format!("{}/tests/data/map_digits500.npz", env!("CARGO_MANIFEST_DIR"));
    Golden::open(path).unwrap().array("X").to_mat()
}

fn clusters(n: usize) -> Mat<f64> {
    embex_testkit::clusters(n, 6, 3, 5.0, 1).x
}

fn quick() -> TsneParams {
    TsneParams::default().with_perplexity(10.0).with_n_iter(150).with_exaggeration_iter(50)
}

fn affinities(x: MatRef<'_, f64>, params: &TsneParams) -> Affinities {
    params.affinities(x, &mut Silent, MemoryBudget::default()).unwrap()
}

/// scikit-learn's exact method reaches 0.33 here (on affinities over all pairs); a wrong sign or
/// factor does not.
#[test]
fn digits_are_mapped_well_by_every_method_and_precision() {
    let x = digits();
    for (method, precision) in [
        (Method::Exact, Precision::Double),
        (Method::BarnesHut, Precision::Double),
        (Method::BarnesHut, Precision::Single),
    ] {
        let params = TsneParams::default().with_method(method).with_precision(precision);
        let map = params.fit(x.as_ref()).unwrap();
        let affinities = affinities(x.as_ref(), &params);
        let exact = Divergence::exact(&affinities, map.embedding.as_mat()).unwrap();
        assert!(exact.kl() < 0.5, "{method:?} {precision:?}: {}", exact.kl());
        assert!((exact.kl() - map.divergence.kl()).abs() < 0.02);
        let kls: Vec<f64> = map.history.iter().map(|r| r.divergence.kl()).collect();
        assert!(kls[kls.len() - 1] < 0.5 * kls[0]);
    }
}

#[test]
fn one_and_three_dimensions_work() {
    let x = clusters(200);
    for n_components in [1, 3] {
        for method in [Method::Exact, Method::BarnesHut] {
            let params = quick().with_n_components(n_components).with_method(method);
            let map = params.fit(x.as_ref()).unwrap();
            assert_eq!(map.embedding.as_mat().shape(), (200, n_components));
            assert!(map.divergence.kl() < 1.5, "{n_components} {method:?}");
        }
    }
}

/// The same bits on any number of threads and for a strided view.
#[test]
fn maps_have_equal_bits() {
    let x = clusters(300);
    let params = quick().with_method(Method::BarnesHut).with_n_iter(80);
    let run = |threads, x: MatRef<'_, f64>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| params.fit(x).unwrap())
    };
    let expected = run(1, x.as_ref());
    let rows = Rows::copy_from(x.as_ref());
    assert!(run(2, rows.as_mat()) == expected);
    assert!(run(8, x.as_ref()) == expected);
}

/// A run stopped at any update and resumed ends with the bits of a run that never stopped.
fn check_resuming(saved: impl Fn(OptimizerState<f32>) -> OptimizerState<f32>) {
    let x = clusters(200);
    let params = quick().with_kl_every(10).with_method(Method::BarnesHut);
    let p = affinities(x.as_ref(), &params);
    let start = params.start::<f64, f32, 2>(x.as_ref(), &mut Silent).unwrap();
    let mut whole = Optimizer::new(&p, &params, start.clone()).unwrap();
    whole.run(&mut [], &mut Silent).unwrap();
    for stop in [0, 7, 49, 50, 51, 100] {
        let mut first = Optimizer::new(&p, &params, start.clone()).unwrap();
        for _ in 0..stop {
            first.step(&mut []).unwrap();
        }
        let state = saved(first.state());
        let mut second = Optimizer::<f32, 2>::resume(&p, &params, state).unwrap();
        second.run(&mut [], &mut Silent).unwrap();
        assert!(second.state() == whole.state(), "stopped at {stop}");
    }
}

#[test]
fn a_resumed_run_goes_on_with_equal_bits() {
    check_resuming(|state| state);
}

#[cfg(feature = "serde")]
#[test]
fn a_saved_run_goes_on_with_equal_bits() {
    check_resuming(|state| {
        let bytes = postcard::to_stdvec(&state).unwrap();
        postcard::from_bytes(&bytes).unwrap()
    });
}

#[test]
fn a_state_of_another_shape_is_refused() {
    let (x, other) = (clusters(100), clusters(90));
    let params = quick();
    let (p, q) = (affinities(x.as_ref(), &params), affinities(other.as_ref(), &params));
    let start = params.start::<f64, f64, 2>(x.as_ref(), &mut Silent).unwrap();
    let state = Optimizer::new(&p, &params, start).unwrap().state();
    let error = Optimizer::<f64, 2>::resume(&q, &params, state.clone()).err().unwrap();
    let expected = Error::StateMismatch { what: "map coordinates", got: 200, expected: 180 };
    assert_eq!(error, expected);
    assert!(Optimizer::<f64, 3>::resume(&p, &params, state).is_err());
}

#[test]
fn observers_see_maps_and_may_cancel() {
    let x = clusters(100);
    let params = quick();
    let p = affinities(x.as_ref(), &params);
    let start = params.start::<f64, f32, 2>(x.as_ref(), &mut Silent).unwrap();
    let mut run = Optimizer::new(&p, &params, start).unwrap();
    let mut seen = Vec::new();
    let mut maps = MapEvery::new(20, |iteration, map: &[[f32; 2]]| {
        seen.push((iteration, map.len()));
    });
    let mut cancel_at_45 = |update: Update<'_>| {
        if update.done == 45 { Flow::Cancel } else { Flow::Continue }
    };
    let error = run.run(&mut [&mut maps], &mut cancel_at_45).unwrap_err();
    assert_eq!(error, Error::Input(embex_linalg::Error::Cancelled));
    assert_eq!(run.iteration(), 45);
    assert_eq!(run.run(&mut [&mut maps], &mut Silent), Ok(StopReason::Iterations));
    let expected: Vec<_> = (1..=7).map(|i| (20 * i, 100)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn stop_rules_end_a_run() {
    let x = clusters(100);
    let params = quick()
        .with_exaggeration_iter(0)
        .with_learning_rate(LearningRate::Fixed(1e-30)) // no coordinate changes
        .with_min_grad_norm(0.0)
        .with_n_iter_without_progress(20);
    let map = params.fit(x.as_ref()).unwrap();
    assert_eq!((map.stopped, map.n_iter), (StopReason::NoProgress, 100));
    let map = quick().with_min_grad_norm(1e3).fit(x.as_ref()).unwrap();
    assert_eq!((map.stopped, map.n_iter), (StopReason::SmallGradient, 100));
}

/// Exaggeration raises the divergence, and attributions need the steps they were asked for.
#[test]
fn stop_rules_wait_for_a_late_phase_and_for_observers() {
    let x = clusters(100);
    let still = quick()
        .with_n_iter(300)
        .with_exaggeration_iter(0)
        .with_learning_rate(LearningRate::Fixed(1e-30)) // no coordinate changes
        .with_min_grad_norm(0.0)
        .with_n_iter_without_progress(20);
    let late = still.clone().with_late_exaggeration(4.0).with_late_exaggeration_iter(60);
    let map = late.fit(x.as_ref()).unwrap();
    assert_eq!((map.stopped, map.n_iter), (StopReason::Iterations, late.n_iter));
    let asked = AttributeParams::default().with_steps([30, 120]);
    let explained = still.attribute(x.as_ref(), &asked).unwrap();
    let steps: Vec<usize> = explained.sensitivities.iter().map(|s| s.step).collect();
    assert_eq!(steps, [30, 120]);
    assert_eq!(
        (explained.map.stopped, explained.map.n_iter < still.n_iter),
        (StopReason::NoProgress, true)
    );
}

/// A map that ends contracted by exaggeration has not collapsed: the next phase parts it.
#[test]
fn a_run_may_end_in_early_exaggeration() {
    let bed = embex_testkit::nested_clusters(1000, 10, 2.0, 1.0, 0);
    let map = TsneParams::default().with_n_iter(250).fit(bed.x.as_ref()).unwrap();
    assert_eq!((map.stopped, map.n_iter), (StopReason::Iterations, 250));
}

#[test]
fn late_exaggeration_narrows_the_map() {
    let x = clusters(200);
    let width = |map: &embex_tsne::Tsne| {
        let y = map.embedding.as_slice();
        y.iter().map(|v| v * v).sum::<f64>()
    };
    let plain = quick().fit(x.as_ref()).unwrap();
    let params = quick().with_late_exaggeration(4.0).with_late_exaggeration_iter(60);
    let late = params.fit(x.as_ref()).unwrap();
    assert!(width(&late) < 0.8 * width(&plain));
}

#[test]
fn bad_samples_get_a_typed_error() {
    let fit = |x: &Mat<f64>| quick().fit(x.as_ref()).unwrap_err();
    let mut x = clusters(100);
    assert!(matches!(fit(&Mat::zeros(0, 3)), Error::Input(embex_linalg::Error::Empty { .. })));
    assert_eq!(fit(&Mat::zeros(1, 3)), Error::Perplexity { perplexity: 10.0, n_samples: 1 });
    let few = clusters(30);
    assert_eq!(fit(&few), Error::Perplexity { perplexity: 10.0, n_samples: 30 });
    x[(7, 2)] = f64::NAN;
    let expected = embex_linalg::Error::NotFinite { row: 7, col: 2, value: f64::NAN };
    assert_eq!(format!("{}", fit(&x)), format!("{expected}"));
    let mut x = clusters(100);
    (0..6).for_each(|d| x[(3, d)] = 0.0);
    let error = quick().with_metric(Metric::Cosine).fit(x.as_ref()).unwrap_err();
    assert_eq!(error, Error::ZeroRow { row: 3 });
}

/// Whatever the samples, the answer is a finite map or a typed error.
#[test]
fn degenerate_samples_give_finite_maps() {
    let finite = |x: &Mat<f64>, params: &TsneParams| match params.fit(x.as_ref()) {
        Ok(map) => assert!(map.embedding.as_slice().iter().all(|v| v.is_finite())),
        Err(error) => assert!(matches!(error, Error::Collapsed { .. }), "{error}"),
    };
    let params = quick().with_n_iter(100);
    finite(&Mat::from_fn(60, 3, |_, _| 2.5), &params);
    finite(&Mat::from_fn(60, 3, |i, _| (i / 20) as f64), &params);
    finite(&Mat::from_fn(60, 3, |i, d| if d == 0 { i as f64 } else { 1.0 }), &params);
    for scale in [1e-150, 1e150] {
        let x = clusters(100);
        finite(&Mat::from_fn(100, 6, |i, d| scale * x[(i, d)]), &params);
    }
    for method in [Method::Exact, Method::BarnesHut] {
        let wild = params.clone().with_method(method);
        finite(&clusters(100), &wild.with_learning_rate(LearningRate::Fixed(1e4)));
    }
}

#[test]
fn runs_that_cannot_go_on_say_so() {
    let x = clusters(100);
    let params = quick().with_learning_rate(LearningRate::Fixed(1e300));
    let error = params.fit(x.as_ref()).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    let p = affinities(x.as_ref(), &quick());
    let start = Mat::zeros(100, 2);
    let error = quick().fit_affinities(&p, start.as_ref(), &mut Silent).unwrap_err();
    assert_eq!(error, Error::Collapsed { iteration: 0, spread: 0.0 });
    let error = quick().fit_affinities(&p, Mat::zeros(99, 2).as_ref(), &mut Silent).unwrap_err();
    let expected = Error::InitShape { n_rows: 99, n_cols: 2, n_samples: 100, n_components: 2 };
    assert_eq!(error, expected);
    let unfinished = Optimizer::new(&p, &quick(), vec![[0.0, 1.0]; 100]).unwrap();
    assert_eq!(unfinished.into_map(), Err(Error::Unfinished { iteration: 0 }));
}

#[test]
fn random_starts_depend_on_the_seed_alone() {
    let x = clusters(100);
    let params = quick().with_init(Init::Random).with_n_iter(20);
    let (a, b) = (params.fit(x.as_ref()).unwrap(), params.fit(x.as_ref()).unwrap());
    assert!(a == b);
    let c = params.with_seed(1).fit(x.as_ref()).unwrap();
    assert!(a.embedding != c.embedding);
}

/// Every fitted row comes back within 1 % of the map's span of its place.
#[test]
fn fitted_rows_come_back_to_their_places() {
    let x = digits();
    let map = TsneParams::default().fit(x.as_ref()).unwrap();
    let y = map.embedding.as_mat();
    let params = TransformParams::default();
    let budget = MemoryBudget::default();
    let placed = params.transform(x.as_ref(), y, x.as_ref(), &mut Silent, budget).unwrap();
    let placed_at = placed.embedding.as_mat();
    let extent = |c: usize| {
        let column = (0..500).map(|i| y[(i, c)]);
        column.clone().fold(f64::MIN, f64::max) - column.fold(f64::MAX, f64::min)
    };
    let span = extent(0).max(extent(1));
    let moved = |i: usize| {
        (0..2).map(|c| (placed_at[(i, c)] - y[(i, c)]).powi(2)).sum::<f64>().sqrt() / span
    };
    let worst = (0..500).map(moved).fold(0.0, f64::max);
    assert!(worst < 0.01, "worst {worst} of span {span}");
    assert!(placed.n_iter.iter().all(|&n| n < params.max_iter), "{:?}", placed.n_iter);
}

/// Rows left out of the fit land among fitted rows of their own cluster.
#[test]
fn new_rows_land_in_their_cluster() {
    let bed = embex_testkit::clusters(330, 6, 3, 12.0, 2);
    let pick = |rows: &[usize]| Mat::from_fn(rows.len(), 6, |r, d| bed.x[(rows[r], d)]);
    let (left_out, kept): (Vec<usize>, Vec<usize>) = (0..330).partition(|i| i % 11 == 5);
    let (fitted, new) = (pick(&kept), pick(&left_out));
    let (fitted, new) = (fitted.as_ref(), new.as_ref());
    let map = quick().with_n_iter(400).fit(fitted).unwrap();
    let budget = MemoryBudget::default();
    let transform = TransformParams::default();
    let y = map.embedding.as_mat();
    let placed = transform.transform(fitted, y, new, &mut Silent, budget).unwrap();
    let near = embex_trees::knn_between(placed.embedding.as_mat(), y, 1).unwrap();
    for i in 0..30 {
        assert_eq!(bed.labels[kept[near.row(i)[0] as usize]], bed.labels[left_out[i]]);
    }
    let error =
        transform.transform(fitted, y, Mat::zeros(3, 5).as_ref(), &mut Silent, budget).unwrap_err();
    assert_eq!(error, Error::ColumnMismatch { got: 5, expected: 6 });
}

/// Weights are kept in units of the data, so that single precision serves features of any scale.
#[test]
fn single_precision_attributes_features_of_any_scale() {
    let bed = embex_testkit::clusters(90, 5, 3, 2.0, 1).x;
    let params = TsneParams::default()
        .with_perplexity(8.0)
        .with_learning_rate(LearningRate::Fixed(5.0))
        .with_n_iter(60)
        .with_exaggeration_iter(40);
    let scaled = |exponent: i32| {
        let scale = 2.0_f64.powi(exponent);
        let x = Mat::from_fn(90, 5, |i, d| scale * f64::from(bed[(i, d)] as f32));
        let found = params.attribute(x.as_ref(), &AttributeParams::default()).unwrap();
        let values = found.sensitivities[0].values.clone().into_vec();
        values.into_iter().map(|value| value * scale).collect::<Vec<_>>()
    };
    let base = scaled(0);
    let size = base.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for exponent in [-100, -40, 64, 100] {
        for (got, expected) in scaled(exponent).iter().zip(&base) {
            assert!((got - expected).abs() <= 1e-4 * size, "2^{exponent}: {got} {expected}");
        }
    }
}
