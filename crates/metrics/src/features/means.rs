//! Mean sizes of features.

use embex_linalg::faer::MatRef;
use embex_linalg::{Rows, check};
use rayon::prelude::*;

use super::groups::group_sizes;
use crate::{Error, Result};

/// Mean |value| of every feature in every group, group × feature.
///
/// The paper's plainest baseline is the |value| itself, sample by sample \[TG, "Baselines"\]: rank
/// the data by [`crate::attribution::Order::LargestSize`], and count with
/// [`crate::attribution::Ranking::most_frequent`] for groups. This mean is the same idea without a
/// count. Groups count from 0; one group for all samples will do. Not blind to offsets. Cost n · D,
/// parallel over features.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::EmptyGroup`], [`Error::Matrix`] for entries that are not
/// finite.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[1.0, -4.0], [-3.0, 0.0], [5.0, 5.0_f64]];
/// let sizes = embex_metrics::features::mean_size(x.as_ref(), &[0, 0, 1])?;
/// assert_eq!(sizes.as_slice(), [2.0, 2.0, 5.0, 5.0]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn mean_size(x: MatRef<'_, f64>, groups: &[u32]) -> Result<Rows<f64>> {
    check::finite(x)?;
    if groups.len() != x.nrows() {
        let what = "the groups";
        return Err(Error::LengthMismatch { what, got: groups.len(), expected: x.nrows() });
    }
    let sizes = group_sizes(groups)?;
    let columns: Vec<Vec<f64>> = (0..x.ncols())
        .into_par_iter()
        .map(|d| {
            let mut means = vec![0.0; sizes.len()];
            for (i, &group) in groups.iter().enumerate() {
                means[group as usize] += x[(i, d)].abs() / sizes[group as usize] as f64;
            }
            means
        })
        .collect();
    let mut result = Rows::zeros(sizes.len(), x.ncols());
    for (d, column) in columns.into_iter().enumerate() {
        for (group, mean) in column.into_iter().enumerate() {
            result.row_mut(group)[d] = mean;
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(3, 2, 1);
        assert!(matches!(mean_size(x.as_ref(), &[0, 0]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(mean_size(x.as_ref(), &[0, 2, 2]), Err(Error::EmptyGroup { .. })));
        assert!(matches!(mean_size(x.get(..0, ..), &[]), Err(Error::Matrix(_))));
    }

    proptest! {
        /// The mean over all is the mean of the groups' by their sizes.
        #[test]
        fn groups_average_to_all(seed in any::<u64>()) {
            let x = gaussian(9, 3, seed);
            let groups: Vec<u32> = (0..9).map(|i| u32::from(i > 3)).collect();
            let (parts, all) =
                (mean_size(x.as_ref(), &groups).unwrap(), mean_size(x.as_ref(), &[0; 9]).unwrap());
            for d in 0..3 {
                let mean = (4.0 * parts.row(0)[d] + 5.0 * parts.row(1)[d]) / 9.0;
                prop_assert!((mean - all.row(0)[d]).abs() < 1e-12);
            }
        }
    }
}
