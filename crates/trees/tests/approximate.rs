//! The approximate search: recall, determinism, small and degenerate inputs.
#![cfg(feature = "approx")]

use embex_linalg::{faer::Mat, progress::Silent, seed::stream};
use embex_trees::{ApproximateNeighbours, ApproximateParams, Error, Metric, knn};
use rand::RngExt;

fn clusters(n: usize, d: usize) -> Mat<f64> {
    let mut rng = stream(5, "test", 0);
    Mat::from_fn(n, d, |i, c| {
        let centre = f64::from(u32::try_from(i % 7 * (c + 3) % 5).expect("small"));
        centre + rng.random::<f64>() + rng.random::<f64>()
    })
}

fn search(x: &Mat<f64>, k: usize) -> ApproximateNeighbours {
    ApproximateParams::new(k).search(x.as_ref(), &mut Silent).expect("a good input")
}

#[test]
fn most_neighbours_are_found_and_the_recall_is_true() {
    let x = clusters(6000, 12);
    let found = search(&x, 20);
    assert_eq!((found.n_checked, found.params.k), (1000, 20));
    assert!(found.recall > 0.9, "recall {}", found.recall);
    let exact = knn(x.as_ref(), 20).expect("a good input");
    let hits = |i: usize| {
        let row = found.neighbours.row(i);
        assert!(found.neighbours.dist_sq(i).is_sorted() && !row.contains(&(i as u32)));
        row.iter().filter(|j| exact.row(i).contains(j)).count()
    };
    let recall = (0..6000).map(hits).sum::<usize>() as f64 / (6000.0 * 20.0);
    assert!((recall - found.recall).abs() < 0.02, "{recall} in all, {} stated", found.recall);
}

#[test]
fn repetitions_and_thread_counts_give_equal_bits() {
    let x = clusters(6000, 12);
    let expected = search(&x, 15);
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        assert!(pool.install(|| search(&x, 15)) == expected, "{threads} threads");
    }
}

#[test]
fn duplicates_small_inputs_and_refusals() {
    let places = clusters(4200, 6);
    let copies = Mat::from_fn(8400, 6, |i, c| places[(i / 2, c)]);
    let found = search(&copies, 12);
    assert!(found.recall > 0.9, "recall {}", found.recall);
    assert!((0..8400).all(|i| found.neighbours.row(i)[0] as usize == i ^ 1));
    let small = clusters(300, 6);
    let found = search(&small, 9);
    assert!(found.neighbours == knn(small.as_ref(), 9).expect("a good input"));
    assert_eq!((found.recall, found.n_exact, found.n_checked), (1.0, 300, 300));
    let equal = Mat::from_fn(5000, 3, |_, c| c as f64);
    assert_eq!(search(&equal, 2).neighbours.row(0), [1, 2]);
    let none = ApproximateParams::new(3).with_n_checked(0).search(small.as_ref(), &mut Silent);
    assert!(matches!(none, Err(Error::Input(_))));
    let cosine = ApproximateParams::new(3).with_metric(Metric::Cosine);
    let got = cosine.search(Mat::<f64>::zeros(9, 2).as_ref(), &mut Silent);
    assert_eq!(got, Err(Error::ZeroRow { row: 0 }));
}
