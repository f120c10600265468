use embex_linalg::faer::Mat;
use embex_linalg::progress::Silent;
use embex_testkit::gaussian;
use proptest::prelude::*;

use super::*;
use crate::RankParams;
use crate::golden_data::{N, map, samples};

fn measure(params: &CoRankingParams, x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> CoRanking {
    params.measure(x, y, &mut Silent, MemoryBudget::default()).unwrap()
}

/// pyDRMetrics 0.0.8: `coranking_matrix_metrics`. It divides by n − 1 rows where there are n,
/// and leaves k = n − 1, where Q is 1, out of the global mean.
#[test]
fn golden_curve() {
    let curve = measure(&CoRankingParams::default(), samples().as_ref(), map().as_ref());
    let rows = (N - 1) as f64 / N as f64;
    for (k, q) in [
        (1, 0.6179775280898876),
        (5, 0.6449438202247191),
        (12, 0.6694756554307116),
        (40, 0.8081460674157304),
        (89, 1.0112359550561798),
    ] {
        assert!((curve.q_nx()[k - 1] - rows * q).abs() < 1e-12, "{k}");
    }
    assert_eq!(curve.k_max(), 2);
    assert!((curve.q_local() - rows * 0.651685393258427).abs() < 1e-12);
    let (theirs, n_theirs) = (0.8135174663966279, (N - 3) as f64);
    let expected = (rows * theirs * n_theirs + 1.0) / (n_theirs + 1.0);
    assert!((curve.q_global() - expected).abs() < 1e-12);
}

/// Three samples: Q(1) is the share of equal nearest neighbours, Q(2) is 1.
#[test]
fn closed_forms() {
    let before = Mat::from_fn(3, 1, |i, _| [0.0, 1.0, 3.0][i]);
    let after = Mat::from_fn(3, 1, |i, _| [0.0, 3.0, 4.0][i]);
    let curve = measure(&CoRankingParams::default(), before.as_ref(), after.as_ref());
    assert_eq!(curve.q_nx(), [2.0 / 3.0, 1.0]); // the middle one changes sides
    assert!((curve.r_nx()[0] - 1.0 / 3.0).abs() < 1e-15);
    assert!((curve.auc_ln_k() - 1.0 / 3.0).abs() < 1e-15);
    assert!((curve.lcmc()[0] - 1.0 / 6.0).abs() < 1e-15 && curve.lcmc()[1] == 0.0);
    assert_eq!((curve.k_max(), curve.q_local()), (1, 2.0 / 3.0));
    assert!((curve.q_global() - 5.0 / 6.0).abs() < 1e-15);
}

#[test]
fn chance_gives_no_area_and_a_draw_estimates_the_whole() {
    let (x, y) = (gaussian(600, 3, 1), gaussian(600, 3, 2));
    let chance = measure(&CoRankingParams::default(), x.as_ref(), y.as_ref());
    assert!(chance.auc_ln_k().abs() < 0.02, "{}", chance.auc_ln_k());
    let exact = CoRankingParams::default().with_n_rows(None);
    let exact = measure(&exact, x.as_ref(), x.get(.., ..2));
    let drawn = CoRankingParams::default().with_n_rows(Some(200)).with_seed(5);
    let drawn = measure(&drawn, x.as_ref(), x.get(.., ..2));
    assert_eq!((exact.n_rows(), drawn.n_rows(), drawn.n_samples()), (600, 200, 600));
    assert!((exact.auc_ln_k() - drawn.auc_ln_k()).abs() < 0.03);
    assert!((exact.q_global() - drawn.q_global()).abs() < 0.03);
}

#[test]
fn equal_bits_for_any_number_of_threads_and_any_budget() {
    let x = gaussian(120, 4, 1);
    let expected = measure(&CoRankingParams::default(), x.as_ref(), x.get(.., ..2));
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| {
            let (params, budget) = (CoRankingParams::default(), MemoryBudget::bytes(1));
            params.measure(x.as_ref(), x.get(.., ..2), &mut Silent, budget).unwrap()
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(6, 2, 1);
    let (mut silent, budget) = (Silent, MemoryBudget::default());
    let params = CoRankingParams::default;
    let two = params().measure(x.get(..2, ..), x.get(..2, ..), &mut silent, budget);
    assert!(matches!(two, Err(Error::TooFew { got: 2, .. })));
    let short = params().measure(x.as_ref(), x.get(..5, ..), &mut silent, budget);
    assert!(matches!(short, Err(Error::LengthMismatch { .. })));
    let none = params().with_n_rows(Some(0));
    let none = none.measure(x.as_ref(), x.as_ref(), &mut silent, budget);
    assert!(matches!(none, Err(Error::Setting { name: "n_rows", .. })));
}

proptest! {
    #[test]
    fn the_curve_is_the_recall_at_every_k(
        values in prop::collection::vec((-5..5_i32, -5..5_i32), 3..40),
    ) {
        let n = values.len();
        let x = Mat::from_fn(n, 1, |i, _| f64::from(values[i].0));
        let y = Mat::from_fn(n, 1, |i, _| f64::from(values[i].1));
        let curve = measure(&CoRankingParams::default(), x.as_ref(), y.as_ref());
        let ranks = RankParams::new(n - 1)
            .measure(x.as_ref(), y.as_ref(), &mut Silent, MemoryBudget::default())
            .unwrap();
        prop_assert_eq!(curve.q_nx().len(), n - 1);
        for k in 1..n {
            prop_assert!((curve.q_nx()[k - 1] - ranks.recall(k).unwrap()).abs() < 1e-12);
            prop_assert!((curve.lcmc()[k - 1] - ranks.lcmc(k).unwrap()).abs() < 1e-12);
            if k < n - 1 {
                prop_assert!((curve.r_nx()[k - 1] - ranks.r_nx(k).unwrap()).abs() < 1e-12);
            }
        }
        prop_assert_eq!(curve.q_nx()[n - 2], 1.0);
        prop_assert!((1..n).contains(&curve.k_max()) && curve.auc_ln_k() <= 1.0);
    }
}
