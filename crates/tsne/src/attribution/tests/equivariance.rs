//! What attributions must do when the inputs are moved, turned or rearranged.

use super::*;

const N: usize = 30;

/// Attributions (C axes) of the last step, on the path that belongs to `x`.
fn attributed(x: &Mat<f64>, mode: Mode, start: &[[f64; 2]]) -> Rows<f64> {
    let affinities = affinities(x, 10, 5.0);
    let path =
        Path::run(affinities.edges(), start, &Schedule { n_iter: 25, ..Schedule::default() });
    let attribute = params(mode.formula).with_mode(mode).with_steps([25]);
    let found = &path.attribute(&attribute, &affinities, x).expect("a calm run")[0];
    found.project(x.as_ref()).expect("same rows")
}

fn modes() -> Vec<Mode> {
    let text = ["corrected", "corrected:fixed", "corrected:fixed_point", "paper", "published"];
    text.iter().map(|t| t.parse().expect("a mode")).collect()
}

fn close(got: &Rows<f64>, expected: impl Fn(usize, usize) -> f64, tolerance: f64, what: &str) {
    let largest = got.as_slice().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for i in 0..got.n_rows() {
        for (at, v) in got.row(i).iter().enumerate() {
            let gap = (v - expected(i, at)).abs() / largest;
            assert!(gap < tolerance, "{what}: {gap:e} at {i}, {at}");
        }
    }
}

#[test]
fn attributions_turn_with_the_inputs_and_ignore_shifts() {
    let (x, y) = (points(N, 3, 21), start(N, 0.3, 21));
    // Rows of a rotation: two Givens turns.
    let (c1, s1, c2, s2) = (0.6, 0.8, 0.28, 0.96);
    let turn = [[c1, -s1, 0.0], [s1 * c2, c1 * c2, -s2], [s1 * s2, c1 * s2, c2]];
    let turned = Mat::from_fn(N, 3, |i, f| (0..3).map(|g| turn[f][g] * x[(i, g)]).sum::<f64>());
    let shifted = Mat::from_fn(N, 3, |i, f| x[(i, f)] + [4.0, -1.0, 0.5][f]);
    for mode in modes() {
        let base = attributed(&x, mode, &y);
        let rotated = |i: usize, at: usize| -> f64 {
            (0..3).map(|g| turn[at % 3][g] * base.row(i)[at / 3 * 3 + g]).sum()
        };
        close(&attributed(&turned, mode, &y), rotated, 1e-8, "turned");
        close(&attributed(&shifted, mode, &y), |i, at| base.row(i)[at], 1e-8, "shifted");
    }
}

#[test]
fn attributions_follow_rearranged_samples_and_features() {
    let (x, y) = (points(N, 3, 22), start(N, 0.3, 22));
    let sample = |i: usize| (i * 7 + 3) % N;
    let feature = |f: usize| (f + 1) % 3;
    let x2 = Mat::from_fn(N, 3, |i, f| x[(sample(i), feature(f))]);
    let y2: Vec<_> = (0..N).map(|i| y[sample(i)]).collect();
    // The package's quirks depend on the order of samples, so it is left out.
    for mode in modes().into_iter().filter(|m| m.formula != Formula::Published) {
        let base = attributed(&x, mode, &y);
        let rearranged = |i: usize, at: usize| base.row(sample(i))[at / 3 * 3 + feature(at % 3)];
        close(&attributed(&x2, mode, &y2), rearranged, 1e-8, "rearranged");
    }
}

#[test]
fn constant_features_get_nothing_and_copies_share() {
    let (x, y) = (points(N, 2, 23), start(N, 0.3, 23));
    let wide = Mat::from_fn(N, 4, |i, f| match f {
        0 | 1 => x[(i, f)],
        2 => x[(i, 0)],
        _ => 5.0,
    });
    for mode in modes() {
        let found = attributed(&wide, mode, &y);
        for i in 0..N {
            for c in 0..2 {
                let row = &found.row(i)[c * 4..c * 4 + 4];
                assert_eq!(row[0], row[2], "a copy's share");
                assert_eq!(row[3], 0.0, "a constant");
            }
        }
    }
}

#[test]
fn rescaled_inputs_rescale_attributions() {
    let (x, y) = (points(N, 3, 24), start(N, 0.3, 24));
    for mode in modes() {
        let base = attributed(&x, mode, &y);
        for scale in [1e-6, 1e-2, 3.0, 1e6] {
            let scaled = Mat::from_fn(N, 3, |i, f| scale * x[(i, f)]);
            let found = attributed(&scaled, mode, &y);
            close(&found, |i, at| base.row(i)[at] / scale, 1e-7, "rescaled");
        }
    }
}

/// Coefficients made on scores serve the original features, by projection or by loadings.
#[test]
fn scores_and_original_features_agree() {
    let (x, y) = (points(N, 3, 25), start::<2>(N, 0.3, 25));
    // Five original features that are an isometric image of three scores.
    let loadings = Mat::from_fn(5, 3, |p, q| {
        [[0.6, 0.0, 0.0], [0.8, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.28], [0.0, 0.0, -0.96]][p]
            [q]
    });
    let original = &x * loadings.transpose();
    let affinities = affinities(&x, 10, 5.0);
    let path = Path::run(affinities.edges(), &y, &Schedule::default());
    let found = path.attribute(&params(Formula::Corrected), &affinities, &x).expect("calm");
    let values = found[0].project(x.as_ref()).expect("rows");
    let through = through_loadings(&values, loadings.as_ref()).expect("three scores");
    let direct = found[0].project(original.as_ref()).expect("rows");
    close(&through, |i, at| direct.row(i)[at], 1e-13, "loadings");
    let error = through_loadings(&values, original.transpose()).expect_err("30 columns");
    assert!(matches!(error, crate::Error::ColumnMismatch { got: 6, .. }));
}
