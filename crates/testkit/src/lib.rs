//! Seeded data, comparisons and golden loaders for the tests of embex.
//!
//! Of the workspace's crates it knows only embex-io, which reads the files, so that any but that may
//! test with it. Being a test tool, it panics on wrong use where a library would return an error;
//! only the loaders return one.

mod beds;
pub mod browser;
mod compare;
mod golden;

pub use beds::{Bed, clusters, curve, decoy, dup, gaussian, nested_clusters, zsc};
pub use compare::{Gap, assert_close, largest_gap, max_abs_error, max_rel_error, row_major};
pub use golden::{Array, Golden, read_npy};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
