//! The whole curve of neighbours kept, from the co-ranking matrix.

use embex_linalg::{MemoryBudget, Progress, Real, faer::MatRef};
use embex_trees::RowDistances;

use super::both_distances;
use crate::sweep::{Sweep, chosen_rows};
use crate::{Error, Result};

/// Settings of the co-ranking curve.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::Mat, progress::Silent};
/// use embex_metrics::CoRankingParams;
/// let x = Mat::from_fn(20, 2, |i, j| ((7 * i + 3 * j * i) % 11) as f64);
/// let curve = CoRankingParams::default().measure(
///     x.as_ref(), x.as_ref(), &mut Silent, MemoryBudget::default())?;
/// assert!(curve.q_nx().iter().all(|q| *q == 1.0));
/// assert_eq!((curve.auc_ln_k(), curve.k_max()), (1.0, 1));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CoRankingParams {
    /// Measures so many rows, drawn without replacement, each against all samples: 2000 unless
    /// set. Exact if `None`, or if there are no more samples.
    pub n_rows: Option<usize>,
    /// Seed of that draw.
    pub seed: u64,
}

impl Default for CoRankingParams {
    fn default() -> Self {
        Self { n_rows: Some(2000), seed: 42 }
    }
}

impl CoRankingParams {
    embex_linalg::setters! {
        with_n_rows n_rows: Option<usize>,
        with_seed seed: u64,
    }

    /// The share of neighbours kept for every size of neighbourhood.
    ///
    /// Ranks are those of [`crate::RankParams::measure`]. Phase "co-ranking", in rows.
    ///
    /// # Shapes
    /// `before` is n × a, `after` n × b, n ≥ 3.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the row counts differ; [`Error::TooFew`] below three
    /// samples; [`Error::Setting`]; [`Error::Search`] for bad entries; [`Error::Cancelled`].
    ///
    /// # Cost
    /// O(m·n·(a + b + log n)) for m measured rows, exact for m = n; some 10 ms a row at
    /// n = 70,000. Memory 8·n·(a + b) bytes and about 400·n per block of 16 rows in flight.
    pub fn measure<T: Real, U: Real>(
        &self,
        before: MatRef<'_, T>,
        after: MatRef<'_, U>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<CoRanking> {
        let [before, after] = both_distances(before, after)?;
        self.measure_distances([&before, &after], progress, budget)
    }

    pub(super) fn measure_distances(
        &self,
        spaces: [&RowDistances; 2],
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<CoRanking> {
        let n = spaces[0].n_samples();
        if n < 3 {
            return Err(Error::TooFew { what: "a co-ranking curve", needed: 3, got: n });
        }
        let rows = chosen_rows(n, self.n_rows, self.seed)?;
        let mut pairs = vec![0_u64; n - 1];
        Sweep { spaces: &spaces, rows: &rows, phase: "co-ranking" }.run(
            progress,
            budget,
            |i, line| {
                let (old, new) = line.split_at_mut(n);
                larger_ranks(i, old, new)
            },
            |found: Vec<u8>| {
                for (sum, pairs) in pairs.iter_mut().zip(found) {
                    *sum += u64::from(pairs);
                }
            },
        )?;
        Ok(CoRanking::new(n, rows.len(), &pairs))
    }
}

/// How many samples have k as the larger of their two ranks, for k from 1; at most 2.
fn larger_ranks(i: usize, before: &[f64], after: &[f64]) -> Vec<u8> {
    let n = before.len();
    let mut rank_before = vec![0; n];
    for (rank, (_, j)) in (1..).zip(ordered(i, before)) {
        rank_before[j as usize] = rank;
    }
    let mut found = vec![0; n - 1];
    for (rank, (_, j)) in (1..).zip(ordered(i, after)) {
        found[rank_before[j as usize].max(rank) - 1] += 1;
    }
    found
}

/// All samples but `i`, by distance and index; the bits of squares order as the squares do.
fn ordered(i: usize, dist_sq: &[f64]) -> Vec<(u64, u32)> {
    let keys = (0..).zip(dist_sq).filter(|&(j, _)| j as usize != i);
    let mut order: Vec<(u64, u32)> = keys.map(|(j, d): (u32, _)| (d.to_bits(), j)).collect();
    order.sort_unstable();
    order
}

/// Share of neighbours kept for every size k of neighbourhood, and what sums it up.
///
/// Q_NX(k) = (1 / mk) · #{pairs (i, j) with both ranks ≤ k} over the m measured rows i (Lee
/// and Verleysen 2009).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CoRanking {
    n_samples: usize,
    n_rows: usize,
    q_nx: Vec<f64>,
}

impl CoRanking {
    fn new(n_samples: usize, n_rows: usize, pairs: &[u64]) -> Self {
        let mut both = 0;
        let share = |(k, pairs): (usize, &u64)| {
            both += pairs;
            both as f64 / (n_rows as f64 * k as f64)
        };
        Self { n_samples, n_rows, q_nx: (1..).zip(pairs).map(share).collect() }
    }

    /// Number of samples.
    pub const fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Number of measured rows.
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Q_NX(k) for k = 1 to n − 1; in \[0, 1\], the last is 1.
    pub fn q_nx(&self) -> &[f64] {
        &self.q_nx
    }

    /// LCMC(k) = Q_NX(k) − k/(n − 1) for k = 1 to n − 1 (Chen and Buja 2009).
    pub fn lcmc(&self) -> Vec<f64> {
        let all = self.q_nx.len() as f64;
        (1..).zip(&self.q_nx).map(|(k, q)| q - f64::from(k) / all).collect()
    }

    /// R_NX(k) = ((n − 1) Q_NX(k) − k) / (n − 1 − k) for k = 1 to n − 2: 0 by chance, 1 at
    /// best (Lee et al. 2013).
    pub fn r_nx(&self) -> Vec<f64> {
        let all = self.q_nx.len() as f64;
        let ks = (1..self.q_nx.len()).map(|k| k as f64);
        ks.zip(&self.q_nx).map(|(k, q)| (all * q - k) / (all - k)).collect()
    }

    /// Area under R_NX over a logarithmic axis of k: Σ R_NX(k)/k / Σ 1/k (Lee, Peluffo-Ordóñez
    /// and Verleysen 2015). At most 1; about 0 by chance.
    pub fn auc_ln_k(&self) -> f64 {
        let (area, weights) = (1..).zip(self.r_nx()).fold((0.0, 0.0), |(area, weights), (k, r)| {
            let weight = f64::from(k).recip();
            (area + weight * r, weights + weight)
        });
        area / weights
    }

    /// The k of the largest LCMC, the smallest of several: where local ends and global begins.
    pub fn k_max(&self) -> usize {
        let lcmc = self.lcmc();
        (1..lcmc.len()).fold(0, |best, at| if lcmc[at] > lcmc[best] { at } else { best }) + 1
    }

    /// Mean of Q_NX(k) over k ≤ K_max (Lee and Verleysen 2010); in \[0, 1\].
    pub fn q_local(&self) -> f64 {
        mean(&self.q_nx[..self.k_max()])
    }

    /// Mean of Q_NX(k) over K_max ≤ k ≤ n − 1; in \[0, 1\].
    pub fn q_global(&self) -> f64 {
        mean(&self.q_nx[self.k_max() - 1..])
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests;
