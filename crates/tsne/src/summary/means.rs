//! Means of attributions over groups, row after row.

use embex_linalg::{Real, Rows, check, faer::MatRef};

use super::Groups;
use crate::{Error, Result};

/// Accumulates group means of |a| and of a over rows that come in order.
///
/// n × D numbers need never be held: hand over blocks of rows as they are made. The sums run in
/// row order, so the blocks' sizes leave the bits alone. Points whose attribution says nothing are
/// left out by [`Self::without`]; one of them would drown all others of its group.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_tsne::summary::{GroupMeans, Groups};
/// let groups = Groups::new(&[0, 0, 0, 1], 2)?;
/// let mut means = GroupMeans::new(groups, 1).without(&[2])?;
/// means.add(mat![[1.0_f64], [-3.0], [1e9]].as_ref())?;
/// means.add(mat![[5.0_f64]].as_ref())?;
/// let found = means.finish()?;
/// assert_eq!((found.absolute.as_slice(), found.signed.as_slice()), (&[2.0, 5.0][..], &[-1.0, 5.0][..]));
/// assert_eq!(found.left_out, [1, 0]);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupMeans {
    groups: Groups,
    /// Per sample whether it is left out.
    left_out: Vec<bool>,
    absolute: Rows<f64>,
    signed: Rows<f64>,
    n_seen: usize,
}

/// Means over the points of each group.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Means {
    /// Mean |a|: group × feature; 0 in a group whose points were all left out.
    pub absolute: Rows<f64>,
    /// Mean a: group × feature; 0 in a group whose points were all left out.
    pub signed: Rows<f64>,
    /// Points of each group that were left out.
    pub left_out: Vec<usize>,
}

impl GroupMeans {
    /// Of no rows yet.
    pub fn new(groups: Groups, n_features: usize) -> Self {
        let zeros = Rows::zeros(groups.n_groups(), n_features);
        let left_out = vec![false; groups.n_samples()];
        Self { groups, left_out, absolute: zeros.clone(), signed: zeros, n_seen: 0 }
    }

    /// Of no rows yet, all `n_samples` to come being one group.
    pub fn of_all(n_samples: usize, n_features: usize) -> Self {
        Self::new(Groups::one(n_samples), n_features)
    }

    /// Leaves these samples out, usually [`crate::attribution::Attribution::unusable`]: their rows
    /// are still handed over, and count for nothing.
    ///
    /// # Errors
    /// [`Error::Sample`] for one that does not exist.
    pub fn without(mut self, samples: &[u32]) -> Result<Self> {
        let n_samples = self.left_out.len();
        for &sample in samples {
            match self.left_out.get_mut(sample as usize) {
                Some(left_out) => *left_out = true,
                None => return Err(Error::Sample { sample, n_samples }),
            }
        }
        Ok(self)
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] for more rows than samples or another number of
    /// columns, [`embex_linalg::Error::NotFinite`].
    pub fn add<T: Real>(&mut self, rows: MatRef<'_, T>) -> Result<()> {
        check::length("attribution columns", rows.ncols(), self.signed.n_cols())?;
        let (seen, n) = (self.n_seen + rows.nrows(), self.groups.n_samples());
        check::length("attribution rows", seen, seen.min(n))?;
        check::finite(rows)?;
        for i in (0..rows.nrows()).filter(|i| !self.left_out[self.n_seen + i]) {
            let group = self.groups.codes()[self.n_seen + i] as usize;
            let sums = self.absolute.row_mut(group).iter_mut().zip(self.signed.row_mut(group));
            for (d, (absolute, signed)) in sums.enumerate() {
                let value = rows[(i, d)].to_f64();
                *absolute += value.abs();
                *signed += value;
            }
        }
        self.n_seen = seen;
        Ok(())
    }

    /// Group × feature means of |a| and of a, and how many points they leave out.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] unless all rows were seen.
    pub fn finish(mut self) -> Result<Means> {
        check::length("attribution rows", self.n_seen, self.groups.n_samples())?;
        let mut left_out = vec![0; self.groups.n_groups()];
        for (&group, &is_out) in self.groups.codes().iter().zip(&self.left_out) {
            left_out[group as usize] += usize::from(is_out);
        }
        for (group, (&size, &out)) in self.groups.sizes().iter().zip(&left_out).enumerate() {
            let used = (size - out).max(1) as f64; // sums of nothing stay 0
            for sums in [&mut self.absolute, &mut self.signed] {
                sums.row_mut(group).iter_mut().for_each(|sum| *sum /= used);
            }
        }
        Ok(Means { absolute: self.absolute, signed: self.signed, left_out })
    }
}
