//! Neighbour lists.

/// The `k` nearest neighbours of every row: nearest first, equal distances by index.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Neighbours {
    k: usize,
    indices: Vec<u32>,
    dist_sq: Vec<f64>,
}

impl Neighbours {
    /// Lists of equal length `k`, row after row, with squared distances.
    ///
    /// `None` unless both vectors have the same length, a multiple of `k ≥ 1`.
    pub fn new(k: usize, indices: Vec<u32>, dist_sq: Vec<f64>) -> Option<Self> {
        (k > 0 && indices.len() == dist_sq.len() && indices.len().is_multiple_of(k))
            .then_some(Self { k, indices, dist_sq })
    }

    /// Lists that a search made.
    pub(crate) fn from_lists(k: usize, indices: Vec<u32>, dist_sq: Vec<f64>) -> Self {
        debug_assert!(k > 0 && indices.len() == dist_sq.len() && indices.len().is_multiple_of(k));
        Self { k, indices, dist_sq }
    }

    /// Neighbours per row.
    pub const fn k(&self) -> usize {
        self.k
    }

    /// Number of rows.
    pub fn n_samples(&self) -> usize {
        self.indices.len() / self.k
    }

    /// Neighbours of row `i`.
    #[inline]
    pub fn row(&self, i: usize) -> &[u32] {
        &self.indices[i * self.k..(i + 1) * self.k]
    }

    /// Squared distances from row `i` to its neighbours.
    #[inline]
    pub fn dist_sq(&self, i: usize) -> &[f64] {
        &self.dist_sq[i * self.k..(i + 1) * self.k]
    }
}
