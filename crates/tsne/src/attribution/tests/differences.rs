//! Derivatives against central differences.

use super::cases::{Case, STEP, Tally, on_cases, slopes};
use super::*;

fn largest_of(values: &[f64]) -> f64 {
    values.iter().fold(0.0_f64, |m, v| m.max(v.abs()))
}

fn affinity_derivative<const C: usize>(case: &Case, tally: &mut Tally) {
    let (run, form) = (case.run::<C>(), DpForm::of(&case.params));
    let dp = run.dp(form);
    let largest = largest_of(&dp.iter().flat_map(Rows::as_slice).copied().collect::<Vec<_>>());
    for i in run.points() {
        for f in 0..run.x.ncols() {
            let row = |h: f64| run.moved(form, i, f, h).row(i).1.to_vec();
            let slopes = slopes(STEP * run.bandwidth(i), row);
            let found = (0..slopes.len()).map(|e| dp[i].row(e)[f]);
            tally.check(found, &slopes, largest, 1e-7);
        }
    }
}

#[test]
fn affinity_derivatives_match_differences() {
    let checks = [affinity_derivative::<1>, affinity_derivative::<2>, affinity_derivative::<3>];
    on_cases::<Tally>("affinity derivatives", checks).assert_most();
}

/// How far y_i strays from its path, after every update, when it alone moves.
///
/// The others follow the path; V ← μ V − η ∘ (g_i(path + F; x′) − g_i(path; x)) / 4, F ← F + V.
/// With the rates of the map's own updates (gains as stored) this is the difference of two runs;
/// limited rates are those of the path too.
fn stray<const C: usize>(
    path: &Path<C>,
    rule: Rule,
    (i, rates): (usize, &[[f64; C]]),
    start: [f64; C],
    edges: &Edges<f64>,
) -> Vec<[f64; C]> {
    let (mut far, mut v) = (start, [0.0; C]);
    let mut update = |(step, rates): (&Step<C>, &[f64; C])| {
        let yi = std::array::from_fn(|c| step.y[i][c] + far[c]);
        let g = moved_force(rule, &step.y, edges, step.exaggeration, i, &yi);
        let own = moved_force(rule, &step.y, &path.edges, step.exaggeration, i, &step.y[i]);
        let mu = momentum(step, rule);
        for c in 0..C {
            v[c] = mu * v[c] - rates[c] / 4.0 * (g[c] - own[c]);
            far[c] += v[c];
        }
        far
    };
    path.steps.iter().zip(rates).map(&mut update).collect()
}

/// Moves beyond this, where the kernel's length is 1, are no longer small: points that leap past
/// all others feel no force, and their slopes agree on it.
const REACH: f64 = 1e-2;

fn recursion<const C: usize>(case: &Case, tally: &mut Tally) {
    let (run, form, rule) = (case.run::<C>(), DpForm::of(&case.params), Rule::of(&case.params));
    let (path, d) = (&run.path, run.x.ncols());
    let found = run.attribute(&case.params);
    let values: Vec<Rows<f64>> = found.iter().map(|found| run.values(found)).collect();
    for i in run.points() {
        let rates = |step: &Step<C>| rates(path, step, normaliser(&step.y), rule, i).0;
        let rates: Vec<[f64; C]> = path.steps.iter().map(rates).collect();
        for f in 0..d {
            let moved = |h: f64| {
                let edges = run.moved(form, i, f, h).edges();
                let start = std::array::from_fn(|c| h * run.start[(c, f)]);
                stray(path, rule, (i, &rates), start, &edges).concat()
            };
            let h = STEP * run.bandwidth(i);
            let slopes = slopes(h, moved);
            for (found, values) in found.iter().zip(&values) {
                let (before, slopes) = slopes[..found.step * C].split_at((found.step - 1) * C);
                if before.iter().any(|s| s.0.abs() * h > REACH) {
                    tally.skip();
                    continue;
                }
                let row = values.row(i);
                let found = (0..C).map(|c| row[c * d + f]);
                tally.check(found, slopes, largest_of(row), 1e-6);
            }
        }
    }
}

/// The recursion is the derivative of the frozen system that defines it.
#[test]
fn the_recursion_matches_the_frozen_system() {
    let checks = [recursion::<1>, recursion::<2>, recursion::<3>];
    on_cases::<Tally>("recursion", checks).assert_most();
}

/// The force stays zero, to first order, if the place follows the inputs.
fn fixed_point<const C: usize>(case: &Case, tally: &mut Tally) {
    let (run, form, rule) = (case.run::<C>(), DpForm::of(&case.params), Rule::of(&case.params));
    let (path, d) = (&run.path, run.x.ncols());
    let y = &path.steps[path.steps.len() - 1].y_next;
    let found = &run.attribute(&case.params.clone().with_derivative(Derivative::FixedPoint))[0];
    assert_eq!((found.step, found.diagnostics.singular), (path.steps.len(), 0));
    assert!(!found.diagnostics.after_exaggeration);
    let values = found.project(run.x.as_ref()).expect("same rows");
    for i in run.points() {
        let row = values.row(i);
        let h = STEP * run.bandwidth(i).min(1.0 / largest_of(row));
        for f in 0..d {
            let force = |h: f64, follows: f64| {
                let yi = std::array::from_fn(|c| y[i][c] + follows * h * row[c * d + f]);
                let edges = run.moved(form, i, f, h).edges();
                moved_force(rule, y, &edges, 1.0, i, &yi).to_vec()
            };
            let held = slopes(h, |h| force(h, 0.0));
            let largest = held.iter().fold(0.0_f64, |m, s| m.max(s.0.abs()));
            tally.check([0.0; C], &slopes(h, |h| force(h, 1.0)), largest, 1e-6);
        }
    }
}

#[test]
fn the_fixed_point_follows_its_inputs() {
    let checks = [fixed_point::<1>, fixed_point::<2>, fixed_point::<3>];
    on_cases::<Tally>("fixed point", checks).assert_most();
}

/// The smallest eigenvalue of H_ii, by differences of the force; how many are of each sign.
fn smallest_eigenvalue<const C: usize>(case: &Case, signs: &mut [usize; 2]) {
    let run = case.run::<C>();
    let step = &run.path.steps[run.path.steps.len() / 2];
    let (y, e, edges) = (&step.y, step.exaggeration, &run.path.edges);
    let found = stability(y, edges, &sums(y), e).expect("fits");
    let rule = Rule::of(&params(Formula::Corrected));
    for (i, found) in found.into_iter().enumerate() {
        let column = |c: usize| -> [f64; C] {
            let moved = |h: f64| {
                let mut yi = y[i];
                yi[c] += h;
                moved_force(rule, y, edges, e, i, &yi).to_vec()
            };
            let slopes = slopes(STEP, moved);
            std::array::from_fn(|a| slopes[a].0)
        };
        let hessian: [[f64; C]; C] = std::array::from_fn(column);
        let (slope, largest) = (eigen(hessian).0[0], largest_of(hessian.as_flattened()));
        assert!((found - slope).abs() < 1e-7 * largest, "{found} {slope}");
        signs[usize::from(found > 0.0)] += 1;
    }
}

#[test]
fn stability_is_the_smallest_eigenvalue_of_the_points_hessian() {
    let checks = [smallest_eigenvalue::<1>, smallest_eigenvalue::<2>, smallest_eigenvalue::<3>];
    let signs: [usize; 2] = on_cases("stability", checks);
    assert!(signs[0] > 100 && signs[1] > 100, "{signs:?}");
}
