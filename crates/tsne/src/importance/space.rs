//! The space in which the map's distances were measured, and its features.

use embex_linalg::{Real, Rows, check, faer::MatRef};
use rayon::prelude::*;

use crate::{Error, Result};

/// Largest disagreement of scores and loadings, relative to the scores; far above `f32`
/// rounding, far below any real mistake.
const LOADINGS_TOLERANCE: f64 = 1e-2;

/// Rows on which scores and loadings are compared.
const LOADINGS_ROWS: usize = 64;

/// What the map was made from, and the features that explain it; distances are Euclidean.
///
/// # Shapes
/// n samples, D features, p components.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FeatureSpace<'a, T> {
    /// The map was made from these features (n × D) as they are.
    Given(MatRef<'a, T>),
    /// The map was made from linear scores of the features, such as principal components.
    Components {
        /// Scores, n × p: z_i − z_j = (x_i − x_j) · loadings.
        scores: MatRef<'a, f64>,
        /// Loadings, D × p: one row per feature.
        loadings: MatRef<'a, f64>,
        /// The features as they were when projected (after scaling, if any), n × D.
        features: MatRef<'a, T>,
    },
}

impl<'a, T: Real> FeatureSpace<'a, T> {
    /// Samples.
    pub fn n_samples(&self) -> usize {
        self.features().nrows()
    }

    /// Features.
    pub fn n_features(&self) -> usize {
        self.features().ncols()
    }

    /// The features, n × D.
    pub fn features(&self) -> MatRef<'a, T> {
        match *self {
            Self::Given(x) => x,
            Self::Components { features, .. } => features,
        }
    }

    /// What distances are measured on.
    pub(super) fn coordinates(&self) -> Rows<f64> {
        match *self {
            Self::Given(x) => Rows::convert_from(x),
            Self::Components { scores, .. } => Rows::copy_from(scores),
        }
    }

    /// Loadings of the features `members`, one row after another; `None` for given features.
    pub(super) fn loadings_of(&self, members: &[usize]) -> Option<Vec<f64>> {
        let Self::Components { loadings, .. } = *self else { return None };
        let row = |&d: &usize| (0..loadings.ncols()).map(move |c| loadings[(d, c)]);
        Some(members.iter().flat_map(row).collect())
    }

    /// One feature in double precision, minus its mean; and whether it is constant.
    pub(super) fn centred(&self, d: usize) -> (Vec<f64>, bool) {
        let x = self.features();
        let mut column: Vec<f64> = (0..x.nrows()).map(|i| x[(i, d)].to_f64()).collect();
        let constant = column.iter().all(|&value| value == column[0]);
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        for value in &mut column {
            *value -= mean;
        }
        (column, constant)
    }

    /// Accepts finite inputs of fitting shapes whose scores are the loadings' work.
    pub(super) fn check(&self) -> Result<()> {
        check::finite(self.features())?;
        if let Self::Components { scores, loadings, features } = *self {
            check::finite(scores)?;
            check::finite(loadings)?;
            check::length("scores", scores.nrows(), features.nrows())?;
            check::length("loadings", loadings.nrows(), features.ncols())?;
            check::length("loadings of a feature", loadings.ncols(), scores.ncols())?;
            check_loadings(scores, loadings, features)?;
        }
        Ok(())
    }
}

/// Compares z_i − z_0 with (x_i − x_0) · loadings on rows spread over the samples.
fn check_loadings<T: Real>(
    scores: MatRef<'_, f64>,
    loadings: MatRef<'_, f64>,
    features: MatRef<'_, T>,
) -> Result<()> {
    let (n, p) = scores.shape();
    let step = n.div_ceil(LOADINGS_ROWS);
    let rows: Vec<usize> = (step..n).step_by(step).collect();
    let gap = |i: usize| {
        let (mut off, mut size) = (0.0, 0.0);
        for c in 0..p {
            let projected: f64 = (0..features.ncols())
                .map(|d| {
                    let diff = features[(i, d)].to_f64() - features[(0, d)].to_f64();
                    diff * loadings[(d, c)]
                })
                .sum();
            let diff = scores[(i, c)] - scores[(0, c)];
            off += (diff - projected) * (diff - projected);
            size += diff * diff;
        }
        (off, size)
    };
    let gaps: Vec<(f64, f64)> = rows.par_iter().map(|&i| gap(i)).collect();
    let largest = gaps.iter().map(|g| g.1).fold(0.0, f64::max);
    let limit = LOADINGS_TOLERANCE * LOADINGS_TOLERANCE * largest;
    match rows.iter().zip(&gaps).find(|(_, gap)| gap.0 > limit) {
        Some((&row, gap)) => Err(Error::LoadingsMismatch {
            row,
            gap: (gap.0 / largest.max(f64::MIN_POSITIVE)).sqrt(),
        }),
        None => Ok(()),
    }
}

/// The distances' coordinates, by rows for pairs and by blocks for whole rows of distances.
pub(super) struct Geometry {
    rows: Rows<f64>,
    /// [`LANES`] samples at a time: their first coordinates, their second, …; padded with 0.
    blocks: Vec<f64>,
}

/// Samples per block; with [`TILE`] rows their sums stay in registers.
const LANES: usize = 16;

/// Rows that share the reading of a block.
const TILE: usize = 4;

impl Geometry {
    pub(super) fn new<T: Real>(space: &FeatureSpace<'_, T>) -> Self {
        let rows = space.coordinates();
        let (n, p) = (rows.n_rows(), rows.n_cols());
        let mut blocks = vec![0.0; n.div_ceil(LANES) * LANES * p];
        blocks.par_chunks_mut(LANES * p).enumerate().for_each(|(block, values)| {
            for (lane, i) in (block * LANES..n.min((block + 1) * LANES)).enumerate() {
                for (c, &value) in rows.row(i).iter().enumerate() {
                    values[c * LANES + lane] = value;
                }
            }
        });
        Self { rows, blocks }
    }

    pub(super) fn n_samples(&self) -> usize {
        self.rows.n_rows()
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        self.rows.row(i)
    }

    /// Squared distances from rows `from`… to all samples, one row of `out` (n long) each.
    ///
    /// A distance has the same bits however many rows are asked for at once.
    pub(super) fn dist_sq_rows(&self, from: usize, out: &mut [f64]) {
        pulp::Arch::new().dispatch(DistSqRows { geometry: self, from, out });
    }

    #[inline(always)]
    fn dist_sq_kernel(&self, from: usize, out: &mut [f64]) {
        let (n, p) = (self.rows.n_rows(), self.rows.n_cols());
        for (block, values) in self.blocks.chunks_exact(LANES * p).enumerate() {
            let mut parts = out.chunks_exact_mut(n * TILE);
            let mut row = from;
            for out in &mut parts {
                self.tile::<TILE>(row, block, values, out);
                row += TILE;
            }
            for out in parts.into_remainder().chunks_exact_mut(n) {
                self.tile::<1>(row, block, values, out);
                row += 1;
            }
        }
    }

    /// Distances from `R` rows to one block, which is read once for all of them.
    #[inline(always)]
    fn tile<const R: usize>(&self, row: usize, block: usize, values: &[f64], out: &mut [f64]) {
        let n = self.rows.n_rows();
        let own: [&[f64]; R] = std::array::from_fn(|r| self.rows.row(row + r));
        let mut sums = [[0.0; LANES]; R];
        let (values, _) = values.as_chunks::<LANES>();
        for (c, others) in values.iter().enumerate() {
            for r in 0..R {
                let value = own[r][c];
                for lane in 0..LANES {
                    let diff = value - others[lane];
                    sums[r][lane] += diff * diff;
                }
            }
        }
        let valid = LANES.min(n - block * LANES);
        for (out, sums) in out.chunks_exact_mut(n).zip(&sums) {
            out[block * LANES..][..valid].copy_from_slice(&sums[..valid]);
        }
    }
}

/// A type of its own, because a closure's call is not inlined into each instruction set's
/// variant and would run on the baseline's.
struct DistSqRows<'a> {
    geometry: &'a Geometry,
    from: usize,
    out: &'a mut [f64],
}

impl pulp::WithSimd for DistSqRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.geometry.dist_sq_kernel(self.from, self.out);
    }
}
