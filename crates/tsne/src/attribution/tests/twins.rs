//! Coefficients, adjoint and feature space are three forms of one derivative.

use super::cases::{Case, on_cases};
use super::*;

/// Rounding of some 35 updates; the forms differ in the order of their sums alone.
const EQUAL: f64 = 1e-12;

/// Relative to the fixed bandwidths' derivatives where they are larger: the perplexity leaves little
/// of them where a row has few neighbours (nothing of its own half with two), and their rounding.
fn agree<const C: usize>(case: &Case, n_limited: &mut [u64; 2]) {
    let run = case.run::<C>();
    let rule = Rule::of(&case.params);
    let form = DpForm::of(&case.params);
    let [twin, fixed] = [form, DpForm { aware: false, ..form }]
        .map(|form| feature_space(&run.path, &run.dp(form), rule, &run.start, None));
    let limited = limited_updates(&run.path, rule);
    let forward = run.attribute(&case.params);
    for (forward, &step) in forward.iter().zip(&case.params.steps) {
        let sizes = sizes(&twin[..step]).into_iter().zip(sizes(&fixed[..step]));
        let sizes: Vec<f64> = sizes.map(|(a, b)| a.max(b)).collect();
        let adjoint = &run.attribute(&case.params.clone().with_steps([step]))[0];
        for (form, found) in [("forward", forward), ("adjoint", adjoint)] {
            assert_eq!((found.step, found.diagnostics.limited), (step, limited[step - 1][0]));
            let gap = gap(&run.values(found), &twin[step - 1], &sizes);
            assert!(gap < EQUAL, "{form}, step {step}: {gap:e}");
        }
        embex_testkit::assert_close("stability", &forward.stability, &adjoint.stability, EQUAL);
    }
    let last = limited[limited.len() - 1];
    (0..2).for_each(|kind| n_limited[kind] += last[kind]);
}

/// Point-updates whose rates were shortened, and scaled, up to and with each update.
fn limited_updates<const C: usize>(path: &Path<C>, rule: Rule) -> Vec<[u64; 2]> {
    let mut total = [0; 2];
    let count = |step: &Step<C>| {
        let z = normaliser(&step.y);
        for i in 0..step.y.len() {
            let (_, [capped, scaled]) = rates(path, step, z, rule, i);
            total[0] += u64::from(capped || scaled);
            total[1] += u64::from(scaled);
        }
        total
    };
    path.steps.iter().map(count).collect()
}

#[test]
fn three_forms_agree() {
    let n_limited: [u64; 2] = on_cases("three forms", [agree::<1>, agree::<2>, agree::<3>]);
    assert!(n_limited.iter().all(|&n| n > 20), "{n_limited:?}");
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
