//! Measures of embeddings, clusterings and attributions.
//!
//! They compare matrices, labels and numbers and know no method. Sums have a fixed order, so
//! every result has the same bits for any number of threads; resampling draws from keyed
//! streams.

pub mod attribution;
mod auroc;
mod bootstrap;
mod divergence;
mod error;
mod fdr;
pub mod features;
mod mann_whitney;
mod preservation;

pub use auroc::auroc;
pub use bootstrap::{BootstrapParams, Interval, quantile};
pub use divergence::{Divergence, SparseJoint, kl_divergence};
pub use error::{Error, Result};
pub use fdr::benjamini_hochberg;
pub use mann_whitney::{MannWhitney, Method, mann_whitney_u};
pub use preservation::{knn_preservation, neighbour_overlap};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
