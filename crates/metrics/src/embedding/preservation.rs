//! How many neighbours an embedding keeps.

use embex_linalg::faer::MatRef;
use embex_linalg::{Real, ordered_sum};
use embex_trees::Neighbours;
use rayon::prelude::*;

use crate::{Error, Result};

/// Share of each sample's `k` nearest neighbours kept from one embedding to another.
///
/// Mean over i of |N_k(i) ∩ N′_k(i)| / k \[TG, "MNIST Validation Experiments", metric 3\].
/// Euclidean; a sample is not its own neighbour; equal distances go to the lower index. Cost:
/// two neighbour searches.
///
/// # Shapes
/// `before` is n × a, `after` n × b; the result lies in \[0, 1\], and 1 means none was lost.
/// Unrelated embeddings share about k / (n − 1).
///
/// # Errors
/// [`Error::LengthMismatch`] if the row counts differ, [`Error::NeighbourCount`] unless
/// 1 ≤ k < n, [`Error::Search`] if an entry is not finite.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let before = mat![[0.0], [1.0], [5.0], [6.5_f64]];
/// let after = mat![[0.0], [-2.0], [9.0], [8.0_f32]];
/// assert_eq!(embex_metrics::knn_preservation(before.as_ref(), after.as_ref(), 1)?, 1.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn knn_preservation<T: Real, U: Real>(
    before: MatRef<'_, T>,
    after: MatRef<'_, U>,
    k: usize,
) -> Result<f64> {
    let n = before.nrows();
    if after.nrows() != n {
        let what = "the embedding";
        return Err(Error::LengthMismatch { what, got: after.nrows(), expected: n });
    }
    if k == 0 || k >= n {
        return Err(Error::NeighbourCount { k, n });
    }
    let (old, new) = (embex_trees::knn(before, k)?, embex_trees::knn(after, k)?);
    let kept = neighbour_overlap(&old, &new)?;
    Ok(ordered_sum(n, |i| kept[i]) / n as f64)
}

/// For every sample the share |N(i) ∩ N′(i)| / k of its neighbours that two lists of the same
/// length k have in common.
///
/// In \[0, 1\]; the order within a list does not matter. Cost O(n·k log k).
///
/// # Errors
/// [`Error::LengthMismatch`] if the numbers of samples or of neighbours differ.
///
/// # Example
/// ```
/// use embex_trees::Neighbours;
/// let lists = |indices| Neighbours::new(2, indices, vec![1.0; 6]);
/// let (a, b) = (lists(vec![1, 2, 0, 2, 0, 1]), lists(vec![2, 1, 0, 3, 4, 5]));
/// if let (Some(a), Some(b)) = (a, b) {
///     assert_eq!(embex_metrics::neighbour_overlap(&a, &b)?, [1.0, 0.5, 0.0]);
/// }
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn neighbour_overlap(a: &Neighbours, b: &Neighbours) -> Result<Vec<f64>> {
    if a.k() != b.k() {
        let what = "a list of the second neighbours";
        return Err(Error::LengthMismatch { what, got: b.k(), expected: a.k() });
    }
    if a.n_samples() != b.n_samples() {
        let (what, got) = ("the second neighbours", b.n_samples());
        return Err(Error::LengthMismatch { what, got, expected: a.n_samples() });
    }
    let share = |(sorted, i): (&mut (Vec<u32>, Vec<u32>), usize)| {
        sorted.0.clear();
        sorted.0.extend_from_slice(a.row(i));
        sorted.0.sort_unstable();
        sorted.1.clear();
        sorted.1.extend_from_slice(b.row(i));
        sorted.1.sort_unstable();
        n_common(&sorted.0, &sorted.1) as f64 / a.k() as f64
    };
    let buffers = || (Vec::new(), Vec::new());
    Ok((0..a.n_samples()).into_par_iter().map_init(buffers, |s, i| share((s, i))).collect())
}

/// Length of the intersection of two ascending lists.
fn n_common(a: &[u32], b: &[u32]) -> usize {
    let (mut p, mut q, mut count) = (0, 0, 0);
    while p < a.len() && q < b.len() {
        match a[p].cmp(&b[q]) {
            std::cmp::Ordering::Less => p += 1,
            std::cmp::Ordering::Greater => q += 1,
            std::cmp::Ordering::Equal => (p, q, count) = (p + 1, q + 1, count + 1),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;

    /// scikit-learn 1.9.1: `NearestNeighbors(n_neighbors=5)` on both sides.
    #[test]
    fn golden_value() {
        let entry = |i: usize, j: usize| ((i * i * (j + 3) + 17 * i + j) % 101) as f64;
        let before = Mat::from_fn(60, 3, entry);
        let after = before.get(.., ..2);
        let kept = knn_preservation(before.as_ref(), after, 5).unwrap();
        assert!((kept - 0.6733333333333332).abs() < 1e-14, "{kept}");
    }

    #[test]
    fn rigid_motions_keep_all_and_noise_keeps_chance() {
        let x = gaussian(400, 2, 3);
        let (c, s) = (0.6, 0.8);
        let moved = Mat::from_fn(400, 2, |i, j| {
            let (a, b) = (x[(i, 0)], x[(i, 1)]);
            10.0 + if j == 0 { c * a - s * b } else { s * a + c * b }
        });
        assert_eq!(knn_preservation(x.as_ref(), moved.as_ref(), 10).unwrap(), 1.0);
        let other = gaussian(400, 2, 4);
        let kept = knn_preservation(x.as_ref(), other.as_ref(), 10).unwrap();
        assert!((kept - 10.0 / 399.0).abs() < 0.01, "{kept}");
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(5, 2, 1);
        let kept = |k| knn_preservation(x.as_ref(), x.as_ref(), k);
        assert_eq!(kept(0), Err(Error::NeighbourCount { k: 0, n: 5 }));
        assert_eq!(kept(5), Err(Error::NeighbourCount { k: 5, n: 5 }));
        assert_eq!(kept(4), Ok(1.0));
        let short = knn_preservation(x.as_ref(), x.get(..4, ..), 2);
        assert!(matches!(short, Err(Error::LengthMismatch { .. })));
        let mut bad = x.clone();
        bad[(3, 0)] = f64::NAN;
        assert!(matches!(knn_preservation(bad.as_ref(), x.as_ref(), 2), Err(Error::Search(_))));
        let lists = |k: usize, n: usize| Neighbours::new(k, vec![0; k * n], vec![0.0; k * n]);
        let (a, b, c) = (lists(2, 3).unwrap(), lists(3, 2).unwrap(), lists(2, 2).unwrap());
        assert!(neighbour_overlap(&a, &b).is_err() && neighbour_overlap(&a, &c).is_err());
    }
}
