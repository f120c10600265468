use proptest::prelude::*;

use super::*;
use crate::golden_data::labels;

const AVERAGES: [Average; 4] =
    [Average::Arithmetic, Average::Geometric, Average::Min, Average::Max];

/// scikit-learn 1.9.1: `adjusted_rand_score`, `mutual_info_score`,
/// `homogeneity_completeness_v_measure`, `v_measure_score(beta=0.4)`,
/// `adjusted_mutual_info_score` and `normalized_mutual_info_score` by `average_method`.
#[test]
fn golden_values() {
    let [a, b] = labels();
    let table = Contingency::new(&a, &b).unwrap();
    let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-13, "{got}");
    close(table.adjusted_rand_index(), -0.01723429867939861);
    close(table.mutual_information(), 0.016566826924894307);
    close(table.homogeneity(), 0.01725613045192251);
    close(table.completeness(), 0.01034324886259083);
    close(table.v_measure(1.0).unwrap(), 0.012933946784499542);
    close(table.v_measure(0.4).unwrap(), 0.014489305578772307);
    for (average, adjusted, normalised) in [
        (Average::Arithmetic, -0.025906458157327096, 0.012933946784499542),
        (Average::Geometric, -0.026794163753451533, 0.01335980732157341),
        (Average::Min, -0.03502426479826463, 0.01725613045192251),
        (Average::Max, -0.02055532558631976, 0.01034324886259083),
    ] {
        close(table.adjusted_mutual_information(average), adjusted);
        close(table.normalised_mutual_information(average), normalised);
    }
}

/// scikit-learn 1.9.1, for 20,000 samples: its factorials round at some 1e-11.
#[test]
fn golden_values_of_many_samples() {
    let a: Vec<usize> = (0..20_000).map(|i| i * 7919 % 1000 % 37).collect();
    let b: Vec<usize> = (0..20_000).map(|i| (i / 7 + i * 13 % 5) % 53).collect();
    let table = Contingency::new(&a, &b).unwrap();
    let ami = table.adjusted_mutual_information(Average::Arithmetic);
    assert!((ami - -0.007735007568861499).abs() < 1e-9, "{ami}");
    let ari = table.adjusted_rand_index();
    assert!((ari - -0.0012891404576377157).abs() < 1e-13, "{ari}");
}

#[test]
fn closed_forms() {
    let equal = Contingency::new(&["x", "y", "x"], &[Some(7), None, Some(7)]).unwrap();
    let crossed = Contingency::new(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap();
    assert_eq!(equal.cells(), [(0, 1, 2), (1, 0, 1)]);
    assert_eq!((equal.n_classes(), equal.n_samples()), ([2, 2], 3));
    assert_eq!((equal.adjusted_rand_index(), crossed.adjusted_rand_index()), (1.0, -0.5));
    assert_eq!((equal.v_measure(1.0), crossed.v_measure(1.0)), (Ok(1.0), Ok(0.0)));
    for average in AVERAGES {
        assert_eq!(equal.adjusted_mutual_information(average), 1.0);
        assert_eq!(equal.normalised_mutual_information(average), 1.0);
        // I = 0; E over the 6 pairings: 1/3 · ln 2; all means are ln 2
        let ami = crossed.adjusted_mutual_information(average);
        assert!((ami - -0.5).abs() < 1e-14, "{ami}");
    }
}

#[test]
fn partitions_without_choice_have_answers() {
    let one = [3; 6];
    let each: Vec<usize> = (0..6).collect();
    for equal in [Contingency::new(&one, &one), Contingency::new(&each, &each)] {
        let equal = equal.unwrap();
        assert_eq!((equal.adjusted_rand_index(), equal.homogeneity()), (1.0, 1.0));
        assert_eq!(equal.adjusted_mutual_information(Average::Arithmetic), 1.0);
    }
    let apart = Contingency::new(&one, &each).unwrap();
    assert_eq!((apart.adjusted_rand_index(), apart.homogeneity()), (0.0, 1.0));
    assert_eq!((apart.completeness(), apart.v_measure(1.0)), (0.0, Ok(0.0)));
    let halves = Contingency::new(&[0, 0, 0, 1, 1, 1], &each).unwrap();
    for average in AVERAGES {
        assert_eq!(apart.adjusted_mutual_information(average), 0.0);
        assert_eq!(apart.normalised_mutual_information(average), 0.0);
        let chance = halves.adjusted_mutual_information(average); // singletons: I is never less
        assert!(chance.abs() < 1e-12, "{chance}");
    }
}

#[test]
fn bad_input_is_refused() {
    let short = Contingency::new(&[1, 2], &[1]);
    assert!(matches!(short, Err(Error::LengthMismatch { got: 1, expected: 2, .. })));
    let none = Contingency::new::<u8, u8>(&[], &[]);
    assert!(matches!(none, Err(Error::TooFew { got: 0, .. })));
    let table = Contingency::new(&[1, 2], &[1, 1]).unwrap();
    for beta in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(table.v_measure(beta), Err(Error::Setting { name: "beta", .. })));
    }
}

proptest! {
    #[test]
    fn measures_are_bounded_and_blind_to_names(
        pairs in prop::collection::vec((0..5_usize, 0..4_usize), 1..60),
    ) {
        let (a, b): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        let there = Contingency::new(&a, &b).unwrap();
        let back = Contingency::new(&b, &a).unwrap();
        let renamed: Vec<String> = a.iter().map(|label| format!("{}", 9 - label)).collect();
        let renamed = Contingency::new(&renamed, &b).unwrap();
        let near = |p: f64, q: f64| (p - q).abs() < 1e-10;
        prop_assert!((-0.5..=1.0).contains(&there.adjusted_rand_index()));
        prop_assert_eq!(there.adjusted_rand_index(), back.adjusted_rand_index());
        prop_assert_eq!(there.adjusted_rand_index(), renamed.adjusted_rand_index());
        prop_assert!(near(there.homogeneity(), back.completeness()));
        for average in AVERAGES {
            let nmi = there.normalised_mutual_information(average);
            prop_assert!((0.0..=1.0).contains(&nmi));
            let ami = there.adjusted_mutual_information(average);
            prop_assert!(ami.is_finite() && ami <= 1.0);
            prop_assert!(near(ami, back.adjusted_mutual_information(average)));
            prop_assert!(near(ami, renamed.adjusted_mutual_information(average)));
        }
        if there.entropies().iter().all(|h| *h > 0.0) {
            let nmi = there.normalised_mutual_information(Average::Arithmetic);
            prop_assert!(near(there.v_measure(1.0).unwrap(), nmi));
        }
    }
}
