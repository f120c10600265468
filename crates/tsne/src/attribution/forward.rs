//! All axes at any steps, forwards: C derivatives per entry of P.
//!
//! F_ij is the derivative of y_i by p_ij when point i alone moves, V_ij its velocity; see
//! [`super::rule`] for the recursion. The number of features does not occur in it.

use embex_linalg::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::clip::{Clip, Explicit};
use super::params::AttributeParams;
use super::rule::{Rule, StepFactors, StepScalars, gains_of, per_z, repulsion_of, row_mass};
use super::small::{Square, smallest};
use crate::affinity::Affinities;
use crate::lanes::{LANES, Lane, fold};
use crate::step::{Edges, StepObserver, StepView};

/// Rows per task; any value gives the same bits.
const ROWS: usize = 64;

/// State of the forward recursion; serialises and goes on with equal bits.
///
/// 2 C numbers per entry of P; one fused pass over the entries per update of the map.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Forward<T, const C: usize> {
    rule: Rule,
    n_samples: usize,
    done: usize,
    /// Updates after which someone looks, ascending.
    stops: Vec<usize>,
    blocks: Vec<RowBlock<T>>,
    clip: Option<Clip<T>>,
}

/// The rows of one task.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct RowBlock<T> {
    first: usize,
    /// Groups of entries before each row and after the last.
    groups: Vec<usize>,
    /// Per group of entries: V of each axis, then F of each axis; padding stays 0.
    state: Vec<Lane<T>>,
    /// Per row V and F of the start's channel, C × C each; empty if not asked for.
    start: Vec<T>,
    /// Smallest eigenvalue of 4 A at the last update.
    stability: Vec<f64>,
    explicit: Vec<Explicit<T>>,
    limited: u64,
    /// Σ_j p_ij of each row.
    #[cfg_attr(feature = "serde", serde(skip, default = "Vec::new"))]
    mass: Vec<T>,
    /// Per group of the row at hand: φ of each axis, then p.
    #[cfg_attr(feature = "serde", serde(skip, default = "Vec::new"))]
    scratch: Vec<Lane<T>>,
}

/// One update as the rows see it.
struct Update<'s, T, const C: usize> {
    view: &'s StepView<'s, T, C>,
    rule: Rule,
    factors: StepFactors<T>,
    per_z: T,
    clip: Option<&'s Clip<T>>,
    /// Whether the eigenvalues are wanted.
    last: bool,
}

impl<T: Real, const C: usize> Forward<T, C> {
    /// A recursion over `affinities` that follows a run up to the last of `stops`.
    pub(crate) fn new(
        params: &AttributeParams,
        affinities: &Affinities,
        stops: Vec<usize>,
        clip: Option<Clip<T>>,
    ) -> Self {
        let n = affinities.starts.len() - 1;
        let block = |first: usize| {
            RowBlock::new::<C>(&affinities.starts[first..=n.min(first + ROWS)], first, params)
        };
        Self {
            rule: Rule::of(params),
            n_samples: n,
            done: 0,
            stops,
            blocks: (0..n).step_by(ROWS).map(block).collect(),
            clip,
        }
    }

    /// Bytes that the state of so many entries of P takes, but for padding.
    pub(crate) const fn bytes(n_entries: usize) -> u64 {
        (n_entries * 2 * C * size_of::<T>()) as u64
    }

    /// Updates followed.
    pub const fn n_done(&self) -> usize {
        self.done
    }

    /// Point-updates whose step was limited so far.
    pub fn limited(&self) -> u64 {
        self.blocks.iter().map(|b| b.limited).sum()
    }

    /// Smallest eigenvalue of each point's 4 A at the last update followed.
    pub(crate) fn stability(&self) -> Vec<f64> {
        self.blocks.iter().flat_map(|b| &b.stability).copied().collect()
    }

    /// Σ_c seed_kc F_ijc: per row channels × entries. `seeds` is n × channels × C.
    pub(crate) fn sensitivities(&self, starts: &[usize], seeds: &[T], channels: usize) -> Vec<T> {
        let mut out = vec![T::ZERO; starts[self.n_samples] * channels];
        let rows = super::rows_of::split_rows(&mut out, starts, channels);
        rows.into_par_iter().for_each(|(i, row)| {
            let block = &self.blocks[i / ROWS];
            let seeds = &seeds[i * channels * C..(i + 1) * channels * C];
            block.combine::<C>(i - block.first, seeds, row, channels);
        });
        out
    }

    /// The channels' derivatives by the start: n × channels × C; empty if not asked for.
    pub(crate) fn transfer(&self, seeds: &[T], channels: usize) -> Vec<T> {
        let mut out = Vec::new();
        for block in self.blocks.iter().filter(|b| !b.start.is_empty()) {
            for (r, start) in block.start.chunks_exact(2 * C * C).enumerate() {
                let i = block.first + r;
                for seed in seeds[i * channels * C..(i + 1) * channels * C].chunks_exact(C) {
                    let by_axis = |c: usize| -> T {
                        (0..C).map(|a| seed[a] * start[C * C + a * C + c]).sum()
                    };
                    out.extend((0..C).map(by_axis));
                }
            }
        }
        out
    }

    /// Attributions of the points that the clip took out of the weights: (row, channels × D).
    pub(crate) fn explicit_rows(&self, seeds: &[T], channels: usize) -> Vec<(usize, Vec<T>)> {
        let blocks = self.blocks.iter();
        let all = blocks.flat_map(|b| b.explicit.iter().map(move |e| (b.first + e.row(), e)));
        all.map(|(i, e)| {
            let seeds = &seeds[i * channels * C..(i + 1) * channels * C];
            (i, seeds.chunks_exact(C).flat_map(|seed| e.combine(seed)).collect())
        })
        .collect()
    }

    /// Entries whose increment was clipped so far.
    pub(crate) fn clipped(&self) -> u64 {
        self.blocks.iter().flat_map(|b| &b.explicit).map(Explicit::clipped).sum()
    }

    pub(crate) fn advance(&mut self, view: &StepView<'_, T, C>) {
        let step = StepScalars {
            exaggeration: view.exaggeration,
            momentum: view.momentum,
            learning_rate: view.learning_rate,
            starts_phase: view.starts_phase,
        };
        let update = Update {
            view,
            rule: self.rule,
            factors: StepFactors::new(step, self.rule),
            per_z: per_z(view.sums),
            clip: self.clip.as_ref(),
            last: self.stops.binary_search(&(self.done + 1)).is_ok(),
        };
        let arch = Arch::new();
        self.blocks.par_iter_mut().for_each(|block| {
            arch.dispatch(Advance { block, update: &update });
        });
        self.done += 1;
    }
}

/// One task's part of an update.
struct Advance<'a, T, const C: usize> {
    block: &'a mut RowBlock<T>,
    update: &'a Update<'a, T, C>,
}

impl<T: Real, const C: usize> WithSimd for Advance<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.block.advance(self.update);
    }
}

impl<T: Real, const C: usize> StepObserver<T, C> for Forward<T, C> {
    fn wants_curvature(&self, iteration: usize) -> bool {
        self.stops.last().is_some_and(|&last| iteration < last)
    }

    fn observe(&mut self, step: &StepView<'_, T, C>) {
        if step.iteration == self.done && self.wants_curvature(step.iteration) {
            self.advance(step);
        }
    }
}

impl<T: Real> RowBlock<T> {
    /// Zeros for the rows that `starts` bounds.
    fn new<const C: usize>(starts: &[usize], first: usize, params: &AttributeParams) -> Self {
        let mut groups = vec![0];
        let mut total = 0;
        for pair in starts.windows(2) {
            total += (pair[1] - pair[0]).div_ceil(LANES);
            groups.push(total);
        }
        let n_rows = starts.len() - 1;
        let mut start = Vec::new();
        if params.init_jacobian {
            start = vec![T::ZERO; n_rows * 2 * C * C];
            for row in start.chunks_exact_mut(2 * C * C) {
                (0..C).for_each(|c| row[C * C + c * C + c] = T::ONE);
            }
        }
        Self {
            first,
            groups,
            state: vec![[T::ZERO; LANES]; total * 2 * C],
            start,
            stability: vec![0.0; n_rows],
            explicit: Vec::new(),
            limited: 0,
            mass: Vec::new(),
            scratch: Vec::new(),
        }
    }

    fn longest(&self) -> usize {
        self.groups.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    #[inline(always)]
    fn advance<const C: usize>(&mut self, update: &Update<'_, T, C>) {
        // Allocates at the first update, or the first after a resume, only.
        if self.mass.is_empty() {
            let rows = self.first..self.first + self.stability.len();
            self.mass = rows.map(|i| row_mass(update.view.edges, i)).collect();
        }
        self.scratch.resize(self.longest() * (C + 1), [T::ZERO; LANES]);
        for r in 0..self.stability.len() {
            self.advance_row(update, r);
        }
    }

    #[inline(always)]
    fn advance_row<const C: usize>(&mut self, update: &Update<'_, T, C>, r: usize) {
        let i = self.first + r;
        let a = self.matrix(update, r);
        let gains = gains_of(update.rule, update.view.gains, i);
        let (rates, limited) = update.factors.stable_rates(&a, gains, self.mass[r]);
        self.limited += u64::from(limited);
        if update.last {
            self.stability[r] = 4.0 * smallest(&a);
        }
        self.advance_start(update, r, &a, rates);
        if let Some(clip) = update.clip
            && self.advance_clipped(update, clip, r, &a, rates)
        {
            return;
        }
        let groups = self.groups[r]..self.groups[r + 1];
        let state = &mut self.state[groups.start * 2 * C..groups.end * 2 * C];
        recur::<T, C>(state, &self.scratch, &a, rates, &update.factors);
    }

    /// φ of every entry of the row into the scratch, and A of its point.
    #[inline(always)]
    fn matrix<const C: usize>(&mut self, update: &Update<'_, T, C>, r: usize) -> Square<T, C> {
        let i = self.first + r;
        let n_groups = self.groups[r + 1] - self.groups[r];
        let scratch = &mut self.scratch[..n_groups * (C + 1)];
        gather(scratch, update.view.edges, update.view.y, i);
        let (sum, outer) = attract::<T, C>(scratch);
        let (e, two) = (update.factors.exaggeration, T::from_f64(2.0));
        let mut a = repulsion_of(update.view.sums, update.per_z, i, update.rule.zeroed);
        for p in 0..C {
            for q in 0..C {
                a[p][q] -= two * e * outer[p.min(q)][p.max(q)];
            }
            a[p][p] += e * sum;
        }
        a
    }

    /// The start's channel: the same recursion without a source, from the identity.
    #[inline(always)]
    fn advance_start<const C: usize>(
        &mut self,
        update: &Update<'_, T, C>,
        r: usize,
        a: &Square<T, C>,
        rates: [T; C],
    ) {
        if self.start.is_empty() {
            return;
        }
        let (v, f) = self.start[r * 2 * C * C..(r + 1) * 2 * C * C].split_at_mut(C * C);
        for p in 0..C {
            for c in 0..C {
                let pulled: T = (0..C).map(|q| a[p][q] * f[q * C + c]).sum();
                v[p * C + c] = update.factors.momentum * v[p * C + c] - rates[p] * pulled;
            }
        }
        for (f, v) in f.iter_mut().zip(v) {
            *f += *v;
        }
    }

    /// The row under a clip; false if nothing can clip and the weights may go on.
    #[inline(never)]
    fn advance_clipped<const C: usize>(
        &mut self,
        update: &Update<'_, T, C>,
        clip: &Clip<T>,
        r: usize,
        a: &Square<T, C>,
        rates: [T; C],
    ) -> bool {
        let (i, edges) = (self.first + r, update.view.edges);
        let state = &self.state[self.groups[r] * 2 * C..self.groups[r + 1] * 2 * C];
        let place = match self.explicit.binary_search_by_key(&r, Explicit::row) {
            Ok(place) => place,
            Err(place) => {
                let e = update.factors.exaggeration;
                if !clip.may_bite::<C>(edges.range(i), state, &self.scratch, a, e) {
                    return false;
                }
                let row = Explicit::from_state::<C>(r, i, clip, state);
                self.explicit.insert(place, row);
                place
            }
        };
        self.explicit[place].advance::<C>(clip, &self.scratch, a, rates, &update.factors);
        true
    }

    /// Σ_c seed_kc F_c of one row.
    fn combine<const C: usize>(&self, r: usize, seeds: &[T], out: &mut [T], channels: usize) {
        let degree = out.len() / channels.max(1);
        let state = &self.state[self.groups[r] * 2 * C..];
        for (k, seed) in seeds.chunks_exact(C).enumerate() {
            for e in 0..degree {
                let group = &state[e / LANES * 2 * C..];
                let value = (0..C).map(|c| seed[c] * group[C + c][e % LANES]).sum();
                out[k * degree + e] = value;
            }
        }
    }
}

/// Differences y_i − y_j and affinities of a row's entries, padded with zeros.
#[inline(always)]
fn gather<T: Real, const C: usize>(
    scratch: &mut [Lane<T>],
    edges: &Edges<T>,
    y: &[[T; C]],
    i: usize,
) {
    let entries = edges.range(i);
    let (columns, rest_columns) = edges.columns[entries.clone()].as_chunks::<LANES>();
    let (p, rest_p) = edges.p[entries].as_chunks::<LANES>();
    let mut groups = scratch.chunks_exact_mut(C + 1);
    for ((columns, p), group) in columns.iter().zip(p).zip(&mut groups) {
        gather_group(group, columns, p, y, i);
    }
    if let Some(group) = groups.next() {
        // A point is at no distance from itself, and nothing pulls it there.
        let (mut columns, mut p) = ([i as u32; LANES], [T::ZERO; LANES]);
        columns[..rest_columns.len()].copy_from_slice(rest_columns);
        p[..rest_p.len()].copy_from_slice(rest_p);
        gather_group(group, &columns, &p, y, i);
    }
}

#[inline(always)]
fn gather_group<T: Real, const C: usize>(
    group: &mut [Lane<T>],
    columns: &[u32; LANES],
    p: &Lane<T>,
    y: &[[T; C]],
    i: usize,
) {
    let mut d = [[T::ZERO; LANES]; C];
    for l in 0..LANES {
        let yj = y[columns[l] as usize];
        for c in 0..C {
            d[c][l] = y[i][c] - yj[c];
        }
    }
    group[..C].copy_from_slice(&d);
    group[C] = *p;
}

/// Turns differences into φ; gives Σ p g and the upper triangle of Σ p φφᵀ.
#[inline(always)]
fn attract<T: Real, const C: usize>(scratch: &mut [Lane<T>]) -> (T, Square<T, C>) {
    let mut sum = [T::ZERO; LANES];
    let mut outer = [[[T::ZERO; LANES]; C]; C];
    for group in scratch.chunks_exact_mut(C + 1) {
        let mut phi = [[T::ZERO; LANES]; C];
        phi.copy_from_slice(&group[..C]);
        let p = group[C];
        let mut dist = [T::ONE; LANES];
        for c in 0..C {
            for l in 0..LANES {
                dist[l] = phi[c][l].mul_add_(phi[c][l], dist[l]);
            }
        }
        let mut g = [T::ZERO; LANES];
        for l in 0..LANES {
            g[l] = T::ONE / dist[l];
        }
        for l in 0..LANES {
            sum[l] = p[l].mul_add_(g[l], sum[l]);
        }
        for c in 0..C {
            for l in 0..LANES {
                phi[c][l] *= g[l];
            }
            group[c] = phi[c];
        }
        for a in 0..C {
            let mut weighted = [T::ZERO; LANES];
            for l in 0..LANES {
                weighted[l] = p[l] * phi[a][l];
            }
            for b in a..C {
                for l in 0..LANES {
                    outer[a][b][l] = weighted[l].mul_add_(phi[b][l], outer[a][b][l]);
                }
            }
        }
    }
    (fold(&sum), outer.map(|row| row.map(|lanes| fold(&lanes))))
}

/// One update of V and F of a row; what leaves the range of numbers stays outside.
#[inline(always)]
fn recur<T: Real, const C: usize>(
    state: &mut [Lane<T>],
    scratch: &[Lane<T>],
    a: &Square<T, C>,
    rates: [T; C],
    factors: &StepFactors<T>,
) {
    for (group, phi) in state.chunks_exact_mut(2 * C).zip(scratch.chunks_exact(C + 1)) {
        let (v, f) = group.split_at_mut(C);
        let mut old = [[T::ZERO; LANES]; C];
        old.copy_from_slice(f);
        for p in 0..C {
            let (mut pulled, mut moved) = ([T::ZERO; LANES], v[p]);
            for l in 0..LANES {
                pulled[l] = factors.exaggeration * phi[p][l];
            }
            for q in 0..C {
                for l in 0..LANES {
                    pulled[l] = a[p][q].mul_add_(old[q][l], pulled[l]);
                }
            }
            for l in 0..LANES {
                moved[l] *= factors.momentum;
            }
            for l in 0..LANES {
                moved[l] = (-rates[p]).mul_add_(pulled[l], moved[l]);
            }
            v[p] = moved;
            for l in 0..LANES {
                moved[l] += old[p][l];
            }
            f[p] = moved;
        }
    }
}
