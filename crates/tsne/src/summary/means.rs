//! Means of attributions over groups, row after row.

use embex_linalg::{Real, Rows, check, faer::MatRef};

use super::Groups;
use crate::Result;

/// Accumulates group means of |a| and of a over rows that come in order.
///
/// n × D numbers need never be held: hand over blocks of rows as they are made. The sums run in
/// row order, so the blocks' sizes leave the bits alone.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_tsne::summary::{GroupMeans, Groups};
/// let mut means = GroupMeans::new(Groups::new(&[0, 0, 1], 2)?, 1);
/// means.add(mat![[1.0_f64], [-3.0]].as_ref())?;
/// means.add(mat![[5.0_f64]].as_ref())?;
/// let (absolute, signed) = means.finish()?;
/// assert_eq!((absolute.as_slice(), signed.as_slice()), (&[2.0, 5.0][..], &[-1.0, 5.0][..]));
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupMeans {
    groups: Groups,
    absolute: Rows<f64>,
    signed: Rows<f64>,
    n_seen: usize,
}

impl GroupMeans {
    /// Of no rows yet.
    pub fn new(groups: Groups, n_features: usize) -> Self {
        let zeros = Rows::zeros(groups.n_groups(), n_features);
        Self { groups, absolute: zeros.clone(), signed: zeros, n_seen: 0 }
    }

    /// Of no rows yet, all `n_samples` to come being one group.
    pub fn of_all(n_samples: usize, n_features: usize) -> Self {
        Self::new(Groups::one(n_samples), n_features)
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
        for i in 0..rows.nrows() {
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

    /// Group × feature means of |a| and of a.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] unless all rows were seen.
    pub fn finish(mut self) -> Result<(Rows<f64>, Rows<f64>)> {
        check::length("attribution rows", self.n_seen, self.groups.n_samples())?;
        for (group, &size) in self.groups.sizes().iter().enumerate() {
            for sums in [&mut self.absolute, &mut self.signed] {
                sums.row_mut(group).iter_mut().for_each(|sum| *sum /= size as f64);
            }
        }
        Ok((self.absolute, self.signed))
    }
}
