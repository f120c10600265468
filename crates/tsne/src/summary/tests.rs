//! Summaries against plain sums, and what they refuse.

use embex_linalg::MemoryBudget;
use embex_linalg::faer::Mat;
use embex_linalg::progress::Silent;
use embex_testkit::{gaussian, nested_clusters};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::importance::{FeatureSets, FeatureSpace, ImportanceParams, Occlusion};
use crate::{Affinities, Error};

fn codes(n: usize) -> Vec<u32> {
    (0..n).map(|i| (i * i % 3) as u32 % 2 + u32::from(i % 5 == 0)).collect()
}

#[test]
fn means_do_not_depend_on_the_blocks() {
    let (n, d) = (97, 6);
    let a = gaussian(n, d, 1);
    let groups = Groups::new(&codes(n), 3).unwrap();
    let of = |block: usize| {
        let mut means = GroupMeans::new(groups.clone(), d);
        for from in (0..n).step_by(block) {
            means.add(a.as_ref().subrows(from, block.min(n - from))).unwrap();
        }
        means.finish().unwrap()
    };
    let whole = of(n);
    assert_eq!(of(1), whole);
    assert_eq!(of(13), whole);
    let Means { absolute, signed, left_out } = whole;
    assert_eq!(left_out, [0; 3]);
    for group in 0..3 {
        let members: Vec<usize> = (0..n).filter(|&i| groups.codes()[i] == group as u32).collect();
        for feature in 0..d {
            let plain: f64 =
                members.iter().map(|&i| a[(i, feature)]).sum::<f64>() / members.len() as f64;
            assert!((signed.row(group)[feature] - plain).abs() < 1e-14);
            let plain: f64 =
                members.iter().map(|&i| a[(i, feature)].abs()).sum::<f64>() / members.len() as f64;
            assert!((absolute.row(group)[feature] - plain).abs() < 1e-14);
        }
    }
}

#[test]
fn means_of_all_are_plain_means() {
    let a = Mat::from_fn(3, 1, |i, _| [1.0, -4.0, 9.0][i]);
    let mut means = GroupMeans::of_all(3, 1);
    means.add(a.as_ref()).unwrap();
    let found = means.finish().unwrap();
    assert_eq!(found.absolute.as_slice(), [14.0 / 3.0]);
    assert_eq!(found.signed.as_slice(), [2.0]);
}

/// One sample of a summary: its group, whether it is left out, its attributions.
type Sample = (u32, bool, [f64; 2]);

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..3_u32, any::<bool>(), [-9.0..9.0, -9.0..9.0]);
    // One of each group at the least, so that all are inhabited.
    let first: [_; 3] =
        std::array::from_fn(|group| (Just(group as u32), any::<bool>(), [-9.0..9.0, -9.0..9.0]));
    (first, vec(sample, 0..40)).prop_map(|(first, rest)| [&first[..], &rest].concat())
}

fn means_of(samples: &[Sample], without: &[u32], value: impl Fn(&Sample, usize) -> f64) -> Means {
    let codes: Vec<u32> = samples.iter().map(|s| s.0).collect();
    let groups = Groups::new(&codes, 3).unwrap();
    let mut means = GroupMeans::new(groups, 2).without(without).unwrap();
    let a = Mat::from_fn(samples.len(), 2, |i, d| value(&samples[i], d));
    means.add(a.as_ref()).unwrap();
    means.finish().unwrap()
}

proptest! {
    /// Whatever the values left out are, means are those of the others, bit for bit; a group of
    /// which nobody is left has zeros, and no first feature.
    #[test]
    fn means_leave_out_what_is_named(samples in samples(), wild in -1e300..1e300) {
        let out: Vec<u32> =
            (0..).zip(&samples).filter(|(_, s)| s.1).map(|(i, _): (u32, _)| i).collect();
        let value = |s: &Sample, d: usize| if s.1 { wild } else { s.2[d] };
        let found = means_of(&samples, &out, value);
        let codes: Vec<u32> = samples.iter().map(|s| s.0).collect();
        let groups = Groups::new(&codes, 3).unwrap();
        let x = Mat::from_fn(samples.len(), 2, |i, d| samples[i].2[d]);
        let summary = FeatureSummary::new(&groups, Contrast::new(x.as_ref(), &groups).unwrap())
            .with_sensitivity(found.clone())
            .unwrap();
        let top = summary.top(Measure::Sensitivity, 1).unwrap().unwrap();
        for group in 0..3 {
            let members = samples.iter().filter(|s| s.0 == group as u32);
            let used: Vec<&Sample> = members.clone().filter(|s| !s.1).collect();
            prop_assert_eq!(found.left_out[group], members.count() - used.len());
            prop_assert_eq!(summary.n_used(Measure::SignedMean, group), used.len());
            let mean = |term: fn(f64) -> f64, d: usize| {
                used.iter().fold(0.0, |sum, s| sum + term(s.2[d])) / used.len().max(1) as f64
            };
            for d in 0..2 {
                prop_assert_eq!(found.absolute.row(group)[d], mean(f64::abs, d));
                prop_assert_eq!(found.signed.row(group)[d], mean(|v| v, d));
            }
            prop_assert_eq!(top.features(group).len(), usize::from(!used.is_empty()));
        }
        prop_assert_eq!(top.n_rows(), 3);
    }
}

#[test]
fn means_refuse_wrong_rows() {
    let groups = Groups::new(&[0, 1, 1], 2).unwrap();
    let mut means = GroupMeans::new(groups, 2);
    assert!(matches!(means.add(Mat::<f64>::zeros(2, 3).as_ref()), Err(Error::Input(_))));
    assert!(matches!(means.add(Mat::<f64>::zeros(4, 2).as_ref()), Err(Error::Input(_))));
    means.add(Mat::<f32>::zeros(2, 2).as_ref()).unwrap();
    let bad = Mat::from_fn(1, 2, |_, _| f64::NAN);
    assert!(matches!(means.add(bad.as_ref()), Err(Error::Input(_))));
    assert!(matches!(means.clone().finish(), Err(Error::Input(_))));
    let unknown = Error::Sample { sample: 3, n_samples: 3 };
    assert_eq!(means.without(&[0, 3]).unwrap_err(), unknown);
}

#[test]
fn groups_must_be_two_in_range_and_inhabited() {
    assert_eq!(Groups::new(&[0, 0], 1), Err(Error::GroupCount { n_groups: 1 }));
    assert_eq!(Groups::new(&[0, 2], 2), Err(Error::GroupCode { row: 1, code: 2, n_groups: 2 }));
    assert_eq!(Groups::new(&[0, 2, 0], 3), Err(Error::EmptyGroup { group: 1 }));
}

#[test]
fn contrast_ignores_shifts_and_standardises() {
    let x = gaussian(80, 4, 2);
    let groups = Groups::new(&codes(80), 3).unwrap();
    let plain = Contrast::new(x.as_ref(), &groups).unwrap();
    let shifted = Mat::from_fn(80, 4, |i, d| 3.0 * x[(i, d)] + 1e6);
    let scaled = Contrast::new(shifted.as_ref(), &groups).unwrap();
    for group in 0..3 {
        for d in 0..4 {
            let (a, b) = (plain.standardised.row(group)[d], scaled.standardised.row(group)[d]);
            assert!((a - b).abs() < 1e-8);
            let (a, b) = (plain.difference.row(group)[d], scaled.difference.row(group)[d]);
            assert!((3.0 * a - b).abs() < 1e-8);
        }
    }
    let other = Groups::new(&[0, 1], 2).unwrap();
    assert!(matches!(Contrast::new(x.as_ref(), &other), Err(Error::Input(_))));
}

#[test]
fn ranking_breaks_ties_by_index_and_streams() {
    let a = Mat::from_fn(7, 9, |i, d| f64::from(((i * 5 + d * 3) % 4) as u32) - 1.5);
    let whole = TopFeatures::of_rows(a.as_ref(), 4, Order::LargestSize).unwrap();
    let mut parts = TopFeatures::new(4, Order::LargestSize);
    parts.add(a.as_ref().subrows(0, 3)).unwrap();
    parts.add(a.as_ref().subrows(3, 4)).unwrap();
    assert_eq!(whole, parts);
    for i in 0..7 {
        let mut plain: Vec<usize> = (0..9).collect();
        plain.sort_by(|&x, &y| a[(i, y)].abs().total_cmp(&a[(i, x)].abs()));
        let first: Vec<u32> = plain[..4].iter().map(|&d| d as u32).collect();
        assert_eq!(whole.features(i), first);
    }
    assert_eq!(TopFeatures::of_rows(a.as_ref(), 50, Order::Largest).unwrap().count(), 9);
    parts.add_unknown();
    parts.add(a.as_ref().subrows(2, 1)).unwrap();
    assert_eq!((parts.n_rows(), parts.features(7).len(), parts.values(7).len()), (9, 0, 0));
    assert_eq!((parts.features(6), parts.features(8)), (whole.features(6), whole.features(2)));
}

#[test]
fn saturation_counts_the_mass_between_groups() {
    for (effect, blind) in [(1.0, false), (12.0, true)] {
        let bed = nested_clusters(200, 5, effect, 0.0, 3);
        let halves: Vec<u32> = (0..200).map(|i| u32::from(i >= 100)).collect();
        let groups = Groups::new(&halves, 2).unwrap();
        let neighbours = embex_trees::knn(bed.x.as_ref(), 40).unwrap();
        let affinities = Affinities::from_neighbours(neighbours, 12.0).unwrap();
        let saturation = Saturation::new(&affinities, &groups).unwrap();
        let mass = &saturation.mass;
        assert!((mass.row(0)[0] + mass.row(0)[1] + mass.row(1)[1] - 1.0).abs() < 1e-12);
        assert_eq!(saturation.across, mass.row(0)[1]);
        assert_eq!(saturation.is_blind(), blind, "{effect}: {}", saturation.across);
        assert_eq!(saturation.blind_pairs().len(), usize::from(blind));
        assert_eq!(saturation.warning(&[]).is_some(), blind);
    }
}

/// The failing case of \[TG\]: the first feature, effect 8, cuts two pairs of classes apart while
/// affinity still crosses within each pair.
#[test]
fn saturation_finds_what_is_cut_off_behind_an_ample_total() {
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    for (effects, parts) in
        [((4.0, 2.0), vec![vec![0, 1, 2, 3]]), ((8.0, 3.0), vec![vec![0, 1], vec![2, 3]])]
    {
        let bed = nested_clusters(1000, 10, effects.0, effects.1, 0);
        let labels: Vec<u32> = bed.labels.iter().map(|&l| l as u32).collect();
        let groups = Groups::new(&labels, 4).unwrap();
        let neighbours = embex_trees::knn(bed.x.as_ref(), 91).unwrap();
        let affinities = Affinities::from_neighbours(neighbours, 30.0).unwrap();
        let saturation = Saturation::new(&affinities, &groups).unwrap();
        assert_eq!(saturation.parts(), parts, "{:?}", saturation.share);
        assert!(saturation.across > Saturation::BLIND);
        assert_eq!(saturation.is_blind(), parts.len() > 1);
        let warning = saturation.warning(&names);
        assert_eq!(warning.is_some(), parts.len() > 1);
        assert!(warning.is_none_or(|words| words.contains("a, b | c, d")));
    }
}

/// One sample among many leans on its neighbours with all it has.
#[test]
fn a_rare_group_is_not_cut_off_for_being_rare() {
    let bed = nested_clusters(300, 5, 0.0, 0.0, 1);
    let labels: Vec<u32> = (0..300).map(|i| u32::from(i == 7)).collect();
    let groups = Groups::new(&labels, 2).unwrap();
    let neighbours = embex_trees::knn(bed.x.as_ref(), 40).unwrap();
    let affinities = Affinities::from_neighbours(neighbours, 12.0).unwrap();
    let saturation = Saturation::new(&affinities, &groups).unwrap();
    assert_eq!((saturation.parts().len(), saturation.share.row(0)[1]), (1, 1.0));
}

#[test]
fn the_table_keeps_its_measures_apart() {
    let bed = nested_clusters(120, 4, 6.0, 3.0, 4);
    let labels: Vec<u32> = bed.labels.iter().map(|&l| l as u32).collect();
    let groups = Groups::new(&labels, 4).unwrap();
    let y = Mat::from_fn(120, 2, |i, c| bed.x[(i, c)]);
    let sets = FeatureSets::given(4, vec![vec![0, 3], vec![1]]).unwrap();
    let importance = Occlusion::new(
        FeatureSpace::Given(bed.x.as_ref()),
        y.as_ref(),
        sets,
        Some(groups.clone()),
        ImportanceParams::default().with_perplexity(10.0),
        MemoryBudget::default(),
        &mut Silent,
    )
    .unwrap()
    .finish(&mut Silent)
    .unwrap();
    let mut means = GroupMeans::new(groups.clone(), 4);
    means.add(bed.x.as_ref()).unwrap();
    let found = means.finish().unwrap();
    let contrast = Contrast::new(bed.x.as_ref(), &groups).unwrap();
    let summary = FeatureSummary::new(&groups, contrast)
        .with_importance(&importance)
        .unwrap()
        .with_sensitivity(found.clone())
        .unwrap()
        .with_sensitivity_norm(found.clone())
        .unwrap();
    let table = summary.values(Measure::Importance).unwrap();
    let charges = importance.per_group.as_ref().unwrap();
    for group in 0..4 {
        assert_eq!(table.row(group)[0], charges.row(group)[0]);
        assert_eq!(table.row(group)[3], charges.row(group)[0]);
        assert_eq!(table.row(group)[1], charges.row(group)[1]);
        assert_eq!(table.row(group)[2], 0.0);
    }
    assert_eq!(summary.values(Measure::SignedMean), Some(&found.signed));
    for measure in Measure::ALL {
        assert_eq!(summary.top(measure, 2).unwrap().unwrap().n_rows(), 4);
    }
    let two = Groups::new(&[0, 1], 2).unwrap();
    let other = FeatureSummary::new(
        &two,
        Contrast::new(Mat::from_fn(2, 4, |i, d| (i + d) as f64).as_ref(), &two).unwrap(),
    );
    assert!(matches!(other.clone().with_importance(&importance), Err(Error::Input(_))));
    assert!(matches!(other.with_sensitivity(found), Err(Error::Input(_))));
}
