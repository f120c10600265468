use embex_linalg::faer::Mat;
use embex_testkit::{clusters, gaussian};
use proptest::prelude::*;

use super::*;
use crate::golden_data::{labels, samples};

/// scikit-learn 1.9.1: `davies_bouldin_score`, `calinski_harabasz_score`.
#[test]
fn golden_values() {
    let (x, [_, labels]) = (samples(), labels());
    let found = davies_bouldin(x.as_ref(), &labels).unwrap();
    assert!((found / 13.071679307696343 - 1.0).abs() < 1e-11, "{found}");
    let found = calinski_harabasz(x.as_ref(), &labels).unwrap();
    assert!((found / 1.1843955622441067 - 1.0).abs() < 1e-11, "{found}");
}

#[test]
fn no_scale_of_data_is_lost() {
    let bed = clusters(60, 4, 3, 2.0, 1);
    let [db, ch] = [
        davies_bouldin(bed.x.as_ref(), &bed.labels).unwrap(),
        calinski_harabasz(bed.x.as_ref(), &bed.labels).unwrap(),
    ];
    for factor in [1e-250, 1e300] {
        let far = Mat::from_fn(60, 4, |i, j| factor * bed.x[(i, j)]);
        assert!((davies_bouldin(far.as_ref(), &bed.labels).unwrap() / db - 1.0).abs() < 1e-12);
        assert!((calinski_harabasz(far.as_ref(), &bed.labels).unwrap() / ch - 1.0).abs() < 1e-12);
    }
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(4, 2, 1);
    let one = Error::ClusterCount { n_clusters: 1, n: 4 };
    assert_eq!(davies_bouldin(x.as_ref(), &[5; 4]), Err(one));
    let each = Error::ClusterCount { n_clusters: 4, n: 4 };
    assert_eq!(calinski_harabasz(x.as_ref(), &[0, 1, 2, 3]), Err(each));
    assert!(matches!(davies_bouldin(x.as_ref(), &[0; 3]), Err(Error::LengthMismatch { .. })));
    let cross = Mat::from_fn(4, 1, |i, _| [-1.0, 1.0, -2.0, 2.0][i]);
    let found = davies_bouldin(cross.as_ref(), &[0, 0, 1, 1]);
    assert!(matches!(found, Err(Error::Undefined { .. })));
    assert_eq!(calinski_harabasz(cross.as_ref(), &[0, 0, 1, 1]), Ok(0.0));
    let points = Mat::from_fn(4, 1, |i, _| (i / 2) as f64);
    let found = calinski_harabasz(points.as_ref(), &[0, 0, 1, 1]);
    assert!(matches!(found, Err(Error::Undefined { .. })));
    assert_eq!(davies_bouldin(points.as_ref(), &[0, 0, 1, 1]), Ok(0.0));
    let mut bad = x.clone();
    bad[(2, 0)] = f64::NAN;
    assert!(matches!(davies_bouldin(bad.as_ref(), &[0, 0, 1, 1]), Err(Error::Search(_))));
}

proptest! {
    #[test]
    fn shapes_are_blind_to_shifts_and_names(labels in prop::collection::vec(0..3_usize, 30)) {
        let x = gaussian(30, 3, 4);
        let moved = Mat::from_fn(30, 3, |i, j| 8.0 * x[(i, 2 - j)] - 16.0);
        let renamed: Vec<i32> = labels.iter().map(|&l| -(l as i32)).collect();
        if let Ok(db) = davies_bouldin(x.as_ref(), &labels) {
            let ch = calinski_harabasz(x.as_ref(), &labels).unwrap();
            prop_assert!(db > 0.0 && ch >= 0.0);
            let again = davies_bouldin(moved.as_ref(), &renamed).unwrap();
            prop_assert!((again / db - 1.0).abs() < 1e-9);
            let again = calinski_harabasz(moved.as_ref(), &renamed).unwrap();
            prop_assert!((again / ch - 1.0).abs() < 1e-9);
        }
    }
}
