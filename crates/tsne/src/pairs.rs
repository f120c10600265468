//! The inner loop of every repulsive sum: a few targets against many weighted sources.
//!
//! Sources are taken in chunks of [`LANES`], one accumulator per lane, lanes added in order at
//! the end: the bits do not depend on the width of the machine's vectors.

use std::ops::Range;

use embex_linalg::Real;
use pulp::{Simd, WithSimd};

use crate::repulsion::Curvature;

/// Sources handled together; fixed, because the last bits of every sum depend on it.
pub(crate) const LANES: usize = 16;

/// Chunks accumulated in `T` before they are added to the `f64` totals.
const FLUSH: usize = 256;

/// Targets that share the loads of a chunk.
const TILE: usize = 2;

/// Weighted sources, one array per axis, padded to whole chunks by weight 0.
#[derive(Clone, Debug)]
pub(crate) struct Sources<T, const C: usize> {
    coords: [Vec<T>; C],
    weights: Vec<T>,
}

impl<T: Real, const C: usize> Default for Sources<T, C> {
    fn default() -> Self {
        Self { coords: std::array::from_fn(|_| Vec::new()), weights: Vec::new() }
    }
}

impl<T: Real, const C: usize> Sources<T, C> {
    pub(crate) fn clear(&mut self) {
        self.coords.iter_mut().for_each(Vec::clear);
        self.weights.clear();
    }

    #[inline]
    pub(crate) fn push(&mut self, y: [T; C], weight: T) {
        for (axis, y) in self.coords.iter_mut().zip(y) {
            axis.push(y);
        }
        self.weights.push(weight);
    }

    /// Appends points of weight 1 from one slice per axis.
    #[inline]
    pub(crate) fn extend(&mut self, coords: &[&[T]; C], positions: Range<usize>) {
        for (axis, coords) in self.coords.iter_mut().zip(coords) {
            axis.extend_from_slice(&coords[positions.clone()]);
        }
        self.weights.resize(self.weights.len() + positions.len(), T::ONE);
    }

    /// Fills the last chunk with sources of weight 0.
    pub(crate) fn pad(&mut self) {
        let padded = self.weights.len().next_multiple_of(LANES);
        self.coords.iter_mut().for_each(|axis| axis.resize(padded, T::ZERO));
        self.weights.resize(padded, T::ZERO);
    }

    /// Number of chunks.
    pub(crate) fn n_chunks(&self) -> usize {
        self.weights.len() / LANES
    }

    #[inline(always)]
    fn chunk(&self, chunk: usize) -> ([[T; LANES]; C], [T; LANES]) {
        let from = chunk * LANES;
        let (mut x, mut w) = ([[T::ZERO; LANES]; C], [T::ZERO; LANES]);
        for c in 0..C {
            x[c].copy_from_slice(&self.coords[c][from..from + LANES]);
        }
        w.copy_from_slice(&self.weights[from..from + LANES]);
        (x, w)
    }
}

/// The repulsive sums of one target, summed in `f64` across chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairSums<const C: usize> {
    /// Σ w g.
    pub(crate) z: f64,
    /// Σ w g² d.
    pub(crate) force: [f64; C],
    /// Σ w g².
    pub(crate) g2: f64,
    /// Σ w g³ d dᵀ, the entries on and right of the diagonal.
    pub(crate) outer: [[f64; C]; C],
}

impl<const C: usize> Default for PairSums<C> {
    fn default() -> Self {
        Self { z: 0.0, force: [0.0; C], g2: 0.0, outer: [[0.0; C]; C] }
    }
}

impl<const C: usize> PairSums<C> {
    /// Adds partners at distance 0.
    pub(crate) fn add_coincident(&mut self, count: usize) {
        self.z += count as f64;
        self.g2 += count as f64;
    }

    /// The curvature, both triangles filled.
    pub(crate) fn curvature<T: Real>(&self) -> Curvature<T, C> {
        let outer = std::array::from_fn(|c| {
            std::array::from_fn(|e| T::from_f64(self.outer[c.min(e)][c.max(e)]))
        });
        Curvature { g2: T::from_f64(self.g2), outer }
    }
}

/// [`PairSums`] lane by lane.
#[derive(Clone, Copy)]
struct Lanes<T, const C: usize> {
    z: [T; LANES],
    force: [[T; LANES]; C],
    g2: [T; LANES],
    outer: [[[T; LANES]; C]; C],
}

impl<T: Real, const C: usize> Lanes<T, C> {
    const ZERO: Self = Self {
        z: [T::ZERO; LANES],
        force: [[T::ZERO; LANES]; C],
        g2: [T::ZERO; LANES],
        outer: [[[T::ZERO; LANES]; C]; C],
    };

    #[inline(always)]
    fn add<const CURVATURE: bool>(&mut self, y: &[T; C], x: &[[T; LANES]; C], w: &[T; LANES]) {
        let mut d = [[T::ZERO; LANES]; C];
        let mut r = [T::ONE; LANES];
        for c in 0..C {
            for l in 0..LANES {
                d[c][l] = y[c] - x[c][l];
            }
            for l in 0..LANES {
                r[l] = d[c][l].mul_add_(d[c][l], r[l]);
            }
        }
        let mut g = [T::ZERO; LANES];
        let mut wg = [T::ZERO; LANES];
        let mut wg2 = [T::ZERO; LANES];
        for l in 0..LANES {
            g[l] = T::ONE / r[l];
        }
        for l in 0..LANES {
            wg[l] = w[l] * g[l];
        }
        for l in 0..LANES {
            wg2[l] = wg[l] * g[l];
        }
        for l in 0..LANES {
            self.z[l] += wg[l];
        }
        for c in 0..C {
            for l in 0..LANES {
                self.force[c][l] = wg2[l].mul_add_(d[c][l], self.force[c][l]);
            }
        }
        if CURVATURE {
            self.add_curvature(&d, &g, &wg2);
        }
    }

    #[inline(always)]
    fn add_curvature(&mut self, d: &[[T; LANES]; C], g: &[T; LANES], wg2: &[T; LANES]) {
        let mut wg3 = [T::ZERO; LANES];
        for l in 0..LANES {
            self.g2[l] += wg2[l];
        }
        for l in 0..LANES {
            wg3[l] = wg2[l] * g[l];
        }
        for c in 0..C {
            let mut wg3d = [T::ZERO; LANES];
            for l in 0..LANES {
                wg3d[l] = wg3[l] * d[c][l];
            }
            for e in c..C {
                for l in 0..LANES {
                    self.outer[c][e][l] = wg3d[l].mul_add_(d[e][l], self.outer[c][e][l]);
                }
            }
        }
    }

    #[inline(always)]
    fn flush<const CURVATURE: bool>(&self, sums: &mut PairSums<C>) {
        sums.z += total(&self.z);
        for c in 0..C {
            sums.force[c] += total(&self.force[c]);
        }
        if CURVATURE {
            sums.g2 += total(&self.g2);
            for c in 0..C {
                for e in c..C {
                    sums.outer[c][e] += total(&self.outer[c][e]);
                }
            }
        }
    }
}

/// The sum of all lanes, in a fixed order.
#[inline(always)]
fn total<T: Real>(lanes: &[T; LANES]) -> f64 {
    let mut half = [T::ZERO; LANES / 2];
    for l in 0..LANES / 2 {
        half[l] = lanes[l] + lanes[l + LANES / 2];
    }
    let mut quarter = [T::ZERO; LANES / 4];
    for l in 0..LANES / 4 {
        quarter[l] = half[l] + half[l + LANES / 4];
    }
    ((quarter[0] + quarter[2]) + (quarter[1] + quarter[3])).to_f64()
}

/// Adds the sums of `targets` over all sources in `chunks` to `sums`.
///
/// Run by [`Arch::dispatch`](pulp::Arch::dispatch).
pub(crate) struct AddChunks<'a, T, const C: usize, const CURVATURE: bool> {
    pub(crate) targets: &'a [[T; C]],
    pub(crate) sources: &'a Sources<T, C>,
    pub(crate) chunks: Range<usize>,
    pub(crate) sums: &'a mut [PairSums<C>],
}

impl<T: Real, const C: usize, const CURVATURE: bool> WithSimd for AddChunks<'_, T, C, CURVATURE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (tiles, rest) = self.targets.as_chunks::<TILE>();
        let (tile_sums, rest_sums) = self.sums.as_chunks_mut::<TILE>();
        for t in 0..tiles.len() {
            let chunks = self.chunks.clone();
            add_tile::<T, C, TILE, CURVATURE>(&tiles[t], self.sources, chunks, &mut tile_sums[t]);
        }
        for t in 0..rest.len() {
            let chunks = self.chunks.clone();
            let mut sums = [rest_sums[t]];
            add_tile::<T, C, 1, CURVATURE>(&[rest[t]], self.sources, chunks, &mut sums);
            rest_sums[t] = sums[0];
        }
    }
}

#[inline(always)]
fn add_tile<T: Real, const C: usize, const R: usize, const CURVATURE: bool>(
    targets: &[[T; C]; R],
    sources: &Sources<T, C>,
    chunks: Range<usize>,
    sums: &mut [PairSums<C>; R],
) {
    let mut from = chunks.start;
    while from < chunks.end {
        let to = chunks.end.min(from + FLUSH);
        let mut lanes = [Lanes::<T, C>::ZERO; R];
        for chunk in from..to {
            let (x, w) = sources.chunk(chunk);
            for r in 0..R {
                lanes[r].add::<CURVATURE>(&targets[r], &x, &w);
            }
        }
        for r in 0..R {
            lanes[r].flush::<CURVATURE>(&mut sums[r]);
        }
        from = to;
    }
}

/// Adds the sums of targets over sources of which those from the first chunk on are the targets
/// themselves, in order: a target is not its own partner.
pub(crate) struct AddOwn<'a, T, const C: usize, const CURVATURE: bool> {
    pub(crate) targets: &'a [[T; C]],
    pub(crate) sources: &'a Sources<T, C>,
    pub(crate) chunks: Range<usize>,
    pub(crate) sums: &'a mut [PairSums<C>],
}

impl<T: Real, const C: usize, const CURVATURE: bool> WithSimd for AddOwn<'_, T, C, CURVATURE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for r in 0..self.targets.len() {
            let mut lanes = Lanes::<T, C>::ZERO;
            for chunk in self.chunks.clone() {
                let (x, mut w) = self.sources.chunk(chunk);
                let from = (chunk - self.chunks.start) * LANES;
                for l in 0..LANES {
                    w[l] = if from + l == r { T::ZERO } else { w[l] };
                }
                lanes.add::<CURVATURE>(&self.targets[r], &x, &w);
            }
            lanes.flush::<CURVATURE>(&mut self.sums[r]);
        }
    }
}
