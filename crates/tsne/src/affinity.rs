//! Affinities: how strongly t-SNE wants each pair of samples together.

use embex_trees::Neighbours;

/// The directed affinities p_{j|i} behind a joint matrix, and the bandwidths that made them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Conditionals {
    /// Neighbour lists with squared distances.
    pub(crate) neighbours: Neighbours,
    /// p_{j|i}, laid out like the neighbour lists; each row sums to 1.
    pub(crate) p: Vec<f64>,
    /// β_i = 1 / (2σ_i²).
    pub(crate) beta: Vec<f64>,
}

/// Joint affinities p_ij: symmetric, sparse, summing to 1.
///
/// Compressed rows with sorted columns and no diagonal. [`Self::conditionals`] is present
/// unless the joint values were given as they are; attributions need it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Affinities {
    pub(crate) starts: Vec<usize>,
    pub(crate) columns: Vec<u32>,
    pub(crate) p: Vec<f64>,
    pub(crate) conditionals: Option<Conditionals>,
}
