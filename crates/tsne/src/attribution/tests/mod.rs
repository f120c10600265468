//! A slow twin of everything: definitions written out, in feature space, in `f64`.

mod cases;
mod differences;
mod equivariance;
mod golden;
mod quirks;
mod states;
mod twins;

use embex_linalg::Rows;
use embex_linalg::faer::Mat;
use embex_linalg::seed::stream;
use embex_trees::Neighbours;
use rand_distr::{Distribution, StandardNormal};

use super::dp::{AffinityDerivative, DpIndex};
use super::rows_of::RowsOf;
use super::rule::{DpForm, Rule, scrambled_gain};
use super::small::eigen;
use super::*;
use crate::affinity::{Affinities, Conditionals};
use crate::repulsion::{Curvature, RepulsionSums};
use crate::step::{Edges, StepObserver, StepView};
use crate::{Metric, TsneParams};

/// Seeded normal points, a third of them moved along the first feature.
pub(super) fn points(n: usize, d: usize, seed: u64) -> Mat<f64> {
    let mut rng = stream(seed, "attribution tests", 0);
    let mut x = Mat::from_fn(n, d, |_, _| StandardNormal.sample(&mut rng));
    (0..n / 3).for_each(|i| x[(i, 0)] += 3.0);
    x
}

/// The k nearest of every row by the definition.
pub(super) fn neighbours(x: &Mat<f64>, k: usize) -> Neighbours {
    let n = x.nrows();
    let (mut indices, mut dist_sq) = (Vec::new(), Vec::new());
    for i in 0..n {
        let mut row: Vec<(f64, u32)> =
            (0..n).filter(|&j| j != i).map(|j| (distance_sq(x, i, j), j as u32)).collect();
        row.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        indices.extend(row[..k].iter().map(|r| r.1));
        dist_sq.extend(row[..k].iter().map(|r| r.0));
    }
    Neighbours::new(k, indices, dist_sq).expect("equal lengths")
}

pub(super) fn distance_sq(x: &Mat<f64>, i: usize, j: usize) -> f64 {
    (0..x.ncols()).map(|d| (x[(i, d)] - x[(j, d)]).powi(2)).sum()
}

pub(super) fn affinities(x: &Mat<f64>, k: usize, perplexity: f64) -> Affinities {
    Affinities::from_neighbours(neighbours(x, k), perplexity).expect("enough neighbours")
}

/// The repulsive sums by the definition.
pub(super) fn sums<const C: usize>(y: &[[f64; C]]) -> RepulsionSums<f64, C> {
    let mut out = RepulsionSums { z: 0.0, force: Vec::new(), curvature: Vec::new() };
    for i in 0..y.len() {
        let (mut force, mut curvature) = ([0.0; C], Curvature::default());
        for j in (0..y.len()).filter(|&j| j != i) {
            let (d, g) = kernel(&y[i], &y[j]);
            out.z += g;
            curvature.g2 += g * g;
            for a in 0..C {
                force[a] += g * g * d[a];
                (0..C).for_each(|b| curvature.outer[a][b] += g * g * g * d[a] * d[b]);
            }
        }
        out.force.push(force);
        out.curvature.push(curvature);
    }
    out
}

fn kernel<const C: usize>(yi: &[f64; C], yj: &[f64; C]) -> ([f64; C], f64) {
    let d: [f64; C] = std::array::from_fn(|c| yi[c] - yj[c]);
    (d, 1.0 / (1.0 + d.iter().map(|d| d * d).sum::<f64>()))
}

/// Z.
fn normaliser<const C: usize>(y: &[[f64; C]]) -> f64 {
    let others = |i: usize| (0..y.len()).filter(move |&j| j != i);
    (0..y.len()).flat_map(|i| others(i).map(move |j| kernel(&y[i], &y[j]).1)).sum()
}

/// 4 Σ_j (e p − q) φ of one point, whose place may differ from `y[i]`, at a given Z.
fn force<const C: usize>(
    y: &[[f64; C]],
    edges: &Edges<f64>,
    e: f64,
    z: f64,
    i: usize,
    yi: &[f64; C],
) -> [f64; C] {
    let mut out = [0.0; C];
    for j in (0..y.len()).filter(|&j| j != i) {
        let (d, g) = kernel(yi, &y[j]);
        (0..C).for_each(|c| out[c] -= 4.0 * g / z * g * d[c]);
    }
    for at in edges.range(i) {
        let (d, g) = kernel(yi, &y[edges.columns[at] as usize]);
        (0..C).for_each(|c| out[c] += 4.0 * e * edges.p[at] * g * d[c]);
    }
    out
}

/// [`force`] at the Z of the moved point; at that of the map where a rule has no mean term.
pub(super) fn moved_force<const C: usize>(
    rule: Rule,
    y: &[[f64; C]],
    edges: &Edges<f64>,
    e: f64,
    i: usize,
    yi: &[f64; C],
) -> [f64; C] {
    let mut moved = y.to_vec();
    if !(rule.zeroed && i < 2) {
        moved[i] = *yi;
    }
    force(y, edges, e, normaliser(&moved), i, yi)
}

/// The schedule of a small run.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) learning_rate: f64,
    pub(super) exaggeration: f64,
    pub(super) early: usize,
    pub(super) momentum: [f64; 2],
    pub(super) gains: bool,
    pub(super) n_iter: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            learning_rate: 5.0,
            exaggeration: 4.0,
            early: 20,
            momentum: [0.5, 0.8],
            gains: true,
            n_iter: 35,
        }
    }
}

impl Schedule {
    pub(super) fn params(&self) -> TsneParams {
        TsneParams::default().with_n_iter(self.n_iter).with_exaggeration_iter(self.early)
    }
}

/// One update as it happened.
#[derive(Clone, Debug)]
pub(super) struct Step<const C: usize> {
    pub(super) exaggeration: f64,
    pub(super) momentum: f64,
    pub(super) starts_phase: bool,
    pub(super) y: Vec<[f64; C]>,
    pub(super) y_next: Vec<[f64; C]>,
    pub(super) gains: Vec<[f64; C]>,
}

/// A whole run, to be shown to observers.
#[derive(Clone)]
pub(super) struct Path<const C: usize> {
    pub(super) learning_rate: f64,
    pub(super) edges: Edges<f64>,
    pub(super) steps: Vec<Step<C>>,
}

impl<const C: usize> Path<C> {
    /// Runs from `y` with exact forces.
    pub(super) fn run(edges: Edges<f64>, start: &[[f64; C]], schedule: &Schedule) -> Self {
        let n = start.len();
        let (mut y, mut v) = (start.to_vec(), vec![[0.0; C]; n]);
        let (mut gains, mut steps) = (vec![[1.0; C]; n], Vec::new());
        for t in 0..schedule.n_iter {
            let late = usize::from(t >= schedule.early);
            let starts_phase = t == 0 || t == schedule.early;
            if starts_phase {
                v.fill([0.0; C]);
                gains.fill([1.0; C]);
            }
            let e = [schedule.exaggeration, 1.0][late];
            let (mut y_next, z) = (y.clone(), normaliser(&y));
            for i in 0..n {
                let g = force(&y, &edges, e, z, i, &y[i]);
                for c in 0..C {
                    if schedule.gains {
                        let up = v[i][c] * g[c] < 0.0;
                        let gain: f64 = gains[i][c];
                        gains[i][c] = (if up { gain + 0.2 } else { gain * 0.8 }).max(0.01);
                    }
                    let push = schedule.learning_rate * gains[i][c] * g[c];
                    v[i][c] = schedule.momentum[late] * v[i][c] - push;
                    y_next[i][c] += v[i][c];
                }
            }
            steps.push(Step {
                exaggeration: e,
                momentum: schedule.momentum[late],
                starts_phase,
                y: y.clone(),
                y_next: y_next.clone(),
                gains: gains.clone(),
            });
            y = y_next;
        }
        Self { learning_rate: schedule.learning_rate, edges, steps }
    }

    /// Shows the updates `from..` to an observer.
    pub(super) fn show(&self, from: usize, to: usize, observer: &mut dyn StepObserver<f64, C>) {
        for (t, step) in self.steps.iter().enumerate().take(to).skip(from) {
            let mut sums = sums(&step.y);
            if !observer.wants_curvature(t) {
                sums.curvature.clear();
            }
            observer.observe(&StepView {
                iteration: t,
                starts_phase: step.starts_phase,
                exaggeration: step.exaggeration,
                momentum: step.momentum,
                learning_rate: self.learning_rate,
                y: &step.y,
                y_next: &step.y_next,
                gains: &step.gains,
                sums: &sums,
                edges: &self.edges,
            });
        }
    }

    /// Attributions of the run by the library.
    pub(super) fn attribute(
        &self,
        params: &AttributeParams,
        affinities: &Affinities,
        x: &Mat<f64>,
    ) -> crate::Result<Vec<Attribution<f64>>> {
        self.attribute_by(Metric::Euclidean, params, affinities, x)
    }

    pub(super) fn attribute_by(
        &self,
        metric: Metric,
        params: &AttributeParams,
        affinities: &Affinities,
        x: &Mat<f64>,
    ) -> crate::Result<Vec<Attribution<f64>>> {
        let tsne = TsneParams::default().with_n_iter(self.steps.len()).with_metric(metric);
        let mut attributor = Attributor::<f64, C>::new(params, &tsne, affinities, x.as_ref())?;
        self.show(0, self.steps.len(), &mut attributor);
        self.finish(attributor, affinities)
    }

    pub(super) fn finish(
        &self,
        attributor: Attributor<f64, C>,
        affinities: &Affinities,
    ) -> crate::Result<Vec<Attribution<f64>>> {
        let y = &self.steps[self.steps.len() - 1].y_next;
        let (edges, sums) = (&self.edges, &sums(y));
        attributor.finish(affinities, &Finished { y, edges, sums, n_steps: self.steps.len() })
    }
}

/// A start of the size that maps have after a while, so that all terms matter.
pub(super) fn start<const C: usize>(n: usize, scale: f64, seed: u64) -> Vec<[f64; C]> {
    let mut rng = stream(seed, "attribution tests", 1);
    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
    (0..n).map(|_| std::array::from_fn(|_| scale * draw())).collect()
}

/// ∂p_ij/∂x_i of every row, degree × D.
pub(super) fn explicit_dp(affinities: &Affinities, form: DpForm, x: &Mat<f64>) -> Vec<Rows<f64>> {
    let index = DpIndex::new(affinities, form).expect("conditionals");
    let derivative = AffinityDerivative::new(affinities, &index).expect("conditionals");
    let source = RowsOf::new(x.as_ref());
    (0..x.nrows())
        .map(|i| {
            let row = derivative.explicit_row(i, &source);
            Rows::from_vec(row, x.ncols()).expect("whole rows")
        })
        .collect()
}

/// Momentum of an update under a rule.
pub(super) fn momentum<const C: usize>(step: &Step<C>, rule: Rule) -> f64 {
    let resets = step.starts_phase && !rule.keeps_velocity;
    if rule.optimiser && !resets { step.momentum } else { 0.0 }
}

/// η of one point and update [`super::rule`], and whether it was capped and scaled.
///
/// `z` is that of the update's map.
pub(super) fn rates<const C: usize>(
    path: &Path<C>,
    step: &Step<C>,
    z: f64,
    rule: Rule,
    i: usize,
) -> ([f64; C], [bool; 2]) {
    let gain = |c: usize| {
        let (point, axis) =
            if rule.scrambled { scrambled_gain(step.y.len(), C, i, c) } else { (i, c) };
        step.gains[point][axis]
    };
    let rate = |c| if rule.optimiser { path.learning_rate * gain(c) } else { 1.0 };
    let free: [f64; C] = std::array::from_fn(|c| rule.kappa * rate(c));
    if !rule.limited {
        return (free, [false; 2]);
    }
    let limit = 2.0 * (1.0 - step.momentum);
    let mass: f64 = path.edges.p[path.edges.range(i)].iter().sum();
    let capped = free.map(|rate| rate.min(limit / (step.exaggeration * mass)));
    let still = Rows::zeros(path.edges.range(i).len(), C);
    let a = increment(path, step, z, &still, rule, i, &Mat::identity(C, C));
    let product = |p: usize, q: usize| (capped[p] * capped[q]).sqrt() * a[(p, q)];
    let largest =
        eigen::<C>(std::array::from_fn(|p| std::array::from_fn(|q| product(p, q)))).0[C - 1];
    let scaled = largest > limit;
    let rates = if scaled { capped.map(|rate| rate * limit / largest) } else { capped };
    (rates, [capped != free, scaled])
}

/// The published recursion in feature space, term by term [TG, eq. 16–19, 31, 33], from the
/// `start`'s derivative (C × D).
///
/// Gives J (C × D per point) after every update. `dp` holds ∂p_ij/∂x_i by entry.
pub(super) fn feature_space<const C: usize>(
    path: &Path<C>,
    dp: &[Rows<f64>],
    rule: Rule,
    start: &Mat<f64>,
    clip: Option<f64>,
) -> Vec<Vec<Mat<f64>>> {
    let (n, d) = (dp.len(), dp[0].n_cols());
    let limit = clip.unwrap_or(f64::INFINITY) / rule.kappa;
    let mut jacobians = vec![start.clone(); n];
    let mut velocities = vec![Mat::<f64>::zeros(C, d); n];
    let mut all = Vec::new();
    for step in &path.steps {
        let (z, mu) = (normaliser(&step.y), momentum(step, rule));
        for i in 0..n {
            let dd = increment(path, step, z, &dp[i], rule, i, &jacobians[i]);
            let (rates, _) = rates(path, step, z, rule, i);
            for c in 0..C {
                for f in 0..d {
                    let dd = dd[(c, f)].clamp(-limit, limit);
                    velocities[i][(c, f)] = mu * velocities[i][(c, f)] - rates[c] * dd;
                }
            }
            jacobians[i] += &velocities[i];
        }
        all.push(jacobians.clone());
    }
    all
}

/// Σ_j dp φ + e p dφ J − dq φ − q dφ J of one point.
fn increment<const C: usize>(
    path: &Path<C>,
    step: &Step<C>,
    z: f64,
    dp: &Rows<f64>,
    rule: Rule,
    i: usize,
    jacobian: &Mat<f64>,
) -> Mat<f64> {
    let y = &step.y;
    let mut mean = [0.0; C];
    for j in (0..y.len()).filter(|&j| j != i) {
        let (d, g) = kernel(&y[i], &y[j]);
        (0..C).for_each(|c| mean[c] += g / z * g * d[c]);
    }
    if rule.zeroed && i < 2 {
        mean = [0.0; C];
    }
    let row = path.edges.range(i);
    let mut p = vec![0.0; y.len()];
    let mut at = vec![usize::MAX; y.len()];
    for (e, entry) in row.enumerate() {
        p[path.edges.columns[entry] as usize] = step.exaggeration * path.edges.p[entry];
        at[path.edges.columns[entry] as usize] = e;
    }
    let mut out = Mat::zeros(C, jacobian.ncols());
    for j in (0..y.len()).filter(|&j| j != i) {
        let (d, g) = kernel(&y[i], &y[j]);
        let phi = d.map(|d| g * d);
        let q = g / z;
        for f in 0..jacobian.ncols() {
            let dq: f64 =
                (0..C).map(|c| -2.0 * q * (phi[c] - 2.0 * mean[c]) * jacobian[(c, f)]).sum();
            let dp = if at[j] == usize::MAX { 0.0 } else { dp.row(at[j])[f] };
            for c in 0..C {
                let dphi: f64 = (0..C)
                    .map(|c2| {
                        let own = if c == c2 { g } else { 0.0 };
                        (own - 2.0 * phi[c] * phi[c2]) * jacobian[(c2, f)]
                    })
                    .sum();
                out[(c, f)] += (step.exaggeration * dp - dq) * phi[c] + (p[j] - q) * dphi;
            }
        }
    }
    out
}

/// Largest entry of each point up to the last of some updates: rounding is relative to it, since
/// it stays where a derivative shrinks.
pub(super) fn sizes(twin: &[Vec<Mat<f64>>]) -> Vec<f64> {
    let of_point = |i: usize| twin.iter().map(|update| update[i].norm_max()).fold(0.0, f64::max);
    (0..twin[0].len()).map(of_point).collect()
}

/// Largest gap between values (n × C·D) and explicit derivatives, relative to the points' sizes.
pub(super) fn gap(values: &Rows<f64>, twin: &[Mat<f64>], sizes: &[f64]) -> f64 {
    let mut gap = 0.0_f64;
    for (i, twin) in twin.iter().enumerate() {
        for c in 0..twin.nrows() {
            for f in 0..twin.ncols() {
                let value = values.row(i)[c * twin.ncols() + f];
                gap = gap.max((value - twin[(c, f)]).abs() / sizes[i]);
            }
        }
    }
    gap
}

pub(super) fn params(formula: Formula) -> AttributeParams {
    AttributeParams::default().with_formula(formula).with_scalar(Scalar::Axes)
}

/// Conditionals as given, not solved for.
pub(super) fn given(neighbours: Neighbours, p: Vec<f64>, beta: Vec<f64>) -> Affinities {
    let perplexity = f64::NAN;
    Affinities::from_conditionals(Conditionals { neighbours, p, beta, perplexity })
}
