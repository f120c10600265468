//! How pure neighbourhoods are.

use embex_linalg::{Real, faer::MatRef, ordered_sum};
use embex_trees::Neighbours;
use rayon::prelude::*;

use crate::error::length;
use crate::{Error, Result};

/// Share of the neighbours of each sample that have its label, from neighbour lists.
///
/// #{j ∈ N(i) : label_j = label_i} / k (Paulovich, Nonato, Minghim and Levkowitz 2008), in
/// \[0, 1\]. Cost O(n·k).
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::UnknownNeighbour`] if a list names a sample that there
/// is not.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let near = embex_trees::knn(mat![[0.0], [1.0], [3.0_f64]].as_ref(), 2)?;
/// assert_eq!(embex_metrics::neighbourhood_hits(&near, &["a", "a", "b"])?, [0.5, 0.5, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn neighbourhood_hits<L: Eq + Sync>(near: &Neighbours, labels: &[L]) -> Result<Vec<f64>> {
    hits_of_nearest(near, near.k(), labels)
}

/// [`neighbourhood_hits`] of the first `k` of each list; 1 ≤ k ≤ [`Neighbours::k`].
pub(super) fn hits_of_nearest<L: Eq + Sync>(
    near: &Neighbours,
    k: usize,
    labels: &[L],
) -> Result<Vec<f64>> {
    let n = near.n_samples();
    length("the labels", labels.len(), n)?;
    if let Some(i) = (0..n).find(|&i| near.row(i).iter().any(|&j| j as usize >= n)) {
        return Err(Error::UnknownNeighbour { row: i, n });
    }
    let hits = |i: usize| {
        let same = near.row(i)[..k].iter().filter(|&&j| labels[j as usize] == labels[i]);
        same.count() as f64 / k as f64
    };
    Ok((0..n).into_par_iter().map(hits).collect())
}

/// Mean share of the `k` nearest neighbours of each sample that have its label.
///
/// The mean of [`neighbourhood_hits`] over exact Euclidean neighbours, ties by index. In
/// \[0, 1\]; unrelated labels give about the chance that two samples share one.
///
/// # Shapes
/// `x` is n × d, with n labels. Cost: one neighbour search.
///
/// # Errors
/// [`Error::LengthMismatch`]; [`Error::NeighbourCount`] unless 1 ≤ k < n; [`Error::Search`]
/// for bad entries.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [1.0], [8.0], [9.0_f64]];
/// assert_eq!(embex_metrics::neighbourhood_hit(x.as_ref(), &[1, 1, 2, 2], 1)?, 1.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn neighbourhood_hit<T: Real, L: Eq + Sync>(
    x: MatRef<'_, T>,
    labels: &[L],
    k: usize,
) -> Result<f64> {
    let n = x.nrows();
    length("the labels", labels.len(), n)?;
    if k == 0 || k >= n {
        return Err(Error::NeighbourCount { k, n });
    }
    let hits = neighbourhood_hits(&embex_trees::knn(x, k)?, labels)?;
    Ok(ordered_sum(n, |i| hits[i]) / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_testkit::{clusters, gaussian};
    use proptest::prelude::*;

    /// zadu 0.5.4: `neighborhood_hit.measure` of the same points and labels.
    #[test]
    fn golden_value() {
        let x = Mat::from_fn(90, 3, |i, j| ((i * i * (j + 3) + 17 * i + j) % 101) as f64);
        let labels: Vec<usize> = (0..90).map(|i| i * i % 7 % 3).collect();
        let hit = neighbourhood_hit(x.as_ref(), &labels, 8).unwrap();
        assert!((hit - 0.4444444444444444).abs() < 1e-14, "{hit}");
    }

    #[test]
    fn far_clusters_are_pure_and_unrelated_labels_are_at_chance() {
        let bed = clusters(300, 4, 3, 50.0, 1);
        assert_eq!(neighbourhood_hit(bed.x.as_ref(), &bed.labels, 10), Ok(1.0));
        let noise = gaussian(600, 3, 2);
        let labels: Vec<usize> = (0..600).map(|i| i % 3).collect();
        let hit = neighbourhood_hit(noise.as_ref(), &labels, 20).unwrap();
        assert!((hit - 199.0 / 599.0).abs() < 0.02, "{hit}");
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(5, 2, 1);
        let hit = |labels: &[u8], k| neighbourhood_hit(x.as_ref(), labels, k);
        assert_eq!(hit(&[0; 5], 5), Err(Error::NeighbourCount { k: 5, n: 5 }));
        assert_eq!(hit(&[0; 5], 0), Err(Error::NeighbourCount { k: 0, n: 5 }));
        assert!(matches!(hit(&[0; 4], 2), Err(Error::LengthMismatch { .. })));
        let lists = Neighbours::new(1, vec![1, 0, 9], vec![1.0; 3]).unwrap();
        let found = neighbourhood_hits(&lists, &[0; 3]);
        assert_eq!(found, Err(Error::UnknownNeighbour { row: 2, n: 3 }));
    }

    proptest! {
        #[test]
        fn names_of_labels_do_not_matter(labels in prop::collection::vec(0..4_usize, 20)) {
            let x = gaussian(20, 2, 1);
            let renamed: Vec<String> = labels.iter().map(|l| format!("{}", 9 - l)).collect();
            let hit = neighbourhood_hit(x.as_ref(), &labels, 4).unwrap();
            prop_assert!((0.0..=1.0).contains(&hit));
            prop_assert_eq!(neighbourhood_hit(x.as_ref(), &renamed, 4), Ok(hit));
        }
    }
}
