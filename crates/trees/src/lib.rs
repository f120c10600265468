//! Barnes–Hut trees and nearest neighbours.

mod neighbours;

pub use neighbours::Neighbours;
