//! Exact search by blocks: matrix products propose candidates, direct distances decide.
//!
//! In the frame of [`Frame`], with n = |y|², the product of the augmented rows (y_i, 1) and
//! (y_j, −(1−β) n_j / 2) is v_ij, and
//! (1−β) n_i − 2 v_ij ≤ |x_i − x_j|² ≤ (1+β) n_i + 2β n_j − 2 v_ij,
//! where β bounds all rounding, that of the direct distance included. A row keeps those
//! candidates whose lower bound does not exceed the k-th smallest upper bound met so far.
//! So every true neighbour survives, ties too, and the result equals that of comparing all
//! direct distances, whatever the order of the work.

use embex_linalg::{MemoryBudget, Progress, Real, Rows};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::Result;
use crate::frame::{Frame, evenly_spaced};
use crate::points::dist_sq;
use crate::product::{Candidates, Product};
use crate::ranked::{Ranked, keep_nearest};
use crate::search::{Lists, Search, fill_in_waves, write};

/// Queries per block: their rows stay in the second cache while the panels pass by.
const BLOCK: usize = 240;

/// Waves of this many blocks per thread; between waves progress is reported.
const BLOCKS_PER_THREAD: usize = 8;

/// Bounds the relative rounding error of the pass in `C` on `d` columns: (d+1) u for the
/// product, 4u for rounding the rows, (d+2) u for the direct distance, d u for each norm, and
/// a few u for limits; the sum of the two norms is at least half of what each term scales with.
fn relative_error<C: Real>(d: usize) -> f64 {
    0.5 * C::EPSILON.to_f64() * (6.0 * d as f64 + 64.0)
}

/// Bounds what underflow adds, with entries of at most 2 in the frame.
fn absolute_error<C: Real>(d: usize) -> f64 {
    let least = if C::EPSILON.to_f64() > 1e-10 { 2.0_f64.powi(-149) } else { 5e-324 };
    (16.0 * d as f64 + 16.0) * least
}

/// Searches in single precision unless its margin would be wide against the distances.
pub(crate) fn search<T: Real>(
    search: &Search<'_, T>,
    progress: &mut dyn Progress,
    budget: MemoryBudget,
) -> Result<Lists> {
    let frame = Frame::of(search.queries, search.base);
    if single_suffices(search, &frame) {
        Pass::<T, f32>::new(search, frame).run(progress, budget)
    } else {
        Pass::<T, f64>::new(search, frame).run(progress, budget)
    }
}

/// Whether the margin of single precision is small against the k-th distance of most of a
/// sample of rows, so that few candidates are kept in vain.
fn single_suffices<T: Real>(search: &Search<'_, T>, frame: &Frame) -> bool {
    const QUERIES: usize = 32;
    const BASE: usize = 1024;
    let base = evenly_spaced(search.base.n_rows(), BASE);
    let queries = evenly_spaced(search.queries.n_rows(), QUERIES);
    let rank = (search.k * base.len()).div_ceil(search.base.n_rows());
    let error = relative_error::<f32>(search.base.n_cols());
    let wide = queries.iter().filter(|&&i| {
        let row = search.queries.row(i);
        let mut dist: Vec<f64> = base
            .iter()
            .filter(|&&j| search.admits(i, j))
            .map(|&j| dist_sq(row, search.base.row(j)) * frame.factor_sq())
            .collect();
        let rank = rank.min(dist.len()).saturating_sub(1);
        if dist.is_empty() {
            return false;
        }
        let kth = *dist.select_nth_unstable_by(rank, f64::total_cmp).1;
        let norm: f64 =
            row.iter().enumerate().map(|(d, &x)| square(frame.entry::<T, f64>(x, d))).sum();
        64.0 * error * norm > kth
    });
    8 * wide.count() <= queries.len()
}

fn square(x: f64) -> f64 {
    x * x
}

/// Base rows in panels of columns: panel p holds entry (d, place) at `d · WIDTH + place`.
struct Panels<C> {
    data: Vec<C>,
    /// Which base row has each place.
    rows: Vec<u32>,
    norm: Vec<f64>,
}

/// One search in the precision `C`.
struct Pass<'a, T, C> {
    search: &'a Search<'a, T>,
    frame: Frame,
    panels: Panels<C>,
    relative: f64,
    absolute: f64,
}

impl<'a, T: Real, C: Product> Pass<'a, T, C> {
    fn new(search: &'a Search<'a, T>, frame: Frame) -> Self {
        let d = search.base.n_cols();
        let (relative, absolute) = (relative_error::<C>(d), absolute_error::<C>(d));
        let panels = Panels::new(search.base, &frame, relative);
        Self { search, frame, panels, relative, absolute }
    }

    fn run(&self, progress: &mut dyn Progress, budget: MemoryBudget) -> Result<Lists> {
        let (n, k) = (self.search.queries.n_rows(), self.search.k);
        let threads = rayon::current_num_threads();
        let block_bytes = block_bytes::<C>(self.search.base.n_cols(), k);
        let in_flight = budget.blocks_in_flight(block_bytes, threads);
        let wave = if in_flight < threads { in_flight } else { threads * BLOCKS_PER_THREAD };
        fill_in_waves((n, k), (BLOCK, wave), progress, |first, index, dist_sq| {
            Block::new(self, first, index.len() / k).fill(index, dist_sq);
        })
    }
}

/// Bytes of the panels in single precision and of the blocks in flight.
pub(crate) fn memory_bytes(n: usize, n_cols: usize, k: usize, budget: MemoryBudget) -> u64 {
    let block = block_bytes::<f32>(n_cols, k);
    let in_flight = budget.blocks_in_flight(block, rayon::current_num_threads()) as u64;
    n as u64 * (size_of::<f32>() * (n_cols + 1) + 12) as u64 + in_flight * block
}

/// Bytes that one block in flight takes.
fn block_bytes<C: Product>(n_cols: usize, k: usize) -> u64 {
    let row = 2 * (n_cols + 1) * size_of::<C>() + capacity(k) * size_of::<(C, u32)>();
    (BLOCK * row) as u64
}

/// Candidates that a row holds before it drops the hopeless ones.
#[inline]
fn capacity(k: usize) -> usize {
    2 * k + 64
}

impl<C: Product> Panels<C> {
    /// Places are dealt to rows in a stride near the golden section: any first places are a
    /// fair sample of the rows, so that limits tighten early even if the rows are sorted.
    fn new<T: Real>(base: &Rows<T>, frame: &Frame, relative: f64) -> Self {
        let (n, d) = (base.n_rows(), base.n_cols());
        let stride = coprime_stride(n);
        let rows: Vec<u32> = (0..n).map(|place| (place * stride % n) as u32).collect();
        let mut data = vec![C::ZERO; n.div_ceil(C::WIDTH) * C::WIDTH * (d + 1)];
        let mut norm = vec![0.0; n];
        data.par_chunks_mut(C::WIDTH * (d + 1))
            .zip(norm.par_chunks_mut(C::WIDTH))
            .zip(rows.par_chunks(C::WIDTH))
            .for_each(|((panel, norm), rows)| {
                for (place, &row) in rows.iter().enumerate() {
                    for (d, &x) in base.row(row as usize).iter().enumerate() {
                        let y: C = frame.entry(x, d);
                        panel[d * C::WIDTH + place] = y;
                        norm[place] += square(y.to_f64());
                    }
                    let half = C::from_f64(-0.5 * (1.0 - relative) * norm[place]);
                    panel[d * C::WIDTH + place] = half;
                }
            });
        Self { data, rows, norm }
    }
}

/// A step that visits all of `n` places, near n divided by the golden ratio.
fn coprime_stride(n: usize) -> usize {
    let near = ((n as f64 * 0.618_033_988_749_894_9) as usize).max(1);
    (near..=n).find(|&step| gcd(step, n) == 1).unwrap_or(1)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What a block of queries knows of its candidates.
struct Block<'a, T, C> {
    pass: &'a Pass<'a, T, C>,
    first: usize,
    /// Augmented rows.
    rows: Vec<C>,
    norm: Vec<f64>,
    /// Products and places of the candidates, `capacity` to a row.
    held: Vec<(C, u32)>,
    n_held: Vec<usize>,
    /// Upper bounds of the k-th distances, and the least products worth holding.
    bound: Vec<f64>,
    limit: Vec<C>,
    uppers: Vec<f64>,
    ranked: Vec<(Ranked, (C, u32))>,
}

impl<'a, T: Real, C: Product> Block<'a, T, C> {
    fn new(pass: &'a Pass<'a, T, C>, first: usize, n_rows: usize) -> Self {
        let d = pass.search.base.n_cols();
        let capacity = capacity(pass.search.k);
        let mut rows = vec![C::ONE; n_rows * (d + 1)];
        let mut norm = vec![0.0; n_rows];
        for (r, row) in rows.chunks_exact_mut(d + 1).enumerate() {
            for (d, &x) in pass.search.queries.row(first + r).iter().enumerate() {
                row[d] = pass.frame.entry(x, d);
                norm[r] += square(row[d].to_f64());
            }
        }
        Self {
            pass,
            first,
            rows,
            norm,
            held: vec![(C::ZERO, 0); n_rows * capacity],
            n_held: vec![0; n_rows],
            bound: vec![f64::INFINITY; n_rows],
            limit: vec![C::from_f64(f64::NEG_INFINITY); n_rows],
            uppers: Vec::with_capacity(capacity),
            ranked: Vec::with_capacity(capacity),
        }
    }

    /// Scans all panels and writes the lists of this block.
    fn fill(mut self, index: &mut [u32], dist_sq: &mut [f64]) {
        let pass = self.pass;
        C::scan(&mut self, pass.search.base.n_cols() + 1, &pass.panels.data);
        let k = self.pass.search.k;
        for (r, (index, dist_sq)) in
            index.chunks_exact_mut(k).zip(dist_sq.chunks_exact_mut(k)).enumerate()
        {
            if self.n_held[r] > k {
                self.tighten(r); // fewer direct distances
            }
            self.rank(r);
            write(self.ranked.iter().map(|&(ranked, _)| ranked), index, dist_sq);
        }
    }

    /// Drops what cannot be a neighbour any more; if bounds do not free a quarter of the
    /// space, direct distances do.
    fn tighten(&mut self, r: usize) {
        let (k, capacity) = (self.pass.search.k, capacity(self.pass.search.k));
        let held = &self.held[r * capacity..r * capacity + self.n_held[r]];
        let (relative, norm) = (self.pass.relative, self.norm[r]);
        self.uppers.clear();
        self.uppers.extend(held.iter().map(|&(v, place)| {
            let other = self.pass.panels.norm[place as usize];
            (1.0 + relative) * norm + 2.0 * relative * other - 2.0 * v.to_f64()
        }));
        let kth = *self.uppers.select_nth_unstable_by(k - 1, f64::total_cmp).1;
        self.lower_bound_to(r, kth + self.pass.absolute);
        let limit = self.limit[r];
        self.keep(r, |&(v, _)| v >= limit);
        if self.n_held[r] > capacity - capacity / 4 {
            self.rank(r);
            let kth = self.ranked[k - 1].0.dist_sq * self.pass.frame.factor_sq();
            self.lower_bound_to(r, kth);
            for (slot, &(_, candidate)) in self.ranked.iter().enumerate() {
                self.held[r * capacity + slot] = candidate;
            }
            self.n_held[r] = k;
        }
    }

    fn lower_bound_to(&mut self, r: usize, bound: f64) {
        self.bound[r] = self.bound[r].min(bound);
        let lower = (1.0 - self.pass.relative) * self.norm[r];
        self.limit[r] = C::from_f64(0.5 * (lower - self.bound[r] - self.pass.absolute));
    }

    fn keep(&mut self, r: usize, worth: impl Fn(&(C, u32)) -> bool) {
        let capacity = capacity(self.pass.search.k);
        let held = &mut self.held[r * capacity..r * capacity + self.n_held[r]];
        let mut kept = 0;
        for slot in 0..held.len() {
            if worth(&held[slot]) {
                held[kept] = held[slot];
                kept += 1;
            }
        }
        self.n_held[r] = kept;
    }

    /// The k nearest of the held candidates by direct distances, in `self.ranked`.
    fn rank(&mut self, r: usize) {
        let (search, capacity) = (self.pass.search, capacity(self.pass.search.k));
        let row = search.queries.row(self.first + r);
        let held = &self.held[r * capacity..r * capacity + self.n_held[r]];
        let (ranked, places) = (&mut self.ranked, &self.pass.panels.rows);
        ranked.clear();
        Arch::new().dispatch(Distances { row, base: search.base, places, held, ranked });
        keep_nearest(&mut self.ranked, search.k, |(ranked, _)| *ranked);
    }
}

/// Direct distances of a row to the candidates it holds.
struct Distances<'a, T, C> {
    row: &'a [T],
    base: &'a Rows<T>,
    places: &'a [u32],
    held: &'a [(C, u32)],
    ranked: &'a mut Vec<(Ranked, (C, u32))>,
}

impl<T: Real, C: Product> WithSimd for Distances<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for &(v, place) in self.held {
            let index = self.places[place as usize];
            let dist_sq = dist_sq(self.row, self.base.row(index as usize));
            self.ranked.push((Ranked { dist_sq, index }, (v, place)));
        }
    }
}

impl<T: Real, C: Product> Candidates<C> for Block<'_, T, C> {
    #[inline(always)]
    fn rows(&self) -> &[C] {
        &self.rows
    }

    #[inline(always)]
    fn limit(&self, r: usize) -> C {
        self.limit[r]
    }

    fn offer(&mut self, r: usize, place: usize, v: C) {
        let Some(&row) = self.pass.panels.rows.get(place) else { return };
        if !self.pass.search.admits(self.first + r, row as usize) {
            return;
        }
        let capacity = capacity(self.pass.search.k);
        self.held[r * capacity + self.n_held[r]] = (v, place as u32);
        self.n_held[r] += 1;
        if self.n_held[r] == capacity {
            self.tighten(r);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::progress::Silent;

    fn lists<C: Product>(search: &Search<'_, f64>) -> Lists {
        let frame = Frame::of(search.queries, search.base);
        let pass = Pass::<f64, C>::new(search, frame);
        pass.run(&mut Silent, MemoryBudget::default()).expect("nobody cancels")
    }

    #[test]
    fn both_precisions_find_the_same_neighbours() {
        for (n, d, k, values) in [(1300, 11, 40, 3), (1300, 30, 91, 1000), (520, 3, 500, 50)] {
            let entry = |at: usize| ((at * 7919 + at / 3 * 104_729) % values) as f64;
            let rows = Rows::from_vec((0..n * d).map(entry).collect(), d).expect("whole rows");
            let search = Search { queries: &rows, base: &rows, within: true, k };
            let (single, double) = (lists::<f32>(&search), lists::<f64>(&search));
            assert!(single.index == double.index && single.dist_sq == double.dist_sq, "{n} x {d}");
        }
    }

    #[test]
    fn every_place_is_dealt_once() {
        for n in [1, 2, 3, 10, 97, 1000] {
            let stride = coprime_stride(n);
            let mut seen: Vec<usize> = (0..n).map(|place| place * stride % n).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..n));
        }
    }
}
