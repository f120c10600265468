//! How one update of the map turns into one update of its derivative.
//!
//! Point i alone moves: with V the velocity and F the derivative of y_i by one p_ij,
//! V ← μ V − s η ∘ (A F + e φ_ij), F ← F + V, where η = κ · learning rate · gains, e the
//! exaggeration and A the matrix of one point (C×C, symmetric)
//! A = (Σ e p g − Σ q g) I − 2 Σ e p φφᵀ + 4 Σ q φφᵀ − 4 E Eᵀ, E = Σ q φ.
//! 4 A is the Hessian of KL for that point alone, κ = 4, and s ≤ 1 keeps the step stable.
//!
//! # The limited step
//! Heavy ball with a constant step η and eigenvalue λ of A converges if 0 < η λ < 2 (1 + μ). The
//! map survives a longer step because its gains shrink as a coordinate oscillates; the recursion
//! lacks that feedback. Two rules, both for the recursion alone:
//! - At the start of a map A ≈ (e − 1)/n I, below e/n. If κ · learning rate · e / n exceeds
//!   0.95 · 2 (1 + μ), the mean point is at the limit. Keeping each step at its own
//!   limit then does not hold the growth (measured; the likely reason is that A varies from
//!   update to update, while the limit is for a constant one), so the recursion takes the rate
//!   n / (4 e), the optimiser's automatic one. The value is a choice: up to three times it
//!   behaves alike on clusters.
//! - A single point whose largest η λ exceeds 0.95 · 2 (1 + μ) has its step scaled to it.
//!
//! Cost: a limited recursion is a relaxation of its own, slower than the map's; where it has
//! settled (the fixed point −A⁻¹ φ) the step does not matter. Growth at a true saddle stays: what
//! leaves the range of numbers is zeroed and named ([`super::Attribution::overflowed`]).

use embex_linalg::Real;

use super::params::{AttributeParams, Bandwidth, Formula, PublishedQuirks};
use super::small::{Square, eigen, row_bound};
use crate::repulsion::RepulsionSums;

/// Share of the stability limit 2 (1 + μ) that a limited step uses.
///
/// A recursion exactly on the limit oscillates for ever; at 0.95 of it the oscillation shrinks
/// by √μ a step or faster. Steps between 0.95 and 1 of the limit are shortened without need.
const SHARE_OF_LIMIT: f64 = 0.95;

/// Points whose mean term the package zeroes.
pub(crate) const ZEROED: usize = 2;

/// The affinity derivative of a formula.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct DpForm {
    /// Factor on all of dP: 1, or ½ with the package.
    pub(crate) size: f64,
    /// Factor on ∂p_{i|j}/∂x_i: 1, or −1 where the sign is wrong.
    pub(crate) sign: f64,
    /// Whether bandwidths follow.
    pub(crate) aware: bool,
}

/// A formula, resolved into switches.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::struct_excessive_bools)] // the switches of `PublishedQuirks`, resolved
pub(crate) struct Rule {
    /// Factor on the gradient's derivative: 4, or 1 where it is missing.
    pub(crate) kappa: f64,
    /// Whether learning rate, momentum and gains enter.
    pub(crate) optimiser: bool,
    /// Gains of another point.
    pub(crate) scrambled: bool,
    /// No mean term for the first points.
    pub(crate) zeroed: bool,
    /// Velocity survives a phase change.
    pub(crate) keeps_velocity: bool,
    /// Whether steps are kept inside the stability limit.
    pub(crate) limited: bool,
}

impl Rule {
    pub(crate) fn of(params: &AttributeParams) -> Self {
        let q = quirks(params);
        Self {
            kappa: if q.missing_factor { 1.0 } else { 4.0 },
            optimiser: params.mode.formula != Formula::Paper,
            scrambled: q.scrambled_gains,
            zeroed: q.zeroed_mean,
            keeps_velocity: q.kept_velocity,
            limited: params.limit_step && params.mode.formula == Formula::Corrected,
        }
    }
}

impl DpForm {
    pub(crate) fn of(params: &AttributeParams) -> Self {
        let q = quirks(params);
        Self {
            size: if q.half_size_dp { 0.5 } else { 1.0 },
            sign: if q.wrong_sign_dp { -1.0 } else { 1.0 },
            aware: params.mode.bandwidth == Bandwidth::Aware,
        }
    }
}

fn quirks(params: &AttributeParams) -> PublishedQuirks {
    match params.mode.formula {
        Formula::Published => params.quirks,
        Formula::Paper => PublishedQuirks::none().with_wrong_sign_dp(true),
        Formula::Corrected => PublishedQuirks::none(),
    }
}

/// The scalars of one update, as a rule sees them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct StepScalars {
    pub(crate) exaggeration: f64,
    pub(crate) momentum: f64,
    pub(crate) learning_rate: f64,
    pub(crate) starts_phase: bool,
}

/// [`StepScalars`] resolved by a [`Rule`] and rounded once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepFactors<T> {
    /// e.
    pub(crate) exaggeration: T,
    /// μ, 0 where the velocity is reset first or momentum is left out.
    pub(crate) momentum: T,
    /// κ · learning rate.
    pub(crate) rate: T,
    /// Largest stable eigenvalue of the step; infinite if not limited.
    pub(crate) limit: T,
    /// Whether the rate was shortened for all points.
    pub(crate) shortened: bool,
}

impl<T: Real> StepFactors<T> {
    pub(crate) fn new(step: StepScalars, rule: Rule, n_samples: usize) -> Self {
        let momentum = if rule.optimiser { step.momentum } else { 0.0 };
        let reset = step.starts_phase && !rule.keeps_velocity;
        let rate = if rule.optimiser { step.learning_rate } else { 1.0 };
        let limit = if rule.limited { SHARE_OF_LIMIT * 2.0 * (1.0 + momentum) } else { f64::MAX };
        let automatic = n_samples as f64 / (4.0 * step.exaggeration);
        let shortened = rule.limited && rule.kappa * rate > limit * 4.0 * automatic;
        let rate = if shortened { rate.min(automatic) } else { rate };
        Self {
            exaggeration: T::from_f64(step.exaggeration),
            momentum: T::from_f64(if reset { 0.0 } else { momentum }),
            rate: T::from_f64(rule.kappa * rate),
            limit: T::from_f64(limit.min(T::MAX.to_f64())),
            shortened,
        }
    }

    /// η of one point and the scale s that keeps it stable; s < 1 means it was limited.
    #[inline(always)]
    pub(crate) fn stable_rates<const C: usize>(
        &self,
        a: &Square<T, C>,
        gains: [T; C],
    ) -> ([T; C], bool) {
        let rates = gains.map(|gain| self.rate * gain);
        let largest = rates.iter().fold(T::ZERO, |m, &r| m.max_(r));
        if row_bound(a) * largest <= self.limit {
            return (rates, self.shortened);
        }
        let (rates, limited) = limited(a, rates, self.limit);
        (rates, limited || self.shortened)
    }
}

/// Scales rates so that the largest eigenvalue of η^½ A η^½ is at most `limit`.
#[cold]
fn limited<T: Real, const C: usize>(a: &Square<T, C>, rates: [T; C], limit: T) -> ([T; C], bool) {
    let root = rates.map(|r| r.to_f64().max(0.0).sqrt());
    let scaled: Square<f64, C> =
        std::array::from_fn(|p| std::array::from_fn(|q| root[p] * a[p][q].to_f64() * root[q]));
    if !scaled.iter().flatten().all(|v| v.is_finite()) {
        return (rates, false);
    }
    let largest = eigen(scaled).0[C - 1];
    if largest <= limit.to_f64() {
        return (rates, false);
    }
    let s = T::from_f64(limit.to_f64() / largest);
    (rates.map(|r| r * s), true)
}

/// The repulsive part of A: −Σ q g I + 4 Σ q φφᵀ, without the mean term.
#[inline(always)]
pub(crate) fn repulsive<T: Real, const C: usize>(
    sums: &RepulsionSums<T, C>,
    per_z: T,
    i: usize,
) -> Square<T, C> {
    let four = T::from_f64(4.0);
    let curvature = &sums.curvature[i];
    let mut a = [[T::ZERO; C]; C];
    for p in 0..C {
        for q in 0..C {
            a[p][q] = four * per_z * curvature.outer[p][q];
        }
        a[p][p] -= per_z * curvature.g2;
    }
    a
}

/// Subtracts the mean term 4 E Eᵀ.
#[inline(always)]
pub(crate) fn subtract_mean<T: Real, const C: usize>(a: &mut Square<T, C>, e: [T; C]) {
    let four = T::from_f64(4.0);
    for p in 0..C {
        for q in 0..C {
            a[p][q] -= four * e[p] * e[q];
        }
    }
}

/// 1 / Z, or 0 for an empty map.
pub(crate) fn per_z<T: Real, const C: usize>(sums: &RepulsionSums<T, C>) -> T {
    if sums.z > 0.0 { T::from_f64(1.0 / sums.z) } else { T::ZERO }
}

/// The whole repulsive part of A under a rule, mean term included where the rule has it.
#[inline(always)]
pub(crate) fn repulsion_of<T: Real, const C: usize>(
    sums: &RepulsionSums<T, C>,
    per_z: T,
    i: usize,
    zeroed: bool,
) -> Square<T, C> {
    let mut a = repulsive(sums, per_z, i);
    if !(zeroed && i < ZEROED) {
        subtract_mean(&mut a, sums.force[i].map(|f| f * per_z));
    }
    a
}

/// Where the package reads the gain of axis `c` of point `i`: (point, axis).
///
/// It flattens n × C and reads C × n.
#[inline(always)]
pub(crate) const fn scrambled_gain(n: usize, axes: usize, i: usize, c: usize) -> (usize, usize) {
    let at = c * n + i;
    (at / axes, at % axes)
}

/// Gains of point `i` under a rule.
#[inline(always)]
pub(crate) fn gains_of<T: Real, const C: usize>(rule: Rule, gains: &[[T; C]], i: usize) -> [T; C] {
    if !rule.optimiser {
        [T::ONE; C]
    } else if rule.scrambled {
        std::array::from_fn(|c| {
            let (point, axis) = scrambled_gain(gains.len(), C, i, c);
            gains[point][axis]
        })
    } else {
        gains[i]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Mode;

    fn factors(momentum: f64) -> StepFactors<f64> {
        let step =
            StepScalars { exaggeration: 1.0, momentum, learning_rate: 2.0, starts_phase: false };
        StepFactors::new(step, Rule::of(&AttributeParams::default()), 1000)
    }

    /// The paper's setting is shortened to n / (4 e); the automatic rate and calm ones are not.
    #[test]
    fn rates_beyond_the_limit_fall_back_to_the_automatic_one() {
        let rule = Rule::of(&AttributeParams::default());
        let of = |learning_rate: f64, exaggeration: f64, rule: Rule| {
            let step =
                StepScalars { exaggeration, momentum: 0.5, learning_rate, starts_phase: false };
            let factors = StepFactors::<f64>::new(step, rule, 2000);
            (factors.rate, factors.shortened)
        };
        assert_eq!(of(500.0, 4.0, rule), (4.0 * 125.0, true));
        assert_eq!(of(500.0, 1.0, rule), (4.0 * 500.0, false));
        assert_eq!(of(2000.0 / 48.0, 12.0, rule), (4.0 * (2000.0 / 48.0), false));
        let free = AttributeParams::default().with_limit_step(false);
        assert_eq!(of(500.0, 4.0, Rule::of(&free)), (4.0 * 500.0, false));
    }

    #[test]
    fn steps_are_limited_only_where_they_would_diverge() {
        let f = factors(0.5);
        let gains = [1.0, 0.5];
        // 8 · 0.3 = 2.4 < 2.85.
        let calm = [[0.3, 0.0], [0.0, 0.3]];
        assert_eq!(f.stable_rates(&calm, gains), ([8.0, 4.0], false));
        let wild = [[1.0, 0.2], [0.2, -5.0]];
        let (rates, limited) = f.stable_rates(&wild, gains);
        assert!(limited && rates[0] < 8.0 && rates[0] == 2.0 * rates[1]);
        let root = rates.map(f64::sqrt);
        let m = [
            [rates[0] * wild[0][0], root[0] * root[1] * wild[0][1]],
            [root[0] * root[1] * wild[0][1], rates[1] * wild[1][1]],
        ];
        assert!((eigen(m).0[1] - 2.85).abs() < 1e-12);
        // A saddle grows, as it should: nothing to limit.
        assert_eq!(f.stable_rates(&[[-9.0, 0.0], [0.0, -9.0]], gains), ([8.0, 4.0], false));
    }

    #[test]
    fn formulas_resolve_to_their_switches() {
        let published = AttributeParams::default().with_formula(Formula::Published);
        let rule = Rule::of(&published);
        assert_eq!(
            (rule.kappa, rule.optimiser, rule.scrambled, rule.limited),
            (1.0, true, true, false)
        );
        assert_eq!(DpForm::of(&published), DpForm { size: 0.5, sign: -1.0, aware: false });
        let paper = AttributeParams::default().with_mode(Mode::of(Formula::Paper));
        assert_eq!(DpForm::of(&paper), DpForm { size: 1.0, sign: -1.0, aware: false });
        assert!(!Rule::of(&paper).optimiser);
        let corrected = Rule::of(&AttributeParams::default());
        assert!(corrected.limited && corrected.optimiser && !corrected.keeps_velocity);
    }
}
