//! Labels as numbers from 0.

use crate::{Error, Result};

/// Classes numbered in the order of their labels.
pub(super) struct Classes {
    /// The class of each sample.
    pub(super) of: Vec<usize>,
    /// Samples of each class; none is empty.
    pub(super) sizes: Vec<usize>,
}

impl Classes {
    pub(super) fn new<L: Ord>(labels: &[L]) -> Self {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by(|&a, &b| labels[a].cmp(&labels[b]));
        let mut of = vec![0; labels.len()];
        let mut sizes = Vec::new();
        for class in order.chunk_by(|&a, &b| labels[a] == labels[b]) {
            for &i in class {
                of[i] = sizes.len();
            }
            sizes.push(class.len());
        }
        Self { of, sizes }
    }

    /// Accepts 2 ≤ clusters < samples, which all shapes need.
    pub(super) fn check_shape(&self) -> Result<()> {
        let (n_clusters, n) = (self.sizes.len(), self.of.len());
        if n_clusters < 2 || n_clusters >= n {
            return Err(Error::ClusterCount { n_clusters, n });
        }
        Ok(())
    }
}
