//! How affinities depend on the inputs, without ever touching the inputs.
//!
//! With D_ij the squared distance and p_ij = (p_{j|i} + p_{i|j}) / 2n,
//! ∂p_{j|i}/∂x_i = −2β_i p_{j|i} ((x_i − x_j) − Σ_l p_{l|i} (x_i − x_l)) and
//! ∂p_{i|j}/∂x_i = −2β_j p_{i|j} (1 − p_{i|j}) (x_i − x_j) at fixed bandwidth
//! [TG, eq. 20–27 with the sign of d_ji corrected]. Every derivative is a combination of
//! differences x_i − x_j, so a weighted sum Σ_j F_ij ∂p_ij/∂x_i = Σ_j w_ij (x_i − x_j) with
//!
//! w_ij = −(β_i/n) p_{j|i} r_ij − (β_j/n) p_{i|j} h_ij F_ij.
//!
//! Fixed: r_ij = F_ij − F̄_i and h_ij = 1 − p_{i|j}, where F̄_i is the mean of F under p_{·|i}.
//! Aware, that is with dβ_i = −β_i Cov(dD, D) / Var(D) from the perplexity constraint: r_ij is
//! what is left of F after a linear regression on D under p_{·|i}, and
//! h_ij = 1 − p_{i|j} − p_{i|j} (D_ij − D̄_j)² / Var_j(D).

use embex_linalg::Real;
use rayon::prelude::*;

use super::rows_of::RowsOf;
use super::rule::DpForm;
use crate::affinity::{Affinities, Conditionals};
use crate::{Error, Result};

/// No such neighbour.
const ABSENT: u32 = u32::MAX;

/// Powers of two up to this one have inverses in single precision.
const LARGEST_EXPONENT: f64 = 126.0;

/// Where the conditional affinities of each entry of P are, and moments of each row.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct DpIndex {
    form: DpForm,
    /// Per entry (i, j): place of j in the neighbour list of i.
    slot: Vec<u32>,
    /// Per entry (i, j): the entry (j, i).
    mirror: Vec<usize>,
    /// Mean and inverse variance of D under p_{·|i}; the latter 0 if there is none.
    moments: Vec<(f64, f64)>,
}

/// Maps weights on the entries of P to weights on input differences.
#[derive(Clone, Copy)]
pub(crate) struct AffinityDerivative<'a> {
    affinities: &'a Affinities,
    conditionals: &'a Conditionals,
    index: &'a DpIndex,
    /// Length in which weights are given.
    unit: f64,
}

/// Per-row buffers, grown once to the longest row.
#[derive(Default)]
pub(crate) struct DpScratch {
    p: Vec<f64>,
    dist: Vec<f64>,
    own: Vec<f64>,
    other: Vec<f64>,
}

impl DpIndex {
    /// Indexes the conditional affinities by the entries of P.
    ///
    /// # Errors
    /// [`Error::NoConditionals`] if the joint values were given as they are.
    pub(crate) fn new(affinities: &Affinities, form: DpForm) -> Result<Self> {
        let conditionals = affinities.conditionals.as_ref().ok_or(Error::NoConditionals)?;
        let n = affinities.starts.len() - 1;
        let slot = slots(affinities, conditionals);
        let mirror = mirrors(affinities);
        let moments = (0..n).into_par_iter().map(|i| conditionals.moments(i)).collect();
        Ok(Self { form, slot, mirror, moments })
    }
}

impl<'a> AffinityDerivative<'a> {
    /// The derivative of `affinities`, indexed before.
    ///
    /// # Errors
    /// [`Error::NoConditionals`] if the joint values were given as they are.
    pub(crate) fn new(affinities: &'a Affinities, index: &'a DpIndex) -> Result<Self> {
        let conditionals = affinities.conditionals.as_ref().ok_or(Error::NoConditionals)?;
        Ok(Self { affinities, conditionals, index, unit: unit_of(&conditionals.beta) })
    }

    /// Length in which weights are given: a power of two near a typical bandwidth.
    pub(crate) const fn unit(&self) -> f64 {
        self.unit
    }

    /// Number of samples.
    fn n_samples(&self) -> usize {
        self.index.moments.len()
    }

    /// Row starts and columns of P.
    pub(crate) fn layout(&self) -> (&'a [usize], &'a [u32]) {
        (&self.affinities.starts, &self.affinities.columns)
    }

    /// Turns F into w · unit² in place for row `i`; `f` holds the row's entries, one channel after the
    /// other.
    pub(crate) fn weights_of_row<T: Real>(&self, i: usize, f: &mut [T], scratch: &mut DpScratch) {
        let degree = self.fill(i, scratch);
        if degree == 0 {
            return;
        }
        for channel in f.chunks_exact_mut(degree) {
            self.weights_of_channel(i, channel, scratch);
        }
    }

    /// ∂p_ij/∂x_i for every entry of row `i`: degree × D, from the inputs themselves.
    ///
    /// The plain form that the weights avoid; for clipping and for tests.
    pub(crate) fn explicit_row<T: Real>(&self, i: usize, x: &RowsOf<'_, T>) -> Vec<f64> {
        let mut s = DpScratch::default();
        let degree = self.fill(i, &mut s);
        let columns = &self.affinities.columns[self.affinities.starts[i]..][..degree];
        let (mean_dist, per_variance) = self.index.moments[i];
        let (d, xi) = (x.n_cols(), x.row(i));
        let (mut mean, mut cov) = (vec![0.0; d], vec![0.0; d]);
        let mut rows = Vec::with_capacity(degree * d);
        for (e, &j) in columns.iter().enumerate() {
            for (a, (&u, &v)) in xi.iter().zip(x.row(j as usize)).enumerate() {
                let gap = u.to_f64() - v.to_f64();
                mean[a] += s.p[e] * gap;
                cov[a] += s.p[e] * (s.dist[e] - mean_dist) * gap;
                rows.push(gap);
            }
        }
        let aware = if self.index.form.aware { per_variance } else { 0.0 };
        for (e, row) in rows.chunks_exact_mut(d).enumerate() {
            let slope = aware * (s.dist[e] - mean_dist);
            for (a, value) in row.iter_mut().enumerate() {
                let left = *value - mean[a] - slope * cov[a];
                *value = s.own[e] * left + s.other[e] * *value;
            }
        }
        rows
    }

    /// The row's p_{j|i}, D_ij and the factors of its two halves; gives the row's length.
    fn fill(&self, i: usize, s: &mut DpScratch) -> usize {
        let entries = self.affinities.starts[i]..self.affinities.starts[i + 1];
        let cond = self.conditionals;
        let (k, n) = (cond.neighbours.k(), self.n_samples() as f64);
        let degree = entries.len();
        for buffer in [&mut s.p, &mut s.dist, &mut s.own, &mut s.other] {
            buffer.clear();
        }
        for e in entries {
            let (slot, j) = (self.index.slot[e], self.affinities.columns[e] as usize);
            let (p, dist) = match slot {
                ABSENT => (0.0, 0.0),
                slot => {
                    let slot = slot as usize;
                    (cond.p[i * k + slot], cond.neighbours.dist_sq(i)[slot])
                }
            };
            s.p.push(p);
            s.dist.push(dist);
            s.own.push(-self.index.form.size * cond.beta[i] * p / n);
            s.other.push(self.other_half(j, self.index.slot[self.index.mirror[e]]) / n);
        }
        degree
    }

    /// −β_j p_{i|j} h_ij, with the form's size and sign.
    fn other_half(&self, j: usize, slot: u32) -> f64 {
        if slot == ABSENT {
            return 0.0;
        }
        let cond = self.conditionals;
        let slot = slot as usize;
        let p = cond.p[j * cond.neighbours.k() + slot];
        let mut h = 1.0 - p;
        if self.index.form.aware {
            let (mean, per_variance) = self.index.moments[j];
            let gap = cond.neighbours.dist_sq(j)[slot] - mean;
            h -= p * gap * gap * per_variance;
        }
        -self.index.form.size * self.index.form.sign * cond.beta[j] * p * h
    }

    fn weights_of_channel<T: Real>(&self, i: usize, f: &mut [T], s: &DpScratch) {
        let (mean_dist, per_variance) = self.index.moments[i];
        let (mut mean, mut cov) = (0.0, 0.0);
        for ((value, p), dist) in f.iter().zip(&s.p).zip(&s.dist) {
            let weighted = p * value.to_f64();
            mean += weighted;
            cov += weighted * (dist - mean_dist);
        }
        let slope = if self.index.form.aware { cov * per_variance } else { 0.0 };
        for (e, value) in f.iter_mut().enumerate() {
            let v = value.to_f64();
            let left = v - mean - slope * (s.dist[e] - mean_dist);
            let weight = s.own[e] * left + s.other[e] * v;
            *value = T::from_f64(weight * self.unit * self.unit);
        }
    }
}

/// The power of two next to 1 / √(2 β) at the median β; exact in both number types.
fn unit_of(beta: &[f64]) -> f64 {
    let mut usable: Vec<f64> = beta.iter().copied().filter(|b| b.is_normal()).collect();
    if usable.is_empty() {
        return 1.0;
    }
    let middle = usable.len() / 2;
    let (_, &mut median, _) = usable.select_nth_unstable_by(middle, f64::total_cmp);
    let exponent = (-0.5 * (2.0 * median).log2()).round();
    2.0_f64.powi(exponent.clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT) as i32)
}

/// Per entry (i, j) the place of j in the neighbour list of i.
fn slots(affinities: &Affinities, conditionals: &Conditionals) -> Vec<u32> {
    let mut slot = vec![ABSENT; affinities.columns.len()];
    for i in 0..affinities.starts.len() - 1 {
        let entries = affinities.starts[i]..affinities.starts[i + 1];
        let columns = &affinities.columns[entries.clone()];
        let row = &mut slot[entries];
        for (place, j) in conditionals.neighbours.row(i).iter().enumerate() {
            if let Ok(at) = columns.binary_search(j) {
                row[at] = place as u32;
            }
        }
    }
    slot
}

/// Per entry (i, j) the entry (j, i): rows come in order, so each row's next free place is it.
fn mirrors(affinities: &Affinities) -> Vec<usize> {
    let mut next = affinities.starts.clone();
    let mirror = |&j: &u32| {
        let at = next[j as usize];
        next[j as usize] += 1;
        at
    };
    affinities.columns.iter().map(mirror).collect()
}
