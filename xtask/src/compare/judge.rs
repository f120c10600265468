//! One judge for all maps.

use std::path::Path;

use embex_io::{ReadOptions, read};
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_metrics::neighbour_overlap;
use embex_trees::{Neighbours, knn};
use embex_tsne::{Affinities, Divergence, TsneParams};

use super::task::Task;

/// Neighbours whose preservation is measured.
const KEPT: usize = 10;

/// Affinities and neighbours of the input, against which every map is judged.
pub(super) struct Judge {
    affinities: Affinities,
    neighbours: Neighbours,
}

/// What a map is worth.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Quality {
    /// Exact KL(P‖Q) on 91-neighbour affinities.
    pub(super) kl: f64,
    /// Share of the 10 nearest neighbours kept.
    pub(super) kept_10: f64,
}

impl Judge {
    pub(super) fn new(task: &Task) -> anyhow::Result<Self> {
        let params = TsneParams::default().with_perplexity(Task::perplexity());
        let x = task.x.as_mat();
        let affinities = params.affinities(x, &mut Silent, MemoryBudget::default())?;
        Ok(Self { affinities, neighbours: knn(x, KEPT)? })
    }

    /// Judges the map in a file.
    pub(super) fn quality(&self, map: &Path) -> anyhow::Result<Quality> {
        let matrix = read(map, &ReadOptions::default())?.matrix;
        let n_cols = matrix.n_cols();
        let map = Rows::from_vec(matrix.into_dense_f64(u64::MAX)?, n_cols)
            .ok_or_else(|| anyhow::anyhow!("the map has no columns"))?;
        let kept = neighbour_overlap(&self.neighbours, &knn(map.as_mat(), KEPT)?)?;
        Ok(Quality {
            kl: Divergence::exact(&self.affinities, map.as_mat())?.kl(),
            kept_10: kept.iter().sum::<f64>() / kept.len() as f64,
        })
    }
}
