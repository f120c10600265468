//! Groups of samples.

use crate::{Error, Result};

/// Numbers of samples in groups 0, 1, … up to the largest code.
///
/// # Errors
/// [`Error::TooFew`] without samples, [`Error::EmptyGroup`] for a group that no sample is in.
///
/// # Example
/// ```
/// assert_eq!(embex_metrics::features::group_sizes(&[0, 2, 1, 0])?, [2, 1, 1]);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn group_sizes(groups: &[u32]) -> Result<Vec<usize>> {
    let Some(&last) = groups.iter().max() else {
        return Err(Error::TooFew { what: "the groups", needed: 1, got: 0 });
    };
    let n_groups = last as usize + 1;
    // More groups than samples: one is empty, and `sizes` need not hold them all to find it.
    let mut sizes = vec![0; n_groups.min(groups.len() + 1)];
    for &group in groups {
        if let Some(size) = sizes.get_mut(group as usize) {
            *size += 1;
        }
    }
    match sizes.iter().position(|&size| size == 0) {
        Some(group) => Err(Error::EmptyGroup { group, n_groups }),
        None => Ok(sizes),
    }
}

/// [`group_sizes`] of at least two groups of `n` samples.
pub(super) fn several(groups: &[u32], n: usize) -> Result<Vec<usize>> {
    if groups.len() != n {
        let what = "the groups";
        return Err(Error::LengthMismatch { what, got: groups.len(), expected: n });
    }
    let sizes = group_sizes(groups)?;
    if sizes.len() < 2 {
        return Err(Error::TooFew { what: "a comparison of groups", needed: 2, got: sizes.len() });
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_named_whatever_the_codes() {
        assert_eq!(group_sizes(&[1, 0, 1]).unwrap(), [1, 2]);
        let gap = |groups: &[u32]| match group_sizes(groups) {
            Err(Error::EmptyGroup { group, .. }) => group,
            other => panic!("{other:?}"),
        };
        assert_eq!((gap(&[0, 2]), gap(&[1]), gap(&[0, 1, u32::MAX])), (1, 0, 2));
        assert!(matches!(group_sizes(&[]), Err(Error::TooFew { .. })));
        assert!(matches!(several(&[0, 0], 2), Err(Error::TooFew { needed: 2, got: 1, .. })));
        assert!(matches!(several(&[0, 1], 3), Err(Error::LengthMismatch { .. })));
    }
}
