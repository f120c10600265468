//! Measures of embeddings, clusterings and attributions.
//!
//! They compare matrices, labels and numbers and know no method. Sums have a fixed order, so
//! every result has the same bits for any number of threads; resampling draws from keyed
//! streams.

pub mod attribution;
mod clustering;
mod embedding;
mod error;
pub mod features;
mod statistics;
mod sweep;

pub use clustering::{
    Average, Contingency, Dbscan, DbscanParams, Silhouette, SilhouetteParams, calinski_harabasz,
    davies_bouldin, silhouette,
};
pub use embedding::{
    CoRanking, CoRankingParams, CoRankingQuality, DistancePairs, DistanceParams, DistanceQuality,
    Divergence, LabelQuality, NeighbourQuality, NeighbourRanks, Quality, QualityParams, RankParams,
    SampleQuality, SparseJoint, continuity, kl_divergence, knn_preservation, neighbour_overlap,
    neighbourhood_hit, neighbourhood_hits, trustworthiness,
};
pub use error::{Error, Result};
pub use statistics::{
    BootstrapParams, CorrelationTest, Interval, MannWhitney, Method, auroc, benjamini_hochberg,
    mann_whitney_u, pearson_test, quantile, spearman_test,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod golden_data;
