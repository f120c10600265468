use embex_linalg::faer::Mat;
use embex_linalg::progress::{Flow, Update};
use embex_testkit::gaussian;
use proptest::prelude::*;

use super::*;
use crate::golden_data::{map, samples};

fn measure(params: &RankParams, x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> NeighbourRanks {
    params.measure(x, y, &mut Silent, MemoryBudget::default()).unwrap()
}

/// scikit-learn 1.9.1: `trustworthiness(x, y)`, and with the matrices exchanged.
#[test]
fn golden_trustworthiness() {
    let ranks = measure(&RankParams::new(40), samples().as_ref(), map().as_ref());
    for (k, trust, continuity) in [
        (5, 0.9312195121951219, 0.9756910569105691),
        (12, 0.9000259000259, 0.9482905982905983),
        (40, 0.9045197740112995, 0.9314689265536723),
    ] {
        assert!((ranks.trustworthiness(k).unwrap() - trust).abs() < 1e-12);
        assert!((ranks.continuity(k).unwrap() - continuity).abs() < 1e-12);
    }
}

/// zadu 0.5.4: `mean_relative_rank_error` and `local_continuity_meta_criteria`.
#[test]
fn golden_rank_errors_and_lcmc() {
    let ranks = measure(&RankParams::new(12), samples().as_ref(), map().as_ref());
    for (k, lost, missing, lcmc) in [
        (5, 0.9357967472823798, 0.9759117253260677, 0.5815980024968789),
        (12, 0.914205085936842, 0.9564475182994133, 0.5272055763628797),
    ] {
        assert!((ranks.mrre_false(k).unwrap() - lost).abs() < 1e-12);
        assert!((ranks.mrre_missing(k).unwrap() - missing).abs() < 1e-12);
        assert!((ranks.lcmc(k).unwrap() - lcmc).abs() < 1e-12);
    }
}

/// By comparing everything with everything.
fn ranks_by_definition(x: MatRef<'_, f64>, i: usize) -> Vec<usize> {
    let dist = |j: usize| (0..x.ncols()).map(|c| (x[(i, c)] - x[(j, c)]).powi(2)).sum::<f64>();
    let nearer = |l: usize, j: usize| l != i && (dist(l), l) < (dist(j), j);
    (0..x.nrows()).map(|j| 1 + (0..x.nrows()).filter(|&l| nearer(l, j)).count()).collect()
}

fn compare_with_definition(x: MatRef<'_, f64>, y: MatRef<'_, f64>, k: usize) {
    let ranks = measure(&RankParams::new(k), x, y);
    for i in 0..x.nrows() {
        let (old, new) = (ranks_by_definition(x, i), ranks_by_definition(y, i));
        for j in (0..x.nrows()).filter(|&j| j != i) {
            if new[j] <= k {
                assert_eq!(ranks.rank_before(i)[new[j] - 1] as usize, old[j], "{i} to {j}");
            }
            if old[j] <= k {
                assert_eq!(ranks.rank_after(i)[old[j] - 1] as usize, new[j], "{i} to {j}");
            }
        }
    }
}

#[test]
fn ranks_follow_the_definition_with_ties_and_duplicates() {
    // small integers: distances are exact in any order of the sum
    let x = Mat::from_fn(130, 3, |i, j| ((i * i + 5 * j * i) % 4) as f64);
    let y = Mat::from_fn(130, 2, |i, j| ((i * (j + 2) + i / 7) % 6) as f64);
    for k in [1, 6, 70, 129] {
        compare_with_definition(x.as_ref(), y.as_ref(), k);
        compare_with_definition(y.as_ref(), Mat::<f64>::zeros(130, 1).as_ref(), k);
    }
}

#[test]
fn the_same_space_and_the_reversed_one() {
    let x = gaussian(50, 3, 1);
    let same = measure(&RankParams::new(49), x.as_ref(), x.as_ref());
    for k in 1..50 {
        assert_eq!((same.recall(k), same.trustworthiness(k)), (Ok(1.0), Ok(1.0)));
        assert_eq!((same.continuity(k), same.mrre_false(k)), (Ok(1.0), Ok(1.0)));
        assert_eq!(same.r_nx(k).ok(), (k < 49).then_some(1.0));
    }
    assert!(matches!(same.r_nx(49), Err(Error::Undefined { what: "R_NX", .. })));
    // ranks 1, 2, 3 seen from the first row become 3, 2, 1: the worst there is
    let before = Mat::from_fn(4, 1, |i, _| [0.0, 1.0, 2.0, 3.0][i]);
    let after = Mat::from_fn(4, 1, |i, _| [0.0, 3.0, 2.0, 1.0][i]);
    let worst = measure(&RankParams::new(3), before.as_ref(), after.as_ref());
    assert_eq!(worst.trustworthiness_per_row(1).unwrap()[0], 0.0);
    assert_eq!(worst.continuity_per_row(1).unwrap()[0], 0.0);
    assert_eq!(worst.trustworthiness_per_row(2).unwrap()[0], 0.0);
}

#[test]
fn unrelated_spaces_are_at_chance() {
    let ranks =
        measure(&RankParams::new(20), gaussian(500, 3, 1).as_ref(), gaussian(500, 3, 2).as_ref());
    assert!(ranks.lcmc(20).unwrap().abs() < 0.01 && ranks.r_nx(20).unwrap().abs() < 0.01);
    assert!((ranks.trustworthiness(20).unwrap() - 0.5).abs() < 0.03);
}

#[test]
fn drawn_rows_are_those_of_the_whole() {
    let (x, y) = (gaussian(200, 4, 1), gaussian(200, 2, 1));
    let all = measure(&RankParams::new(9), x.as_ref(), y.as_ref());
    let params = RankParams::new(9).with_n_rows(Some(60)).with_seed(3);
    let some = measure(&params, x.as_ref(), y.as_ref());
    assert_eq!(some.rows().len(), 60);
    for (at, &i) in some.rows().iter().enumerate() {
        assert_eq!(some.rank_before(at), all.rank_before(i));
        assert_eq!(some.rank_after(at), all.rank_after(i));
    }
}

#[test]
fn precisions_strides_threads_and_budgets_give_the_same_ranks() {
    let x = Mat::from_fn(150, 3, |i, j| ((i * i + 5 * j * i) % 97) as f64);
    let single = Mat::from_fn(150, 3, |i, j| x[(i, j)] as f32);
    let turned = Mat::from_fn(3, 150, |j, i| x[(i, j)]);
    let expected = measure(&RankParams::new(20), x.as_ref(), x.get(.., ..2));
    let narrow = MemoryBudget::bytes(1);
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| {
            let after = turned.transpose().get(.., ..2);
            RankParams::new(20).measure(single.as_ref(), after, &mut Silent, narrow).unwrap()
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(6, 2, 1);
    let (mut silent, budget) = (Silent, MemoryBudget::default());
    let mut ranks = |k, y| RankParams::new(k).measure(x.as_ref(), y, &mut silent, budget);
    for k in [0, 6] {
        assert_eq!(ranks(k, x.as_ref()), Err(Error::NeighbourCount { k, n: 6 }));
    }
    assert!(matches!(ranks(2, x.get(..5, ..)), Err(Error::LengthMismatch { .. })));
    let mut bad = x.clone();
    bad[(4, 1)] = f64::INFINITY;
    assert!(matches!(ranks(2, bad.as_ref()), Err(Error::Search(_))));
    let found = ranks(3, x.as_ref()).unwrap();
    assert_eq!(found.recall(4), Err(Error::NeighbourCount { k: 4, n: 4 }));
    assert!(found.continuity(0).is_err() && found.mrre_missing(4).is_err());
    let mut stop = |_: Update<'_>| Flow::Cancel;
    let stopped = RankParams::new(3).measure(x.as_ref(), x.as_ref(), &mut stop, budget);
    assert_eq!(stopped, Err(Error::Cancelled));
}

proptest! {
    #[test]
    fn measures_are_bounded_and_mirror_each_other(
        values in prop::collection::vec((-5..5_i32, -5..5_i32), 4..40),
    ) {
        let n = values.len();
        let x = Mat::from_fn(n, 1, |i, _| f64::from(values[i].0));
        let y = Mat::from_fn(n, 1, |i, _| f64::from(values[i].1));
        let there = measure(&RankParams::new(n - 1), x.as_ref(), y.as_ref());
        let back = measure(&RankParams::new(n - 1), y.as_ref(), x.as_ref());
        for k in 1..n {
            for i in 0..n {
                let trust = there.trustworthiness_per_row(k).unwrap()[i];
                prop_assert!((-1e-12..=1.0).contains(&trust));
                prop_assert_eq!(trust, back.continuity_per_row(k).unwrap()[i]);
            }
            prop_assert_eq!(there.recall(k), back.recall(k));
            prop_assert_eq!(there.mrre_false(k), back.mrre_missing(k));
            let kept = crate::knn_preservation(x.as_ref(), y.as_ref(), k).unwrap();
            prop_assert_eq!(there.recall(k).unwrap(), kept);
        }
        prop_assert_eq!(there.trustworthiness(n - 1), Ok(1.0));
    }
}
