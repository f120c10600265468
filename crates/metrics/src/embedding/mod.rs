//! How well an embedding keeps distances and neighbours.

mod divergence;
mod preservation;

pub use divergence::{Divergence, SparseJoint, kl_divergence};
pub use preservation::{knn_preservation, neighbour_overlap};
