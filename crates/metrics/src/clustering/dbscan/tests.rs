use embex_linalg::faer::Mat;
use embex_linalg::progress::{Flow, Silent, Update};
use embex_testkit::gaussian;
use proptest::prelude::*;

use super::*;
use crate::golden_data::map;

fn fit(eps: f64, min_samples: usize, x: MatRef<'_, f64>) -> Dbscan {
    DbscanParams::new(eps, min_samples).fit(x, &mut Silent, MemoryBudget::default()).unwrap()
}

/// scikit-learn 1.9.1: `DBSCAN(eps=0.25, min_samples=4)` and `(0.32, 6)`; noise is −1.
#[test]
fn golden_values() {
    let sparse = [
        0, 1, 2, 3, 4, 0, 1, 0, 3, 4, 0, 1, 3, 3, 5, 0, -1, 3, 4, 5, 0, -1, 3, 4, 0, 1, -1, 3, 4,
        0, 1, 2, 3, 4, 0, -1, 0, 3, 4, 0, 1, 3, 3, 5, 0, -1, 3, 4, 5, 0, -1, 3, 4, 0, 1, -1, 3, 4,
        0, 1, 2, 3, 4, 0, 1, 0, 3, 4, 0, 1, 3, 3, 5, 0, -1, 3, 4, 5, 0, -1, 3, 4, 0, 1, -1, 3, 4,
        0, 1, 2,
    ];
    let dense = [
        0, 0, -1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 1, 0, 0, -1, 0, 1, 0, 0, -1, 0, 1,
        0, 0, -1, 0, 1, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 1, 0, 0, -1, 0, 1, 0, 0, -1, 0, 1,
        0, 0, -1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 1, 0, 0, -1, 0, 1, 0, 0, -1, 0, 1,
        0, 0, -1,
    ];
    for (eps, min_samples, labels, n_core) in [(0.25, 4, sparse, 69), (0.32, 6, dense, 67)] {
        let found = fit(eps, min_samples, map().as_ref());
        let expected: Vec<Option<usize>> = labels.iter().map(|&l| l.try_into().ok()).collect();
        assert_eq!(found.labels, expected);
        assert_eq!(found.core.iter().filter(|core| **core).count(), n_core);
    }
}

/// A border point between two clusters goes to the first, and its own second cluster stays
/// one though it holds fewer than `min_samples` points then.
#[test]
fn border_points_go_to_the_first_cluster() {
    let x = Mat::from_fn(7, 1, |i, _| [0.0, 0.1, 0.2, 1.1, 2.0, 2.05, 2.1][i]);
    let found = fit(0.92, 4, x.as_ref());
    assert_eq!(found.core, [false, false, true, false, true, false, false]);
    let expected = [Some(0), Some(0), Some(0), Some(0), Some(1), Some(1), Some(1)];
    assert_eq!((found.labels, found.n_clusters), (expected.to_vec(), 2));
}

#[test]
fn the_border_of_a_neighbourhood_belongs_to_it() {
    let x = Mat::from_fn(3, 1, |i, _| 0.5 * i as f64);
    assert_eq!(fit(0.5, 3, x.as_ref()).labels, [Some(0); 3]);
    assert_eq!(fit(0.4999, 2, x.as_ref()).labels, [None; 3]);
    assert_eq!(fit(0.4999, 1, x.as_ref()).labels, [Some(0), Some(1), Some(2)]);
}

#[test]
fn scales_threads_and_budgets_do_not_matter() {
    let x = gaussian(300, 2, 1);
    let expected = fit(0.2, 4, x.as_ref());
    assert!(expected.n_clusters > 1 && expected.labels.contains(&None));
    for factor in [(2.0_f64).powi(-700), (2.0_f64).powi(700)] {
        let far = Mat::from_fn(300, 2, |i, j| factor * x[(i, j)]);
        assert_eq!(fit(0.2 * factor, 4, far.as_ref()), expected);
    }
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| {
            let params = DbscanParams::new(0.2, 4);
            params.fit(x.as_ref(), &mut Silent, MemoryBudget::bytes(1)).unwrap()
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(5, 2, 1);
    let fit = |eps, min_samples| {
        let budget = MemoryBudget::default();
        DbscanParams::new(eps, min_samples).fit(x.as_ref(), &mut Silent, budget)
    };
    for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(fit(eps, 3), Err(Error::Setting { name: "eps", .. })));
    }
    assert!(matches!(fit(1.0, 0), Err(Error::Setting { name: "min_samples", .. })));
    assert_eq!(fit(1e300, 99).unwrap().labels, [None; 5]);
    assert_eq!(fit(1e300, 5).unwrap().labels, [Some(0); 5]);
    let mut stop = |update: Update<'_>| {
        if update.phase == "clusters" { Flow::Cancel } else { Flow::Continue }
    };
    let params = DbscanParams::new(9.0, 2);
    let stopped = params.fit(x.as_ref(), &mut stop, MemoryBudget::default());
    assert_eq!(stopped, Err(Error::Cancelled));
}

proptest! {
    #[test]
    fn clusters_are_the_components_of_core_points(
        places in prop::collection::vec((0..12_i32, 0..12_i32), 1..60),
        min_samples in 1..6_usize,
    ) {
        let n = places.len();
        let x = Mat::from_fn(n, 2, |i, c| f64::from(if c == 0 { places[i].0 } else { places[i].1 }));
        let found = fit(1.5, min_samples, x.as_ref());
        let near = |i: usize, j: usize| {
            (places[i].0 - places[j].0).pow(2) + (places[i].1 - places[j].1).pow(2) <= 2
        };
        for i in 0..n {
            let n_near = (0..n).filter(|&j| near(i, j)).count();
            prop_assert_eq!(found.core[i], n_near >= min_samples);
            let cores: Vec<usize> = (0..n).filter(|&j| near(i, j) && found.core[j]).collect();
            if found.core[i] {
                prop_assert!(cores.iter().all(|&j| found.labels[j] == found.labels[i]));
            } else {
                let first = cores.iter().filter_map(|&j| found.labels[j]).min();
                prop_assert_eq!(found.labels[i], first);
            }
        }
        let mut reached = vec![false; n]; // one component for each label
        for label in 0..found.n_clusters {
            let Some(first) = (0..n).find(|&i| found.core[i] && found.labels[i] == Some(label))
            else { return Err(TestCaseError::fail("a cluster without a core point")) };
            let mut open = vec![first];
            while let Some(i) = open.pop() {
                if !std::mem::replace(&mut reached[i], true) {
                    open.extend((0..n).filter(|&j| found.core[j] && near(i, j)));
                }
            }
            let missed = (0..n)
                .any(|i| found.core[i] && found.labels[i] == Some(label) && !reached[i]);
            prop_assert!(!missed);
        }
    }
}
