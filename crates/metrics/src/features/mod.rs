//! Scores of features that know no embedding method: what attributions are compared with.
//!
//! | score | per | first come | |
//! |---|---|---|---|
//! | variance | feature | largest | [`embex_linalg::stats::column_variances`] |
//! | top components | feature | largest | [`top_components`] |
//! | Laplacian score | feature, on a graph | **smallest** | [`laplacian_score`], [`laplacian_score_dense`] |
//! | Fisher score | feature, from groups | largest | [`fisher_score`] |
//! | mean \|value\| | group × feature | largest | [`mean_size`] |
//! | difference of means | group × feature | largest size | [`embex_linalg::stats::mean_differences`] |
//! | rank sums | group × feature | largest size of z | [`wilcoxon`] |
//!
//! Any of them becomes a [`crate::attribution::Ranking`]. Those that use groups know the answer
//! that an unsupervised method has to find; with groups found on the same data their p-values
//! mean nothing.

mod components;
mod fisher;
mod graph;
mod groups;
mod laplacian;
mod means;
mod wilcoxon;

pub use components::top_components;
pub use fisher::fisher_score;
pub use graph::SparseGraph;
pub use groups::group_sizes;
pub use laplacian::{laplacian_score, laplacian_score_dense};
pub use means::mean_size;
pub use wilcoxon::{Wilcoxon, wilcoxon};
