//! Ranks of near neighbours in the other space, and the measures made of them.

mod row;

use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Progress, Real, faer::MatRef, ordered_sum};
use embex_trees::RowDistances;

use super::both_distances;
use crate::sweep::{Sweep, chosen_rows};
use crate::{Error, Result};

/// Settings of a pass that finds the ranks of near neighbours.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::mat, progress::Silent};
/// use embex_metrics::RankParams;
/// let before = mat![[0.0], [1.0], [5.0], [6.5_f64]];
/// let after = mat![[0.0], [1.0], [2.1], [0.7_f32]];
/// let ranks = RankParams::new(2).measure(
///     before.as_ref(), after.as_ref(), &mut Silent, MemoryBudget::default())?;
/// assert_eq!(ranks.rank_before(0), [3, 1]); // nearest to 0 after: sample 3, then 1
/// assert_eq!(ranks.rank_after(0), [2, 3]); // nearest to 0 before: sample 1, then 2
/// assert_eq!(ranks.recall(2)?, 0.625);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RankParams {
    /// Most neighbours that any measure will ask for: 1 ≤ k ≤ n − 1.
    pub k: usize,
    /// Measures so many rows, drawn without replacement, each against all samples; all rows
    /// unless set, or if there are no more.
    pub n_rows: Option<usize>,
    /// Seed of that draw.
    pub seed: u64,
}

impl RankParams {
    /// All rows, up to `k` neighbours.
    pub fn new(k: usize) -> Self {
        Self { k, n_rows: None, seed: 42 }
    }

    embex_linalg::setters! {
        with_n_rows n_rows: Option<usize>,
        with_seed seed: u64,
    }

    /// Ranks, in the other space, of the `k` nearest of every row in each space.
    ///
    /// The rank of j seen from i is 1 + the number of samples nearer to i, equal distances by
    /// index, i left out: 1 is the nearest. Distances are Euclidean, those of
    /// [`embex_trees::knn`] bit for bit. Phase "ranks", in rows.
    ///
    /// # Shapes
    /// `before` is n × a, `after` n × b.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the row counts differ; [`Error::NeighbourCount`] unless
    /// 1 ≤ k < n; [`Error::Setting`] for `n_rows`; [`Error::Search`] for bad entries;
    /// [`Error::Cancelled`].
    ///
    /// # Cost
    /// O(m·n·(a + b + log k)) for m measured rows. Memory 8·n·(a + b) bytes for copies, 8·m·k
    /// for the result and 256·n per block in flight, which the budget bounds; never n × n.
    pub fn measure<T: Real, U: Real>(
        &self,
        before: MatRef<'_, T>,
        after: MatRef<'_, U>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<NeighbourRanks> {
        let [before, after] = both_distances(before, after)?;
        self.measure_distances([&before, &after], progress, budget)
    }

    pub(super) fn measure_distances(
        &self,
        spaces: [&RowDistances; 2],
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<NeighbourRanks> {
        let (k, n) = (self.k, spaces[0].n_samples());
        if k == 0 || k >= n {
            return Err(Error::NeighbourCount { k, n });
        }
        let rows = chosen_rows(n, self.n_rows, self.seed)?;
        let (mut before, mut after) =
            (Vec::with_capacity(rows.len() * k), Vec::with_capacity(rows.len() * k));
        let sweep = Sweep { spaces: &spaces, rows: &rows, phase: "ranks" };
        sweep.run(
            progress,
            budget,
            |i, line| {
                let (old, new) = line.split_at_mut(n);
                row::ranks_both(i, k, old, new)
            },
            |[in_before, in_after]: [Vec<u32>; 2]| {
                before.extend(in_before);
                after.extend(in_after);
            },
        )?;
        Ok(NeighbourRanks { n_samples: n, k, rows, before, after })
    }
}

/// Ranks of near neighbours in the other space, for every measured row.
///
/// Every measure here is a mean over the measured rows and takes any k up to the one that the
/// pass was made for, at no cost to speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NeighbourRanks {
    n_samples: usize,
    k: usize,
    rows: Vec<usize>,
    before: Vec<u32>,
    after: Vec<u32>,
}

impl NeighbourRanks {
    /// Number of samples.
    pub const fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Most neighbours that a measure may ask for.
    pub const fn k(&self) -> usize {
        self.k
    }

    /// The measured rows, ascending.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// For the nearest samples after, nearest first, their ranks before, seen from the
    /// `at`-th of the measured rows.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn rank_before(&self, at: usize) -> &[u32] {
        &self.before[at * self.k..(at + 1) * self.k]
    }

    /// For the nearest samples before, nearest first, their ranks after.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn rank_after(&self, at: usize) -> &[u32] {
        &self.after[at * self.k..(at + 1) * self.k]
    }

    /// Share of the k nearest that stay among the k nearest, per measured row.
    ///
    /// |N_k(i) ∩ N′_k(i)| / k, in \[0, 1\]; unrelated spaces share about k / (n − 1).
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ k ≤ [`Self::k`].
    pub fn recall_per_row(&self, k: usize) -> Result<Vec<f64>> {
        self.check(k)?;
        let kept = |at: usize| self.rank_before(at)[..k].iter().filter(|&&r| r as usize <= k);
        Ok((0..self.rows.len()).map(|at| kept(at).count() as f64 / k as f64).collect())
    }

    /// Mean of [`Self::recall_per_row`]; this is Q_NX(k) of the co-ranking matrix too (Lee and
    /// Verleysen 2009), and [`crate::knn_preservation`].
    ///
    /// # Errors
    /// As [`Self::recall_per_row`].
    pub fn recall(&self, k: usize) -> Result<f64> {
        Ok(mean(&self.recall_per_row(k)?))
    }

    /// 1 − (2 / G) Σ (ρ_ij − k) over the k nearest j of i after that were not before, with ρ
    /// the rank before, per measured row.
    ///
    /// G = k (2n − 3k − 1) for k < n/2, else (n − k)(n − k − 1), twice the largest sum (Venna
    /// and Kaski 2001): in \[0, 1\]. 1 means no false neighbour. For k = n − 1 it is 1.
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ k ≤ [`Self::k`].
    pub fn trustworthiness_per_row(&self, k: usize) -> Result<Vec<f64>> {
        self.intrusions(k, Self::rank_before)
    }

    /// Mean of [`Self::trustworthiness_per_row`]: how far neighbours after come from.
    ///
    /// # Errors
    /// As [`Self::trustworthiness_per_row`].
    pub fn trustworthiness(&self, k: usize) -> Result<f64> {
        Ok(mean(&self.trustworthiness_per_row(k)?))
    }

    /// [`Self::trustworthiness_per_row`] with the two spaces exchanged.
    ///
    /// # Errors
    /// As [`Self::trustworthiness_per_row`].
    pub fn continuity_per_row(&self, k: usize) -> Result<Vec<f64>> {
        self.intrusions(k, Self::rank_after)
    }

    /// Mean of [`Self::continuity_per_row`]: how far neighbours before are torn away.
    ///
    /// # Errors
    /// As [`Self::trustworthiness_per_row`].
    pub fn continuity(&self, k: usize) -> Result<f64> {
        Ok(mean(&self.continuity_per_row(k)?))
    }

    /// Local continuity meta-criterion: recall less what chance gives, k / (n − 1) (Chen and
    /// Buja 2009). In \[−k/(n − 1), 1 − k/(n − 1)\].
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ k ≤ [`Self::k`].
    pub fn lcmc(&self, k: usize) -> Result<f64> {
        Ok(self.recall(k)? - k as f64 / (self.n_samples - 1) as f64)
    }

    /// Recall rescaled so that chance gives 0 and perfection 1: ((n − 1) Q − k) / (n − 1 − k)
    /// (Lee, Renard, Bernard, Dupont and Verleysen 2013).
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ k ≤ [`Self::k`]; [`Error::Undefined`] for k = n − 1.
    pub fn r_nx(&self, k: usize) -> Result<f64> {
        let q = self.recall(k)?;
        if k + 1 == self.n_samples {
            let why = "n − 1 neighbours are all samples in any space";
            return Err(Error::Undefined { what: "R_NX", why });
        }
        let (all, k) = ((self.n_samples - 1) as f64, k as f64);
        Ok((all * q - k) / (all - k))
    }

    /// Mean relative rank error of false neighbours, as a score of which 1 is best:
    /// 1 − (1/H) Σ |ρ_ij − r_ij| / r_ij over the k nearest j after, with ranks r after and ρ
    /// before, H = Σ_{r ≤ k} |n − 2r + 1| / r (Lee and Verleysen 2009), averaged over rows.
    ///
    /// At least 0 for k < n/2.
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ k ≤ [`Self::k`].
    pub fn mrre_false(&self, k: usize) -> Result<f64> {
        self.relative_errors(k, Self::rank_before)
    }

    /// [`Self::mrre_false`] with the two spaces exchanged: missing neighbours.
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ k ≤ [`Self::k`].
    pub fn mrre_missing(&self, k: usize) -> Result<f64> {
        self.relative_errors(k, Self::rank_after)
    }

    fn check(&self, k: usize) -> Result<()> {
        if k == 0 || k > self.k {
            return Err(Error::NeighbourCount { k, n: self.k + 1 });
        }
        Ok(())
    }

    fn intrusions(&self, k: usize, other: impl Fn(&Self, usize) -> &[u32]) -> Result<Vec<f64>> {
        self.check(k)?;
        let n = self.n_samples;
        let largest = if 2 * k < n { k * (2 * n - 3 * k - 1) } else { (n - k) * (n - k - 1) };
        let lost = |at: usize| {
            let excess = other(self, at)[..k].iter().map(|&r| (r as usize).saturating_sub(k));
            2.0 * excess.sum::<usize>() as f64 / largest.max(1) as f64 // 0 / 0 for k = n − 1
        };
        Ok((0..self.rows.len()).map(|at| 1.0 - lost(at)).collect())
    }

    fn relative_errors(&self, k: usize, other: impl Fn(&Self, usize) -> &[u32]) -> Result<f64> {
        self.check(k)?;
        let n = self.n_samples as f64;
        let scale: f64 = (1..=k).map(|r| (n - 2.0 * r as f64 + 1.0).abs() / r as f64).sum();
        let error = |at: usize| {
            let ranks = (1..).zip(&other(self, at)[..k]);
            ranks.map(|(own, &rank)| f64::from(rank.abs_diff(own)) / f64::from(own)).sum::<f64>()
        };
        let errors: Vec<f64> = (0..self.rows.len()).map(error).collect();
        Ok(1.0 - mean(&errors) / scale)
    }
}

fn mean(values: &[f64]) -> f64 {
    ordered_sum(values.len(), |at| values[at]) / values.len() as f64
}

/// How far from each other the `k` nearest neighbours in an embedding were before.
///
/// [`NeighbourRanks::trustworthiness`] over all rows, as scikit-learn's `trustworthiness`, but
/// equal distances go to the lower index, and any k < n is taken. In \[0, 1\].
///
/// # Shapes
/// `before` is n × a, `after` n × b.
///
/// # Errors
/// As [`RankParams::measure`].
///
/// # Cost
/// That of [`RankParams::measure`]; call it once for several k or measures.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let before = mat![[0.0], [1.0], [5.0], [6.5], [9.0_f64]];
/// let after = mat![[0.0], [1.0], [5.0], [6.5], [0.2_f64]];
/// let t = embex_metrics::trustworthiness(before.as_ref(), after.as_ref(), 1)?;
/// assert!((t - 0.4).abs() < 1e-15); // false neighbours at ranks 4, 4 and 4 of 4
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn trustworthiness<T: Real, U: Real>(
    before: MatRef<'_, T>,
    after: MatRef<'_, U>,
    k: usize,
) -> Result<f64> {
    all_rows(before, after, k)?.trustworthiness(k)
}

/// How far from each other the `k` nearest neighbours of before are in an embedding.
///
/// [`trustworthiness`] with the two matrices exchanged (Venna and Kaski 2001).
///
/// # Errors
/// As [`RankParams::measure`].
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [1.0], [5.0], [6.5_f64]];
/// assert_eq!(embex_metrics::continuity(x.as_ref(), x.as_ref(), 2)?, 1.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn continuity<T: Real, U: Real>(
    before: MatRef<'_, T>,
    after: MatRef<'_, U>,
    k: usize,
) -> Result<f64> {
    all_rows(before, after, k)?.continuity(k)
}

fn all_rows<T: Real, U: Real>(
    before: MatRef<'_, T>,
    after: MatRef<'_, U>,
    k: usize,
) -> Result<NeighbourRanks> {
    RankParams::new(k).measure(before, after, &mut Silent, MemoryBudget::default())
}

#[cfg(test)]
mod tests;
