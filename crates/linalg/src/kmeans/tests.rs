use super::*;
use crate::tests::pool;
use embex_testkit::{assert_close, clusters, gaussian, row_major};
use faer::Mat;

fn with(k: usize) -> KMeansParams {
    KMeansParams::default().with_n_clusters(k)
}

/// The same partition up to the names of its parts.
fn same_partition(a: &[usize], b: &[usize]) -> bool {
    let n = a.len();
    (0..n).all(|i| (0..i).all(|j| (a[i] == a[j]) == (b[i] == b[j])))
}

#[test]
fn separated_clusters_are_found() {
    for seed in 0..5 {
        let bed = clusters(200, 6, 5, 10.0, seed);
        let found = with(5).with_seed(seed).fit(bed.x.as_ref(), None).unwrap();
        assert!(same_partition(&found.labels, &bed.labels), "seed {seed}");
        assert!(found.converged);
        assert_eq!(found.sizes, [40.0; 5]);
        assert_eq!(found.predict(bed.x.as_ref()).unwrap(), found.labels);
    }
}

/// scikit-learn 1.9.1: `KMeans(4, n_init=200)` on the same rows; the best optimum of many starts.
#[test]
fn inertia_matches_scikit_learn() {
    let x = Mat::from_fn(40, 2, |i, j| f64::from((i * i * 7 + j * 31 + i * j * 13) as u32 % 101));
    let found = with(4).with_n_starts(60).fit(x.as_ref(), None).unwrap();
    assert_close("inertia", &[found.inertia], &[15504.78898878899], 1e-12);
    let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 4)).collect();
    let found = with(4).with_n_starts(60).fit(x.as_ref(), Some(&weights)).unwrap();
    assert_close("weighted inertia", &[found.inertia], &[18542.266666666666], 1e-12);
}

#[test]
fn weights_count_like_repeated_rows() {
    let x = gaussian(30, 3, 4);
    let weights: Vec<f64> = (0..30).map(|i| f64::from(i % 3)).collect();
    let repeated: Vec<usize> = (0..30).flat_map(|i| vec![i; i % 3]).collect();
    let many = Mat::from_fn(repeated.len(), 3, |i, j| x[(repeated[i], j)]);
    let a = with(4).with_n_starts(40).fit(x.as_ref(), Some(&weights)).unwrap();
    let b = with(4).with_n_starts(40).fit(many.as_ref(), None).unwrap();
    assert!((a.inertia - b.inertia).abs() < 1e-10);
    let labels: Vec<usize> = repeated.iter().map(|&i| a.labels[i]).collect();
    assert!(same_partition(&labels, &b.labels));
}

#[test]
fn a_converged_run_is_a_fixed_point() {
    let x = gaussian(3000, 4, 9);
    let found = with(6).with_n_starts(2).fit(x.as_ref(), None).unwrap();
    assert!(found.converged);
    assert_eq!(found.predict(x.as_ref()).unwrap(), found.labels);
    let mut means = vec![0.0; 24];
    for i in 0..3000 {
        for d in 0..4 {
            means[found.labels[i] * 4 + d] += x[(i, d)] / found.sizes[found.labels[i]];
        }
    }
    assert_close("centres", found.centers.as_slice(), &means, 1e-12);
}

#[test]
fn equal_bits_for_threads_and_strides() {
    let x = gaussian(2500, 5, 2);
    let rows = Rows::copy_from(x.as_ref());
    let params = with(7).with_n_starts(2);
    let expected = pool(1).install(|| params.fit(x.as_ref(), None).unwrap());
    for threads in [2, 8] {
        let got = pool(threads).install(|| params.fit(rows.as_mat(), None).unwrap());
        assert_eq!(got, expected);
    }
    assert_eq!(row_major(rows.as_mat()), row_major(x.as_ref()));
}

#[test]
fn ties_go_to_the_lower_cluster() {
    let centers = Rows::from_vec(vec![0.0, 2.0], 1).unwrap();
    assert_eq!(nearest(&[1.0], &centers), (0, 1.0));
}

#[test]
fn fewer_distinct_rows_than_clusters_leave_some_empty() {
    let x = Mat::from_fn(6, 2, |i, _| f64::from(i as u32 / 3));
    let found = with(4).fit(x.as_ref(), None).unwrap();
    assert_eq!(found.inertia, 0.0);
    assert!(found.converged);
    assert_eq!(found.sizes.iter().filter(|s| **s > 0.0).count(), 2);
    let equal = with(3).fit(Mat::<f32>::zeros(5, 1).as_ref(), None).unwrap();
    assert_eq!((equal.labels, equal.sizes), (vec![0; 5], vec![5.0, 0.0, 0.0]));
}

#[test]
fn empty_clusters_take_the_costliest_row() {
    let rows = Rows::from_vec(vec![0.0, 1.0, 9.0], 1).unwrap();
    let centers = Rows::from_vec(vec![0.0, 100.0], 1).unwrap();
    let found = lloyd::run(&rows, &[1.0; 3], centers, &with(2), 0);
    assert_eq!((found.labels, found.inertia), (vec![0, 0, 1], 0.5));
}

#[test]
fn as_many_clusters_as_rows_cost_nothing() {
    let x = gaussian(9, 2, 5);
    let found = with(9).fit(x.as_ref(), None).unwrap();
    assert!(found.inertia < 1e-25 && found.sizes == [1.0; 9]);
    let one = with(1).fit(x.get(..1, ..), None).unwrap();
    assert_eq!(one.labels, [0]);
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(5, 2, 1);
    let x = x.as_ref();
    for k in [0, 6] {
        assert!(matches!(with(k).fit(x, None), Err(Error::Setting { name: "n_clusters", .. })));
    }
    let setting = |params: KMeansParams| matches!(params.fit(x, None), Err(Error::Setting { .. }));
    assert!(setting(with(2).with_n_starts(0)) && setting(with(2).with_max_iterations(0)));
    let fit = |weights: &[f64]| with(2).fit(x, Some(weights)).unwrap_err();
    assert!(matches!(fit(&[1.0]), Error::LengthMismatch { what: "weights", .. }));
    assert_eq!(fit(&[0.0; 5]), Error::Weight { index: 0, value: 0.0 });
    assert_eq!(fit(&[1.0, 1.0, -2.0, 1.0, 1.0]), Error::Weight { index: 2, value: -2.0 });
    assert!(matches!(fit(&[1.0, f64::NAN, 1.0, 1.0, 1.0]), Error::Weight { index: 1, .. }));
    assert!(matches!(fit(&[1.0, 0.0, 0.0, 0.0, 0.0]), Error::Setting { .. }));
    let huge = faer::mat![[1e200], [-1e200]];
    assert_eq!(with(1).fit(huge.as_ref(), None), Err(Error::OutOfRange { what: "spread" }));
    let found = with(2).fit(x, None).unwrap();
    assert!(matches!(found.predict(x.get(.., ..1)), Err(Error::LengthMismatch { .. })));
}
