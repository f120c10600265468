//! How one update of the map turns into one update of its derivative.
//!
//! Point i alone moves: with V the velocity and F the derivative of y_i by one p_ij,
//! V ← μ V − η ∘ (A F + e φ_ij), F ← F + V, where η = κ · learning rate · gains (limited as
//! below), e the exaggeration and A the matrix of one point (C×C, symmetric)
//! A = (Σ e p g − Σ q g) I − 2 Σ e p φφᵀ + 4 Σ q φφᵀ − 4 E Eᵀ, E = Σ q φ.
//! 4 A is the Hessian of KL for that point alone, and κ = 4.
//!
//! # The limited step
//! The recursion is an explicit integrator of its own. For one eigenvalue λ of A, constant, it
//! converges if 0 < η λ < 2 (1 + μ); but A changes from update to update, and a step may lie below
//! that limit at every update and still grow (η λ that alternates between 0 and 2.85 at μ = ½:
//! × 1.7 an update). The map survives, because its gains shrink as a coordinate oscillates; the
//! recursion lacks that feedback. So its rates, and only its, are limited by two bounds:
//! - *In time.* With h = η λ anywhere in [0, 2 (1 − μ)] at every update, the norm
//!   |F| + c |V|, c = μ / (1 − μ), never grows if μ ≤ ½: with F′ = F + V′, V′ = μ V − h F,
//!   |F′| + c |V′| is the larger of |(1 − (1 + c) h) F + (1 + c) μ V| and
//!   |(1 − (1 − c) h) F + (1 − c) μ V|, where (1 + c) μ = c and |1 − (1 ± c) h| ≤ 1. Beyond, one
//!   update and a rest take F to F (1 − h / (1 − μ)), so the bound is sharp.
//! - *In space.* Attraction adds e p (g I − 2 φφᵀ) for a neighbour, with eigenvalues g and
//!   g (2 g − 1), hence within [−⅛, 1] e p wherever the neighbour is; repulsion adds at most
//!   9/16 Σ q. So the rates of a point are at most 2 (1 − μ) / (e Σ_j p_ij): whatever the map
//!   does, η A stays within about [−⅛, 1] · 2 (1 − μ) and repulsion's small part. Where that
//!   part still takes η λ beyond 2 (1 − μ), all rates of the point are scaled to it.
//!
//! The second bound matters as much as the first. A point that leaps between its neighbours meets
//! negative curvature and grows at it; a limit on the positive eigenvalues of A alone, at either
//! bound, left values of 1e45 at 1000 points.
//!
//! What is proven: the first bound, for directions that do not turn and equal gains (limited rates
//! are mostly equal, which the minimum makes them). For directions that turn in the worst way
//! only η λ ≤ 2 (1 − μ)² / (1 + μ) is (the circle criterion), ⅓ at μ = ½; a search found turns
//! that grow by 1.12 an update at 1. For μ > ½ arbitrary changes of one λ are safe up to less
//! (0.14 at 0.8, by computation). Growth at a true saddle stays, at about 1.2 an update at most:
//! points that it carried far beyond the others are named ([`super::Attribution::unstable`]).
//!
//! # What the limit does, measured
//! Seven beds with known features (nested clusters 2/1, 6/3, 8/3, z-scored, decoy, copies,
//! curve), data seeds 100–107 (104–107 at 2000 points; the first four helped to choose the rule,
//! the last four alone give 0.87, 0.91, 0.91 and 0.77 in its column);
//! attributions of |y|² after 250 updates; AUROC of the true features by the class means of
//! absolute values ± 95 % over data seeds; largest row over the median one. "Before" is an earlier
//! rule: the rate n / (4 e), and 0.95 of 2 (1 + μ) for single points.
//!
//! | settings, points, maps | AUROC free | before | this | largest free | before | this |
//! |---|---|---|---|---|---|---|
//! | paper's, 400, 112 | 0.48 ± 0.04 | 0.76 ± 0.02 | 0.86 ± 0.03 | 6e72 | 1e6 | 6e2 |
//! | paper's, 1000, 112 | 0.47 ± 0.03 | 0.83 ± 0.02 | 0.92 ± 0.02 | 3e70 | 1e13 | 2e3 |
//! | paper's, 2000, 28 | 0.74 ± 0.07 | 0.90 ± 0.02 | 0.91 ± 0.02 | 3e70 | 6e14 | 4e2 |
//! | default (random start), 400, 112 | 0.58 ± 0.02 | 0.81 ± 0.01 | 0.76 ± 0.02 | 2e47 | 2e6 | 3e4 |
//!
//! (In the last row the medians are near 1e-3; no value exceeds 40, and 0.1 points a map are named.)
//! At the default settings and 2000 points (6 maps) all rules agree within 0.1 % for the median
//! point, although 96 % of the point-updates are limited: the map has settled and the step does
//! not matter. Where it has not, a limited recursion lags: against the free one, median point of
//! the calm ones, 4 % (paper's, 2000 points), 40 % (1000), 9 to 15 % at step 300, fifty updates
//! after exaggeration, and 1 % at step 500 (default, 1000 points, 2 maps). Whether the free one
//! is then right is another matter: at 400 points and the paper's rate no rule, free or limited,
//! predicts how a point moves, gains and all, when its input is moved by 0.1 standard deviations
//! (median cosine at most 0.1 over 40 points each of 6/3 and curve; 0.5 at 1000 points, 15 points
//! of 6/3, for all rules).

use embex_linalg::Real;

use super::params::{AttributeParams, Bandwidth, Formula, PublishedQuirks};
use super::small::{Square, eigen, row_bound};
use crate::repulsion::RepulsionSums;
use crate::step::Edges;

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
    /// Largest stable η λ; the largest number if not limited.
    pub(crate) limit: T,
}

impl<T: Real> StepFactors<T> {
    pub(crate) fn new(step: StepScalars, rule: Rule) -> Self {
        let momentum = if rule.optimiser { step.momentum } else { 0.0 };
        let reset = step.starts_phase && !rule.keeps_velocity;
        let rate = if rule.optimiser { step.learning_rate } else { 1.0 };
        let limit = if rule.limited { 2.0 * (1.0 - momentum) } else { f64::MAX };
        Self {
            exaggeration: T::from_f64(step.exaggeration),
            momentum: T::from_f64(if reset { 0.0 } else { momentum }),
            rate: T::from_f64(rule.kappa * rate),
            limit: T::from_f64(limit.min(T::MAX.to_f64())),
        }
    }

    /// η of one point inside its limit, and whether that shortened it; `mass` is Σ_j p_ij.
    #[inline(always)]
    pub(crate) fn stable_rates<const C: usize>(
        &self,
        a: &Square<T, C>,
        gains: [T; C],
        mass: T,
    ) -> ([T; C], bool) {
        let cap = self.limit / (self.exaggeration * mass); // infinite without neighbours
        let (mut largest, mut cut) = (T::ZERO, false);
        let rates = gains.map(|gain| {
            let rate = self.rate * gain;
            cut |= rate > cap;
            let rate = rate.min_(cap);
            largest = largest.max_(rate);
            rate
        });
        if row_bound(a) * largest <= self.limit {
            return (rates, cut);
        }
        let (rates, scaled) = limited(a, rates, self.limit);
        (rates, scaled || cut)
    }
}

/// Σ_j p_ij of one row.
#[inline(always)]
pub(crate) fn row_mass<T: Real>(edges: &Edges<T>, i: usize) -> T {
    let mut mass = T::ZERO;
    for &p in &edges.p[edges.range(i)] {
        mass += p;
    }
    mass
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
    use embex_linalg::seed::stream;
    use rand::RngExt;

    use super::*;
    use crate::attribution::Mode;

    fn factors(momentum: f64, rule: Rule) -> StepFactors<f64> {
        let step =
            StepScalars { exaggeration: 2.0, momentum, learning_rate: 2.0, starts_phase: false };
        StepFactors::new(step, rule)
    }

    #[test]
    fn rates_are_capped_by_the_mass_of_the_row() {
        let rule = Rule::of(&AttributeParams::default());
        let (f, gains) = (factors(0.5, rule), [1.0, 0.25]);
        // Rates 8 and 2; the cap is 1 / (2 · mass).
        let calm = [[0.1, 0.0], [0.0, 0.1]];
        assert_eq!(f.stable_rates(&calm, gains, 0.0625), ([8.0, 2.0], false));
        assert_eq!(f.stable_rates(&calm, gains, 0.125), ([4.0, 2.0], true));
        assert_eq!(f.stable_rates(&calm, gains, 0.5), ([1.0, 1.0], true));
        assert_eq!(f.stable_rates(&calm, gains, 0.0), ([8.0, 2.0], false));
        // 2 (1 − 0.8) / (2 · 0.5).
        let (rates, limited) = factors(0.8, rule).stable_rates(&calm, gains, 0.5);
        assert!(limited && rates.iter().all(|r| (r - 0.4).abs() < 1e-15));
        let free = Rule { limited: false, ..rule };
        assert_eq!(factors(0.5, free).stable_rates(&calm, gains, 0.5), ([8.0, 2.0], false));
    }

    /// Curvature that the mass does not bound (repulsion's) scales all rates of the point.
    #[test]
    fn rates_are_scaled_where_curvature_exceeds_its_bound() {
        let f = factors(0.5, Rule::of(&AttributeParams::default()));
        let wild = [[1.0, 0.2], [0.2, -5.0]];
        let (rates, limited) = f.stable_rates(&wild, [1.0, 0.5], 0.01);
        assert!(limited && rates[0] < 8.0 && rates[0] == 2.0 * rates[1]);
        let root = rates.map(f64::sqrt);
        let m = [
            [rates[0] * wild[0][0], root[0] * root[1] * wild[0][1]],
            [root[0] * root[1] * wild[0][1], rates[1] * wild[1][1]],
        ];
        assert!((eigen(m).0[1] - 1.0).abs() < 1e-12);
        // A saddle grows, as it should: nothing to limit.
        let saddle = [[-9.0, 0.0], [0.0, -9.0]];
        assert_eq!(f.stable_rates(&saddle, [1.0, 0.5], 0.01), ([8.0, 4.0], false));
    }

    /// The module's first bound: no sequence within it grows; the next larger one does.
    #[test]
    fn no_sequence_of_curvatures_grows_within_the_limit() {
        for momentum in [0.0, 0.2, 0.5] {
            let limit = factors(momentum, Rule::of(&AttributeParams::default())).limit;
            assert!((limit - 2.0 * (1.0 - momentum)).abs() < 1e-15);
            let c = momentum / (1.0 - momentum);
            for seed in 0..50 {
                let mut rng = stream(seed, "curvatures", 0);
                let (mut f, mut v) = (1.0_f64, 0.0_f64);
                for _ in 0..200 {
                    let u: f64 = rng.random();
                    // The ends of the range are the worst, so they come often.
                    let h = limit * (2.0 * u - 0.5).clamp(0.0, 1.0);
                    let before = f.abs() + c * v.abs();
                    v = momentum * v - h * f;
                    f += v;
                    assert!(f.abs() + c * v.abs() <= before * (1.0 + 1e-14), "seed {seed}");
                }
            }
            // One update 5 % beyond and a rest, repeated.
            let mut f = 1.0_f64;
            for _ in 0..100 {
                let mut v = -1.05 * limit * f;
                f += v;
                for _ in 0..60 {
                    v *= momentum;
                    f += v;
                }
            }
            assert!(f.abs() > 1e3);
        }
    }

    /// The module's second bound, for attraction: [−⅛, 1] e p wherever a neighbour is.
    #[test]
    fn attraction_stays_within_its_bounds() {
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for k in 0..2000 {
            let d = 1e-3 * 1.01_f64.powi(k);
            let g = 1.0 / (1.0 + d * d);
            let phi = g * d;
            least = least.min(g - 2.0 * phi * phi);
            most = most.max(g);
        }
        assert!((-0.125..-0.1249).contains(&least) && (0.999..=1.0).contains(&most));
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
