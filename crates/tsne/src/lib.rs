//! t-SNE with feature attributions.

pub mod affinity;
pub mod repulsion;
pub mod step;
