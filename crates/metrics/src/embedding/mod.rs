//! How well an embedding keeps distances, neighbours and groups.

mod co_ranking;
mod distances;
pub(crate) mod divergence;
mod neighbourhood_hit;
mod preservation;
mod quality;
mod ranks;

pub use co_ranking::{CoRanking, CoRankingParams};
pub use distances::{DistancePairs, DistanceParams};
pub use divergence::{Divergence, SparseJoint, kl_divergence};
pub use neighbourhood_hit::{neighbourhood_hit, neighbourhood_hits};
pub use preservation::{knn_preservation, neighbour_overlap};
pub use quality::{
    CoRankingQuality, DistanceQuality, LabelQuality, NeighbourQuality, Quality, QualityParams,
    SampleQuality,
};
pub use ranks::{NeighbourRanks, RankParams, continuity, trustworthiness};

use embex_linalg::{Real, faer::MatRef};
use embex_trees::RowDistances;

use crate::Result;
use crate::error::length;

/// Distances before and after, of the same samples.
fn both_distances<T: Real, U: Real>(
    before: MatRef<'_, T>,
    after: MatRef<'_, U>,
) -> Result<[RowDistances; 2]> {
    length("the embedding", after.nrows(), before.nrows())?;
    Ok([RowDistances::new(before)?, RowDistances::new(after)?])
}
