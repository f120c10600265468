//! Whether a feature is smooth on a graph.

use embex_linalg::check;
use embex_linalg::faer::linalg::matmul::matmul;
use embex_linalg::faer::{Accum, Mat, MatRef, Par};
use embex_linalg::{Rows, ordered_sum};
use rayon::prelude::*;

use super::SparseGraph;
use crate::{Error, Result};

/// Score of a feature that does not vary: the largest there is, so that it comes last.
const CONSTANT: f64 = 2.0;
/// Rows of weights that one task holds; fixed, for equal bits.
const ROWS: usize = 64;

/// Laplacian score of every feature on a graph (He, Cai and Niyogi 2005, eq. 2); **the smallest
/// come first**.
///
/// f̃ᵀLf̃ / f̃ᵀDf̃ = Σ_{i<j} w_ij (f_i − f_j)² / Σ_i d_i (f_i − f̄)², with d_i = Σ_j w_ij and f̄ the
/// mean weighted by d. In \[0, 2\]: small if neighbours have like values although the feature
/// varies; near 1 if the graph says nothing about it. No scale of weights or features matters.
/// A feature that is constant where d_i > 0 has no score and gets 2. For classes, give the rows
/// and the graph of one class \[TG, "Baselines"\].
///
/// `x` is n × D. Cost entries · D, parallel over features.
///
/// # Departures
/// scikit-feature 1.1.0 (`lap_score`) takes differences of large sums, loses digits to an offset,
/// and sets denominators below 1e-12 to 10,000: features of small scale, or any under affinities
/// that sum to 1, may get 1 in place of their score. Both agree where that does not strike.
///
/// # Errors
/// [`Error::LengthMismatch`] for the rows, [`Error::Matrix`] for entries that are not finite or so
/// far apart that squares overflow.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::features::{SparseGraph, laplacian_score};
/// // Two pairs; feature 0 separates the pairs, feature 1 the members of each.
/// let graph = SparseGraph::new(&[0, 1, 2, 3, 4], &[1, 0, 3, 2], &[1.0; 4])?;
/// let x = mat![[0.0, 0.0, 5.0], [0.0, 1.0, 5.0], [1.0, 0.0, 5.0], [1.0, 1.0, 5.0_f64]];
/// assert_eq!(laplacian_score(x.as_ref(), &graph)?, [0.0, 2.0, 2.0]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn laplacian_score(x: MatRef<'_, f64>, graph: &SparseGraph<'_>) -> Result<Vec<f64>> {
    check::finite(x)?;
    same_rows(x, graph.n_samples())?;
    let n = x.nrows();
    let degrees = graph.degrees();
    (0..x.ncols())
        .into_par_iter()
        .map(|d| {
            let feature: Vec<f64> = (0..n).map(|i| x[(i, d)]).collect();
            let roughness = (0..n).fold(0.0, |sum, i| {
                let pairs = graph.row(i).filter(|(j, _)| i < *j);
                sum + pairs.map(|(j, w)| w * (feature[i] - feature[j]).powi(2)).sum::<f64>()
            });
            ratio(roughness, spread(&feature, &degrees).1)
        })
        .collect()
}

/// Laplacian score on a graph of which all pairs have a weight, as Q of t-SNE.
///
/// As [`laplacian_score`]; `weights(i, row)` fills row i, n numbers, of a symmetric matrix. Rows
/// are asked for in blocks, twice, and never held together: memory 64 · (n + D) numbers per
/// thread, cost n² · D multiply–adds. Only the upper triangle is trusted to be symmetric: an
/// asymmetric matrix gives the score of no graph.
///
/// # Errors
/// As [`laplacian_score`]; [`Error::Value`] for a weight that is negative or not finite (`index` is
/// i · n + j), [`Error::TooFew`] if all are 0.
///
/// # Example
/// ```
/// use embex_linalg::faer::{Mat, mat};
/// use embex_metrics::features::laplacian_score_dense;
/// let map = [0.0, 0.5, 8.0, 9.0];
/// let kernel = |i: usize, row: &mut [f64]| {
///     for (j, w) in row.iter_mut().enumerate() {
///         *w = if i == j { 0.0 } else { 1.0 / (1.0 + f64::powi(map[i] - map[j], 2)) };
///     }
/// };
/// let x = mat![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0_f64]];
/// let scores = laplacian_score_dense(x.as_ref(), kernel)?;
/// assert!(scores[0] < scores[1]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn laplacian_score_dense(
    x: MatRef<'_, f64>,
    weights: impl Fn(usize, &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    check::finite(x)?;
    let (n, width) = x.shape();
    let degrees = dense_degrees(n, &weights)?;
    if degrees.iter().all(|d| *d == 0.0) {
        return Err(Error::TooFew { what: "the graph (weights above 0)", needed: 1, got: 0 });
    }
    let columns: Vec<(f64, f64)> = (0..width)
        .into_par_iter()
        .map(|d| spread(&(0..n).map(|i| x[(i, d)]).collect::<Vec<f64>>(), &degrees))
        .collect();
    // Scaled to weighted variance 1, so that the two sums below are of like size.
    let factor = |variance: f64| if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
    let centred = Mat::from_fn(n, width, |i, d| (x[(i, d)] - columns[d].0) * factor(columns[d].1));
    if (0..width).any(|d| !columns[d].1.is_finite()) {
        return Err(embex_linalg::Error::OutOfRange { what: "spread" }.into());
    }
    let products = products(centred.as_ref(), &weights);
    // f̃ᵀLf̃ = f̃ᵀDf̃ − f̃ᵀWf̃, the first of which is 1 now.
    let score = |(product, column): (f64, &(f64, f64))| {
        if column.1 > 0.0 { (1.0 - product).clamp(0.0, CONSTANT) } else { CONSTANT }
    };
    Ok(products.into_iter().zip(&columns).map(score).collect())
}

/// Sums of the rows, whose entries are checked on the way.
fn dense_degrees(n: usize, weights: &(impl Fn(usize, &mut [f64]) + Sync)) -> Result<Vec<f64>> {
    (0..n)
        .into_par_iter()
        .map_init(
            || vec![0.0; n],
            |row, i| {
                weights(i, row);
                match row.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
                    None => Ok(row.iter().sum()),
                    Some(j) => {
                        let (what, expected) = ("the weights", "finite and not negative");
                        Err(Error::Value { what, index: i * n + j, value: row[j], expected })
                    }
                }
            },
        )
        .collect()
}

/// f̃ᵀWf̃ of every column: blocks of rows, added in order.
fn products(f: MatRef<'_, f64>, weights: &(impl Fn(usize, &mut [f64]) + Sync)) -> Vec<f64> {
    let (n, width) = f.shape();
    let partial: Vec<Vec<f64>> = (0..n.div_ceil(ROWS))
        .into_par_iter()
        .map(|block| {
            let rows = block * ROWS..n.min((block + 1) * ROWS);
            let mut w = Rows::<f64>::zeros(rows.len(), n);
            for (local, i) in rows.clone().enumerate() {
                weights(i, w.row_mut(local));
            }
            let mut wf = Mat::<f64>::zeros(rows.len(), width);
            matmul(wf.as_mut(), Accum::Replace, w.as_mat(), f, 1.0, Par::Seq);
            let column = |d: usize| {
                rows.clone().enumerate().map(|(local, i)| f[(i, d)] * wf[(local, d)]).sum()
            };
            (0..width).map(column).collect()
        })
        .collect();
    (0..width).map(|d| partial.iter().fold(0.0, |sum, block| sum + block[d])).collect()
}

/// Weighted mean and Σ_i d_i (f_i − f̄)².
fn spread(feature: &[f64], degrees: &[f64]) -> (f64, f64) {
    let n = feature.len();
    // About a value that counts, so that a feature constant where d > 0 has spread 0, to the bit.
    let origin = degrees.iter().position(|d| *d > 0.0).map_or(0.0, |i| feature[i]);
    let total = ordered_sum(n, |i| degrees[i]);
    let mean = ordered_sum(n, |i| degrees[i] / total * (feature[i] - origin));
    let mean_is = origin + mean;
    (mean_is, ordered_sum(n, |i| degrees[i] * (feature[i] - origin - mean).powi(2)))
}

fn ratio(roughness: f64, spread: f64) -> Result<f64> {
    if !(roughness.is_finite() && spread.is_finite()) {
        return Err(embex_linalg::Error::OutOfRange { what: "spread" }.into());
    }
    Ok(if spread > 0.0 { (roughness / spread).min(CONSTANT) } else { CONSTANT })
}

fn same_rows(x: MatRef<'_, f64>, n: usize) -> Result<()> {
    if x.nrows() == n {
        return Ok(());
    }
    Err(Error::LengthMismatch { what: "the matrix", got: x.nrows(), expected: n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_testkit::{assert_close, gaussian};
    use proptest::prelude::*;

    fn sample(n: usize) -> Mat<f64> {
        Mat::from_fn(n, 3, |i, d| {
            ((i * i * (d + 2) + 5 * i) % 19) as f64 * 0.5 - (d * i) as f64 * 0.1
        })
    }

    /// w_ij of a ring with chords, symmetric: 1 + ((i + j) % 3) for neighbours up to 3 apart.
    fn weight(i: usize, j: usize, n: usize) -> f64 {
        let gap = i.abs_diff(j).min(n - i.abs_diff(j));
        if gap > 0 && gap <= 3 { 1.0 + ((i + j) % 3) as f64 } else { 0.0 }
    }

    fn compressed(
        n: usize,
        weight: impl Fn(usize, usize) -> f64,
    ) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
        let (mut starts, mut columns, mut weights) = (vec![0], Vec::new(), Vec::new());
        for i in 0..n {
            for j in (0..n).filter(|&j| weight(i, j) > 0.0) {
                columns.push(j as u32);
                weights.push(weight(i, j));
            }
            starts.push(columns.len());
        }
        (starts, columns, weights)
    }

    /// The steps of scikit-feature 1.1.0 `lap_score` in numpy 2.4.6 on the same graph.
    #[test]
    fn golden_values() {
        let x = sample(20);
        let (starts, columns, weights) = compressed(20, |i, j| weight(i, j, 20));
        let graph = SparseGraph::new(&starts, &columns, &weights).unwrap();
        assert_close("score", &laplacian_score(x.as_ref(), &graph).unwrap(), &GOLDEN, 1e-12);
        let fill = |i: usize, row: &mut [f64]| {
            row.iter_mut().enumerate().for_each(|(j, w)| *w = weight(i, j, 20));
        };
        let dense = laplacian_score_dense(x.as_ref(), fill).unwrap();
        assert_close("dense", &dense, &GOLDEN, 1e-12);
    }
    const GOLDEN: [f64; 3] = [0.9785077636964938, 1.1166846441573595, 0.9943822706732584];

    /// A complete graph with equal weights says nothing: n/(n − 1) for every feature.
    #[test]
    fn complete_graphs_say_nothing() {
        let x = gaussian(30, 4, 1);
        let complete = |i: usize, row: &mut [f64]| {
            row.iter_mut().enumerate().for_each(|(j, w)| *w = f64::from(i != j));
        };
        for score in laplacian_score_dense(x.as_ref(), complete).unwrap() {
            assert!((score - 30.0 / 29.0).abs() < 1e-12);
        }
    }

    #[test]
    fn loops_add_to_degrees_only() {
        let x = gaussian(10, 2, 1);
        let with_loops = |loops: f64| {
            let (starts, columns, weights) =
                compressed(10, |i, j| if i == j { loops } else { weight(i, j, 10) });
            let graph = SparseGraph::new(&starts, &columns, &weights).unwrap();
            laplacian_score(x.as_ref(), &graph).unwrap()
        };
        let (none, heavy) = (with_loops(0.0), with_loops(1e6));
        assert!(none.iter().zip(&heavy).all(|(a, b)| b < a && *b < 1e-4));
    }

    /// Where scikit-feature's guard strikes (denominators near 1e-15) and where sums cancel.
    #[test]
    fn no_scale_or_offset_matters() {
        let x = sample(20);
        let (starts, columns, weights) = compressed(20, |i, j| weight(i, j, 20));
        let expected = {
            let graph = SparseGraph::new(&starts, &columns, &weights).unwrap();
            laplacian_score(x.as_ref(), &graph).unwrap()
        };
        let small: Vec<f64> = weights.iter().map(|w| w * 1e-12).collect();
        let graph = SparseGraph::new(&starts, &columns, &small).unwrap();
        let moved = Mat::from_fn(20, 3, |i, d| 4096.0 + x[(i, d)] / 64.0);
        let got = laplacian_score(moved.as_ref(), &graph).unwrap();
        assert_close("score", &got, &expected, 1e-9);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = sample(20);
        let (starts, columns, weights) = compressed(20, |i, j| weight(i, j, 20));
        let graph = SparseGraph::new(&starts, &columns, &weights).unwrap();
        let short = laplacian_score(x.get(..19, ..), &graph);
        assert!(matches!(short, Err(Error::LengthMismatch { .. })));
        let huge = Mat::from_fn(20, 1, |i, _| if i == 0 { 1e200 } else { 0.0 });
        assert!(matches!(laplacian_score(huge.as_ref(), &graph), Err(Error::Matrix(_))));
        let fill = |value: f64| move |_: usize, row: &mut [f64]| row.fill(value);
        let dense = |value| laplacian_score_dense(x.as_ref(), fill(value));
        assert!(matches!(dense(0.0), Err(Error::TooFew { .. })));
        assert!(matches!(dense(-1.0), Err(Error::Value { index: 0, .. })));
        assert!(matches!(laplacian_score_dense(huge.as_ref(), fill(1.0)), Err(Error::Matrix(_))));
    }

    proptest! {
        /// f̃ᵀLf̃ / f̃ᵀDf̃ from dense matrices; the same bits on more threads.
        #[test]
        fn matches_the_definition(seed in any::<u64>(), n in 4..12_usize) {
            let (x, w) = (gaussian(n, 2, seed), gaussian(n, n, seed ^ 1));
            let weight = |i: usize, j: usize| {
                let w = w[(i.min(j), i.max(j))];
                if w > 0.0 { w } else { 0.0 }
            };
            let (starts, columns, weights) = compressed(n, weight);
            prop_assume!(!weights.is_empty());
            let graph = SparseGraph::new(&starts, &columns, &weights).unwrap();
            let got = laplacian_score(x.as_ref(), &graph).unwrap();
            let degree: Vec<f64> = (0..n).map(|i| (0..n).map(|j| weight(i, j)).sum()).collect();
            let total: f64 = degree.iter().sum();
            for d in 0..2 {
                let mean = (0..n).map(|i| degree[i] * x[(i, d)]).sum::<f64>() / total;
                let f: Vec<f64> = (0..n).map(|i| x[(i, d)] - mean).collect();
                let spread: f64 = (0..n).map(|i| degree[i] * f[i] * f[i]).sum();
                let cross: f64 =
                    (0..n).map(|i| (0..n).map(|j| weight(i, j) * f[i] * f[j]).sum::<f64>()).sum();
                let expected = if spread > 1e-12 { (spread - cross) / spread } else { got[d] };
                prop_assert!((got[d] - expected).abs() < 1e-7, "{} {}", got[d], expected);
            }
            let fill = |i: usize, row: &mut [f64]| {
                row.iter_mut().enumerate().for_each(|(j, w)| *w = weight(i, j));
            };
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| laplacian_score_dense(x.as_ref(), fill).unwrap())
            };
            prop_assert_eq!(run(1), run(2));
        }
    }
}
