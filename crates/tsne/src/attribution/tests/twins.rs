//! Coefficients, adjoint and feature space are three forms of one derivative.

use super::*;

/// Rounding of some 35 updates; the forms differ in the order of their sums alone.
const EQUAL: f64 = 1e-12;

fn check<const C: usize>(k: usize, attribute: &AttributeParams, seed: u64) {
    let x = points(30, 4, seed);
    let affinities = affinities(&x, k, 5.0);
    let schedule = Schedule::default();
    let path = Path::<C>::run(affinities.edges(), &start(30, 0.3, seed), &schedule);
    let rule = Rule::of(attribute);
    let dp = explicit_dp(&affinities, DpForm::of(attribute), &x);
    let twin = feature_space(&path, &dp, rule, None);
    let steps = [1, 15, 20, 21, 35];
    let all = attribute.clone().with_steps(steps);
    let forward = path.attribute(&all, &affinities, &x).expect("a calm run");
    for (found, step) in forward.iter().zip(steps) {
        assert_eq!((found.step, found.diagnostics.limited), (step, 0));
        let values = found.project(x.as_ref()).expect("same rows");
        let gap_forward = gap(&values, &twin[step - 1]);
        assert!(gap_forward < EQUAL, "forward, C {C}, step {step}, seed {seed}: {gap_forward:e}");
        let one = attribute.clone().with_steps([step]);
        let adjoint = &path.attribute(&one, &affinities, &x).expect("a calm run")[0];
        let values = adjoint.project(x.as_ref()).expect("same rows");
        let gap_adjoint = gap(&values, &twin[step - 1]);
        assert!(gap_adjoint < EQUAL, "adjoint, C {C}, step {step}, seed {seed}: {gap_adjoint:e}");
        for (a, b) in found.stability.iter().zip(&adjoint.stability) {
            assert!((a - b).abs() < EQUAL);
        }
    }
}

#[test]
fn three_forms_agree_for_every_formula_and_dimension() {
    for (seed, k) in [(1, 29), (2, 8), (3, 17)] {
        for bandwidth in [Bandwidth::Fixed, Bandwidth::Aware] {
            let corrected = params(Formula::Corrected).with_bandwidth(bandwidth);
            check::<2>(k, &corrected.with_limit_step(false), seed);
        }
        check::<2>(k, &params(Formula::Paper), seed);
        check::<1>(k, &params(Formula::Corrected).with_limit_step(false), seed);
        check::<3>(k, &params(Formula::Corrected).with_limit_step(false), seed);
        check::<3>(k, &params(Formula::Published), seed);
    }
    for (_, quirks) in quirk_cases() {
        check::<2>(8, &params(Formula::Published).with_quirks(quirks), 4);
    }
}

#[test]
fn scalars_are_combinations_of_the_axes() {
    let n = 24;
    let x = points(n, 3, 5);
    let affinities = affinities(&x, 9, 5.0);
    let path = Path::<2>::run(affinities.edges(), &start(n, 0.3, 5), &Schedule::default());
    let y = &path.steps[path.steps.len() - 1].y_next;
    let base = AttributeParams::default().with_steps([path.steps.len()]);
    let of = |scalar: Scalar, steps: &[usize]| {
        let params = base.clone().with_scalar(scalar).with_steps(steps.iter().copied());
        let found = path.attribute(&params, &affinities, &x).expect("a calm run");
        found[found.len() - 1].project(x.as_ref()).expect("same rows")
    };
    let axes = of(Scalar::Axes, &[35]);
    let groups: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
    let rows: Vec<f64> = y.iter().flat_map(|y| [y[1], -3.0]).collect();
    let cases = [
        Scalar::NormSq,
        Scalar::GroupDistanceSq { groups },
        Scalar::DistanceSq { place: vec![0.5, -1.0] },
        Scalar::Gradient { rows },
    ];
    for scalar in cases {
        let seeds = scalar.seeds(y);
        for steps in [&[35][..], &[10, 35]] {
            let values = of(scalar.clone(), steps);
            for i in 0..n {
                for f in 0..3 {
                    let expected =
                        seeds[2 * i] * axes.row(i)[f] + seeds[2 * i + 1] * axes.row(i)[3 + f];
                    let got = values.row(i)[f];
                    assert!((got - expected).abs() < 1e-11, "{scalar:?}: {got} {expected}");
                }
            }
        }
    }
    let norms = of(Scalar::JacobianNorm, &[35]);
    for i in 0..n {
        for f in 0..3 {
            let expected = axes.row(i)[f].hypot(axes.row(i)[3 + f]);
            assert!((norms.row(i)[f] - expected).abs() < 1e-12);
        }
    }
}

/// The start's channel against the feature space that begins at J_0.
#[test]
fn the_start_adds_its_share() {
    let x = points(20, 3, 6);
    let affinities = affinities(&x, 7, 4.0);
    let path = Path::<2>::run(affinities.edges(), &start(20, 0.3, 6), &Schedule::default());
    let jacobian = Mat::from_fn(2, 3, |c, f| 0.3 + c as f64 - 0.7 * f as f64);
    let params = params(Formula::Corrected).with_init_jacobian(true).with_limit_step(false);
    let h = 1e-6;
    for steps in [&[30][..], &[3, 30]] {
        let with = params.clone().with_steps(steps.iter().copied());
        let found = path.attribute(&with, &affinities, &x).expect("a calm run");
        let found = &found[found.len() - 1];
        let plain = found.project(x.as_ref()).expect("same rows");
        let whole = found.project_with_start(x.as_ref(), jacobian.as_ref()).expect("fits");
        for i in [0, 7, 19] {
            for f in 0..3 {
                let moved = |sign: f64| {
                    let push = [0, 1].map(|c| sign * h * jacobian[(c, f)]);
                    super::differences::frozen(&path, i, push, &path.edges, 30)
                };
                let (up, down) = (moved(1.0), moved(-1.0));
                for c in 0..2 {
                    let share = whole.row(i)[c * 3 + f] - plain.row(i)[c * 3 + f];
                    let slope = (up[c] - down[c]) / (2.0 * h);
                    assert!((share - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{share} {slope}");
                }
            }
        }
    }
}

/// A step outside the stability limit is shortened alike in both directions, and counted.
#[test]
fn limited_steps_agree_and_are_counted() {
    let x = points(40, 4, 7);
    let affinities = affinities(&x, 12, 6.0);
    let schedule = Schedule { learning_rate: 40.0, early: 60, n_iter: 60, ..Schedule::default() };
    let path = Path::<2>::run(affinities.edges(), &start(40, 1e-2, 7), &schedule);
    let params = params(Formula::Corrected);
    let adjoint = params.clone().with_steps([60]);
    let adjoint = &path.attribute(&adjoint, &affinities, &x).expect("limited")[0];
    let forward = params.clone().with_steps([30, 60]);
    let forward = &path.attribute(&forward, &affinities, &x).expect("limited")[1];
    assert!(adjoint.diagnostics.limited > 0);
    assert_eq!(adjoint.diagnostics.limited, forward.diagnostics.limited);
    let (a, b) = (adjoint.project(x.as_ref()), forward.project(x.as_ref()));
    let (a, b) = (a.expect("rows"), b.expect("rows"));
    let largest = b.as_slice().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (a, b) in a.as_slice().iter().zip(b.as_slice()) {
        assert!((a - b).abs() < 1e-10 * largest);
    }
    let free = params.with_limit_step(false).with_steps([60]);
    let free = &path.attribute(&free, &affinities, &x).expect("finite in f64")[0];
    assert!(free.diagnostics.max_weight > 1e2 * adjoint.diagnostics.max_weight);
}

/// Gains of 1, so that a point's rate is beyond its limit in a whole phase or never.
#[test]
fn limited_point_updates_are_counted_exactly() {
    let x = points(40, 4, 12);
    let affinities = affinities(&x, 12, 6.0);
    let schedule =
        Schedule { learning_rate: 3.0, early: 10, n_iter: 35, gains: false, ..Schedule::default() };
    let path = Path::<2>::run(affinities.edges(), &start(40, 1e-2, 12), &schedule);
    let beyond = |limit: f64, exaggeration: f64| {
        let mass = |i: usize| affinities.row(i).1.iter().sum::<f64>();
        (0..40).filter(|&i| 4.0 * schedule.learning_rate > limit / (exaggeration * mass(i))).count()
    };
    let (early, late) = (beyond(1.0, 4.0), beyond(0.4, 1.0));
    assert!((1..40).contains(&early) && (1..40).contains(&late), "{early} {late}");
    for steps in [&[35][..], &[10, 35]] {
        let params = params(Formula::Corrected).with_steps(steps.iter().copied());
        let found = path.attribute(&params, &affinities, &x).expect("limited");
        let limited: Vec<u64> = found.iter().map(|a| a.diagnostics.limited).collect();
        assert_eq!(limited[limited.len() - 1], (10 * early + 25 * late) as u64);
        assert!(limited.len() == 1 || limited[0] == 10 * early as u64);
    }
    // Below every limit the recursion is the free one, bit for bit.
    let calm = Path { learning_rate: 0.5, ..path };
    let run = |params: AttributeParams| {
        calm.attribute(&params.with_steps([35]), &affinities, &x).expect("calm").pop().expect("one")
    };
    let limited = run(params(Formula::Corrected));
    assert_eq!((limited.diagnostics.limited, limited.unstable.len()), (0, 0));
    assert_eq!(limited, run(params(Formula::Corrected).with_limit_step(false)));
}

/// One recording of the axes gives every scalar, as the scalar's own run does.
#[test]
fn one_recording_serves_every_scalar() {
    let n = 24;
    let x = points(n, 3, 8);
    let affinities = affinities(&x, 9, 5.0);
    let path = Path::<2>::run(affinities.edges(), &start(n, 0.3, 8), &Schedule::default());
    let groups: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
    let rows: Vec<f64> = (0..2 * n).map(|at| 0.3 * at as f64 - 4.0).collect();
    let scalars = [
        Scalar::Axes,
        Scalar::JacobianNorm,
        Scalar::NormSq,
        Scalar::GroupDistanceSq { groups },
        Scalar::DistanceSq { place: vec![0.5, -1.0] },
        Scalar::Gradient { rows },
    ];
    let corrected = params(Formula::Corrected).with_init_jacobian(true);
    let published = params(Formula::Published);
    let modes = [
        corrected.clone().with_steps([35]),
        corrected.clone().with_steps([10, 35]),
        corrected.with_derivative(Derivative::FixedPoint),
        params(Formula::Paper).with_steps([20]),
        published.clone().with_steps([35]),
        published.with_clip(Some(1e-3)).with_steps([35]),
    ];
    let jacobian = Mat::from_fn(2, 3, |c, f| 0.3 + c as f64 - 0.7 * f as f64);
    let values = |found: &Attribution<f64>| {
        found.project_with_start(x.as_ref(), jacobian.as_ref()).expect("fits")
    };
    let mut explicit = 0;
    for params in &modes {
        let axes = path.attribute(params, &affinities, &x).expect("calm");
        for scalar in &scalars {
            let own = params.clone().with_scalar(scalar.clone());
            let own = path.attribute(&own, &affinities, &x).expect("calm");
            assert_eq!(axes.len(), own.len());
            for (axes, own) in axes.iter().zip(&own) {
                let derived = axes.of_scalar(scalar.clone()).expect("of the axes");
                explicit += derived.diagnostics.explicit_points;
                assert_eq!((derived.step, &derived.scalar), (own.step, scalar));
                embex_testkit::assert_close("stability", &derived.stability, &own.stability, EQUAL);
                let (a, b) = (values(&derived), values(own));
                let largest = b.as_slice().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                let gap = embex_testkit::max_abs_error(a.as_slice(), b.as_slice());
                assert!(gap <= EQUAL * largest, "{:?} {scalar:?}: {gap:e}", params.mode);
                let own = own.diagnostics;
                let gap = (derived.diagnostics.max_weight - own.max_weight).abs();
                assert!(gap <= EQUAL * own.max_weight);
                let max_weight = own.max_weight;
                assert_eq!(Diagnostics { max_weight, ..derived.diagnostics }, own);
                let again = derived.of_scalar(Scalar::NormSq);
                assert_eq!(again.is_ok(), matches!(scalar, Scalar::Axes | Scalar::JacobianNorm));
            }
        }
        let short = Scalar::GroupDistanceSq { groups: vec![0; n - 1] };
        assert!(matches!(axes[0].of_scalar(short), Err(crate::Error::Input(_))));
    }
    assert!(explicit > 0);
}
