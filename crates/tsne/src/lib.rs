//! t-SNE with feature attributions.

pub mod affinity;
mod bandwidth;
mod error;
mod params;
pub mod repulsion;
pub mod step;

pub use affinity::{Affinities, Conditionals};
pub use error::{Error, Result};
pub use params::{Init, LearningRate, Method, Metric, Precision, TsneParams};
