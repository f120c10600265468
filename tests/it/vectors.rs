//! Bad numbers, labels and settings at the entry points that take more than a matrix.

use embex_linalg::Error as Linalg;
use embex_linalg::faer::Mat;
use embex_linalg::progress::Silent;
use embex_linalg::stats::{pearson, ranks, spearman};
use embex_linalg::{MemoryBudget, Rows};
use embex_metrics::{
    BootstrapParams, Error as Metrics, Method, auroc, benjamini_hochberg, mann_whitney_u, quantile,
};
use embex_trees::Neighbours;
use embex_tsne::attribution::{AttributeParams, Attributor, Bandwidth, Scalar};
use embex_tsne::importance::{Candidates, FeatureSets, FeatureSpace, kl_gradient};
use embex_tsne::summary::{Contrast, GroupMeans, Groups, Saturation};
use embex_tsne::{Affinities, Error as Tsne, Optimizer, TransformParams, TsneParams};

use crate::entries::{D, N, affinities, k_means, map, occlude, quick, samples};

const BUDGET: fn() -> MemoryBudget = MemoryBudget::default;

#[test]
fn lists_of_numbers_without_entries_are_refused() {
    assert_eq!(auroc(&[], &[]), Err(Metrics::OneClass { n_positive: 0, n: 0 }));
    let none = |what| Metrics::TooFew { what, needed: 1, got: 0 };
    let test = |a: &[f64], b: &[f64]| mann_whitney_u(a, b, Method::Auto).unwrap_err();
    assert_eq!(test(&[], &[1.0]), none("the first sample"));
    assert_eq!(test(&[1.0], &[]), none("the second sample"));
    assert_eq!(BootstrapParams::default().mean(&[]), Err(none("a mean")));
    assert_eq!(quantile(&[], 0.5), Err(none("a quantile")));
    let few = |n_rows| Err(Linalg::TooFewRows { needed: 2, n_rows });
    assert_eq!(pearson(&[], &[]), few(0));
    assert_eq!(spearman(&[1.0], &[1.0]), few(1));
    assert_eq!(ranks(&[]), Ok(vec![]));
}

#[test]
fn numbers_that_are_none_are_named() {
    let bad = [1.0, 2.0, f64::NAN, 0.0];
    let good = [4.0, 3.0, 2.0, 1.0];
    let at_2 =
        |error: &Metrics| matches!(error, Metrics::Value { index: 2, value, .. } if value.is_nan());
    assert!(at_2(&auroc(&bad, &[true, false, true, false]).unwrap_err()));
    assert!(at_2(&mann_whitney_u(&bad, &good, Method::Auto).unwrap_err()));
    assert!(at_2(&mann_whitney_u(&good, &bad, Method::Normal).unwrap_err()));
    assert!(at_2(&BootstrapParams::default().mean(&bad).unwrap_err()));
    assert!(at_2(&quantile(&bad, 0.5).unwrap_err()));
    assert!(at_2(&benjamini_hochberg(&[0.1, 0.2, f64::NAN]).unwrap_err()));
    let row_2 =
        |error: &Linalg| matches!(error, Linalg::NotFinite { row: 2, value, .. } if value.is_nan());
    assert!(row_2(&ranks(&bad).unwrap_err()));
    assert!(row_2(&pearson(&bad, &good).unwrap_err()));
    assert!(row_2(&spearman(&good, &bad).unwrap_err()));
    let infinite = [1.0, f64::INFINITY, 2.0];
    let value = f64::INFINITY;
    let expected = Linalg::NotFinite { row: 1, col: 0, value };
    assert_eq!(pearson(&infinite, &[1.0, 2.0, 3.0]), Err(expected));
    assert_eq!(ranks(&infinite), Ok(vec![1.0, 3.0, 2.0])); // documented: infinities have a place
}

#[test]
fn equal_numbers_have_documented_answers() {
    assert_eq!(auroc(&[7.0; 5], &[true, false, true, true, false]), Ok(0.5));
    let test = mann_whitney_u(&[7.0; 5], &[7.0; 3], Method::Auto).unwrap();
    assert_eq!((test.z, test.p_two_sided, test.u), (0.0, 1.0, 7.5));
    let mean = BootstrapParams::default().mean(&[7.0; 5]).unwrap();
    assert_eq!((mean.low, mean.estimate, mean.high), (7.0, 7.0, 7.0));
    assert!(matches!(pearson(&[7.0; 3], &[1.0, 2.0, 3.0]), Err(Linalg::Constant { .. })));
}

fn mismatch(error: Tsne, got: usize, expected: usize) {
    match error {
        Tsne::Input(Linalg::LengthMismatch { got: a, expected: b, .. }) => {
            assert_eq!((a, b), (got, expected));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_number_of_labels_is_refused() {
    let short = Groups::new(&[0, 1, 0, 1, 1], 2).unwrap();
    mismatch(Contrast::new(samples(), &short).unwrap_err(), 5, N);
    mismatch(Saturation::new(affinities(), &short).unwrap_err(), 5, N);
    let space = FeatureSpace::Given(samples());
    let found = occlude(space, map(), Some(short.clone()), Candidates::Exact, BUDGET());
    mismatch(found.unwrap_err(), 5, N);
    mismatch(GroupMeans::new(short, D).add(samples()).unwrap_err(), N, 5);
    let params =
        AttributeParams::default().with_scalar(Scalar::GroupDistanceSq { groups: vec![0; 7] });
    let refused =
        Attributor::<f64, 2>::new(&params, &quick(), affinities(), samples()).unwrap_err();
    mismatch(refused, 7, N);
    let expected = Metrics::LengthMismatch { what: "labels", got: 1, expected: 2 };
    assert_eq!(auroc(&[1.0, 2.0], &[true]), Err(expected));
    let refused = k_means(samples(), Some(&[1.0; 3])).unwrap_err();
    assert!(matches!(
        refused.of_matrix(),
        Some(Linalg::LengthMismatch { got: 3, expected: N, .. })
    ));
}

#[test]
fn labels_that_name_no_group_are_refused() {
    let refused = Groups::new(&[0, 2, 1], 2);
    assert_eq!(refused, Err(Tsne::GroupCode { row: 1, code: 2, n_groups: 2 }));
    assert_eq!(Groups::new(&[0, 2, 2], 3), Err(Tsne::EmptyGroup { group: 1 }));
    assert_eq!(Groups::new(&[0, 0], 1), Err(Tsne::GroupCount { n_groups: 1 }));
    assert_eq!(Groups::new(&[], 0), Err(Tsne::GroupCount { n_groups: 0 }));
}

#[test]
fn too_few_rows_for_the_perplexity_are_counted() {
    let x = samples().subrows(0, 21);
    let too_few = Tsne::Perplexity { perplexity: 7.0, n_samples: 21 };
    assert_eq!(quick().fit(x).unwrap_err(), too_few);
    assert_eq!(quick().affinities(x, &mut Silent, BUDGET()).unwrap_err(), too_few);
    let space = FeatureSpace::Given(x);
    let refused = occlude(space, map().subrows(0, 21), None, Candidates::Exact, BUDGET());
    assert_eq!(refused.unwrap_err(), too_few);
    assert!(quick().fit(samples().subrows(0, 22)).is_ok()); // 3 · 7 = 22 − 1
    for perplexity in [0.0, 0.99, -3.0, f64::NAN, f64::INFINITY] {
        let refused = TsneParams::default().with_perplexity(perplexity).fit(samples());
        let is_setting =
            |error: &Tsne| matches!(error, Tsne::Input(Linalg::Setting { name: "perplexity", .. }));
        assert!(refused.is_err_and(|error| is_setting(&error)), "{perplexity}");
        let transform = TransformParams::default().with_perplexity(perplexity);
        let refused = transform.transform(samples(), map(), x, &mut Silent, BUDGET());
        assert!(matches!(refused, Err(Tsne::Input(Linalg::Setting { .. }))), "{perplexity}");
    }
}

#[test]
fn neighbour_lists_that_contradict_themselves_are_refused() {
    let of = |indices: Vec<u32>, dist_sq: Vec<f64>| {
        Affinities::from_neighbours(Neighbours::new(2, indices, dist_sq).unwrap(), 1.5)
    };
    let good = vec![1, 2, 0, 2, 0, 1];
    assert!(of(good.clone(), vec![1.0; 6]).is_ok());
    for (value, bad) in [(f64::NAN, 3), (f64::INFINITY, 4), (-1.0, 5)] {
        let mut dist_sq = vec![1.0; 6];
        dist_sq[bad] = value;
        let refused = of(good.clone(), dist_sq).unwrap_err();
        let (row, index) = (bad / 2, bad % 2);
        assert!(
            matches!(refused, Tsne::Distance { row: r, index: i, value: v }
                if (r, i) == (row, index) && v.to_bits() == value.to_bits()),
            "{refused:?}"
        );
    }
    for (bad, neighbour) in [(vec![1, 9, 0, 2, 0, 1], 9), (vec![1, 0, 0, 2, 0, 1], 0)] {
        let refused = of(bad, vec![1.0; 6]).unwrap_err();
        assert_eq!(refused, Tsne::NeighbourIndex { row: 0, neighbour });
    }
    assert!(Neighbours::new(0, vec![], vec![]).is_none());
    assert!(Neighbours::new(2, vec![1, 2, 3], vec![0.0; 3]).is_none());
}

#[test]
fn joint_values_have_no_derivatives() {
    let p = Affinities::from_joint(vec![0, 1, 2], vec![1, 0], vec![0.5, 0.5]).unwrap();
    let y = Mat::from_fn(2, 2, |i, c| (i + c) as f64);
    assert_eq!(kl_gradient(&p, y.as_ref(), Bandwidth::Aware), Err(Tsne::NoConditionals));
    let params = AttributeParams::default();
    let refused = Attributor::<f64, 2>::new(&params, &quick(), &p, y.as_ref());
    assert_eq!(refused, Err(Tsne::NoConditionals));
}

#[test]
fn starts_that_are_no_map_are_refused() {
    let refused = |start: Vec<[f64; 2]>| Optimizer::new(affinities(), &quick(), start).err();
    let shape = Tsne::InitShape { n_rows: 3, n_cols: 2, n_samples: N, n_components: 2 };
    assert_eq!(refused(vec![[0.0, 1.0]; 3]), Some(shape));
    let mut start = vec![[0.1, 0.2]; N];
    start[8][1] = f64::INFINITY;
    let value = f64::INFINITY;
    assert_eq!(refused(start), Some(Linalg::NotFinite { row: 8, col: 1, value }.into()));
}

#[test]
fn feature_sets_that_do_not_fit_are_refused() {
    let refused = FeatureSets::given(4, vec![vec![0], vec![3, 9]]);
    let expected = Tsne::FeatureSet { set: 1, feature: Some(9), n_features: 4 };
    assert_eq!(refused, Err(expected));
    let refused = FeatureSets::given(4, vec![vec![]]);
    assert_eq!(refused, Err(Tsne::FeatureSet { set: 0, feature: None, n_features: 4 }));
    assert!(Rows::from_vec(vec![1.0, 2.0, 3.0], 2).is_none());
}
