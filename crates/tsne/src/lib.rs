//! t-SNE with feature attributions.

pub mod affinity;
mod bandwidth;
pub mod divergence;
mod error;
mod exact;
pub mod init;
pub mod optimizer;
mod pairs;
mod params;
pub mod repulsion;
pub mod step;
mod update;

pub use affinity::{Affinities, Conditionals};
pub use divergence::Divergence;
pub use error::{Error, Result};
pub use exact::Exact;
pub use optimizer::{MapEvery, Optimizer, OptimizerState, Record, StopReason};
pub use params::{Init, LearningRate, Method, Metric, Precision, TsneParams};
