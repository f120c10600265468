//! Seeded data with known relevant features.
//!
//! Row `i` draws from its own stream, so the first rows of a longer bed equal a shorter one's
//! noise, and two beds with one seed differ by their effects alone.

use faer::Mat;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

/// Data whose classes are made by known features.
#[derive(Clone, Debug)]
pub struct Bed {
    /// Samples in rows.
    pub x: Mat<f64>,
    /// Class of each sample, from 0; rows are sorted by class, sizes differ by at most 1.
    pub labels: Vec<usize>,
    /// For each class the features that make it, ascending.
    pub relevant: Vec<Vec<usize>>,
}

/// Standard normal entries.
pub fn gaussian(n: usize, d: usize, seed: u64) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut rng = stream(seed, i);
            (0..d).map(|_| rng.sample(StandardNormal)).collect()
        })
        .collect();
    Mat::from_fn(n, d, |i, j| rows[i][j])
}

/// Unit-variance Gaussian clusters with centres drawn from N(0, `spread`²) in every feature.
pub fn clusters(n: usize, d: usize, n_classes: usize, spread: f64, seed: u64) -> Bed {
    let centres = gaussian(n_classes, d, seed ^ CENTRES);
    let labels = equal_classes(n, n_classes);
    let mut x = gaussian(n, d, seed);
    for (i, &class) in labels.iter().enumerate() {
        for j in 0..d {
            x[(i, j)] += spread * centres[(class, j)];
        }
    }
    Bed { x, labels, relevant: vec![(0..d).collect(); n_classes] }
}

/// The nested design of \[TG, Appendix, "Synthetic Data Experiment"\].
///
/// Standard normal noise in `d` features and four equal classes: `effect1` is added to feature
/// 0 of classes 0 and 1, `effect2` to feature 1 of class 0 and to feature 2 of class 2. So
/// features 0 and 1 make classes 0 and 1, features 0 and 2 make classes 2 and 3.
///
/// # Panics
/// If `d < 3`.
///
/// # Example
/// ```
/// let bed = embex_testkit::nested_clusters(200, 10, 6.0, 3.0, 1);
/// assert_eq!((bed.x.nrows(), bed.x.ncols()), (200, 10));
/// assert_eq!(bed.relevant[3], [0, 2]);
/// ```
pub fn nested_clusters(n: usize, d: usize, effect1: f64, effect2: f64, seed: u64) -> Bed {
    assert!(d >= 3, "the nested design needs 3 features, got {d}");
    let labels = equal_classes(n, 4);
    let mut x = gaussian(n, d, seed);
    for (i, &class) in labels.iter().enumerate() {
        match class {
            0 => {
                x[(i, 0)] += effect1;
                x[(i, 1)] += effect2;
            }
            1 => x[(i, 0)] += effect1,
            2 => x[(i, 2)] += effect2,
            _ => {}
        }
    }
    Bed { x, labels, relevant: vec![vec![0, 1], vec![0, 1], vec![0, 2], vec![0, 2]] }
}

/// The nested design in 10 features, effects 6 and 3, every feature scaled to mean 0 and
/// standard deviation 1: variance says nothing about relevance.
pub fn zsc(n: usize, seed: u64) -> Bed {
    let mut bed = nested_clusters(n, 10, 6.0, 3.0, seed);
    for j in 0..bed.x.ncols() {
        let column: Vec<f64> = (0..n).map(|i| bed.x[(i, j)]).collect();
        let mean = column.iter().sum::<f64>() / n as f64;
        let variance = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        for (i, v) in column.into_iter().enumerate() {
            bed.x[(i, j)] = (v - mean) / variance.sqrt();
        }
    }
    bed
}

/// The nested design in 10 features, effects 6 and 3, and an eleventh feature of standard
/// deviation 3 that knows no class.
pub fn decoy(n: usize, seed: u64) -> Bed {
    let bed = nested_clusters(n, 10, 6.0, 3.0, seed);
    let extra = gaussian(n, 1, seed ^ EXTRA);
    append(bed, |_, i, _| 3.0 * extra[(i, 0)], 1)
}

/// The nested design in 10 features, effects 6 and 3, and copies of features 0, 1 and 5 with
/// noise of standard deviation 0.3 as features 10, 11 and 12; the first two count as relevant.
pub fn dup(n: usize, seed: u64) -> Bed {
    let bed = nested_clusters(n, 10, 6.0, 3.0, seed);
    let noise = gaussian(n, 3, seed ^ EXTRA);
    let mut bed = append(bed, |x, i, copy| x[(i, [0, 1, 5][copy])] + 0.3 * noise[(i, copy)], 3);
    for relevant in &mut bed.relevant {
        relevant.push(10);
        if relevant.contains(&1) {
            relevant.push(11);
        }
    }
    bed
}

/// Three quarters of a helix turn in features 0, 1, 2 of 20, with standard normal noise in
/// all; the classes are the quarters of its length.
///
/// The centre line is (6 cos θ, 6 sin θ, 12 t − 6) with θ = 3πt/2 and t uniform in a class's
/// quarter of \[0, 1\).
pub fn curve(n: usize, seed: u64) -> Bed {
    let labels = equal_classes(n, 4);
    let mut x = gaussian(n, 20, seed);
    for (i, &class) in labels.iter().enumerate() {
        let t = (class as f64 + stream(seed ^ EXTRA, i).random::<f64>()) / 4.0;
        let theta = 1.5 * std::f64::consts::PI * t;
        x[(i, 0)] += 6.0 * theta.cos();
        x[(i, 1)] += 6.0 * theta.sin();
        x[(i, 2)] += 12.0 * t - 6.0;
    }
    Bed { x, labels, relevant: vec![vec![0, 1, 2]; 4] }
}

/// Keeps the draws of centres and of appended features apart from those of the noise.
const CENTRES: u64 = 0x5eed_0000_0000_0001;
const EXTRA: u64 = 0x5eed_0000_0000_0002;

fn stream(seed: u64, row: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(row as u64);
    rng
}

fn equal_classes(n: usize, n_classes: usize) -> Vec<usize> {
    (0..n).map(|i| i * n_classes / n).collect()
}

fn append(bed: Bed, value: impl Fn(&Mat<f64>, usize, usize) -> f64, n_extra: usize) -> Bed {
    let (n, d) = bed.x.shape();
    let x =
        Mat::from_fn(
            n,
            d + n_extra,
            |i, j| {
                if j < d { bed.x[(i, j)] } else { value(&bed.x, i, j - d) }
            },
        );
    Bed { x, ..bed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_mean(bed: &Bed, class: usize, j: usize) -> f64 {
        let rows: Vec<usize> = (0..bed.labels.len()).filter(|&i| bed.labels[i] == class).collect();
        rows.iter().map(|&i| bed.x[(i, j)]).sum::<f64>() / rows.len() as f64
    }

    #[test]
    fn effects_shift_the_classes_of_the_design() {
        let bed = nested_clusters(4000, 10, 6.0, 3.0, 7);
        let wanted = [[6.0, 3.0, 0.0], [6.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]];
        for (class, means) in wanted.iter().enumerate() {
            for (j, mean) in means.iter().enumerate() {
                let gap = (class_mean(&bed, class, j) - mean).abs();
                assert!(gap < 0.15, "class {class}, feature {j}: off by {gap}"); // sd 0.03
            }
        }
        assert_eq!(bed.labels.iter().filter(|&&l| l == 2).count(), 1000);
    }

    #[test]
    fn beds_of_one_seed_share_their_noise() {
        let (weak, strong) =
            (nested_clusters(40, 5, 2.0, 1.0, 3), nested_clusters(40, 5, 6.0, 1.0, 3));
        assert_eq!(weak.x[(39, 0)], strong.x[(39, 0)]);
        assert!((strong.x[(0, 0)] - weak.x[(0, 0)] - 4.0).abs() < 1e-12);
        assert_ne!(gaussian(3, 2, 1), gaussian(3, 2, 2));
        let (short, long) = (gaussian(3, 2, 1), gaussian(9, 2, 1));
        assert_eq!(short.as_ref(), long.get(..3, ..));
    }

    #[test]
    fn zsc_columns_have_unit_variance() {
        let bed = zsc(300, 5);
        for j in 0..10 {
            let (sum, square) = (0..300).fold((0.0, 0.0), |(s, q), i| {
                let v: f64 = bed.x[(i, j)];
                (s + v, q + v * v)
            });
            assert!(sum.abs() < 1e-10 && (square / 300.0 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn dup_and_decoy_append_features() {
        let bed = dup(100, 5);
        assert_eq!(bed.x.ncols(), 13);
        assert_eq!(
            bed.relevant,
            [vec![0, 1, 10, 11], vec![0, 1, 10, 11], vec![0, 2, 10], vec![0, 2, 10]]
        );
        let worst = (0..100).map(|i| (bed.x[(i, 12)] - bed.x[(i, 5)]).abs()).fold(0.0, f64::max);
        assert!(worst > 0.1 && worst < 2.0);
        assert_eq!(decoy(50, 1).x.ncols(), 11);
    }

    #[test]
    fn curve_classes_follow_the_arc() {
        let bed = curve(4000, 2);
        for class in 0..4 {
            let middle = 12.0 * (class as f64 + 0.5) / 4.0 - 6.0;
            assert!((class_mean(&bed, class, 2) - middle).abs() < 0.2);
        }
        assert!(clusters(30, 4, 3, 5.0, 1).labels.ends_with(&[2; 10]));
    }
}
