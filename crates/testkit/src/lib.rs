//! Seeded data, comparisons and golden loaders for the tests of embex.
//!
//! Depends on no other crate of the workspace, so that any of them may test with it. Being a
//! test tool, it panics on wrong use where a library would return an error; only the loaders
//! return one.

mod beds;
mod compare;
mod golden;

pub use beds::{Bed, clusters, curve, decoy, dup, gaussian, nested_clusters, zsc};
pub use compare::{Gap, assert_close, largest_gap, max_abs_error, max_rel_error, row_major};
pub use golden::{Array, Golden, read_npy};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
