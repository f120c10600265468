//! Sets of features that are removed together.

use embex_linalg::{Real, faer::MatRef, stats::correlation_groups};

use crate::{Error, Result};

/// Which features are removed together: each alone, or in groups.
///
/// Removing one of two copies changes nothing that the other does not keep, so copies hide
/// each other; a set of correlated features is removed as one.
///
/// # Example
/// ```
/// use embex_tsne::importance::FeatureSets;
/// let sets = FeatureSets::given(4, vec![vec![0, 2], vec![1], vec![3]])?;
/// assert_eq!(sets.len(), 3);
/// assert_eq!(sets.members(0), [0, 2]);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FeatureSets {
    n_features: usize,
    members: Vec<Vec<usize>>,
}

impl FeatureSets {
    /// Every feature alone, in order.
    pub fn singles(n_features: usize) -> Self {
        Self { n_features, members: (0..n_features).map(|d| vec![d]).collect() }
    }

    /// These sets; members are sorted, features may be left out or be in several sets.
    ///
    /// # Errors
    /// [`Error::FeatureSet`] for an empty set, a repetition within a set, or a feature out of
    /// range.
    pub fn given(n_features: usize, mut members: Vec<Vec<usize>>) -> Result<Self> {
        for (set, features) in members.iter_mut().enumerate() {
            features.sort_unstable();
            let last = features.last().copied();
            let repeated = features.windows(2).find(|w| w[0] == w[1]).map(|w| w[0]);
            let bad = repeated.or(last.filter(|&d| d >= n_features));
            if last.is_none() || bad.is_some() {
                return Err(Error::FeatureSet { set, feature: bad, n_features });
            }
        }
        Ok(Self { n_features, members })
    }

    /// Groups of correlated features, as [`correlation_groups`] finds them: |r| above
    /// `threshold`, 0.8 in the pilot that showed the need.
    ///
    /// # Errors
    /// [`Error::Input`] for a threshold out of range or a matrix that is empty or not finite.
    pub fn correlated<T: Real>(x: MatRef<'_, T>, threshold: f64) -> Result<Self> {
        Self::given(x.ncols(), correlation_groups(x, threshold)?)
    }

    /// Number of sets.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no set.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Features of the data.
    pub const fn n_features(&self) -> usize {
        self.n_features
    }

    /// Features of one set, ascending.
    pub fn members(&self, set: usize) -> &[usize] {
        &self.members[set]
    }

    /// Gives every feature the value of its set (the first that holds it); `None` outside all.
    pub fn spread(&self, of_set: &[f64]) -> Vec<Option<f64>> {
        let mut of_feature = vec![None; self.n_features];
        for (members, &value) in self.members.iter().zip(of_set) {
            for &d in members {
                of_feature[d].get_or_insert(value);
            }
        }
        of_feature
    }
}
