//! Bits: threads, strides, budgets, resumes, precisions; and inputs that must be refused.

use embex_linalg::MemoryBudget;

use super::*;
use crate::Error;

fn setting(seed: u64) -> (Mat<f64>, Affinities, Path<2>) {
    let x = points(150, 5, seed);
    let affinities = affinities(&x, 20, 7.0);
    let schedule = Schedule { n_iter: 25, early: 18, ..Schedule::default() };
    let path = Path::run(affinities.edges(), &start(150, 0.3, seed), &schedule);
    (x, affinities, path)
}

fn cases() -> Vec<AttributeParams> {
    let corrected = params(Formula::Corrected);
    vec![
        corrected.clone().with_steps([25]).with_init_jacobian(true),
        corrected.clone().with_steps([9, 25]).with_init_jacobian(true),
        corrected.with_derivative(Derivative::FixedPoint),
        params(Formula::Published).with_clip(Some(1e-3)).with_steps([25]),
        AttributeParams::default().with_steps([18]),
    ]
}

#[test]
fn threads_strides_and_budgets_change_no_bit() {
    let (x, affinities, path) = setting(31);
    let transposed = x.transpose().to_owned();
    for params in cases() {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| {
                let found = path.attribute(&params, &affinities, &x).expect("calm");
                let values = found[0].project(x.as_ref()).expect("rows");
                (found, values)
            })
        };
        let (found, values) = with(1);
        assert_eq!((found.clone(), values.clone()), with(2));
        assert_eq!((found.clone(), values.clone()), with(8));
        let strided = found[0].project(transposed.transpose()).expect("rows");
        assert_eq!(strided, values);
        for bytes in [1, 10_000, u64::MAX] {
            let mut all = Vec::new();
            let sink = &mut |first: usize, part: &[f64]| {
                assert_eq!(first * values.n_cols(), all.len());
                all.extend_from_slice(part);
            };
            found[0].project_blocks(x.as_ref(), MemoryBudget::bytes(bytes), sink).expect("rows");
            assert_eq!(all, values.as_slice());
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_resumed_observer_gives_the_same_bits() {
    let (x, affinities, path) = setting(32);
    let tsne = TsneParams::default().with_n_iter(25).with_exaggeration_iter(18);
    for params in cases() {
        let fresh = || Attributor::<f64, 2>::new(&params, &tsne, &affinities, x.as_ref());
        let mut whole = fresh().expect("valid");
        path.show(0, 25, &mut whole);
        let whole = path.finish(whole, &affinities).expect("calm");
        for stop in [0, 1, 9, 16, 24] {
            let mut half = fresh().expect("valid");
            path.show(0, stop, &mut half);
            let bytes = postcard::to_stdvec(&half).expect("serialises");
            let mut half: Attributor<f64, 2> = postcard::from_bytes(&bytes).expect("reads");
            path.show(stop, 25, &mut half);
            let resumed = path.finish(half, &affinities).expect("calm");
            assert_eq!(resumed, whole, "stopped at {stop}");
        }
        let bytes = postcard::to_stdvec(&whole).expect("serialises");
        let read: Vec<Attribution<f64>> = postcard::from_bytes(&bytes).expect("reads");
        assert_eq!(read, whole);
    }
}

/// The same run in f32.
fn narrow(
    path: &Path<2>,
    params: &AttributeParams,
    p: &Affinities,
    x: &Mat<f64>,
) -> Attribution<f32> {
    let narrow =
        |y: &[[f64; 2]]| -> Vec<[f32; 2]> { y.iter().map(|y| y.map(|v| v as f32)).collect() };
    let x = Mat::from_fn(x.nrows(), x.ncols(), |i, f| x[(i, f)] as f32);
    let tsne = TsneParams::default().with_n_iter(path.steps.len());
    let mut attributor = Attributor::<f32, 2>::new(params, &tsne, p, x.as_ref()).expect("valid");
    let edges = p.edges::<f32>();
    for (iteration, step) in path.steps.iter().enumerate() {
        let wide = sums(&step.y);
        let view = StepView {
            iteration,
            starts_phase: step.starts_phase,
            exaggeration: step.exaggeration,
            momentum: step.momentum,
            learning_rate: path.learning_rate,
            y: &narrow(&step.y),
            y_next: &narrow(&step.y_next),
            gains: &narrow(&step.gains),
            sums: &RepulsionSums {
                z: wide.z,
                force: narrow(&wide.force),
                curvature: wide
                    .curvature
                    .iter()
                    .map(|c| Curvature {
                        g2: c.g2 as f32,
                        outer: c.outer.map(|r| r.map(|v| v as f32)),
                    })
                    .collect(),
            },
            edges: &edges,
        };
        attributor.observe(&view);
    }
    let end = narrow(&path.steps[path.steps.len() - 1].y_next);
    let finished =
        Finished { y: &end, edges: &edges, sums: &RepulsionSums::default(), n_steps: 25 };
    attributor.finish(p, &finished).expect("calm").pop().expect("a step")
}

/// Single precision: 25 updates of rounding 6e-8, amplified by the recursion.
#[test]
fn single_precision_stays_close() {
    let (x, affinities, path) = setting(33);
    for steps in [&[25][..], &[9, 25]] {
        let params = params(Formula::Corrected).with_steps(steps.iter().copied());
        let wide = path.attribute(&params, &affinities, &x).expect("calm");
        let wide = wide[wide.len() - 1].project(x.as_ref()).expect("rows");
        let x32 = Mat::from_fn(150, 5, |i, f| x[(i, f)] as f32);
        let narrow = narrow(&path, &params, &affinities, &x).project(x32.as_ref()).expect("rows");
        let wide64 = wide.as_slice();
        let narrow64: Vec<f64> = narrow.as_slice().iter().map(|&v| f64::from(v)).collect();
        embex_testkit::assert_close("f32", &narrow64, wide64, 1e-4);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (x, affinities, path) = setting(34);
    let tsne = Schedule { n_iter: 25, early: 18, ..Schedule::default() }.params();
    let new = |params: &AttributeParams, p: &Affinities| {
        Attributor::<f64, 2>::new(params, &tsne, p, x.as_ref()).map(|a| a.steps().to_vec())
    };
    let default = AttributeParams::default();
    assert_eq!(new(&default, &affinities), Ok(vec![18]));
    assert_eq!(new(&default.clone().with_steps([3, 1, 3]), &affinities), Ok(vec![1, 3]));
    for step in [0, 26] {
        let error = Error::StepNotReached { step, n_steps: 25 };
        assert_eq!(new(&default.clone().with_steps([step]), &affinities), Err(error));
    }
    let scalar = Scalar::GroupDistanceSq { groups: vec![0; 149] };
    assert!(matches!(new(&default.clone().with_scalar(scalar), &affinities), Err(Error::Input(_))));
    let edges = affinities.edges::<f64>();
    let joint = Affinities::from_joint(edges.starts, edges.columns, edges.p).expect("symmetric");
    assert_eq!(new(&default, &joint), Err(Error::NoConditionals));
    let aware = default.clone().with_formula(Formula::Paper).with_bandwidth(Bandwidth::Aware);
    assert_eq!(new(&aware, &affinities), Err(Error::AwareBandwidth { formula: Formula::Paper }));
    // A run that stops early.
    for steps in [&[20][..], &[2, 20]] {
        let params = default.clone().with_steps(steps.iter().copied());
        let mut attributor =
            Attributor::<f64, 2>::new(&params, &tsne, &affinities, x.as_ref()).expect("valid");
        path.show(0, 10, &mut attributor);
        let early = Path { steps: path.steps[..10].to_vec(), edges: path.edges.clone(), ..path };
        let error = early.finish(attributor, &affinities).expect_err("stopped at 10");
        assert_eq!(error, Error::StepNotReached { step: 20, n_steps: 10 });
    }
}

#[test]
fn projections_check_their_features() {
    let (x, affinities, path) = setting(35);
    let found = &path.attribute(&params(Formula::Corrected), &affinities, &x).expect("calm")[0];
    let mut bad = x.clone();
    bad[(3, 2)] = f64::NAN;
    assert!(matches!(
        found.project(bad.as_ref()),
        Err(Error::Input(embex_linalg::Error::NotFinite { row: 3, col: 2, .. }))
    ));
    let short = x.as_ref().subrows(0, 149);
    assert!(matches!(found.project(short), Err(Error::Input(_))));
    let empty = Mat::<f64>::zeros(150, 0);
    assert!(found.project(empty.as_ref()).is_err());
    let start = Mat::<f64>::zeros(2, 4);
    assert!(found.project_with_start(x.as_ref(), start.as_ref()).is_err());
}

/// An unlimited recursion that leaves the numbers at every point is an error, never a NaN.
#[test]
fn overflow_of_all_points_is_an_error() {
    let (x, affinities, mut path) = setting(36);
    path.learning_rate = 1e30;
    for steps in [&[25][..], &[9, 25]] {
        let free = params(Formula::Corrected).with_limit_step(false);
        let free = free.with_steps(steps.iter().copied());
        match path.attribute(&free, &affinities, &x) {
            Err(Error::AttributionOverflow { step: 9 | 25, n_samples: 150 }) => {}
            other => panic!("{:?}", other.map(|a| a[0].diagnostics)),
        }
    }
}

/// One wild point is zeroed, counted and named; the others keep their bits, on 1, 2 or 8 threads.
#[test]
fn a_point_that_overflows_loses_nobody_else() {
    let (x, affinities, path) = setting(39);
    let mut wild = path.clone();
    for step in &mut wild.steps {
        step.gains[70] = [1e40; 2];
    }
    for formula in [Formula::Corrected, Formula::Published] {
        let quirks = PublishedQuirks::default().with_scrambled_gains(false);
        for steps in [&[25][..], &[9, 25]] {
            let free = params(formula).with_limit_step(false).with_quirks(quirks);
            let free = free.with_steps(steps.iter().copied());
            let calm = path.attribute(&free, &affinities, &x).expect("calm").pop().expect("one");
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let run = || wild.attribute(&free, &affinities, &x).expect("one").pop();
                pool.expect("threads").install(run).expect("one")
            };
            let found = on(1);
            assert_eq!((&found.overflowed[..], found.diagnostics.overflowed), (&[70][..], 1));
            assert!(on(2) == found && on(8) == found);
            assert!(calm.overflowed.is_empty() && calm.diagnostics.overflowed == 0);
            for i in 0..150 {
                let same = calm.coefficients.weights(i, 0) == found.coefficients.weights(i, 0);
                assert!(same != (i == 70));
            }
            let values = found.project(x.as_ref()).expect("finite");
            assert!(values.row(70).iter().all(|&v| v == 0.0));
            assert!(values.as_slice().iter().all(|v| v.is_finite()));
        }
    }
}

/// Means of the run with one wild point are those of the calm run without that point, bit for
/// bit; without leaving it out they say what it says.
#[test]
fn group_means_are_not_spoilt_by_an_unstable_point() {
    use crate::summary::{GroupMeans, Groups};
    let (x, affinities, path) = setting(43);
    let groups = Groups::new(&(0..150).map(|i| i % 3).collect::<Vec<u32>>(), 3).expect("three");
    let params = params(Formula::Corrected).with_limit_step(false).with_steps([25]);
    let attributed =
        |path: &Path<2>| path.attribute(&params, &affinities, &x).expect("one").remove(0);
    let means = |found: &Attribution<f64>, without: &[u32]| {
        let values = found.project(x.as_ref()).expect("rows");
        let means = GroupMeans::new(groups.clone(), values.n_cols()).without(without);
        let mut means = means.expect("samples");
        means.add(values.as_mat()).expect("rows");
        means.finish().expect("all rows")
    };
    let calm = attributed(&path);
    assert!(calm.unusable().is_empty());
    for (gain, overflows) in [(1e3, false), (1e40, true)] {
        let mut wild = path.clone();
        wild.steps[15..].iter_mut().for_each(|step| step.gains[70] = [gain; 2]);
        let wild = attributed(&wild);
        assert_eq!((wild.unusable(), wild.overflowed.is_empty()), (vec![70], !overflows));
        let found = means(&wild, &wild.unusable());
        assert_eq!(found, means(&calm, &[70]));
        assert_eq!(found.left_out, [0, 1, 0]);
        let spoilt = means(&wild, &[]).absolute.row(1)[0] / found.absolute.row(1)[0];
        assert!(if overflows { spoilt < 1.0 } else { spoilt > 1e2 }, "{spoilt}");
    }
}

/// A point so far out that its Hessian almost vanishes: −H⁻¹ g leaves the range of numbers.
#[test]
fn a_flat_fixed_point_overflows_alone() {
    let (x, affinities, mut path) = setting(40);
    let last = path.steps.len() - 1;
    path.steps[last].y_next[70] = [1e152, 0.0];
    for formula in [Formula::Corrected, Formula::Published] {
        let params = params(formula).with_derivative(Derivative::FixedPoint);
        let found = &path.attribute(&params, &affinities, &x).expect("one point")[0];
        assert_eq!((&found.overflowed[..], found.diagnostics.overflowed), (&[70][..], 1));
        assert!(!found.unstable.contains(&70) && found.diagnostics.indefinite > 0);
        let values = found.project(x.as_ref()).expect("finite");
        assert!(values.row(70).iter().all(|&v| v == 0.0));
        assert!(values.as_slice().iter().all(|v| v.is_finite()));
    }
    // Less far out: finite, and named.
    path.steps[last].y_next[70] = [1e20, 0.0];
    let params = params(Formula::Corrected).with_derivative(Derivative::FixedPoint);
    let found = &path.attribute(&params, &affinities, &x).expect("finite")[0];
    assert_eq!((&found.unstable[..], found.diagnostics.unstable), (&[70][..], 1));
    assert!(found.overflowed.is_empty() && found.coefficients.weights(70, 0)[0] != 0.0);
}

/// Coefficients in range times features of extreme scale: an error that names the point.
#[test]
fn projections_that_overflow_are_refused() {
    let (x, affinities, path) = setting(41);
    let params = params(Formula::Corrected).with_steps([25]);
    let mut wild = path.clone();
    for step in &mut wild.steps[21..] {
        step.gains[70] = [1e3; 2];
    }
    let free = params.with_limit_step(false);
    let found = &wild.attribute(&free, &affinities, &x).expect("in range")[0];
    assert!(found.overflowed.is_empty() && found.unstable == [70]);
    let huge = |size: f64| Mat::from_fn(150, 2, |i, f| if (i, f) == (70, 1) { size } else { 0.0 });
    let overflow = Err(Error::ProjectionOverflow { row: 70 });
    assert_eq!(found.project(huge(1e307).as_ref()), overflow);
    let narrow = narrow(&wild, &free, &affinities, &x);
    assert!(narrow.overflowed.is_empty());
    let huge = Mat::from_fn(150, 2, |i, f| huge(1e37)[(i, f)] as f32);
    assert_eq!(narrow.project(huge.as_ref()), Err(Error::ProjectionOverflow { row: 70 }));
}

#[test]
fn warnings_tell_late_steps_and_collapsed_maps() {
    let (x, affinities, mut path) = setting(37);
    let late = params(Formula::Corrected).with_steps([25]);
    let tsne = TsneParams::default().with_n_iter(25).with_exaggeration_iter(18);
    let run = |path: &Path<2>| {
        let mut a = Attributor::<f64, 2>::new(&late, &tsne, &affinities, x.as_ref()).expect("ok");
        path.show(0, 25, &mut a);
        path.finish(a, &affinities).expect("calm")[0].diagnostics
    };
    let calm = run(&path);
    assert!(calm.after_exaggeration && !calm.collapsed && calm.spread > 1e-3);
    for step in &mut path.steps {
        step.y.iter_mut().chain(&mut step.y_next).flatten().for_each(|v| *v *= 1e-13);
    }
    assert!(run(&path).collapsed);
}

/// Equal distances, copies of samples: finite, and no division by a vanished variance.
#[test]
fn degenerate_neighbourhoods_stay_finite() {
    let corners = Mat::from_fn(16, 16, |i, f| f64::from(u8::from(i == f)));
    let copies = Mat::from_fn(40, 2, |i, f| if f == 0 { (i % 20) as f64 } else { 0.5 });
    for (x, k) in [(&corners, 15), (&copies, 12)] {
        let affinities = affinities(x, k, 4.0);
        let y = start::<2>(x.nrows(), 0.3, 38);
        let path = Path::run(affinities.edges(), &y, &Schedule::default());
        for mode in ["corrected", "corrected:fixed_point", "published"] {
            let params = params(Formula::Corrected).with_mode(mode.parse().expect("a mode"));
            let found = &path.attribute(&params.with_steps([20]), &affinities, x).expect("calm")[0];
            let values = found.project(x.as_ref()).expect("rows");
            assert!(values.as_slice().iter().all(|v| v.is_finite()));
        }
    }
}

/// J_i = Σ_j w_ij (x_i − x_j) / unit² by the definition: channels × D.
fn by_definition(found: &Attribution<f64>, x: &Mat<f64>, i: usize) -> Vec<Vec<f64>> {
    let weights = &found.coefficients;
    let length = |i: usize| (0..x.ncols()).map(|f| x[(i, f)].powi(2)).sum::<f64>().sqrt();
    let cosine = found.metric == Metric::Cosine;
    let entry = |i: usize, f: usize| if cosine { x[(i, f)] / length(i) } else { x[(i, f)] };
    let channel = |channel: usize| -> Vec<f64> {
        let sum = |f: usize| -> f64 {
            let terms = weights.partners(i).iter().zip(weights.weights(i, channel));
            let sum: f64 = terms.map(|(&j, w)| w * (entry(i, f) - entry(j as usize, f))).sum();
            sum / weights.unit().powi(2)
        };
        let row: Vec<f64> = (0..x.ncols()).map(sum).collect();
        let along: f64 = (0..x.ncols()).map(|f| row[f] * entry(i, f)).sum();
        let chain = |f: usize| (row[f] - along * entry(i, f)) / length(i);
        if cosine { (0..x.ncols()).map(chain).collect() } else { row }
    };
    (0..weights.channels()).map(channel).collect()
}

/// More features than a panel, more rows than are cut without packing.
#[test]
fn panels_give_the_sum_by_definition() {
    let x = points(300, 70, 41);
    let affinities = affinities(&x, 8, 3.0);
    let schedule = Schedule { n_iter: 2, ..Schedule::default() };
    let path = Path::run(affinities.edges(), &start::<2>(300, 0.3, 41), &schedule);
    for scalar in [Scalar::NormSq, Scalar::Axes, Scalar::JacobianNorm] {
        let params = AttributeParams::default().with_scalar(scalar).with_steps([2]);
        let mut found = path.attribute(&params, &affinities, &x).expect("calm").remove(0);
        for metric in [Metric::Euclidean, Metric::Cosine] {
            found.metric = metric;
            let values = found.project(x.as_ref()).expect("rows");
            let mut blocks = Vec::new();
            let sink = &mut |_: usize, rows: &[f64]| blocks.extend_from_slice(rows);
            found.project_blocks(x.as_ref(), MemoryBudget::bytes(1), sink).expect("rows");
            assert!(blocks == values.as_slice());
            for i in 0..300 {
                let mut expected = by_definition(&found, &x, i);
                if found.scalar == Scalar::JacobianNorm {
                    let length = |f: usize| expected[0][f].hypot(expected[1][f]);
                    expected = vec![(0..70).map(length).collect()];
                }
                embex_testkit::assert_close("row", values.row(i), &expected.concat(), 1e-12);
            }
        }
    }
}

/// Once its steps are seen, an attributor keeps one number per entry and channel, looks at no
/// further update and gives what it would give at the end.
#[test]
fn a_seen_step_frees_what_led_to_it() {
    let (x, affinities, path) = setting(42);
    let tsne = TsneParams::default().with_n_iter(25).with_exaggeration_iter(18);
    for steps in [&[18][..], &[9, 18]] {
        let params = params(Formula::Corrected).with_steps(steps.iter().copied());
        let fresh = Attributor::<f64, 2>::new(&params, &tsne, &affinities, x.as_ref());
        let mut early = fresh.expect("valid");
        path.show(0, 17, &mut early);
        assert!(!early.is_done() && early.wants_curvature(17));
        let missing = Error::StepNotReached { step: 18, n_steps: 17 };
        assert_eq!(early.clone().attributions(&affinities), Err(missing));
        path.show(17, 18, &mut early);
        assert!(early.is_done() && !early.wants_curvature(18));
        let mut late = early.clone();
        path.show(18, 25, &mut late);
        assert_eq!(late, early);
        let found = early.attributions(&affinities).expect("calm");
        assert_eq!(found, path.finish(late, &affinities).expect("calm"));
    }
}
