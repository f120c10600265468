//! Groups of samples: labels, or a clustering's.

use crate::{Error, Result};

/// A group for every sample, each group with a member.
///
/// # Example
/// ```
/// use embex_tsne::summary::Groups;
/// let groups = Groups::new(&[0, 1, 1, 0], 2)?;
/// assert_eq!(groups.sizes(), [2, 2]);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Groups {
    codes: Vec<u32>,
    sizes: Vec<usize>,
}

impl Groups {
    /// Groups 0..`n_groups`, one per sample.
    ///
    /// # Errors
    /// [`Error::GroupCount`] for fewer than two groups, [`Error::GroupCode`] for a group out of
    /// range, [`Error::EmptyGroup`] for one without members.
    pub fn new(codes: &[u32], n_groups: usize) -> Result<Self> {
        if n_groups < 2 {
            return Err(Error::GroupCount { n_groups });
        }
        let mut sizes = vec![0; n_groups];
        for (row, &code) in codes.iter().enumerate() {
            match sizes.get_mut(code as usize) {
                Some(size) => *size += 1,
                None => return Err(Error::GroupCode { row, code, n_groups }),
            }
        }
        match sizes.iter().position(|&size| size == 0) {
            Some(group) => Err(Error::EmptyGroup { group }),
            None => Ok(Self { codes: codes.to_vec(), sizes }),
        }
    }

    /// All samples in one group, which only means can be made of.
    pub(super) fn one(n_samples: usize) -> Self {
        Self { codes: vec![0; n_samples], sizes: vec![n_samples] }
    }

    /// Samples.
    pub fn n_samples(&self) -> usize {
        self.codes.len()
    }

    /// Number of groups, at least 2.
    pub fn n_groups(&self) -> usize {
        self.sizes.len()
    }

    /// Group of every sample.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Members of every group, at least 1.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }
}
