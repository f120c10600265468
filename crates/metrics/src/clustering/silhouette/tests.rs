use embex_linalg::faer::Mat;
use embex_linalg::progress::{Flow, Update};
use embex_testkit::{clusters, gaussian};
use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::golden_data::{labels, samples};

fn measure(params: &SilhouetteParams, x: MatRef<'_, f64>, labels: &[usize]) -> Silhouette {
    params.measure(x, labels, &mut Silent, MemoryBudget::default()).unwrap()
}

/// scikit-learn 1.9.1: `silhouette_score`, and the first of `silhouette_samples`.
#[test]
fn golden_values() {
    let [_, labels] = labels();
    let found = measure(&SilhouetteParams::default(), samples().as_ref(), &labels);
    assert!((found.mean - -0.0676762042407397).abs() < 1e-12);
    let expected =
        [-0.23050300135331467, -0.011352471233201728, -0.02942613679071642, 0.11125182274345889];
    for (got, expected) in found.values.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12);
    }
    assert_eq!((found.values.len(), found.n_clusters), (90, 5));
}

#[test]
fn singles_and_duplicates_have_answers() {
    let x = Mat::from_fn(4, 1, |i, _| [0.0, 0.0, 0.0, 5.0][i]);
    let found = measure(&SilhouetteParams::default(), x.as_ref(), &[0, 0, 1, 1]);
    assert_eq!(found.values, [1.0, 1.0, -1.0, 0.0]);
    let alone = measure(&SilhouetteParams::default(), x.as_ref(), &[0, 0, 0, 1]);
    assert_eq!(alone.values, [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn drawn_rows_are_those_of_the_whole() {
    let bed = clusters(400, 3, 4, 1.5, 2);
    let all = measure(&SilhouetteParams::default(), bed.x.as_ref(), &bed.labels);
    let params = SilhouetteParams::default().with_n_rows(Some(150)).with_seed(9);
    let some = measure(&params, bed.x.as_ref(), &bed.labels);
    assert_eq!((some.rows.len(), some.n_clusters), (150, 4));
    assert!(some.rows.iter().zip(&some.values).all(|(&i, v)| *v == all.values[i]));
    assert!((some.mean - all.mean).abs() < 0.05);
}

#[test]
fn equal_bits_for_any_number_of_threads_and_any_budget() {
    let bed = clusters(200, 5, 3, 1.0, 2);
    let expected = measure(&SilhouetteParams::default(), bed.x.as_ref(), &bed.labels);
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| {
            let (params, budget) = (SilhouetteParams::default(), MemoryBudget::bytes(1));
            params.measure(bed.x.as_ref(), &bed.labels, &mut Silent, budget).unwrap()
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn bad_input_is_refused() {
    let x = gaussian(4, 2, 1);
    let mean = |labels: &[u8]| silhouette(x.as_ref(), labels);
    assert_eq!(mean(&[1; 4]), Err(Error::ClusterCount { n_clusters: 1, n: 4 }));
    assert_eq!(mean(&[1, 2, 3, 4]), Err(Error::ClusterCount { n_clusters: 4, n: 4 }));
    assert!(matches!(mean(&[1; 3]), Err(Error::LengthMismatch { .. })));
    let (params, budget) = (SilhouetteParams::default(), MemoryBudget::default());
    let none = params.clone().with_n_rows(Some(0));
    let none = none.measure(x.as_ref(), &[0, 0, 1, 1], &mut Silent, budget);
    assert!(matches!(none, Err(Error::Setting { .. })));
    let mut stop = |_: Update<'_>| Flow::Cancel;
    let stopped = params.measure(x.as_ref(), &[0, 0, 1, 1], &mut stop, budget);
    assert_eq!(stopped, Err(Error::Cancelled));
}

proptest! {
    #[test]
    fn silhouettes_follow_the_definition(labels in prop::collection::vec(0..4_usize, 25)) {
        let x = gaussian(25, 2, 4);
        let dist = |i: usize, j: usize| {
            (0..2).map(|c| (x[(i, c)] - x[(j, c)]).powi(2)).sum::<f64>().sqrt()
        };
        let Ok(found) = SilhouetteParams::default()
            .measure(x.as_ref(), &labels, &mut Silent, MemoryBudget::default()) else {
            return Ok(());
        };
        for i in 0..25 {
            let mean = |class: usize| {
                let members: Vec<f64> =
                    (0..25).filter(|&j| j != i && labels[j] == class).map(|j| dist(i, j)).collect();
                members.iter().sum::<f64>() / members.len() as f64 // NaN for none
            };
            let a = mean(labels[i]);
            let b = (0..4).filter(|&c| c != labels[i]).map(mean).fold(f64::INFINITY, f64::min);
            let expected = if a.is_nan() { 0.0 } else { (b - a) / a.max(b) };
            prop_assert!((found.values[i] - expected).abs() < 1e-12);
            prop_assert!((-1.0..=1.0).contains(&found.values[i]));
        }
    }
}
