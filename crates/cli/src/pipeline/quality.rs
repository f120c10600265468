//! How good the map is.

use embex_metrics::{SparseJoint, kl_divergence, knn_preservation};
use embex_tsne::Affinities;
use embex_tsne::summary::Saturation;
use serde_json::{Value, json};

use super::map::Made;
use super::prepare::{Coordinates, Prepared};
use super::stored::Stored;
use crate::exit::Result;
use crate::progress::Display;

/// Neighbours of which the preservation is measured.
const NEIGHBOURS: usize = 10;

/// The measures of `quality.json`.
pub(super) fn measure<T: Stored>(
    prepared: &Prepared<T>,
    affinities: &Affinities,
    made: &Made<T>,
    saturation: Option<&Saturation>,
    display: &mut Display,
) -> Result<Value> {
    let (starts, columns, p) = affinities.as_rows();
    let joint = SparseJoint::new(starts, columns, p)?;
    let exact = kl_divergence(&joint, made.map.as_mat(), display)?;
    let k = NEIGHBOURS.min(affinities.n_samples().saturating_sub(1));
    let preserved = display.spin("preservation", || match prepared.coordinates() {
        Coordinates::Scores(x) => knn_preservation(x, made.map.as_mat(), k),
        Coordinates::Features(x) => knn_preservation(x, made.map.as_mat(), k),
    })??;
    Ok(json!({
        "kl": exact.kl,
        "kl_by_method": made.divergence.kl(),
        "neighbours_kept": { "k": k, "share": preserved },
        "neighbour_recall": affinities.recall(),
        "affinity_across_groups": saturation.map(|s| s.across),
        "history": made.history.iter().map(|record| json!({
            "iteration": record.iteration,
            "kl": record.divergence.kl(),
            "gradient_norm": record.grad_norm,
        })).collect::<Vec<_>>(),
    }))
}
