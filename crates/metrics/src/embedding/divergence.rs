//! The divergence that t-SNE minimises, exactly.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::report;
use embex_linalg::{Progress, Real, check, ordered_sum};
use rayon::prelude::*;

use crate::{Error, Result};

/// Pairs evaluated together, so that the loop vectorises; fixed, for equal bits.
const LANES: usize = 16;
/// Pairs of rows between two reports.
const WAVE: usize = 1024;
/// What the reports call it.
const PHASE: &str = "exact KL";
/// How far the affinities' sum may be from 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// Joint affinities p_ij in compressed rows, borrowed and checked.
#[derive(Clone, Copy, Debug)]
pub struct SparseJoint<'a> {
    starts: &'a [usize],
    columns: &'a [u32],
    p: &'a [f64],
}

impl<'a> SparseJoint<'a> {
    /// Row i holds entries `starts[i]..starts[i + 1]` of `columns` and `p`; no diagonal.
    ///
    /// # Errors
    /// [`Error::Structure`] for starts that do not ascend from 0 to the number of entries or
    /// columns that do not ascend, lie outside or on the diagonal; [`Error::LengthMismatch`];
    /// [`Error::Value`] for a negative or infinite entry; [`Error::NotNormalised`] if the sum
    /// differs from 1 by more than 1e-6.
    pub fn new(starts: &'a [usize], columns: &'a [u32], p: &'a [f64]) -> Result<Self> {
        if columns.len() != p.len() {
            let (what, got) = ("the columns of the affinities", columns.len());
            return Err(Error::LengthMismatch { what, got, expected: p.len() });
        }
        if starts.len() < 3 || starts[0] != 0 {
            return Err(Error::Structure { row: 0, problem: "needs two rows that start at 0" });
        }
        let n = starts.len() - 1;
        for row in 0..n {
            check_row(starts, columns, n, row)?;
            if columns[starts[row]..starts[row + 1]].binary_search(&(row as u32)).is_ok() {
                return Err(Error::Structure { row, problem: "holds a diagonal entry" });
            }
        }
        if starts[n] != p.len() {
            let problem = "does not end with the last entry";
            return Err(Error::Structure { row: n - 1, problem });
        }
        let allowed = |v: &f64| *v >= 0.0 && v.is_finite();
        if let Some(index) = p.iter().position(|v| !allowed(v)) {
            let (what, expected) = ("the affinities", "finite and not negative");
            return Err(Error::Value { what, index, value: p[index], expected });
        }
        let sum = ordered_sum(p.len(), |e| p[e]);
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Error::NotNormalised { sum });
        }
        Ok(Self { starts, columns, p })
    }

    /// Number of samples.
    pub const fn n_samples(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().map(|&j| j as usize).zip(self.p[range].iter().copied())
    }
}

/// Accepts one of compressed rows: its range, and columns that ascend below `n`.
pub(crate) fn check_row(starts: &[usize], columns: &[u32], n: usize, row: usize) -> Result<()> {
    let fail = |problem| Err(Error::Structure { row, problem });
    let (start, end) = (starts[row], starts[row + 1]);
    if start > end || end > columns.len() {
        return fail("its range of entries is impossible");
    }
    let columns = &columns[start..end];
    if !columns.is_sorted_by(|a, b| a < b) {
        return fail("columns do not ascend");
    }
    if columns.last().is_some_and(|&j| j as usize >= n) {
        return fail("a column is beyond the last sample");
    }
    Ok(())
}

/// KL(P‖Q) and its parts, in nats: kl = attraction + log_z − entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Divergence {
    /// KL(P‖Q); at least 0 up to rounding.
    pub kl: f64,
    /// Σ p_ij ln(1 + |y_i − y_j|²).
    pub attraction: f64,
    /// ln Z, with Z = Σ_{k≠l} 1/(1 + |y_k − y_l|²).
    pub log_z: f64,
    /// −Σ p_ij ln p_ij.
    pub entropy: f64,
}

/// Exact KL divergence of a map from joint affinities.
///
/// KL(P‖Q) = Σ_{i≠j} p_ij ln(p_ij / q_ij) with q_ij = 1/(1 + |y_i − y_j|²) / Z (van der Maaten
/// and Hinton 2008, eq. 4–5), the normaliser over all pairs. Entries p_ij = 0, stored or not,
/// contribute 0. All sums in `f64` in a fixed order, whatever the type of the map.
///
/// `map` is n × C for any C ≥ 1. Phase "exact KL", in pairs of rows. Cost n²/2 pairs (some 4 CPU seconds at n = 70,000 in the
/// plane), memory (C + 1)·n numbers.
///
/// # Errors
/// [`Error::LengthMismatch`] for the rows, [`Error::Matrix`] for bad entries or if the map is
/// so wide that squared distances overflow; [`Error::Cancelled`].
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_linalg::progress::Silent;
/// use embex_metrics::{SparseJoint, kl_divergence};
/// let (starts, columns, p) = ([0, 1, 2], [1, 0], [0.5, 0.5]);
/// let joint = SparseJoint::new(&starts, &columns, &p)?;
/// let divergence = kl_divergence(&joint, mat![[0.0], [3.0_f32]].as_ref(), &mut Silent)?;
/// assert!(divergence.kl.abs() < 1e-15); // one pair: Q = P wherever the points are
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn kl_divergence<T: Real>(
    joint: &SparseJoint<'_>,
    map: MatRef<'_, T>,
    progress: &mut dyn Progress,
) -> Result<Divergence> {
    let n = joint.n_samples();
    if map.nrows() != n {
        return Err(Error::LengthMismatch { what: "the map", got: map.nrows(), expected: n });
    }
    check::finite(map)?;
    let axes: Vec<Vec<f64>> =
        (0..map.ncols()).map(|c| (0..n).map(|i| map[(i, c)].to_f64()).collect()).collect();
    let log_z = log_normaliser(&axes, progress)?;
    let attraction =
        ordered_sum(n, |i| joint.row(i).map(|(j, p)| p * dist_sq(&axes, i, j).ln_1p()).sum());
    let entropy =
        -ordered_sum(n, |i| joint.row(i).filter(|(_, p)| *p > 0.0).map(|(_, p)| p * p.ln()).sum());
    let kl = attraction + log_z - entropy;
    if !kl.is_finite() {
        return Err(embex_linalg::Error::OutOfRange { what: "squared span" }.into());
    }
    Ok(Divergence { kl, attraction, log_z, entropy })
}

/// ln Σ_{k≠l} 1/(1 + |y_k − y_l|²): every pair once, row by row, the rows in order.
fn log_normaliser(axes: &[Vec<f64>], progress: &mut dyn Progress) -> Result<f64> {
    let n = axes[0].len();
    let total = n.div_ceil(2);
    // Equal shares: a short row goes with a long one.
    let mut halves: Vec<(f64, f64)> = Vec::with_capacity(total);
    for first in (0..total).step_by(WAVE) {
        report(progress, PHASE, first, total, "")?;
        let wave = (first..total.min(first + WAVE)).into_par_iter();
        halves.par_extend(wave.map(|i| (later_pairs(axes, i), later_pairs(axes, n - 1 - i))));
    }
    report(progress, PHASE, total, total, "")?;
    let row = |i: usize| if i < halves.len() { halves[i].0 } else { halves[n - 1 - i].1 };
    Ok((2.0 * ordered_sum(n, row)).ln())
}

/// Σ_{l>k} 1/(1 + |y_k − y_l|²) for one k, in 16 interleaved partial sums.
fn later_pairs(axes: &[Vec<f64>], k: usize) -> f64 {
    let n = axes[0].len();
    let mut sums = [0.0; LANES];
    let mut l = k + 1;
    while l + LANES <= n {
        let mut denominators = [1.0; LANES];
        for axis in axes {
            let here = axis[k];
            for (d, there) in denominators.iter_mut().zip(&axis[l..l + LANES]) {
                let diff = here - there;
                *d += diff * diff;
            }
        }
        for (sum, d) in sums.iter_mut().zip(denominators) {
            *sum += 1.0 / d;
        }
        l += LANES;
    }
    let tail: f64 = (l..n).map(|l| 1.0 / (1.0 + dist_sq(axes, k, l))).sum();
    sums.iter().sum::<f64>() + tail
}

fn dist_sq(axes: &[Vec<f64>], i: usize, j: usize) -> f64 {
    axes.iter().map(|axis| (axis[i] - axis[j]) * (axis[i] - axis[j])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::Rows;
    use embex_linalg::faer::Mat;
    use embex_linalg::progress::{Flow, Silent, Update};
    use embex_testkit::{Golden, gaussian};

    /// Compressed rows of a dense matrix, zeros left out.
    fn sparse(dense: &Mat<f64>) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
        let (mut starts, mut columns, mut p) = (vec![0], Vec::new(), Vec::new());
        for i in 0..dense.nrows() {
            for j in (0..dense.ncols()).filter(|&j| dense[(i, j)] > 0.0) {
                columns.push(j as u32);
                p.push(dense[(i, j)]);
            }
            starts.push(p.len());
        }
        (starts, columns, p)
    }

    /// Symmetric affinities of about ten entries a row.
    fn some_joint(n: usize) -> Mat<f64> {
        let raw = gaussian(n, n, 8);
        let weight = |i: usize, j: usize| {
            if i != j && (i + j).is_multiple_of(n / 10) { raw[(i, j)].abs() } else { 0.0 }
        };
        let both = Mat::from_fn(n, n, |i, j| weight(i, j) + weight(j, i));
        let sum: f64 = (0..n * n).map(|e| both[(e / n, e % n)]).sum();
        Mat::from_fn(n, n, |i, j| both[(i, j)] / sum)
    }

    /// P and maps of an independent implementation; KL by scikit-learn (see tests/data).
    #[test]
    fn golden_values_of_scikit_learn() {
        let golden =
            Golden::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kl.npz")).unwrap();
        let dense = golden.array("P").to_mat();
        let (starts, columns, p) = sparse(&dense);
        let joint = SparseJoint::new(&starts, &columns, &p).unwrap();
        for (step, expected) in golden.array("kl").data.iter().enumerate() {
            let map = golden.array("Y").slice(step).to_mat();
            let found = kl_divergence(&joint, map.as_ref(), &mut Silent).unwrap();
            assert!((found.kl - expected).abs() < 1e-12, "map {step}: {} {expected}", found.kl);
        }
    }

    /// n points in one place: every q is 1/(n(n − 1)).
    #[test]
    fn a_collapsed_map_has_the_closed_form() {
        let n = 50;
        let (starts, columns, p) = sparse(&some_joint(n));
        let joint = SparseJoint::new(&starts, &columns, &p).unwrap();
        let found = kl_divergence(&joint, Mat::<f32>::zeros(n, 3).as_ref(), &mut Silent).unwrap();
        let log_z = ((n * (n - 1)) as f64).ln();
        assert!((found.log_z - log_z).abs() < 1e-13 && found.attraction == 0.0);
        assert!((found.kl - (log_z - found.entropy)).abs() < 1e-13);
    }

    #[test]
    fn matches_the_definition_for_any_size_and_dimension() {
        for (n, dims) in [(20, 1), (37, 2), (61, 3), (40, 5)] {
            let (starts, columns, p) = sparse(&some_joint(n));
            let joint = SparseJoint::new(&starts, &columns, &p).unwrap();
            let y = gaussian(n, dims, 2);
            let w = |i: usize, j: usize| {
                1.0 / (1.0 + (0..dims).map(|c| (y[(i, c)] - y[(j, c)]).powi(2)).sum::<f64>())
            };
            let z: f64 = (0..n * n)
                .map(|e| (e / n, e % n))
                .filter(|(i, j)| i != j)
                .map(|(i, j)| w(i, j))
                .sum();
            let direct: f64 = (0..n)
                .flat_map(|i| joint.row(i).map(move |(j, p)| (i, j, p)))
                .map(|(i, j, p)| p * (p * z / w(i, j)).ln())
                .sum();
            let found = kl_divergence(&joint, y.as_ref(), &mut Silent).unwrap();
            assert!((found.kl - direct).abs() < 1e-12 && found.kl > 0.0);
        }
    }

    #[test]
    fn motions_change_nothing_and_bits_are_equal_everywhere() {
        let n = 900;
        let (starts, columns, p) = sparse(&some_joint(n));
        let joint = SparseJoint::new(&starts, &columns, &p).unwrap();
        let y = gaussian(n, 2, 5);
        let rows = Rows::copy_from(y.as_ref());
        let run = |threads, view: MatRef<'_, f64>| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kl_divergence(&joint, view, &mut Silent).unwrap())
        };
        let expected = run(1, y.as_ref());
        assert_eq!(run(2, rows.as_mat()), expected);
        assert_eq!(run(8, rows.as_mat()), expected);
        let moved = Mat::from_fn(n, 2, |i, c| if c == 0 { 4.0 - y[(i, 1)] } else { y[(i, 0)] });
        assert!((run(2, moved.as_ref()).kl - expected.kl).abs() < 1e-12);
        let single = Mat::from_fn(n, 2, |i, c| y[(i, c)] as f32);
        assert!(
            (kl_divergence(&joint, single.as_ref(), &mut Silent).unwrap().kl - expected.kl).abs()
                < 1e-6
        );
    }

    #[test]
    fn bad_input_is_refused() {
        let half = [0.5, 0.5];
        let new = |s: &[usize], c: &[u32], p: &[f64]| SparseJoint::new(s, c, p).map(|_| ());
        let row = |r| match r {
            Err(Error::Structure { row, .. }) => Some(row),
            _ => None,
        };
        assert_eq!(row(new(&[0, 2], &[1, 0], &half)), Some(0));
        assert_eq!(row(new(&[0, 2, 1], &[1, 0], &half)), Some(0));
        assert_eq!(row(new(&[0, 1, 3], &[1, 0], &half)), Some(1));
        assert_eq!(row(new(&[0, 1, 1], &[1, 0], &half)), Some(1));
        assert_eq!(row(new(&[0, 1, 2], &[1, 1], &half)), Some(1));
        assert_eq!(row(new(&[0, 1, 2], &[1, 7], &half)), Some(1));
        assert_eq!(row(new(&[0, 0, 2, 2], &[2, 0], &half)), Some(1));
        assert!(matches!(new(&[0, 1, 2], &[1], &half), Err(Error::LengthMismatch { .. })));
        assert!(matches!(
            new(&[0, 1, 2], &[1, 0], &[0.5, -0.5]),
            Err(Error::Value { index: 1, .. })
        ));
        assert_eq!(new(&[0, 1, 2], &[1, 0], &[0.5, 0.25]), Err(Error::NotNormalised { sum: 0.75 }));
        let joint = SparseJoint::new(&[0, 1, 2], &[1, 0], &half).unwrap();
        let kl = |map: Mat<f64>| kl_divergence(&joint, map.as_ref(), &mut Silent);
        assert!(matches!(kl(Mat::zeros(3, 2)), Err(Error::LengthMismatch { .. })));
        assert!(matches!(kl(Mat::zeros(2, 0)), Err(Error::Matrix(_))));
        assert!(matches!(kl(Mat::from_fn(2, 1, |_, _| f64::NAN)), Err(Error::Matrix(_))));
        assert!(matches!(kl(Mat::from_fn(2, 1, |i, _| 1e200 * i as f64)), Err(Error::Matrix(_))));
    }

    #[test]
    fn it_stops_when_asked_to() {
        let n = 5000;
        let starts: Vec<usize> = (0..=n).collect();
        let columns: Vec<u32> = (0..n as u32).map(|i| i ^ 1).collect();
        let p = vec![1.0 / n as f64; n];
        let joint = SparseJoint::new(&starts, &columns, &p).unwrap();
        let mut seen = Vec::new();
        let mut stop = |update: Update<'_>| {
            seen.push((update.phase.to_owned(), update.done, update.total));
            if update.done >= 2048 { Flow::Cancel } else { Flow::Continue }
        };
        let stopped = kl_divergence(&joint, gaussian(n, 2, 1).as_ref(), &mut stop);
        assert_eq!(stopped, Err(Error::Cancelled));
        let at = |done| ("exact KL".to_owned(), done, 2500);
        assert_eq!(seen, [at(0), at(1024), at(2048)]);
    }
}
