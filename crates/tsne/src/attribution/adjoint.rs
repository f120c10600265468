//! One scalar at one step, backwards: one number per entry of P.
//!
//! The recursion F ← F + V, V ← μ V − η ∘ (A F + e φ) is linear, so its derivative can be
//! swept from the end: with f̄, v̄ the derivatives of the scalar by F and V,
//! v ← v̄ + f̄, b ← −e η ∘ v, f̄ ← f̄ − A (η ∘ v), v̄ ← μ v, and S_ij = Σ_t b_i(t) · φ_ij(t).
//! The sweep goes by blocks of [`LANES`] updates: lanes run over time, so that a block of one
//! neighbour is one contiguous line and nothing is gathered; A's attractive part is summed in
//! the same pass, so an update of the map pays only for the copy of what it did.

use embex_linalg::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::near::breadth_first;
use super::rule::{Rule, StepFactors, ZEROED, repulsive, scrambled_gain, subtract_mean};
use super::rule::{StepScalars, per_z, row_mass};
use super::small::{Square, smallest};
use crate::lanes::{LANES, Lane, NARROW, add_folded};
use crate::repulsion::RepulsionSums;
use crate::step::{Edges, StepObserver, StepView};

/// Rows per task; any value gives the same bits.
const ROWS: usize = 64;

/// What a run did, compactly: all that an adjoint of any scalar and formula needs.
///
/// 7 numbers per point and update in the plane (places, gains, repulsive curvature).
/// Record it as an observer of the run; it serialises and goes on with equal bits.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Trajectory<T, const C: usize> {
    n_samples: usize,
    target: usize,
    updates: Vec<Update<T>>,
}

/// What an update did to all points.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Update<T> {
    scalars: StepScalars,
    /// n × C places before it.
    places: Vec<T>,
    /// n × C gains.
    gains: Vec<T>,
    /// n × C(C+1)/2 repulsive parts of A, mean term included.
    repulsion: Vec<T>,
    /// The mean term E of the first points, which one quirk needs apart.
    means: Vec<T>,
}

impl<T: Real, const C: usize> Trajectory<T, C> {
    /// A record of the first `target` updates of a run of `n_samples` points.
    pub fn new(n_samples: usize, target: usize) -> Self {
        Self { n_samples, target, updates: Vec::new() }
    }

    /// Updates recorded.
    pub fn n_recorded(&self) -> usize {
        self.updates.len()
    }

    /// Updates asked for.
    pub const fn target(&self) -> usize {
        self.target
    }

    /// Bytes that a record of this size takes, and its sweep.
    pub const fn bytes(n_samples: usize, target: usize) -> u64 {
        let per_point = 2 * C + C * (C + 1) / 2;
        (n_samples * (target + LANES) * per_point * size_of::<T>()) as u64
    }

    fn record(&mut self, step: &StepView<'_, T, C>) {
        let per_z = per_z(step.sums);
        let means = &step.sums.force[..ZEROED.min(self.n_samples)];
        self.updates.push(Update {
            scalars: StepScalars {
                exaggeration: step.exaggeration,
                momentum: step.momentum,
                learning_rate: step.learning_rate,
                starts_phase: step.starts_phase,
            },
            places: step.y.as_flattened().to_vec(),
            gains: step.gains.as_flattened().to_vec(),
            repulsion: repulsion(step.sums, per_z, self.n_samples),
            means: means.iter().flatten().map(|&f| f * per_z).collect(),
        });
    }
}

impl<T: Real, const C: usize> StepObserver<T, C> for Trajectory<T, C> {
    fn wants_curvature(&self, iteration: usize) -> bool {
        iteration < self.target
    }

    fn observe(&mut self, step: &StepView<'_, T, C>) {
        if step.iteration == self.updates.len() && step.iteration < self.target {
            self.record(step);
        }
    }
}

/// Repulsive parts of A of all points: n × C(C+1)/2.
fn repulsion<T: Real, const C: usize>(sums: &RepulsionSums<T, C>, per_z: T, n: usize) -> Vec<T> {
    let width = C * (C + 1) / 2;
    let mut parts = vec![T::ZERO; n * width];
    parts.par_chunks_mut(ROWS * width).enumerate().for_each(|(chunk, parts)| {
        for (r, part) in parts.chunks_exact_mut(width).enumerate() {
            let i = chunk * ROWS + r;
            let mut a = repulsive(sums, per_z, i);
            subtract_mean(&mut a, sums.force[i].map(|f| f * per_z));
            part.iter_mut().zip(upper(&a)).for_each(|(part, value)| *part = value);
        }
    });
    parts
}

/// The upper triangle, row by row.
fn upper<T: Real, const C: usize>(a: &Square<T, C>) -> impl Iterator<Item = T> + '_ {
    (0..C).flat_map(move |p| (p..C).map(move |q| a[p][q]))
}

/// What a sweep gives.
pub(crate) struct Swept<T> {
    /// S: per row channels × entries.
    pub(crate) weights: Vec<T>,
    /// Derivative of the channels by the start: n × channels × C.
    pub(crate) transfer: Vec<T>,
    /// Smallest eigenvalue of 4 A at the last update.
    pub(crate) stability: Vec<f64>,
    /// Point-updates whose step was limited.
    pub(crate) limited: u64,
}

/// One task's rows.
struct Rowset<'w, T, const C: usize, const K: usize> {
    /// Which rows.
    rows: Vec<u32>,
    /// S of each row: K × degree.
    weights: Vec<&'w mut [T]>,
    /// f̄ and v̄ of each row.
    state: Vec<[[[T; C]; K]; 2]>,
    /// Σ_j p_ij of each row.
    mass: Vec<T>,
    stability: Vec<f64>,
    limited: u64,
    /// g of each entry of a row, over the lanes.
    kernel: Vec<Lane<T>>,
    /// b · φ of each entry of a row, over the lanes.
    charges: Vec<Lane<T>>,
}

/// Σ p g and Σ p g² d dᵀ of a row by lane, the entries on and right of the diagonal.
type Attraction<T, const C: usize> = (Lane<T>, [[Lane<T>; C]; C]);

/// A block of updates, and what they did to all points by lanes.
struct Block<'t, T, const C: usize> {
    updates: &'t [Update<T>],
    /// Whether no update was recorded after these.
    is_last: bool,
    rule: Rule,
    factors: Vec<StepFactors<T>>,
    /// n × C × LANES.
    places: Vec<T>,
    /// n × C × LANES.
    gains: Vec<T>,
    /// n × C(C+1)/2 × LANES.
    repulsion: Vec<T>,
}

/// One task's part of a block of updates.
struct SweepRows<'a, 'w, T, const C: usize, const K: usize> {
    block: &'a Block<'a, T, C>,
    edges: &'a Edges<T>,
    set: &'a mut Rowset<'w, T, C, K>,
}

impl<T: Real, const C: usize, const K: usize> WithSimd for SweepRows<'_, '_, T, C, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { block, edges, set } = self;
        match (S::F32_LANES > NARROW, size_of::<T>()) {
            (true, _) => block.sweep_rows::<K, LANES>(edges, set),
            (false, 4) => block.sweep_rows::<K, { LANES / 2 }>(edges, set),
            (false, _) => block.sweep_rows::<K, { LANES / 4 }>(edges, set),
        }
    }
}

/// Sweeps K channels backwards; `seeds` is n × K × C.
pub(crate) fn sweep<T: Real, const C: usize, const K: usize>(
    trajectory: &Trajectory<T, C>,
    edges: &Edges<T>,
    rule: Rule,
    seeds: &[T],
) -> Swept<T> {
    let n = trajectory.n_samples;
    let mut weights = vec![T::ZERO; edges.columns.len() * K];
    let mut sets = rowsets::<T, C, K>(&mut weights, edges, seeds);
    let mut block = Block::<T, C>::new(n, rule);
    let arch = Arch::new();
    for updates in trajectory.updates.chunks(LANES).rev() {
        block.turn_to(updates);
        let block = &block;
        sets.par_iter_mut().for_each(|set| arch.dispatch(SweepRows { block, edges, set }));
    }
    let mut transfer = vec![T::ZERO; n * K * C];
    let (mut stability, mut limited) = (vec![0.0; n], 0);
    for set in sets {
        for ((&row, state), stable) in set.rows.iter().zip(&set.state).zip(&set.stability) {
            let i = row as usize;
            transfer[i * K * C..(i + 1) * K * C].copy_from_slice(state[0].as_flattened());
            stability[i] = *stable;
        }
        limited += set.limited;
    }
    Swept { weights, transfer, stability, limited }
}

fn rowsets<'w, T: Real, const C: usize, const K: usize>(
    weights: &'w mut [T],
    edges: &Edges<T>,
    seeds: &[T],
) -> Vec<Rowset<'w, T, C, K>> {
    let mut weights: Vec<_> = super::rows_of::split_rows(weights, &edges.starts, K)
        .into_iter()
        .map(|(_, row)| Some(row))
        .collect();
    let seed = |i: usize| -> [[T; C]; K] {
        std::array::from_fn(|k| std::array::from_fn(|c| seeds[(i * K + k) * C + c]))
    };
    breadth_first(&edges.starts, &edges.columns)
        .chunks(ROWS)
        .map(|rows| {
            let each = || rows.iter().map(|&i| i as usize);
            let longest = each().map(|i| edges.range(i).len()).max().unwrap_or(0);
            Rowset {
                state: each().map(|i| [seed(i), [[T::ZERO; C]; K]]).collect(),
                mass: each().map(|i| row_mass(edges, i)).collect(),
                stability: vec![0.0; rows.len()],
                weights: each().filter_map(|i| weights[i].take()).collect(),
                rows: rows.to_vec(),
                limited: 0,
                kernel: vec![[T::ZERO; LANES]; longest],
                charges: vec![[T::ZERO; LANES]; longest],
            }
        })
        .collect()
}

/// Lays n × width values of each update side by side: n × width × LANES.
fn spread<'u, T: Real>(updates: impl Iterator<Item = &'u [T]>, width: usize, lanes: &mut [T]) {
    let updates: Vec<&[T]> = updates.collect();
    lanes.par_chunks_mut(ROWS * width * LANES).enumerate().for_each(|(chunk, lanes)| {
        let first = chunk * ROWS * width;
        for (t, values) in updates.iter().enumerate() {
            for (lane, &value) in lanes.chunks_exact_mut(LANES).zip(&values[first..]) {
                lane[t] = value;
            }
        }
    });
}

impl<'t, T: Real, const C: usize> Block<'t, T, C> {
    fn new(n_samples: usize, rule: Rule) -> Self {
        let zeros = |per_point: usize| vec![T::ZERO; n_samples * per_point * LANES];
        Self {
            updates: &[],
            is_last: false,
            rule,
            factors: Vec::new(),
            places: zeros(C),
            gains: zeros(C),
            repulsion: zeros(C * (C + 1) / 2),
        }
    }

    /// Becomes the block of these updates; blocks come from the last to the first.
    fn turn_to(&mut self, updates: &'t [Update<T>]) {
        self.is_last = self.updates.is_empty();
        self.updates = updates;
        self.factors = updates.iter().map(|u| StepFactors::new(u.scalars, self.rule)).collect();
        spread(updates.iter().map(|u| &u.places[..]), C, &mut self.places);
        spread(updates.iter().map(|u| &u.gains[..]), C, &mut self.gains);
        spread(updates.iter().map(|u| &u.repulsion[..]), C * (C + 1) / 2, &mut self.repulsion);
    }

    #[inline(always)]
    fn sweep_rows<const K: usize, const W: usize>(
        &self,
        edges: &Edges<T>,
        set: &mut Rowset<'_, T, C, K>,
    ) {
        for r in 0..set.weights.len() {
            let i = set.rows[r] as usize;
            let attraction = self.attract::<W>(edges, i, &mut set.kernel);
            let b = self.back(i, r, &attraction, set);
            self.charge(edges, i, &b, set.weights[r], &set.kernel, &mut set.charges);
        }
    }

    /// W lanes, from `first` on, of the place of a point.
    #[inline(always)]
    fn place<const W: usize>(&self, i: usize, first: usize) -> [[T; W]; C] {
        let line = &self.places[i * C * LANES..(i + 1) * C * LANES];
        let mut place = [[T::ZERO; W]; C];
        for c in 0..C {
            place[c].copy_from_slice(&line[c * LANES + first..c * LANES + first + W]);
        }
        place
    }

    /// Σ p g and Σ p g² d dᵀ over the row, by lane; g of every entry goes to `kernel`.
    ///
    /// W lanes at a time; any W gives the same bits.
    #[inline(always)]
    fn attract<const W: usize>(
        &self,
        edges: &Edges<T>,
        i: usize,
        kernel: &mut [Lane<T>],
    ) -> Attraction<T, C> {
        let mut all = ([T::ZERO; LANES], [[[T::ZERO; LANES]; C]; C]);
        for first in (0..LANES).step_by(W) {
            let (sum, outer) = self.attract_part::<W>(edges, i, first, kernel);
            all.0[first..first + W].copy_from_slice(&sum);
            for a in 0..C {
                for b in a..C {
                    all.1[a][b][first..first + W].copy_from_slice(&outer[a][b]);
                }
            }
        }
        all
    }

    #[inline(always)]
    fn attract_part<const W: usize>(
        &self,
        edges: &Edges<T>,
        i: usize,
        first: usize,
        kernel: &mut [Lane<T>],
    ) -> ([T; W], [[[T; W]; C]; C]) {
        let yi = self.place::<W>(i, first);
        let mut sum = [T::ZERO; W];
        let mut outer = [[[T::ZERO; W]; C]; C];
        let entries = edges.range(i);
        let columns = &edges.columns[entries.clone()];
        for ((&j, &p), kernel) in columns.iter().zip(&edges.p[entries]).zip(kernel) {
            let (d, dist) = differences(&yi, &self.place(j as usize, first));
            let mut g = [T::ZERO; W];
            for t in 0..W {
                g[t] = T::ONE / dist[t];
            }
            kernel[first..first + W].copy_from_slice(&g);
            let mut w = [T::ZERO; W];
            for t in 0..W {
                w[t] = p * g[t];
            }
            for t in 0..W {
                sum[t] += w[t];
            }
            for t in 0..W {
                w[t] *= g[t];
            }
            for a in 0..C {
                let mut wa = [T::ZERO; W];
                for t in 0..W {
                    wa[t] = w[t] * d[a][t];
                }
                for b in a..C {
                    for t in 0..W {
                        outer[a][b][t] = wa[t].mul_add_(d[b][t], outer[a][b][t]);
                    }
                }
            }
        }
        (sum, outer)
    }

    /// Sweeps one row's state through the block; gives b by channel, axis and lane.
    #[inline(always)]
    fn back<const K: usize>(
        &self,
        i: usize,
        r: usize,
        attraction: &Attraction<T, C>,
        set: &mut Rowset<'_, T, C, K>,
    ) -> [[Lane<T>; C]; K] {
        let mut b = [[[T::ZERO; LANES]; C]; K];
        for (t, factors) in self.factors.iter().enumerate().rev() {
            let a = self.matrix(i, t, factors, attraction);
            if self.is_last && t + 1 == self.factors.len() {
                set.stability[r] = 4.0 * smallest(&a);
            }
            let (rates, limited) = factors.stable_rates(&a, self.gains(i, t), set.mass[r]);
            set.limited += u64::from(limited);
            let [f, v] = &mut set.state[r];
            for k in 0..K {
                let pushed = back_step(&mut f[k], &mut v[k], &a, rates, factors.momentum);
                (0..C).for_each(|c| b[k][c][t] = -factors.exaggeration * pushed[c]);
            }
        }
        b
    }

    /// A of one point at one lane.
    #[inline(always)]
    fn matrix(
        &self,
        i: usize,
        t: usize,
        factors: &StepFactors<T>,
        (sum, outer): &Attraction<T, C>,
    ) -> Square<T, C> {
        let e = factors.exaggeration;
        let two = T::from_f64(2.0);
        let width = C * (C + 1) / 2 * LANES;
        let line = &self.repulsion[i * width..(i + 1) * width];
        let mut a = [[T::ZERO; C]; C];
        let mut at = 0;
        for p in 0..C {
            for q in p..C {
                let value = line[at * LANES + t] - two * e * outer[p][q][t];
                (a[p][q], a[q][p]) = (value, value);
                at += 1;
            }
            a[p][p] += e * sum[t];
        }
        if self.rule.zeroed && i < ZEROED {
            let mean = &self.updates[t].means[i * C..(i + 1) * C];
            let four = T::from_f64(4.0); // puts back what the record subtracted
            for p in 0..C {
                (0..C).for_each(|q| a[p][q] += four * mean[p] * mean[q]);
            }
        }
        a
    }

    #[inline(always)]
    fn gains(&self, i: usize, t: usize) -> [T; C] {
        let at = |i: usize, c: usize| self.gains[(i * C + c) * LANES + t];
        if !self.rule.optimiser {
            [T::ONE; C]
        } else if self.rule.scrambled {
            std::array::from_fn(|c| {
                let (point, axis) = scrambled_gain(self.gains.len() / (C * LANES), C, i, c);
                at(point, axis)
            })
        } else {
            std::array::from_fn(|c| at(i, c))
        }
    }

    /// S_ij += Σ_t b_i(t) · φ_ij(t).
    #[inline(always)]
    fn charge<const K: usize>(
        &self,
        edges: &Edges<T>,
        i: usize,
        b: &[[Lane<T>; C]; K],
        weights: &mut [T],
        kernel: &[Lane<T>],
        charges: &mut [Lane<T>],
    ) {
        let yi = self.place::<LANES>(i, 0);
        let columns = &edges.columns[edges.range(i)];
        for (k, weights) in weights.chunks_exact_mut(columns.len().max(1)).enumerate() {
            for ((&j, g), charge) in columns.iter().zip(kernel).zip(&mut *charges) {
                let (d, _) = differences(&yi, &self.place(j as usize, 0));
                let mut lanes = [T::ZERO; LANES];
                for c in 0..C {
                    for t in 0..LANES {
                        lanes[t] = b[k][c][t].mul_add_(d[c][t], lanes[t]);
                    }
                }
                for t in 0..LANES {
                    lanes[t] *= g[t];
                }
                *charge = lanes;
            }
            add_folded(weights, charges);
        }
    }
}

/// One update backwards; gives η ∘ v.
#[inline(always)]
fn back_step<T: Real, const C: usize>(
    f: &mut [T; C],
    v: &mut [T; C],
    a: &Square<T, C>,
    rates: [T; C],
    momentum: T,
) -> [T; C] {
    let mut pushed = [T::ZERO; C];
    for c in 0..C {
        let total = v[c] + f[c];
        pushed[c] = rates[c] * total;
        v[c] = momentum * total;
    }
    for p in 0..C {
        for q in 0..C {
            f[p] -= a[p][q] * pushed[q];
        }
    }
    pushed
}

/// y_i − y_j and 1 + |y_i − y_j|², lane by lane.
#[inline(always)]
fn differences<T: Real, const C: usize, const W: usize>(
    yi: &[[T; W]; C],
    yj: &[[T; W]; C],
) -> ([[T; W]; C], [T; W]) {
    let mut d = [[T::ZERO; W]; C];
    let mut dist = [T::ONE; W];
    for c in 0..C {
        for t in 0..W {
            d[c][t] = yi[c][t] - yj[c][t];
        }
        for t in 0..W {
            dist[t] = d[c][t].mul_add_(d[c][t], dist[t]);
        }
    }
    (d, dist)
}
