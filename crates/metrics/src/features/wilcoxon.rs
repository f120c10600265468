//! Rank sums of groups.

use embex_linalg::faer::MatRef;
use embex_linalg::stats::ranks;
use embex_linalg::{Rows, check};
use rayon::prelude::*;

use super::groups::several;
use crate::statistics::mann_whitney::{Ranked, tie_term};
use crate::{Method, Result};

/// Every group against the rest, feature by feature; all group × feature.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Wilcoxon {
    /// U of the group over n₁n₂: the chance that a sample of the group has the larger value, ties
    /// counting half. In \[0, 1\]; ½ says nothing.
    pub auroc: Rows<f64>,
    /// Standardised U with tie and continuity corrections, as [`crate::MannWhitney::z`].
    pub z: Rows<f64>,
    /// Two-sided p-values, not adjusted for their number: see [`crate::benjamini_hochberg`].
    pub p: Rows<f64>,
}

/// Wilcoxon's rank sum test of every group against all other samples, for every feature.
///
/// [`crate::mann_whitney_u`] by the normal law (Wilcoxon 1945; Mann and Whitney 1947), with each
/// feature ranked only once. Ties share their mean rank; a constant feature has z = 0 and p = 1.
/// `groups` counts from 0, two at least. Cost O(D · n log n), parallel over features.
///
/// scipy's `ranksums` corrects neither for ties nor for continuity and so gives smaller |z| on
/// tied data; `mannwhitneyu(method="asymptotic")` agrees.
///
/// # Errors
/// [`crate::Error::LengthMismatch`], [`crate::Error::EmptyGroup`], [`crate::Error::TooFew`] below
/// two groups, [`crate::Error::Matrix`] for entries that are not finite.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [4.0, 7.0_f64]];
/// let test = embex_metrics::features::wilcoxon(x.as_ref(), &[0, 0, 1, 1])?;
/// assert_eq!(test.auroc.row(1), [1.0, 0.5]);
/// assert_eq!((test.z.row(1)[1], test.p.row(1)[1]), (0.0, 1.0));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn wilcoxon(x: MatRef<'_, f64>, groups: &[u32]) -> Result<Wilcoxon> {
    check::finite(x)?;
    let sizes = several(groups, x.nrows())?;
    let columns: Vec<Vec<[f64; 3]>> = (0..x.ncols())
        .into_par_iter()
        .map(|d| column(x, d, groups, &sizes))
        .collect::<Result<_>>()?;
    let zeros = Rows::zeros(sizes.len(), x.ncols());
    let mut result = Wilcoxon { auroc: zeros.clone(), z: zeros.clone(), p: zeros };
    for (d, column) in columns.into_iter().enumerate() {
        for (group, [auroc, z, p]) in column.into_iter().enumerate() {
            result.auroc.row_mut(group)[d] = auroc;
            result.z.row_mut(group)[d] = z;
            result.p.row_mut(group)[d] = p;
        }
    }
    Ok(result)
}

/// AUROC, z and p of every group for one feature.
fn column(x: MatRef<'_, f64>, d: usize, groups: &[u32], sizes: &[usize]) -> Result<Vec<[f64; 3]>> {
    let n = x.nrows();
    let ranks = ranks(&(0..n).map(|i| x[(i, d)]).collect::<Vec<f64>>())?;
    let ties = tie_term(&ranks);
    let mut sums = vec![0.0; sizes.len()];
    for (rank, &group) in ranks.iter().zip(groups) {
        sums[group as usize] += rank;
    }
    let test = |(rank_sum, &size): (f64, &usize)| {
        let test = Ranked { rank_sum, n: [size, n - size], ties }.test(Method::Normal);
        [test.u / (size as f64 * (n - size) as f64), test.z, test.p_two_sided]
    };
    Ok(sums.into_iter().zip(sizes).map(test).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, mann_whitney_u};
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    /// scipy 1.17.1: `mannwhitneyu(group, rest, method="asymptotic")`.
    #[test]
    fn golden_values() {
        let x =
            Mat::from_fn(40, 2, |i, d| ((i * i * (d + 1) + 3 * i) % 9) as f64 + (i % 2 * d) as f64);
        let groups: Vec<u32> = (0..40).map(|i| i % 2).collect();
        let test = wilcoxon(x.as_ref(), &groups).unwrap();
        for d in 0..2 {
            assert!((test.auroc.row(1)[d] * 400.0 - GOLDEN_U[d]).abs() < 1e-9);
            let off = test.p.row(1)[d] / GOLDEN_P[d] - 1.0;
            assert!(off.abs() < P_TOLERANCE, "{off}");
            assert_eq!(test.z.row(0)[d], -test.z.row(1)[d]);
        }
    }
    /// The tail function of statrs 0.19.1 is off by up to 5e-11 of itself near z = 0.1.
    const P_TOLERANCE: f64 = 1e-10;
    const GOLDEN_U: [f64; 2] = [204.5, 253.0];
    const GOLDEN_P: [f64; 2] = [0.9105184574165796, 0.15183090984780803];

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(4, 2, 1);
        assert!(matches!(wilcoxon(x.as_ref(), &[0, 1, 1]), Err(Error::LengthMismatch { .. })));
        assert!(matches!(wilcoxon(x.as_ref(), &[0; 4]), Err(Error::TooFew { .. })));
        let mut bad = x.clone();
        bad[(1, 1)] = f64::NAN;
        assert!(matches!(wilcoxon(bad.as_ref(), &[0, 0, 1, 1]), Err(Error::Matrix(_))));
    }

    proptest! {
        /// One ranking per feature gives what a test per group and feature does.
        #[test]
        fn equals_separate_tests(
            rows in prop::collection::vec((0..6_i32, 0..3_u32), 6..40),
        ) {
            let (values, mut groups): (Vec<i32>, Vec<u32>) = rows.into_iter().unzip();
            groups[..3].copy_from_slice(&[0, 1, 2]);
            let x = Mat::from_fn(values.len(), 1, |i, _| f64::from(values[i]));
            let test = wilcoxon(x.as_ref(), &groups).unwrap();
            for group in 0..3 {
                let (mut inside, mut rest) = (Vec::new(), Vec::new());
                for (i, &g) in groups.iter().enumerate() {
                    if g == group { inside.push(x[(i, 0)]) } else { rest.push(x[(i, 0)]) }
                }
                let one = mann_whitney_u(&inside, &rest, Method::Normal).unwrap();
                let g = group as usize;
                prop_assert_eq!(test.z.row(g)[0], one.z);
                prop_assert_eq!(test.p.row(g)[0], one.p_two_sided);
                let pairs = (inside.len() * rest.len()) as f64;
                prop_assert!((test.auroc.row(g)[0] * pairs - one.u).abs() < 1e-9);
            }
        }
    }
}
