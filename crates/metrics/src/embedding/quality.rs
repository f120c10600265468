//! The usual measures of an embedding in one table.

use embex_linalg::{MemoryBudget, Progress, Real, faer::MatRef, ordered_sum};
use embex_trees::{KnnParams, RowDistances};

use super::neighbourhood_hit::hits_of_nearest;
use super::{
    CoRanking, CoRankingParams, DistancePairs, DistanceParams, NeighbourRanks, RankParams,
    both_distances,
};
use crate::error::length;
use crate::{Error, Result, SilhouetteParams};

/// Which measures [`Quality`] takes, and of how many samples.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::Mat, progress::Silent};
/// use embex_metrics::QualityParams;
/// let x = Mat::from_fn(40, 3, |i, j| ((i * i * (j + 3) + 17 * i + j) % 101) as f64);
/// let labels: Vec<usize> = (0..40).map(|i| i % 4).collect();
/// let quality = QualityParams::for_samples(40).measure(
///     x.as_ref(), x.get(.., ..2), Some(&labels), &mut Silent, MemoryBudget::default())?;
/// assert_eq!(quality.neighbours.len(), 2); // of 10 and of 30
/// assert!(quality.neighbours[0].trustworthiness > 0.8);
/// assert_eq!(quality.per_sample.recall.len(), 40);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct QualityParams {
    /// Sizes of neighbourhoods, each 1 ≤ k ≤ n − 2; 10, 30 and 100 unless set. The columns of
    /// single samples are of the first.
    pub ks: Vec<usize>,
    /// Most rows of which neighbours are measured; 100,000 unless set.
    pub rank_rows: Option<usize>,
    /// Most rows of the co-ranking curve; 2000 unless set.
    pub curve_rows: Option<usize>,
    /// Most rows of silhouettes; 10,000 unless set.
    pub silhouette_rows: Option<usize>,
    /// Most pairs of which distances are compared; 2,000,000 unless set.
    pub n_pairs: usize,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for QualityParams {
    fn default() -> Self {
        Self {
            ks: vec![10, 30, 100],
            rank_rows: Some(100_000),
            curve_rows: Some(2000),
            silhouette_rows: Some(10_000),
            n_pairs: 2_000_000,
            seed: 42,
        }
    }
}

/// The usual measures of an embedding.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Quality {
    /// Version of this crate.
    pub version: String,
    /// What was asked for.
    pub params: QualityParams,
    /// Number of samples.
    pub n_samples: usize,
    /// Rows of which neighbours were measured; all samples, or a draw.
    pub n_rank_rows: usize,
    /// Measures by size of neighbourhood, in the order of [`QualityParams::ks`].
    pub neighbours: Vec<NeighbourQuality>,
    /// What sums up the curve over all sizes.
    pub co_ranking: CoRankingQuality,
    /// How distances are kept.
    pub distances: DistanceQuality,
    /// How labels are kept, if there are any.
    pub labels: Option<LabelQuality>,
    /// Measures of single samples.
    pub per_sample: SampleQuality,
}

/// Measures of neighbourhoods of one size; see [`NeighbourRanks`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NeighbourQuality {
    /// Size of the neighbourhoods.
    pub k: usize,
    /// [`NeighbourRanks::recall`].
    pub recall: f64,
    /// [`NeighbourRanks::trustworthiness`].
    pub trustworthiness: f64,
    /// [`NeighbourRanks::continuity`].
    pub continuity: f64,
    /// [`NeighbourRanks::lcmc`].
    pub lcmc: f64,
    /// [`NeighbourRanks::r_nx`].
    pub r_nx: f64,
    /// [`NeighbourRanks::mrre_false`].
    pub mrre_false: f64,
    /// [`NeighbourRanks::mrre_missing`].
    pub mrre_missing: f64,
}

/// What sums up the co-ranking curve; see [`CoRanking`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CoRankingQuality {
    /// Rows that were measured.
    pub n_rows: usize,
    /// [`CoRanking::auc_ln_k`].
    pub auc_ln_k: f64,
    /// [`CoRanking::k_max`].
    pub k_max: usize,
    /// [`CoRanking::q_local`].
    pub q_local: f64,
    /// [`CoRanking::q_global`].
    pub q_global: f64,
}

/// How distances are kept; see [`DistancePairs`]. `None` where a measure is undefined, as a
/// correlation is if all samples fall together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DistanceQuality {
    /// Pairs that were compared.
    pub n_pairs: usize,
    /// Whether they are a random sample of all.
    pub sampled: bool,
    /// [`DistancePairs::pearson`].
    pub pearson: Option<f64>,
    /// [`DistancePairs::spearman`].
    pub spearman: Option<f64>,
    /// [`DistancePairs::stress`].
    pub stress: Option<f64>,
    /// [`DistancePairs::optimal_scale`].
    pub optimal_scale: Option<f64>,
    /// [`DistancePairs::scale_normalised_stress`].
    pub scale_normalised_stress: Option<f64>,
    /// [`DistancePairs::kruskal_stress`].
    pub kruskal_stress: Option<f64>,
}

/// How labels are kept.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LabelQuality {
    /// [`crate::neighbourhood_hit`] before, for each of [`QualityParams::ks`].
    pub hit_before: Vec<f64>,
    /// The same after.
    pub hit_after: Vec<f64>,
    /// Rows of which silhouettes were taken.
    pub n_silhouette_rows: usize,
    /// Mean silhouette before; `None` unless there are at least two labels and fewer than
    /// samples.
    pub silhouette_before: Option<f64>,
    /// The same after.
    pub silhouette_after: Option<f64>,
}

/// Measures of single samples, one entry to each of `rows`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SampleQuality {
    /// Size of the neighbourhoods.
    pub k: usize,
    /// The measured rows, ascending.
    pub rows: Vec<usize>,
    /// [`NeighbourRanks::recall_per_row`].
    pub recall: Vec<f64>,
    /// [`NeighbourRanks::trustworthiness_per_row`].
    pub trustworthiness: Vec<f64>,
    /// [`NeighbourRanks::continuity_per_row`].
    pub continuity: Vec<f64>,
}

impl QualityParams {
    /// The default for `n` samples: of its sizes of neighbourhoods those up to n − 2, or n − 2
    /// alone.
    pub fn for_samples(n: usize) -> Self {
        let mut params = Self::default();
        let most = n.saturating_sub(2);
        params.ks.retain(|&k| k <= most);
        if params.ks.is_empty() {
            params.ks.push(most.max(1));
        }
        params
    }

    embex_linalg::setters! {
        with_ks ks: Vec<usize>,
        with_rank_rows rank_rows: Option<usize>,
        with_curve_rows curve_rows: Option<usize>,
        with_silhouette_rows silhouette_rows: Option<usize>,
        with_n_pairs n_pairs: usize,
        with_seed seed: u64,
    }

    /// Takes all measures of `after` as an embedding of `before`.
    ///
    /// Phases "ranks", "co-ranking" and, with labels, "neighbours" and "silhouette", the last
    /// two for each space.
    ///
    /// # Shapes
    /// `before` is n × a, `after` n × b, n ≥ 3; a label for each sample.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`]; [`Error::TooFew`] below three samples or without a size of
    /// neighbourhoods; [`Error::NeighbourCount`] unless 1 ≤ k ≤ n − 2; [`Error::Setting`];
    /// [`Error::Search`] for bad entries; [`Error::Value`] if a distance overflows;
    /// [`Error::Cancelled`].
    ///
    /// # Cost
    /// The sum of the parts': O(n²·(a + b)) up to `rank_rows` samples, O(n·(a + b)) per row of
    /// a draw beyond. Memory 8·n·(a + b) bytes for copies, 8·n·k for ranks, some 100 bytes a
    /// pair, and the blocks in flight, which the budget bounds.
    pub fn measure<T: Real, U: Real>(
        &self,
        before: MatRef<'_, T>,
        after: MatRef<'_, U>,
        labels: Option<&[usize]>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Quality> {
        let n = before.nrows();
        self.check(n, labels)?;
        let spaces = both_distances(before, after)?;
        let [old, new] = &spaces;
        let pairs = DistanceParams { n_pairs: self.n_pairs, seed: self.seed };
        let distances = DistanceQuality::new(&pairs.measure_distances([old, new])?)?;
        let k = self.largest_k();
        let ranks = RankParams { k, n_rows: self.rank_rows, seed: self.seed }.measure_distances(
            [old, new],
            progress,
            budget,
        )?;
        let curve = CoRankingParams { n_rows: self.curve_rows, seed: self.seed }
            .measure_distances([old, new], progress, budget)?;
        let neighbours = self.ks.iter().map(|&k| NeighbourQuality::new(&ranks, k));
        let labels = match labels {
            None => None,
            Some(labels) => {
                let [hit_before, hit_after] = [
                    self.hits(before, labels, progress, budget)?,
                    self.hits(after, labels, progress, budget)?,
                ];
                let before = self.silhouette(old, labels, progress, budget)?;
                let after = self.silhouette(new, labels, progress, budget)?;
                Some(LabelQuality {
                    hit_before,
                    hit_after,
                    n_silhouette_rows: before.map_or(0, |(_, n_rows)| n_rows),
                    silhouette_before: before.map(|(mean, _)| mean),
                    silhouette_after: after.map(|(mean, _)| mean),
                })
            }
        };
        Ok(Quality {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            params: self.clone(),
            n_samples: n,
            n_rank_rows: ranks.rows().len(),
            neighbours: neighbours.collect::<Result<_>>()?,
            co_ranking: CoRankingQuality::new(&curve),
            distances,
            labels,
            per_sample: SampleQuality::new(&ranks, self.ks[0])?,
        })
    }

    fn largest_k(&self) -> usize {
        self.ks.iter().fold(0, |most, &k| most.max(k))
    }

    fn check(&self, n: usize, labels: Option<&[usize]>) -> Result<()> {
        if n < 3 {
            return Err(Error::TooFew { what: "the quality of an embedding", needed: 3, got: n });
        }
        if let Some(labels) = labels {
            length("the labels", labels.len(), n)?;
        }
        if self.ks.is_empty() {
            return Err(Error::TooFew { what: "the list of ks", needed: 1, got: 0 });
        }
        match self.ks.iter().find(|&&k| k == 0 || k > n - 2) {
            Some(&k) => Err(Error::NeighbourCount { k, n: n - 1 }),
            None => Ok(()),
        }
    }

    fn hits<T: Real>(
        &self,
        x: MatRef<'_, T>,
        labels: &[usize],
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Vec<f64>> {
        let near = KnnParams::new(self.largest_k()).search(x, progress, budget)?;
        let mean = |&k: &usize| {
            let hits = hits_of_nearest(&near, k, labels)?;
            Ok(ordered_sum(hits.len(), |i| hits[i]) / hits.len() as f64)
        };
        self.ks.iter().map(mean).collect()
    }

    /// Mean silhouette and the number of rows behind it.
    fn silhouette(
        &self,
        space: &RowDistances,
        labels: &[usize],
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Option<(f64, usize)>> {
        let params =
            SilhouetteParams::default().with_n_rows(self.silhouette_rows).with_seed(self.seed);
        match params.measure_distances(space, labels, progress, budget) {
            Ok(found) => Ok(Some((found.mean, found.rows.len()))),
            Err(Error::ClusterCount { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl NeighbourQuality {
    fn new(ranks: &NeighbourRanks, k: usize) -> Result<Self> {
        Ok(Self {
            k,
            recall: ranks.recall(k)?,
            trustworthiness: ranks.trustworthiness(k)?,
            continuity: ranks.continuity(k)?,
            lcmc: ranks.lcmc(k)?,
            r_nx: ranks.r_nx(k)?,
            mrre_false: ranks.mrre_false(k)?,
            mrre_missing: ranks.mrre_missing(k)?,
        })
    }
}

impl CoRankingQuality {
    fn new(curve: &CoRanking) -> Self {
        Self {
            n_rows: curve.n_rows(),
            auc_ln_k: curve.auc_ln_k(),
            k_max: curve.k_max(),
            q_local: curve.q_local(),
            q_global: curve.q_global(),
        }
    }
}

impl DistanceQuality {
    fn new(pairs: &DistancePairs) -> Result<Self> {
        Ok(Self {
            n_pairs: pairs.before().len(),
            sampled: pairs.sampled(),
            pearson: defined(pairs.pearson())?,
            spearman: defined(pairs.spearman())?,
            stress: defined(pairs.stress())?,
            optimal_scale: defined(pairs.optimal_scale())?,
            scale_normalised_stress: defined(pairs.scale_normalised_stress())?,
            kruskal_stress: defined(pairs.kruskal_stress())?,
        })
    }
}

impl SampleQuality {
    fn new(ranks: &NeighbourRanks, k: usize) -> Result<Self> {
        Ok(Self {
            k,
            rows: ranks.rows().to_vec(),
            recall: ranks.recall_per_row(k)?,
            trustworthiness: ranks.trustworthiness_per_row(k)?,
            continuity: ranks.continuity_per_row(k)?,
        })
    }
}

/// `None` for a measure without a value.
fn defined(value: Result<f64>) -> Result<Option<f64>> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined { .. } | Error::Matrix(embex_linalg::Error::Constant { .. })) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_linalg::progress::{Flow, Silent, Update};
    use embex_testkit::{clusters, gaussian};

    fn measure(params: &QualityParams, x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Result<Quality> {
        params.measure(x, y, None, &mut Silent, MemoryBudget::default())
    }

    #[test]
    fn parts_are_those_of_the_single_measures() {
        let bed = clusters(150, 6, 3, 3.0, 1);
        let (x, y) = (bed.x.as_ref(), bed.x.get(.., ..2));
        let params = QualityParams::default().with_ks(vec![7, 20]);
        let found =
            params.measure(x, y, Some(&bed.labels), &mut Silent, MemoryBudget::default()).unwrap();
        assert_eq!((found.n_samples, found.n_rank_rows, found.co_ranking.n_rows), (150, 150, 150));
        assert_eq!(found.neighbours[1].recall, crate::knn_preservation(x, y, 20).unwrap());
        assert_eq!(found.neighbours[0].trustworthiness, crate::trustworthiness(x, y, 7).unwrap());
        assert_eq!(found.neighbours[0].continuity, crate::continuity(x, y, 7).unwrap());
        let pairs = DistanceParams::default().measure(x, y).unwrap();
        assert_eq!(found.distances.spearman, Some(pairs.spearman().unwrap()));
        let labels = found.labels.unwrap();
        let hit = crate::neighbourhood_hit(y, &bed.labels, 20).unwrap();
        assert_eq!(labels.hit_after[1], hit);
        assert_eq!(labels.silhouette_before, Some(crate::silhouette(x, &bed.labels).unwrap()));
        assert_eq!((found.per_sample.k, found.per_sample.rows.len()), (7, 150));
    }

    #[test]
    fn draws_are_seeded_and_stated() {
        let x = gaussian(120, 4, 3);
        let params = QualityParams::for_samples(120)
            .with_rank_rows(Some(40))
            .with_curve_rows(Some(30))
            .with_n_pairs(500);
        let found = measure(&params, x.as_ref(), x.get(.., ..2)).unwrap();
        assert_eq!((found.n_rank_rows, found.co_ranking.n_rows), (40, 30));
        assert!(found.distances.sampled && found.distances.n_pairs == 500);
        assert_eq!(found, measure(&params, x.as_ref(), x.get(.., ..2)).unwrap());
        let other = measure(&params.clone().with_seed(1), x.as_ref(), x.get(.., ..2)).unwrap();
        assert_ne!(found.per_sample.rows, other.per_sample.rows);
    }

    #[test]
    fn fallen_maps_and_single_labels_have_answers() {
        let x = gaussian(20, 3, 1);
        let equal = Mat::<f64>::zeros(20, 2);
        let params = QualityParams::for_samples(20);
        let (mut silent, budget) = (Silent, MemoryBudget::default());
        let found = params
            .measure(x.as_ref(), equal.as_ref(), Some(&[0; 20]), &mut silent, budget)
            .unwrap();
        assert_eq!((found.distances.pearson, found.distances.kruskal_stress), (None, None));
        assert_eq!(found.distances.stress, Some(1.0));
        let labels = found.labels.unwrap();
        assert_eq!((labels.silhouette_after, labels.hit_after[0]), (None, 1.0));
        let three = measure(&QualityParams::for_samples(3), x.get(..3, ..), x.get(..3, ..));
        assert_eq!(three.unwrap().neighbours[0].recall, 1.0);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(12, 3, 1);
        let params = QualityParams::for_samples(12);
        let two = measure(&params, x.get(..2, ..), x.get(..2, ..));
        assert!(matches!(two, Err(Error::TooFew { got: 2, .. })));
        for k in [0, 11] {
            let found = measure(&params.clone().with_ks(vec![k]), x.as_ref(), x.as_ref());
            assert_eq!(found, Err(Error::NeighbourCount { k, n: 11 }));
        }
        let none = measure(&params.clone().with_ks(vec![]), x.as_ref(), x.as_ref());
        assert!(matches!(none, Err(Error::TooFew { got: 0, .. })));
        let (mut silent, budget) = (Silent, MemoryBudget::default());
        let short = params.measure(x.as_ref(), x.as_ref(), Some(&[1; 3]), &mut silent, budget);
        assert!(matches!(short, Err(Error::LengthMismatch { .. })));
        let mut stop = |_: Update<'_>| Flow::Cancel;
        let stopped = params.measure(x.as_ref(), x.as_ref(), None, &mut stop, budget);
        assert_eq!(stopped, Err(Error::Cancelled));
    }
}
