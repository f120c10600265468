//! How well clusterings agree, and how compact and apart clusters are.

mod classes;
mod contingency;
mod dbscan;
mod dispersion;
mod expected;
mod silhouette;

pub use contingency::{Average, Contingency};
pub use dbscan::{Dbscan, DbscanParams};
pub use dispersion::{calinski_harabasz, davies_bouldin};
pub use silhouette::{Silhouette, SilhouetteParams, silhouette};
