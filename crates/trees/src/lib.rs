//! Barnes–Hut trees and nearest neighbours.

mod blocked;
mod distinct;
mod error;
mod frame;
mod kd;
mod knn;
mod neighbours;
mod points;
pub mod quadtree;
mod ranked;
mod search;

pub use error::{Error, Result};
pub use knn::{KnnParams, Method, Metric, knn, knn_between, knn_with};
pub use neighbours::Neighbours;
