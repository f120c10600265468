//! The bandwidth of one row: the β at which its affinities have the perplexity asked for.

use pulp::{Arch, Simd, WithSimd};

/// Numbers handled together; fixed, because the last bits of every sum depend on it.
const LANES: usize = 8;

/// Largest entropy error accepted, in nats.
const TOLERANCE: f64 = 1e-12;

/// Bound of the search; strides double, so that far fewer are ever needed.
const MAX_ITERATIONS: usize = 200;

/// Bound on |ln b|: e^700 is near the largest number.
const MAX_LOG: f64 = 700.0;

/// One row's bandwidth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RowFit {
    /// β = 1 / (2σ²); 0 if no finite bandwidth reaches the perplexity.
    pub(crate) beta: f64,
    /// exp(entropy) of the row.
    pub(crate) perplexity: f64,
    /// Evaluations of the entropy.
    pub(crate) iterations: usize,
}

/// Fills `p` with p_j ∝ exp(−β d_j) of the given perplexity, for squared distances `d`.
///
/// A Newton iteration on ln β, on which the entropy is nearly linear, kept inside a bracket.
/// Distances are shifted by their minimum and divided by their mean, so that no scale of data
/// under- or overflows. `guess` is a β to start from, 0 for none. The entropy is met to
/// [`TOLERANCE`] or to the resolution of β.
///
/// If at least `perplexity` distances tie for the minimum, no finite β will do: p is uniform
/// over the ties, the limit β → ∞, and β is given as 0, because such affinities do not respond
/// to a small change of distance.
pub(crate) fn conditional_row(
    arch: Arch,
    dist_sq: &[f64],
    perplexity: f64,
    guess: f64,
    p: &mut [f64],
) -> RowFit {
    debug_assert_eq!(dist_sq.len(), p.len());
    debug_assert!(dist_sq.len() as f64 > perplexity);
    let (min, sum, ties) = shape_of(dist_sq);
    if ties as f64 >= perplexity {
        return uniform_over_ties(dist_sq, min, ties, p);
    }
    let scale = sum / dist_sq.len() as f64;
    if scale == 0.0 {
        // A spread below the smallest number: equal distances for all that can be told.
        return uniform_over_ties(dist_sq, f64::INFINITY, dist_sq.len(), p);
    }
    let mut row = Row { dist_sq, min, per_scale: 1.0 / scale, scale };
    if !row.per_scale.is_finite() {
        row.per_scale = f64::MAX;
    }
    arch.dispatch(Solve { row, target: perplexity.ln(), guess, p })
}

/// The search of one row, for run-time dispatch.
struct Solve<'a> {
    row: Row<'a>,
    target: f64,
    guess: f64,
    p: &'a mut [f64],
}

impl WithSimd for Solve<'_> {
    type Output = RowFit;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> RowFit {
        self.row.solve(self.target, self.guess, self.p)
    }
}

/// Minimum, sum of the excesses over it, and how many entries equal it.
fn shape_of(dist_sq: &[f64]) -> (f64, f64, usize) {
    let min = dist_sq.iter().copied().fold(f64::INFINITY, f64::min);
    // Divided before summing: a sum of large squares could overflow.
    let per_count = 1.0 / dist_sq.len() as f64;
    let mean: f64 = dist_sq.iter().map(|d| (d - min) * per_count).sum();
    let ties = dist_sq.iter().filter(|&&d| d == min).count();
    (min, mean * dist_sq.len() as f64, ties)
}

/// Equal weight for every distance up to `most`.
fn uniform_over_ties(dist_sq: &[f64], most: f64, ties: usize, p: &mut [f64]) -> RowFit {
    for (p, &d) in p.iter_mut().zip(dist_sq) {
        *p = if d <= most { 1.0 / ties as f64 } else { 0.0 };
    }
    RowFit { beta: 0.0, perplexity: ties as f64, iterations: 0 }
}

/// Squared distances and the scale they are taken in: u = (d − min) / scale.
struct Row<'a> {
    dist_sq: &'a [f64],
    min: f64,
    per_scale: f64,
    scale: f64,
}

/// Σ e^{−bu}, Σ u e^{−bu}, Σ u² e^{−bu}.
#[derive(Clone, Copy)]
struct Moments {
    s0: f64,
    s1: f64,
    s2: f64,
}

impl Moments {
    /// Entropy in nats and its slope in ln b, −b² Var(u).
    #[inline(always)]
    fn entropy(self, b: f64) -> (f64, f64) {
        let mean = self.s1 / self.s0;
        let variance = self.s2 / self.s0 - mean * mean;
        (self.s0.ln() + b * mean, -b * b * variance)
    }
}

impl Row<'_> {
    #[inline(always)]
    fn solve(&self, target: f64, guess: f64, p: &mut [f64]) -> RowFit {
        // With u of mean 1 the solution is of order 1.
        let start = if guess > 0.0 { (guess * self.scale).ln() } else { 0.0 };
        let mut t = start.clamp(-MAX_LOG, MAX_LOG);
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut stretch = 2.0;
        let mut iterations = 0;
        let (b, moments, entropy) = loop {
            let b = t.exp();
            let moments = self.moments(b);
            let (entropy, slope) = moments.entropy(b);
            let excess = entropy - target;
            iterations += 1;
            if excess > 0.0 {
                low = t;
            } else {
                high = t;
            }
            let next = next_guess(t, excess, slope, (low, high), &mut stretch);
            if excess.abs() <= TOLERANCE || next == t || iterations == MAX_ITERATIONS {
                break (b, moments, entropy);
            }
            t = next;
        };
        self.fill(b, moments.s0, p);
        RowFit { beta: (b / self.scale).min(f64::MAX), perplexity: entropy.exp(), iterations }
    }

    /// u of up to one chunk of distances; 0 beyond its end.
    #[inline(always)]
    fn scaled(&self, d: &[f64]) -> [f64; LANES] {
        let mut u = [0.0; LANES];
        for l in 0..d.len().min(LANES) {
            u[l] = (d[l] - self.min) * self.per_scale;
        }
        u
    }

    #[inline(always)]
    fn moments(&self, b: f64) -> Moments {
        let mut sums = [[0.0; LANES]; 3];
        let whole = self.dist_sq.chunks_exact(LANES);
        let rest = whole.remainder();
        for d in whole {
            add_moments(self.scaled(d), b, LANES, &mut sums);
        }
        if !rest.is_empty() {
            add_moments(self.scaled(rest), b, rest.len(), &mut sums);
        }
        let [s0, s1, s2] = sums.map(|s| s.iter().sum());
        Moments { s0, s1, s2 }
    }

    #[inline(always)]
    fn fill(&self, b: f64, s0: f64, p: &mut [f64]) {
        let per_sum = 1.0 / s0;
        for (p, d) in p.chunks_mut(LANES).zip(self.dist_sq.chunks(LANES)) {
            let e = exp_lanes(scaled_by(-b, self.scaled(d)));
            for (p, e) in p.iter_mut().zip(e) {
                *p = e * per_sum;
            }
        }
    }
}

/// The next ln β: Newton inside the bracket, else its middle, else a growing stride.
#[inline(always)]
fn next_guess(t: f64, excess: f64, slope: f64, (low, high): (f64, f64), stretch: &mut f64) -> f64 {
    let newton = t - excess / slope;
    let bounded = low.is_finite() && high.is_finite();
    if newton > low && newton < high && (bounded || (newton - t).abs() <= *stretch) {
        return newton;
    }
    if bounded {
        return 0.5 * (low + high);
    }
    let stride = *stretch;
    *stretch *= 2.0;
    (if excess > 0.0 { t + stride } else { t - stride }).clamp(-MAX_LOG, MAX_LOG)
}

#[inline(always)]
fn add_moments(u: [f64; LANES], b: f64, n_valid: usize, sums: &mut [[f64; LANES]; 3]) {
    let e = exp_lanes(scaled_by(-b, u));
    for l in 0..LANES {
        let e = if l < n_valid { e[l] } else { 0.0 };
        let ue = u[l] * e;
        sums[0][l] += e;
        sums[1][l] += ue;
        sums[2][l] = u[l].mul_add(ue, sums[2][l]);
    }
}

#[inline(always)]
fn scaled_by(factor: f64, mut u: [f64; LANES]) -> [f64; LANES] {
    for u in &mut u {
        *u *= factor;
    }
    u
}

/// exp(x) for x ≤ 0, to about 2e-16 relative; below −708 as at −708 (3e-308).
#[inline(always)]
fn exp_lanes(x: [f64; LANES]) -> [f64; LANES] {
    /// Adding it rounds to an integer, which then fills the low bits.
    const ROUND: f64 = 6755399441055744.0; // 1.5 · 2^52
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1; // 33 bits: exact products with integers
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let mut out = [0.0; LANES];
    for l in 0..LANES {
        let x = x[l].max(-708.0);
        let rounded = x.mul_add(std::f64::consts::LOG2_E, ROUND);
        let n = rounded - ROUND;
        let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
        let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52); // 2^n
        out[l] = exp_small(r) * power;
    }
    out
}

/// e^r for |r| ≤ ln 2 / 2: the power series to r¹², whose remainder is below 2e-16.
#[inline(always)]
fn exp_small(r: f64) -> f64 {
    const INVERSE_FACTORIALS: [f64; 13] = [
        1.0,
        1.0,
        0.5,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
        1.0 / 40320.0,
        1.0 / 362880.0,
        1.0 / 3628800.0,
        1.0 / 39916800.0,
        1.0 / 479001600.0,
    ];
    let mut sum = INVERSE_FACTORIALS[12];
    for k in (0..12).rev() {
        sum = sum.mul_add(r, INVERSE_FACTORIALS[k]);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::seed::stream;
    use rand::RngExt;

    fn row(dist_sq: &[f64], perplexity: f64) -> (RowFit, Vec<f64>) {
        let mut p = vec![0.0; dist_sq.len()];
        let fit = conditional_row(Arch::new(), dist_sq, perplexity, 0.0, &mut p);
        (fit, p)
    }

    fn perplexity_of(p: &[f64]) -> f64 {
        (-p.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>()).exp()
    }

    #[test]
    fn exponential_agrees_with_the_standard_library() {
        for i in 0..70_000 {
            let x = -0.0101 * f64::from(i);
            let [got, ..] = exp_lanes([x; LANES]);
            assert!((got - x.exp()).abs() <= 4e-16 * x.exp(), "{x}");
        }
        assert_eq!(exp_lanes([0.0; LANES]), [1.0; LANES]);
        assert!(exp_lanes([f64::NEG_INFINITY; LANES])[0] < 1e-300);
    }

    /// Entropy to 1e-12 nats at any scale of the data, from 1e-150 to 1e150 (squared below).
    #[test]
    fn perplexity_is_met_at_any_scale() {
        let mut rng = stream(1, "bandwidth test", 0);
        for scale in [1e-300, 1e-150, 1e-12, 1.0, 1e4, 1e150, 1e300] {
            let d: Vec<f64> = (0..91).map(|_| scale * (5.0 + rng.random::<f64>())).collect();
            for perplexity in [1.0 + 1e-9, 1.5, 10.0, 30.0, 60.0, 90.9] {
                let (fit, p) = row(&d, perplexity);
                let gap = perplexity_of(&p).ln() - perplexity.ln();
                assert!(gap.abs() < 1e-11, "{scale:e} {perplexity}: {gap:e} {fit:?}");
                assert!(fit.iterations < 60, "{scale:e} {perplexity}: {fit:?}");
                assert!(fit.beta > 0.0 && fit.beta.is_finite());
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn few_steps_suffice_and_a_guess_saves_some() {
        let mut rng = stream(2, "bandwidth test", 0);
        let (mut cold, mut warm) = (0, 0);
        for _ in 0..100 {
            let d: Vec<f64> =
                (0..91).map(|_| (0..20).map(|_| rng.random::<f64>().powi(2)).sum()).collect();
            let (fit, p) = row(&d, 30.0);
            let mut again = vec![0.0; 91];
            let guess = fit.beta * 1.02;
            let second = conditional_row(Arch::new(), &d, 30.0, guess, &mut again);
            cold += fit.iterations;
            warm += second.iterations;
            for (a, b) in p.iter().zip(&again) {
                assert!((a - b).abs() < 1e-12);
            }
        }
        assert!(cold <= 700 && warm <= 400, "{cold} {warm}");
    }

    #[test]
    fn ties_at_the_minimum_share_what_no_bandwidth_can_spread() {
        let mut d = vec![4.0; 10];
        let (fit, p) = row(&d, 5.0);
        assert_eq!((fit.beta, p), (0.0, vec![0.1; 10]));
        d[7..].fill(9.0);
        let (fit, p) = row(&d, 5.0);
        assert_eq!(fit.beta, 0.0);
        assert!(p[..7].iter().all(|&p| p == 1.0 / 7.0) && p[7..].iter().all(|&p| p == 0.0));
        // Fewer ties than the perplexity: solved as usual.
        d[2..7].fill(5.0);
        let (fit, p) = row(&d, 5.0);
        assert!(fit.beta > 0.0 && (perplexity_of(&p) - 5.0).abs() < 1e-10);
    }

    #[test]
    fn wild_spreads_stay_finite() {
        let rows: [&[f64]; 4] = [
            &[0.0, 1e-300, 1.0, 1.0, 1e300],
            &[0.0, 0.0, 5e-324, 1e-323, 1e-323],
            &[1e308, 1e308, 1.7e308, 1.7e308, 1.5e308],
            &[0.0, 1e-10, 1e-5, 1.0, 1e10],
        ];
        for d in rows {
            for perplexity in [1.0, 1.3, 2.5, 4.5] {
                let (fit, p) = row(d, perplexity);
                assert!(fit.beta.is_finite() && p.iter().all(|p| p.is_finite()), "{d:?} {fit:?}");
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{d:?} {p:?}");
            }
        }
    }
}
