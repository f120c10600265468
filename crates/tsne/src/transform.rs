//! Places for new samples on a finished map.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::report;
use embex_linalg::{MemoryBudget, Progress, Real, Rows, check};
use embex_trees::{KnnParams, Metric, Neighbours};
use pulp::Arch;
use rayon::prelude::*;

use crate::bandwidth::conditional_row;
use crate::divergence::points;
use crate::pairs::{AddChunks, PairSums, Sources};
use crate::{Error, Result};

/// New samples per report of progress.
const BATCH: usize = 1024;

/// Bound on the curvature of ln Σ_j g: for each g its second derivative along any direction is
/// at most 9/8 g, reached at |d|² = 5/3.
const NORMALISER_CURVATURE: f64 = 1.125;

/// Settings of [`Self::transform`]; the defaults are openTSNE's.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::Mat, progress::Silent};
/// use embex_tsne::{TransformParams, TsneParams};
/// let x = Mat::from_fn(60, 2, |i, d| ((i * 7 + d) % 13) as f64 + 40.0 * ((i % 2) as f64));
/// let map = TsneParams::default().with_perplexity(8.0).with_n_iter(300).fit(x.as_ref())?;
/// let new = x.as_ref().subrows(10, 3);
/// let placed = TransformParams::default().transform(
///     x.as_ref(), map.embedding.as_mat(), new, &mut Silent, MemoryBudget::default())?;
/// assert_eq!(placed.embedding.as_mat().shape(), (3, 2));
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TransformParams {
    /// Effective number of fitted neighbours of a new sample; small, as it needs no more to be
    /// placed. At least 1 and less than the number of neighbours.
    pub perplexity: f64,
    /// Fitted neighbours of a new sample; `None` is min(n, ⌊3 · perplexity⌋ + 1).
    pub n_neighbours: Option<usize>,
    /// How distances are measured; that of the fit.
    pub metric: Metric,
    /// Factor on the affinities, at least 1.
    pub exaggeration: f64,
    /// Most steps per sample.
    pub max_iter: usize,
    /// A sample is placed once its step is below this share of the map's span.
    pub tolerance: f64,
}

impl Default for TransformParams {
    fn default() -> Self {
        Self {
            perplexity: 5.0,
            n_neighbours: None,
            metric: Metric::Euclidean,
            exaggeration: 1.5,
            max_iter: 250,
            tolerance: 1e-6,
        }
    }
}

/// Places of new samples.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Transformed {
    /// Places, one row per new sample.
    pub embedding: Rows<f64>,
    /// Steps taken per sample; `max_iter` means that it was still moving.
    pub n_iter: Vec<usize>,
}

impl TransformParams {
    embex_linalg::setters! {
        with_perplexity perplexity: f64,
        with_n_neighbours n_neighbours: Option<usize>,
        with_metric metric: Metric,
        with_exaggeration exaggeration: f64,
        with_max_iter max_iter: usize,
        with_tolerance tolerance: f64,
    }

    /// Places the rows of `new` (m × d) on the map (n × 1, 2 or 3) of the rows of `fitted`
    /// (n × d), which stays as it is.
    ///
    /// A new sample has affinities p_j to its fitted neighbours, by its own bandwidth. Its place y
    /// minimises e Σ_j p_j ln(1 + |y − y_j|²) + ln Σ_l 1 / (1 + |y − y_l|²), the divergence of
    /// its row under its own normaliser (over all fitted points), with exaggeration e. It starts at
    /// the weighted median of its neighbours and each step minimises a quadratic that bounds
    /// the objective from above, so that no step raises it. New samples do not see one another.
    ///
    /// A fitted sample given again finds itself at distance 0, where its affinity is largest by
    /// far: itself pulls it back against the repulsion, and its other neighbours shift
    /// it only slightly.
    ///
    /// # Errors
    /// [`Error::ColumnMismatch`], [`Error::InitShape`] unless the map has a row per fitted sample
    /// and 1 to 3 columns, [`Error::NeighbourCount`], [`Error::ZeroRow`], [`Error::Input`] for a
    /// setting out of range, an entry that is not finite, or a cancelled run.
    ///
    /// # Cost
    /// Neighbours m n d, then m n terms a step.
    pub fn transform<U: Real>(
        &self,
        fitted: MatRef<'_, U>,
        map: MatRef<'_, f64>,
        new: MatRef<'_, U>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Transformed> {
        let neighbours = self.neighbours(fitted, new, progress, budget)?;
        let n = fitted.nrows();
        match map.ncols() {
            1 => self.place_all(&points::<f64, 1>(map, n)?, &neighbours, progress),
            2 => self.place_all(&points::<f64, 2>(map, n)?, &neighbours, progress),
            3 => self.place_all(&points::<f64, 3>(map, n)?, &neighbours, progress),
            n_cols => {
                let n_rows = map.nrows();
                Err(Error::InitShape { n_rows, n_cols, n_samples: n, n_components: 2 })
            }
        }
    }

    fn neighbours<U: Real>(
        &self,
        fitted: MatRef<'_, U>,
        new: MatRef<'_, U>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Neighbours> {
        self.check()?;
        check::finite(fitted)?;
        check::finite(new)?;
        let (got, expected) = (new.ncols(), fitted.ncols());
        if got != expected {
            return Err(Error::ColumnMismatch { got, expected });
        }
        let (n_samples, perplexity) = (fitted.nrows(), self.perplexity);
        let usual = || n_samples.min((3.0 * perplexity) as usize + 1);
        let k = self.n_neighbours.unwrap_or_else(usual);
        if k > n_samples || k as f64 <= perplexity {
            return Err(Error::NeighbourCount { k, n_samples, perplexity });
        }
        let search = KnnParams::new(k).with_metric(self.metric);
        Ok(search.search_between(new, fitted, progress, budget)?)
    }

    fn check(&self) -> Result<()> {
        let ranges = [
            ("perplexity", self.perplexity, "finite, at least 1", 1.0),
            ("exaggeration", self.exaggeration, "finite, at least 1", 1.0),
            ("tolerance", self.tolerance, "finite, at least 0", 0.0),
        ];
        for (name, value, expected, least) in ranges {
            if !(value >= least && value.is_finite()) {
                return Err(embex_linalg::Error::Setting { name, value, expected }.into());
            }
        }
        Ok(())
    }

    fn place_all<const C: usize>(
        &self,
        map: &[[f64; C]],
        neighbours: &Neighbours,
        progress: &mut dyn Progress,
    ) -> Result<Transformed> {
        let target = Target::new(self, map);
        let m = neighbours.n_samples();
        let (mut flat, mut n_iter) = (Vec::with_capacity(m * C), Vec::with_capacity(m));
        for from in (0..m).step_by(BATCH) {
            report(progress, "transform", from, m, "")?;
            let rows = (from..m.min(from + BATCH)).into_par_iter();
            let placed: Vec<_> = rows
                .map_init(
                    || vec![0.0; neighbours.k()],
                    |p, i| target.place(neighbours.row(i), neighbours.dist_sq(i), p),
                )
                .collect();
            for (y, steps) in placed {
                flat.extend(y);
                n_iter.push(steps);
            }
        }
        report(progress, "transform", m, m, "")?;
        let shape = embex_linalg::Error::LengthMismatch { what: "map", got: 0, expected: C };
        Ok(Transformed { embedding: Rows::from_vec(flat, C).ok_or(shape)?, n_iter })
    }
}

/// The fixed map, as every new sample sees it.
struct Target<'a, const C: usize> {
    params: &'a TransformParams,
    map: &'a [[f64; C]],
    sources: Sources<f64, C>,
    least_step: f64,
    arch: Arch,
}

impl<'a, const C: usize> Target<'a, C> {
    fn new(params: &'a TransformParams, map: &'a [[f64; C]]) -> Self {
        let mut sources = Sources::default();
        for &y in map {
            sources.push(y, 1.0);
        }
        sources.pad();
        let least_step = params.tolerance * crate::optimizer::extent(map);
        Self { params, map, sources, least_step, arch: Arch::new() }
    }

    /// The place of one sample and the steps it took.
    fn place(&self, neighbours: &[u32], dist_sq: &[f64], p: &mut [f64]) -> ([f64; C], usize) {
        conditional_row(self.arch, dist_sq, self.params.perplexity, 0.0, p);
        let mut y = self.weighted_median(neighbours, p);
        for iteration in 1..=self.params.max_iter {
            let step = self.step(&y, neighbours, p);
            let size_sq: f64 = step.iter().map(|s| s * s).sum();
            for c in 0..C {
                y[c] -= step[c];
            }
            if size_sq.sqrt() <= self.least_step {
                return (y, iteration);
            }
        }
        (y, self.params.max_iter)
    }

    /// Gradient over the curvature of the bounding quadratic.
    fn step(&self, y: &[f64; C], neighbours: &[u32], p: &[f64]) -> [f64; C] {
        let mut sums = [PairSums::<C>::default()];
        let (sources, chunks) = (&self.sources, 0..self.sources.n_chunks());
        let targets = std::slice::from_ref(y);
        self.arch.dispatch(AddChunks::<_, C, false> { targets, sources, chunks, sums: &mut sums });
        let mut gradient = sums[0].force.map(|f| -2.0 * f / sums[0].z);
        let mut curvature = NORMALISER_CURVATURE;
        for (&j, &p) in neighbours.iter().zip(p) {
            let yj = &self.map[j as usize];
            let dist_sq: f64 = y.iter().zip(yj).map(|(a, b)| (a - b) * (a - b)).sum();
            let pull = 2.0 * self.params.exaggeration * p / (1.0 + dist_sq);
            curvature += pull;
            for c in 0..C {
                gradient[c] += pull * (y[c] - yj[c]);
            }
        }
        gradient.map(|g| g / curvature)
    }

    /// Per axis the least coordinate at which half of the affinity is reached.
    fn weighted_median(&self, neighbours: &[u32], p: &[f64]) -> [f64; C] {
        std::array::from_fn(|c| {
            let coordinate = |&j: &u32| self.map[j as usize][c];
            let mut pairs: Vec<(f64, f64)> =
                neighbours.iter().map(coordinate).zip(p.iter().copied()).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut sum = 0.0;
            let half = pairs.iter().find(|(_, p)| {
                sum += p;
                sum >= 0.5
            });
            half.or(pairs.last()).map_or(0.0, |pair| pair.0)
        })
    }
}
