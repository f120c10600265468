//! The inner loop of every repulsive sum: a few targets against many weighted sources.
//!
//! Sources are taken in chunks of [`LANES`], one accumulator per lane, lanes added in order at
//! the end: the bits do not depend on the width of the machine's vectors.

use std::array;
use std::ops::Range;

use embex_linalg::Real;
use pulp::{Simd, WithSimd};

use crate::lanes::{LANES, NARROW, fold};
use crate::repulsion::Curvature;

/// Chunks accumulated in `T` before they are added to the `f64` totals.
const FLUSH: usize = 256;

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

    /// W sources from `first` on.
    #[inline(always)]
    fn part<const W: usize>(&self, first: usize) -> ([[T; W]; C], [T; W]) {
        let (mut x, mut w) = ([[T::ZERO; W]; C], [T::ZERO; W]);
        for c in 0..C {
            x[c].copy_from_slice(&self.coords[c][first..first + W]);
        }
        w.copy_from_slice(&self.weights[first..first + W]);
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

/// [`PairSums`] by lanes, W of them.
#[derive(Clone, Copy)]
struct Lanes<T, const C: usize, const W: usize> {
    z: [T; W],
    force: [[T; W]; C],
    g2: [T; W],
    outer: [[[T; W]; C]; C],
}

impl<T: Real, const C: usize, const W: usize> Lanes<T, C, W> {
    const ZERO: Self = Self {
        z: [T::ZERO; W],
        force: [[T::ZERO; W]; C],
        g2: [T::ZERO; W],
        outer: [[[T::ZERO; W]; C]; C],
    };

    #[inline(always)]
    fn add<const CURVATURE: bool>(&mut self, y: &[T; C], x: &[[T; W]; C], w: &[T; W]) {
        let mut d = [[T::ZERO; W]; C];
        let mut r = [T::ONE; W];
        for c in 0..C {
            for l in 0..W {
                d[c][l] = y[c] - x[c][l];
            }
            for l in 0..W {
                r[l] = d[c][l].mul_add_(d[c][l], r[l]);
            }
        }
        let mut g = [T::ZERO; W];
        let mut wg = [T::ZERO; W];
        let mut wg2 = [T::ZERO; W];
        for l in 0..W {
            g[l] = T::ONE / r[l];
        }
        for l in 0..W {
            wg[l] = w[l] * g[l];
        }
        for l in 0..W {
            wg2[l] = wg[l] * g[l];
        }
        for l in 0..W {
            self.z[l] += wg[l];
        }
        for c in 0..C {
            for l in 0..W {
                self.force[c][l] = wg2[l].mul_add_(d[c][l], self.force[c][l]);
            }
        }
        if CURVATURE {
            self.add_curvature(&d, &g, &wg2);
        }
    }

    #[inline(always)]
    fn add_curvature(&mut self, d: &[[T; W]; C], g: &[T; W], wg2: &[T; W]) {
        let mut wg3 = [T::ZERO; W];
        for l in 0..W {
            self.g2[l] += wg2[l];
        }
        for l in 0..W {
            wg3[l] = wg2[l] * g[l];
        }
        for c in 0..C {
            let mut wg3d = [T::ZERO; W];
            for l in 0..W {
                wg3d[l] = wg3[l] * d[c][l];
            }
            for e in c..C {
                for l in 0..W {
                    self.outer[c][e][l] = wg3d[l].mul_add_(d[e][l], self.outer[c][e][l]);
                }
            }
        }
    }

    /// Becomes the lanes from `first` on of `all`.
    #[inline(always)]
    fn store<const CURVATURE: bool>(&self, all: &mut Lanes<T, C, LANES>, first: usize) {
        all.z[first..first + W].copy_from_slice(&self.z);
        for c in 0..C {
            all.force[c][first..first + W].copy_from_slice(&self.force[c]);
        }
        if CURVATURE {
            all.g2[first..first + W].copy_from_slice(&self.g2);
            for c in 0..C {
                for e in c..C {
                    all.outer[c][e][first..first + W].copy_from_slice(&self.outer[c][e]);
                }
            }
        }
    }
}

impl<T: Real, const C: usize> Lanes<T, C, LANES> {
    #[inline(always)]
    fn flush<const CURVATURE: bool>(&self, sums: &mut PairSums<C>) {
        sums.z += fold(&self.z).to_f64();
        for c in 0..C {
            sums.force[c] += fold(&self.force[c]).to_f64();
        }
        if CURVATURE {
            sums.g2 += fold(&self.g2).to_f64();
            for c in 0..C {
                for e in c..C {
                    sums.outer[c][e] += fold(&self.outer[c][e]).to_f64();
                }
            }
        }
    }
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
        if S::F32_LANES > NARROW {
            self.by_tiles::<2, LANES>();
        } else if CURVATURE {
            self.by_tiles::<1, NARROW>();
        } else {
            self.by_tiles::<2, NARROW>();
        }
    }
}

impl<T: Real, const C: usize, const CURVATURE: bool> AddChunks<'_, T, C, CURVATURE> {
    /// R targets share the loads of W lanes.
    #[inline(always)]
    fn by_tiles<const R: usize, const W: usize>(self) {
        let (tiles, rest) = self.targets.as_chunks::<R>();
        let (tile_sums, rest_sums) = self.sums.as_chunks_mut::<R>();
        for (targets, sums) in tiles.iter().zip(tile_sums) {
            add_tile::<T, C, R, W, CURVATURE>(targets, self.sources, self.chunks.clone(), sums);
        }
        for (target, sums) in rest.iter().zip(rest_sums) {
            let (target, sums) = (array::from_ref(target), array::from_mut(sums));
            add_tile::<T, C, 1, W, CURVATURE>(target, self.sources, self.chunks.clone(), sums);
        }
    }
}

#[inline(always)]
fn add_tile<T: Real, const C: usize, const R: usize, const W: usize, const CURVATURE: bool>(
    targets: &[[T; C]; R],
    sources: &Sources<T, C>,
    chunks: Range<usize>,
    sums: &mut [PairSums<C>; R],
) {
    let mut from = chunks.start;
    while from < chunks.end {
        let to = chunks.end.min(from + FLUSH);
        let mut all = [Lanes::<T, C, LANES>::ZERO; R];
        for first in (0..LANES).step_by(W) {
            let mut lanes = [Lanes::<T, C, W>::ZERO; R];
            for chunk in from..to {
                let (x, w) = sources.part::<W>(chunk * LANES + first);
                for r in 0..R {
                    lanes[r].add::<CURVATURE>(&targets[r], &x, &w);
                }
            }
            for r in 0..R {
                lanes[r].store::<CURVATURE>(&mut all[r], first);
            }
        }
        for r in 0..R {
            all[r].flush::<CURVATURE>(&mut sums[r]);
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
            let mut lanes = Lanes::<T, C, LANES>::ZERO;
            for chunk in self.chunks.clone() {
                let (x, mut w) = self.sources.part::<LANES>(chunk * LANES);
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
