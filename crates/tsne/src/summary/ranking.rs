//! Which features come first, for points and for groups.

use embex_linalg::{Real, check, faer::MatRef};
use rayon::prelude::*;

use crate::Result;

/// What makes a feature come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Order {
    /// The largest value: importance, means of |a|, contrast.
    #[default]
    Largest,
    /// The largest |value|: signed attributions and differences.
    LargestSize,
}

/// The first features of every row, equal values by index.
///
/// All lists are equally long but for those of [`Self::add_unknown`], which are empty.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_tsne::summary::{Order, TopFeatures};
/// let a = mat![[0.5, -2.0, 0.5], [0.0, 1.0_f64, 3.0]];
/// let top = TopFeatures::of_rows(a.as_ref(), 2, Order::LargestSize)?;
/// assert_eq!((top.features(0), top.values(0)), (&[1, 0][..], &[-2.0, 0.5][..]));
/// assert_eq!(top.features(1), [2, 1]);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TopFeatures {
    count: usize,
    order: Order,
    /// Where the list of each row ends.
    ends: Vec<usize>,
    features: Vec<u32>,
    values: Vec<f64>,
}

impl TopFeatures {
    /// No rows yet, `count` features each (fewer if there are fewer).
    pub const fn new(count: usize, order: Order) -> Self {
        Self { count, order, ends: Vec::new(), features: Vec::new(), values: Vec::new() }
    }

    /// The first `count` features of every row of `a`.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn of_rows<T: Real>(a: MatRef<'_, T>, count: usize, order: Order) -> Result<Self> {
        let mut top = Self::new(count.min(a.ncols()), order);
        top.add(a)?;
        Ok(top)
    }

    /// Takes the next rows: blocks will do, n × D numbers need never be held.
    ///
    /// # Errors
    /// [`embex_linalg::Error::Empty`], [`embex_linalg::Error::NotFinite`];
    /// [`embex_linalg::Error::LengthMismatch`] for fewer columns than features are kept.
    pub fn add<T: Real>(&mut self, a: MatRef<'_, T>) -> Result<()> {
        check::finite(a)?;
        check::length("ranked columns", a.ncols().min(self.count), self.count)?;
        let rows: Vec<Vec<(u32, f64)>> = (0..a.nrows())
            .into_par_iter()
            .map_init(Vec::new, |scratch, i| self.first(a, i, scratch).to_vec())
            .collect();
        for row in rows {
            self.features.extend(row.iter().map(|&(feature, _)| feature));
            self.values.extend(row.iter().map(|&(_, value)| value));
            self.ends.push(self.features.len());
        }
        Ok(())
    }

    /// Takes a row of which nothing is known: its list is empty.
    pub fn add_unknown(&mut self) {
        self.ends.push(self.features.len());
    }

    /// The first entries of row `i`, in `row`, whose length is not kept.
    fn first<'r, T: Real>(
        &self,
        a: MatRef<'_, T>,
        i: usize,
        row: &'r mut Vec<(u32, f64)>,
    ) -> &'r [(u32, f64)] {
        let key = |value: f64| if self.order == Order::Largest { value } else { value.abs() };
        let before =
            |x: &(u32, f64), y: &(u32, f64)| key(y.1).total_cmp(&key(x.1)).then(x.0.cmp(&y.0));
        row.clear();
        row.extend((0..a.ncols()).map(|d| (d as u32, a[(i, d)].to_f64())));
        if self.count > 0 && self.count < row.len() {
            row.select_nth_unstable_by(self.count - 1, before);
        }
        row.truncate(self.count);
        row.sort_unstable_by(before);
        row
    }

    /// Features kept per row.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Rows seen.
    pub fn n_rows(&self) -> usize {
        self.ends.len()
    }

    /// Features of row `i`, first first.
    pub fn features(&self, i: usize) -> &[u32] {
        &self.features[self.list(i)]
    }

    /// Their values, with their signs.
    pub fn values(&self, i: usize) -> &[f64] {
        &self.values[self.list(i)]
    }

    /// Where the list of row `i` is.
    fn list(&self, i: usize) -> std::ops::Range<usize> {
        i.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[i]
    }
}
