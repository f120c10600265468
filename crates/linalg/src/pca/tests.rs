use super::*;
use crate::progress::{Flow, Update};
use crate::tests::pool;
use embex_testkit::{assert_close, clusters, gaussian, max_abs_error, row_major};
use faer::Mat;

/// Spectrum 2^-c: the leading directions are well separated.
fn decaying(n: usize, d: usize, seed: u64) -> Mat<f64> {
    let (rows, noise) = (gaussian(n, 12, seed), gaussian(n, d, seed + 1));
    let mix = gaussian(12, d, seed + 2);
    let mixed = Mat::from_fn(n, 12, |i, c| rows[(i, c)] * 0.5_f64.powi(c as i32));
    let signal = &mixed * &mix;
    Mat::from_fn(n, d, |i, j| 3.0 + signal[(i, j)] + 1e-6 * noise[(i, j)])
}

fn with(k: usize, solver: Solver) -> PcaParams {
    PcaParams::default().with_n_components(k).with_solver(solver)
}

fn assert_orthonormal(pca: &Pca) {
    let gram = pca.loadings.as_mat().transpose() * pca.loadings.as_mat();
    let k = pca.n_components();
    let identity = Mat::<f64>::identity(k, k);
    assert!(max_abs_error(&row_major(gram.as_ref()), &row_major(identity.as_ref())) < 1e-12);
}

/// numpy 2.4.6: eigh of the covariance of these rows, signs as documented.
#[test]
fn golden_values_of_numpy() {
    let x = faer::mat![
        [2.5, 2.4, 0.1],
        [0.5, 0.7, 1.9],
        [2.2, 2.9, 0.4],
        [1.9, 2.2, -1.0],
        [3.1, 3.0, 0.3],
        [2.3, 2.7_f64, 2.0],
    ];
    let pca = with(2, Solver::Exact).fit(x.as_ref()).unwrap();
    assert_close("variance", &pca.explained_variance, &VARIANCE, 1e-14);
    assert_close("loadings", pca.loadings.as_slice(), &LOADINGS, 1e-13);
    assert_close("total", &[pca.total_variance], &[TOTAL], 1e-14);
}

const VARIANCE: [f64; 2] = [1.9077165430042937, 0.8430272566641195];
const LOADINGS: [f64; 6] = [
    -0.5413705904965899,
    0.4617061457034555,
    -0.5104978814898256,
    0.483546572530976,
    0.6680642160299961,
    0.7436465203396064,
];
const TOTAL: f64 = 2.797;

#[test]
fn all_components_explain_everything() {
    for (n, d) in [(60, 7), (7, 60), (20, 20)] {
        let x = gaussian(n, d, 5);
        let k = n.min(d);
        let pca = with(k, Solver::Exact).fit(x.as_ref()).unwrap();
        assert_orthonormal(&pca);
        let share: f64 = pca.explained_variance_ratio.iter().sum();
        assert!((share - 1.0).abs() < 1e-12);
        let scores = pca.transform(x.as_ref()).unwrap();
        let back = pca.reconstruct(scores.as_mat()).unwrap();
        assert_close("reconstruction", back.as_slice(), &row_major(x.as_ref()), 1e-13);
    }
}

#[test]
fn scores_have_the_explained_variances_and_no_correlation() {
    let x = clusters(300, 25, 4, 2.0, 3).x;
    for solver in [Solver::Exact, Solver::Randomized] {
        let (pca, scores) = with(6, solver).fit_scores(x.as_ref()).unwrap();
        let covariance = scores.as_mat().transpose() * scores.as_mat();
        let expected =
            Mat::from_fn(6, 6, |a, b| if a == b { pca.explained_variance[a] * 299.0 } else { 0.0 });
        let (got, expected) = (row_major(covariance.as_ref()), row_major(expected.as_ref()));
        // The Ritz vectors are uncorrelated whatever their convergence.
        assert_close("covariance of the scores", &got, &expected, 1e-12);
        assert!(crate::stats::column_means(scores.as_mat()).unwrap()[0].abs() < 1e-12);
    }
}

#[test]
fn gram_and_covariance_agree() {
    let x = decaying(40, 90, 1);
    let wide = with(10, Solver::Exact).fit(x.as_ref()).unwrap();
    // The same rows twice: same directions, n ≥ d.
    let twice = Mat::from_fn(120, 90, |i, j| x[(i % 40, j)]);
    let tall = with(10, Solver::Exact).fit(twice.as_ref()).unwrap();
    assert_eq!((wide.passes, tall.passes), (2, 1));
    assert_close("loadings", wide.loadings.as_slice(), tall.loadings.as_slice(), 1e-8);
    assert_close("ratio", &wide.explained_variance_ratio, &tall.explained_variance_ratio, 1e-12);
}

#[test]
fn randomised_agrees_with_exact() {
    for (n, d) in [(400, 150), (90, 200)] {
        let x = decaying(n, d, 7);
        let exact = with(8, Solver::Exact).fit(x.as_ref()).unwrap();
        let sketched = with(8, Solver::Randomized).fit(x.as_ref()).unwrap();
        assert_orthonormal(&sketched);
        assert_close("loadings", sketched.loadings.as_slice(), exact.loadings.as_slice(), 1e-7);
        let (got, expected) = (&sketched.explained_variance, &exact.explained_variance);
        assert_close("variance", got, expected, 1e-12);
        assert_close("total", &[sketched.total_variance], &[exact.total_variance], 1e-13);
        assert!(sketched.change <= 1e-12 && sketched.passes < 8);
    }
}

#[test]
fn randomised_variances_never_exceed_the_exact_ones() {
    let x = gaussian(300, 120, 2); // flat spectrum: the hardest case
    let exact = with(5, Solver::Exact).fit(x.as_ref()).unwrap();
    let rough = with(5, Solver::Randomized).with_power_iterations(1).fit(x.as_ref()).unwrap();
    let fine = with(5, Solver::Randomized).with_power_iterations(40).fit(x.as_ref()).unwrap();
    for c in 0..5 {
        let limit = exact.explained_variance[c] * (1.0 + 1e-12);
        assert!(rough.explained_variance[c] < fine.explained_variance[c]);
        assert!(fine.explained_variance[c] < limit);
    }
    assert!(rough.explained_variance[0] > 0.7 * exact.explained_variance[0]);
    assert_close("variance", &fine.explained_variance, &exact.explained_variance, 1e-3);
}

#[test]
fn equal_bits_for_threads_strides_and_types() {
    let narrow = gaussian(1300, 90, 3);
    let wide = gaussian(70, 200, 3);
    for (x, solver) in
        [(&narrow, Solver::Exact), (&wide, Solver::Exact), (&narrow, Solver::Randomized)]
    {
        let single = Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)] as f32);
        let doubled = Mat::from_fn(x.nrows(), x.ncols(), |i, j| f64::from(single[(i, j)]));
        let rows = Rows::copy_from(doubled.as_ref());
        let params = with(5, solver);
        let expected = pool(1).install(|| params.fit_scores(single.as_ref()).unwrap());
        for threads in [1, 2, 8] {
            let (pca, scores) = pool(threads).install(|| params.fit_scores(rows.as_mat()).unwrap());
            assert_eq!(pca, expected.0, "{solver:?} on {threads} threads");
            assert_eq!(scores, expected.1, "{solver:?} on {threads} threads");
        }
    }
}

#[test]
fn signs_and_order_do_not_depend_on_the_rows_order() {
    let x = decaying(200, 30, 4);
    let shuffled = Mat::from_fn(200, 30, |i, j| x[((i * 77) % 200, j)] + 5.0);
    let a = with(6, Solver::Exact).fit(x.as_ref()).unwrap();
    let b = with(6, Solver::Exact).fit(shuffled.as_ref()).unwrap();
    assert_close("loadings", a.loadings.as_slice(), b.loadings.as_slice(), 1e-9);
    for c in 0..6 {
        let column: Vec<f64> = (0..30).map(|d| a.loadings.row(d)[c]).collect();
        let peak =
            column.iter().copied().fold(0.0_f64, |m, v| if v.abs() > m.abs() { v } else { m });
        assert!(peak > 0.0);
    }
}

#[test]
fn a_tie_of_signs_goes_to_the_first_feature() {
    let x = faer::mat![[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0_f64]];
    let pca = with(1, Solver::Exact).fit(x.as_ref()).unwrap();
    assert!(pca.loadings.row(0)[0] * pca.loadings.row(1)[0] < 0.0);
    let (a, b) = (pca.loadings.row(0)[0], pca.loadings.row(1)[0]);
    assert!(if a.abs() >= b.abs() { a > 0.0 } else { b > 0.0 });
}

#[test]
fn any_scale_of_data_is_accepted() {
    let x = decaying(50, 10, 2);
    let expected = with(3, Solver::Exact).fit(x.as_ref()).unwrap();
    for (scale, solver) in [(2e-160, Solver::Exact), (2e150, Solver::Randomized)] {
        let scaled = Mat::from_fn(50, 10, |i, j| x[(i, j)] * scale);
        let pca = with(3, solver).fit(scaled.as_ref()).unwrap();
        assert_close("loadings", pca.loadings.as_slice(), expected.loadings.as_slice(), 1e-9);
        let (got, want) = (&pca.explained_variance_ratio, &expected.explained_variance_ratio);
        assert_close("ratio", got, want, 1e-11);
    }
    let overflow = Mat::from_fn(50, 10, |i, j| x[(i, j)] * 1e200);
    let error = with(3, Solver::Exact).fit(overflow.as_ref()).unwrap_err();
    assert_eq!(error, Error::OutOfRange { what: "variance" });
}

#[test]
fn constant_data_has_an_answer() {
    for (n, d, solver) in [(5, 3, Solver::Exact), (3, 5, Solver::Exact), (9, 4, Solver::Randomized)]
    {
        let pca = with(2, solver).fit(Mat::from_fn(n, d, |_, j| 0.1 * j as f64).as_ref()).unwrap();
        assert_eq!(pca.explained_variance, [0.0, 0.0]);
        assert_eq!(pca.explained_variance_ratio, [0.0, 0.0]);
        assert_orthonormal(&pca);
    }
    let x = gaussian(50, 4, 1);
    let x = Mat::from_fn(50, 5, |i, j| if j == 2 { 0.7 } else { x[(i, j.min(3))] });
    let pca = with(3, Solver::Exact).fit(x.as_ref()).unwrap();
    assert!(pca.loadings.row(2).iter().all(|v| v.abs() < 1e-15));
}

#[test]
fn gradients_go_back_by_the_chain_rule() {
    let x = gaussian(30, 6, 8);
    let pca = with(3, Solver::Exact).fit(x.as_ref()).unwrap();
    let weights = [0.3, -2.0, 1.1];
    let f = |row: &[f64]| {
        let scores = pca.transform(MatRef::from_row_major_slice(row, 1, 6)).unwrap();
        scores.row(0).iter().zip(weights).map(|(s, w)| s * w).sum::<f64>()
    };
    let gradient = pca.to_original(MatRef::from_row_major_slice(&weights, 1, 3)).unwrap();
    for d in 0..6 {
        let (mut up, mut down) = ([0.5; 6], [0.5; 6]);
        up[d] += 0.5;
        down[d] -= 0.5;
        assert!((gradient.row(0)[d] - (f(&up) - f(&down))).abs() < 1e-13); // linear
    }
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(6, 4, 1);
    let fit = |k: usize| PcaParams::default().with_n_components(k).fit(x.as_ref());
    assert!(matches!(fit(0), Err(Error::Setting { name: "n_components", .. })));
    assert!(matches!(fit(5), Err(Error::Setting { name: "n_components", .. })));
    let lazy = with(2, Solver::Randomized).with_power_iterations(0);
    assert!(matches!(lazy.fit(x.as_ref()), Err(Error::Setting { name: "power_iterations", .. })));
    let one = with(1, Solver::Auto).fit(x.get(..1, ..));
    assert_eq!(one, Err(Error::TooFewRows { needed: 2, n_rows: 1 }));
    let mut bad = x.clone();
    bad[(2, 3)] = f64::NAN;
    let error = with(1, Solver::Auto).fit(bad.as_ref()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { row: 2, col: 3, .. }));
    let pca = fit(2).unwrap();
    assert!(matches!(pca.transform(x.get(.., ..3)), Err(Error::LengthMismatch { .. })));
    assert!(matches!(pca.to_original(x.get(.., ..3)), Err(Error::LengthMismatch { .. })));
    assert!(matches!(pca.transform(x.get(..0, ..)), Err(Error::Empty { .. })));
    let huge = Mat::from_fn(1, 4, |_, d| 1.7e308_f64.copysign(pca.loadings.row(d)[0]));
    assert!(matches!(pca.transform(huge.as_ref()), Err(Error::OutOfRange { .. })));
}

#[test]
fn observers_see_every_block_and_may_cancel() {
    let x = gaussian(2500, 5, 1);
    for (solver, total) in [(Solver::Exact, 3), (Solver::Randomized, 24)] {
        let mut seen = Vec::new();
        let mut watch = |u: Update<'_>| {
            seen.push((u.done, u.total));
            Flow::Continue
        };
        with(2, solver).fit_with(x.as_ref(), &mut watch).unwrap();
        assert_eq!(seen.last(), Some(&(total, total)));
        let mut stop = |_: Update<'_>| Flow::Cancel;
        let cancelled = with(2, solver).fit_with(x.as_ref(), &mut stop);
        assert_eq!(cancelled, Err(Error::Cancelled));
    }
}

#[test]
fn auto_is_exact_for_small_sides() {
    let auto = PcaParams::default();
    assert_eq!(auto.solver_for(70_000, 784), Solver::Exact);
    assert_eq!(auto.solver_for(2000, 30_000), Solver::Exact);
    assert_eq!(auto.solver_for(5000, 30_000), Solver::Randomized);
    assert_eq!(auto.with_n_components(1500).solver_for(5000, 30_000), Solver::Exact);
}
