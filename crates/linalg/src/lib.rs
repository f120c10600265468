//! Dense statistics and linear algebra that the embex crates share.
//!
//! Samples are rows everywhere. Every reduction across rows is ordered, so results have the
//! same bits for any number of threads; every draw comes from a stream keyed by seed, purpose
//! and item. This crate knows no models and no labels.

pub use faer;

mod blocks;
mod budget;
pub mod check;
pub mod counts;
mod distance;
mod error;
pub mod kmeans;
pub mod pca;
pub mod progress;
mod real;
mod reduce;
mod rows;
pub mod seed;
mod setters;
pub mod stats;

pub use budget::MemoryBudget;
pub use distance::dist_sq;
pub use error::{Error, Result};
pub use progress::Progress;
pub use real::Real;
pub use reduce::{ordered_sum, ordered_sums};
pub use rows::Rows;

#[cfg(test)]
mod tests {
    /// A pool of so many threads.
    pub(crate) fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
