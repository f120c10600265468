//! The package's clip of every increment: the one piece that is not linear.
//!
//! A clipped point leaves the form of weights and carries its C × D derivative and velocity
//! explicitly from then on. A point is only taken out once a bound says that an entry might be
//! clipped: |Σ_j ddV_ij dp_ijd| ≤ Σ_j |ddV_ij| max_d |dp_ijd|.

use embex_linalg::faer::MatRef;
use embex_linalg::{Real, Rows};
use rayon::prelude::*;

use super::dp::{AffinityDerivative, DpIndex};
use super::params::AttributeParams;
use super::project::unit_rows;
use super::rows_of::RowsOf;
use super::rule::{DpForm, Rule, StepFactors};
use super::small::Square;
use crate::affinity::Affinities;
use crate::lanes::{LANES, Lane};
use crate::{Metric, Result};

/// The clip, the inputs it acts on, and what bounds it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Clip<T> {
    /// Largest entry of an increment, before the factor κ.
    limit: T,
    features: Rows<T>,
    affinities: Affinities,
    index: DpIndex,
    /// max_d |∂p_ij/∂x_id| per entry of P.
    largest: Vec<T>,
}

impl<T: Real> Clip<T> {
    /// The clip of `params`, if there is one.
    pub(crate) fn of(
        params: &AttributeParams,
        metric: Metric,
        affinities: &Affinities,
        features: MatRef<'_, T>,
    ) -> Result<Option<Self>> {
        let Some(clip) = params.clip else { return Ok(None) };
        embex_linalg::check::finite(features)?;
        let n = affinities.starts.len() - 1;
        embex_linalg::check::length("features", features.nrows(), n)?;
        let index = DpIndex::new(affinities, DpForm::of(params))?;
        let features = match metric {
            Metric::Cosine => unit_rows(features)?.0,
            _ => Rows::copy_from(features),
        };
        let x = RowsOf::new(features.as_mat());
        let d = x.n_cols();
        let derivative = AffinityDerivative::new(affinities, &index)?;
        let per_row = |i: usize| -> Vec<T> {
            let row = derivative.explicit_row(i, &x);
            let largest = |dp: &[f64]| dp.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            row.chunks_exact(d).map(|dp| T::from_f64(largest(dp))).collect()
        };
        let largest: Vec<Vec<T>> = (0..n).into_par_iter().map(per_row).collect();
        Ok(Some(Self {
            limit: T::from_f64(clip / Rule::of(params).kappa),
            features,
            affinities: affinities.clone(),
            largest: largest.concat(),
            index,
        }))
    }

    /// Whether an entry of the row's next increment may exceed the clip.
    pub(crate) fn may_bite<const C: usize>(
        &self,
        entries: std::ops::Range<usize>,
        state: &[Lane<T>],
        scratch: &[Lane<T>],
        a: &Square<T, C>,
        exaggeration: T,
    ) -> bool {
        let mut bound = [T::ZERO; C];
        for (e, &largest) in self.largest[entries].iter().enumerate() {
            let (group, lane) = (e / LANES, e % LANES);
            for p in 0..C {
                let mut pulled = exaggeration * scratch[group * (C + 1) + p][lane];
                for q in 0..C {
                    pulled += a[p][q] * state[group * 2 * C + C + q][lane];
                }
                bound[p] += pulled.abs_() * largest;
            }
        }
        // What is not a number counts as biting: the explicit form meets it too and reports it.
        !bound.iter().all(|&b| b <= self.limit)
    }

    /// ∂p_ij/∂x_i of a row: degree × D.
    fn explicit_row(&self, i: usize) -> Vec<T> {
        // The index came from these affinities, which have conditionals.
        let Ok(derivative) = AffinityDerivative::new(&self.affinities, &self.index) else {
            return Vec::new();
        };
        let x = RowsOf::new(self.features.as_mat());
        derivative.explicit_row(i, &x).into_iter().map(T::from_f64).collect()
    }
}

/// Cuts at ±limit; keeps what is not a number.
fn clamp<T: Real>(value: T, limit: T) -> T {
    if value > limit {
        limit
    } else if value < -limit {
        -limit
    } else {
        value
    }
}

/// The explicit derivative of one point.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Explicit<T> {
    /// Row within its block.
    row: usize,
    n_features: usize,
    /// ∂p_ij/∂x_i: degree × D.
    dp: Vec<T>,
    /// ∂y_i/∂x_i: C × D.
    jacobian: Vec<T>,
    velocity: Vec<T>,
    clipped: u64,
}

impl<T: Real> Explicit<T> {
    pub(crate) const fn row(&self) -> usize {
        self.row
    }

    pub(crate) const fn clipped(&self) -> u64 {
        self.clipped
    }

    /// Takes point `i` out of the weights: J = Σ_j F_ij dp_ij and likewise its velocity.
    pub(crate) fn from_state<const C: usize>(
        row: usize,
        i: usize,
        clip: &Clip<T>,
        state: &[Lane<T>],
    ) -> Self {
        let d = clip.features.n_cols();
        let dp = clip.explicit_row(i);
        let gather = |offset: usize| -> Vec<T> {
            let mut sums = vec![T::ZERO; C * d];
            for (e, dp) in dp.chunks_exact(d).enumerate() {
                for (c, sums) in sums.chunks_exact_mut(d).enumerate() {
                    let w = state[e / LANES * 2 * C + offset + c][e % LANES];
                    sums.iter_mut().zip(dp).for_each(|(sum, &dp)| *sum += w * dp);
                }
            }
            sums
        };
        let (velocity, jacobian) = (gather(0), gather(C));
        Self { row, n_features: d, dp, jacobian, velocity, clipped: 0 }
    }

    /// One update with the increment clipped entry by entry.
    pub(crate) fn advance<const C: usize>(
        &mut self,
        clip: &Clip<T>,
        scratch: &[Lane<T>],
        a: &Square<T, C>,
        rates: [T; C],
        factors: &StepFactors<T>,
    ) {
        let d = self.n_features;
        let mut increment = vec![T::ZERO; C * d];
        for (p, sums) in increment.chunks_exact_mut(d).enumerate() {
            for (e, dp) in self.dp.chunks_exact(d).enumerate() {
                let phi = factors.exaggeration * scratch[e / LANES * (C + 1) + p][e % LANES];
                sums.iter_mut().zip(dp).for_each(|(sum, &dp)| *sum += phi * dp);
            }
            for (q, jacobian) in self.jacobian.chunks_exact(d).enumerate() {
                sums.iter_mut().zip(jacobian).for_each(|(sum, &j)| *sum += a[p][q] * j);
            }
        }
        for (at, value) in increment.into_iter().enumerate() {
            self.clipped += u64::from(value.abs_() > clip.limit);
            let value = clamp(value, clip.limit);
            self.velocity[at] = factors.momentum * self.velocity[at] - rates[at / d] * value;
            self.jacobian[at] += self.velocity[at];
        }
    }

    /// Σ_c seed_c J_c.
    pub(crate) fn combine(&self, seed: &[T]) -> Vec<T> {
        let mut out = vec![T::ZERO; self.n_features];
        for (&s, row) in seed.iter().zip(self.jacobian.chunks_exact(self.n_features)) {
            out.iter_mut().zip(row).for_each(|(o, &j)| *o += s * j);
        }
        out
    }
}
