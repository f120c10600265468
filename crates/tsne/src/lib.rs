//! t-SNE with feature attributions.

pub mod affinity;
pub mod attribution;
mod bandwidth;
mod barnes_hut;
pub mod divergence;
mod error;
mod exact;
pub mod importance;
pub mod init;
pub mod optimizer;
mod pairs;
mod params;
pub mod repulsion;
pub mod step;
pub mod summary;
mod update;

pub use affinity::{Affinities, Conditionals};
pub use barnes_hut::BarnesHut;
pub use divergence::Divergence;
pub use embex_trees::Metric;
pub use error::{Error, Result};
pub use exact::Exact;
pub use optimizer::{MapEvery, Optimizer, OptimizerState, Record, StopReason};
pub use params::{Init, LearningRate, Method, Precision, TsneParams};
