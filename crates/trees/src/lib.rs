//! Barnes–Hut trees and nearest neighbours.

#[cfg(feature = "approx")]
mod approximate;
mod blocked;
mod distinct;
mod error;
mod frame;
mod kd;
mod knn;
mod neighbours;
mod points;
mod product;
pub mod quadtree;
mod ranked;
mod row_distances;
mod search;

#[cfg(feature = "approx")]
pub use approximate::{ApproximateNeighbours, ApproximateParams};
pub use error::{Error, Result};
pub use knn::{KnnParams, Method, Metric, knn, knn_between, knn_with};
pub use neighbours::Neighbours;
pub use row_distances::RowDistances;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
