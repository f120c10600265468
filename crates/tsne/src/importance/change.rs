//! How the distances change when a set of features is put to its mean.
//!
//! Let δ_i be the deviation of sample i from the mean in the set's features and l_d the
//! loadings of feature d, so that z_i′ = z_i − w_i with w_i = Σ_d δ_id l_d. Then
//!
//! D′²_ij = D²_ij − 2 Δw·Δz + |Δw|² = D²_ij − Σ_d Δa_d Δb_d,
//! a_d = δ_d, b_d = 2 z·l_d − Σ_e (l_d·l_e) δ_e,
//!
//! a term of the set's rank: no new projection, nothing that grows with the number of
//! features. Given features are the case l_d = e_d, where b = a. A set with more features than
//! there are components uses a = w, b = 2z − w instead.

use embex_linalg::Real;

use super::space::{FeatureSpace, Geometry};

/// Below this share of the old squared distance the difference has lost three digits, and the
/// new one is summed afresh from the coordinates.
const CANCELLED: f64 = 1e-3;

/// Slack on a bound that was derived in exact arithmetic and is used on rounded numbers.
const ROUNDING: f64 = 1e-9;

/// How a distance that cancelled is summed afresh.
enum Afresh {
    /// Over the coordinates outside these, ascending.
    Without(Vec<usize>),
    /// With Δz_c − Σ_d Δa_d l_dc, loadings by rows.
    Loadings(Vec<f64>),
    /// With Δz_c − Δa_c.
    Shift,
}

/// The change of all distances by one set of features.
pub(super) struct Change {
    n: usize,
    rank: usize,
    /// a_0, b_0, a_1, b_1, … of each sample: one place in memory per sample.
    pairs: Vec<f64>,
    /// The same by columns: a_0, b_0, a_1, b_1, …, each n long.
    columns: Vec<f64>,
    /// Per sample: the largest |Δw| to any other, and the largest loss D² − D′².
    reach: Vec<[f64; 2]>,
    afresh: Afresh,
}

impl Change {
    /// `None` if no distance changes: all features constant, or without loadings.
    pub(super) fn new<T: Real>(
        space: &FeatureSpace<'_, T>,
        geometry: &Geometry,
        members: &[usize],
    ) -> Option<Self> {
        let mut deviations = Vec::with_capacity(members.len());
        let mut moving = Vec::with_capacity(members.len());
        for &d in members {
            let (column, constant) = space.centred(d);
            if !constant {
                deviations.push(column);
                moving.push(d);
            }
        }
        if moving.is_empty() {
            return None;
        }
        match space.loadings_of(&moving) {
            None => Some(Self::of_given(geometry.n_samples(), &deviations, moving)),
            Some(loadings) if loadings.iter().all(|&l| l == 0.0) => None,
            Some(loadings) => Some(Self::of_components(geometry, &deviations, loadings)),
        }
    }

    fn of_given(n: usize, deviations: &[Vec<f64>], members: Vec<usize>) -> Self {
        let norms: Vec<f64> =
            (0..n).map(|i| deviations.iter().map(|a| a[i] * a[i]).sum::<f64>().sqrt()).collect();
        let mut change =
            Self::assemble(n, deviations, deviations, &norms, 1.0, Afresh::Without(members));
        for [reach, loss] in &mut change.reach {
            *loss = loss.min(*reach * *reach); // Pythagoras: D′² = D² − |Δw|²
        }
        change
    }

    fn of_components(geometry: &Geometry, deviations: &[Vec<f64>], loadings: Vec<f64>) -> Self {
        let (n, p) = (geometry.n_samples(), geometry.row(0).len());
        let rank = deviations.len();
        let loading = |d: usize| &loadings[d * p..(d + 1) * p];
        if rank > p {
            let w = by_columns(n, p, |i, c| {
                deviations.iter().enumerate().map(|(d, a)| a[i] * loading(d)[c]).sum()
            });
            let b = by_columns(n, p, |i, c| 2.0 * geometry.row(i)[c] - w[c][i]);
            let norms: Vec<f64> =
                (0..n).map(|i| w.iter().map(|w| w[i] * w[i]).sum::<f64>().sqrt()).collect();
            return Self::assemble(n, &w, &b, &norms, 1.0, Afresh::Shift);
        }
        let gram: Vec<Vec<f64>> =
            (0..rank).map(|d| (0..rank).map(|e| dot(loading(d), loading(e))).collect()).collect();
        let b = by_columns(n, rank, |i, d| {
            let back: f64 = (0..rank).map(|e| gram[d][e] * deviations[e][i]).sum();
            2.0 * dot(geometry.row(i), loading(d)) - back
        });
        let norms: Vec<f64> = (0..n)
            .map(|i| {
                let square: f64 = (0..rank)
                    .map(|d| {
                        let row: f64 = (0..rank).map(|e| gram[d][e] * deviations[e][i]).sum();
                        deviations[d][i] * row
                    })
                    .sum();
                square.max(0.0).sqrt()
            })
            .collect();
        let scale = gram[0][0].sqrt();
        Self::assemble(n, deviations, &b, &norms, scale, Afresh::Loadings(loadings))
    }

    /// `norms` are |w_i|, `scale` is |l| of a single feature.
    fn assemble(
        n: usize,
        a: &[Vec<f64>],
        b: &[Vec<f64>],
        norms: &[f64],
        scale: f64,
        afresh: Afresh,
    ) -> Self {
        let rank = a.len();
        let mut pairs = vec![0.0; 2 * rank * n];
        let mut columns = Vec::with_capacity(2 * rank * n);
        for (d, (a, b)) in a.iter().zip(b).enumerate() {
            for i in 0..n {
                pairs[2 * (i * rank + d)] = a[i];
                pairs[2 * (i * rank + d) + 1] = b[i];
            }
            columns.extend_from_slice(a);
            columns.extend_from_slice(b);
        }
        let reach = reaches(a, b, norms, scale);
        Self { n, rank, pairs, columns, reach, afresh }
    }

    /// D′² of a pair from its D².
    #[inline(always)]
    pub(super) fn dist_sq(&self, geometry: &Geometry, i: usize, j: usize, dist_sq: f64) -> f64 {
        let width = 2 * self.rank;
        let (own, other) = (&self.pairs[i * width..][..width], &self.pairs[j * width..][..width]);
        let mut new = dist_sq;
        for (x, y) in own.chunks_exact(2).zip(other.chunks_exact(2)) {
            new -= (x[0] - y[0]) * (x[1] - y[1]);
        }
        if new < CANCELLED * dist_sq { self.afresh(geometry, i, j) } else { new }
    }

    #[cold]
    fn afresh(&self, geometry: &Geometry, i: usize, j: usize) -> f64 {
        let (zi, zj) = (geometry.row(i), geometry.row(j));
        let width = 2 * self.rank;
        let (own, other) = (&self.pairs[i * width..][..width], &self.pairs[j * width..][..width]);
        let change = |d: usize| own[2 * d] - other[2 * d];
        let p = zi.len();
        let square = |c: usize| {
            let diff = match &self.afresh {
                Afresh::Without(members) if members.binary_search(&c).is_ok() => 0.0,
                Afresh::Without(_) => zi[c] - zj[c],
                Afresh::Shift => zi[c] - zj[c] - change(c),
                Afresh::Loadings(l) => {
                    (0..self.rank).fold(zi[c] - zj[c], |diff, d| diff - change(d) * l[d * p + c])
                }
            };
            diff * diff
        };
        (0..p).map(square).sum()
    }

    /// No sample further than this (squared, old) can come within `threshold` (squared, new).
    ///
    /// D′² ≥ D² − loss, and D′ ≥ D − |Δw| by the triangle inequality.
    #[inline]
    pub(super) fn cut(&self, i: usize, threshold: f64) -> f64 {
        let [reach, loss] = self.reach[i];
        let far = threshold.sqrt() + reach;
        (threshold + loss).min(far * far) * (1.0 + ROUNDING)
    }

    /// Calls `found(j, D′²)` for every j ≠ i with D′² ≤ `threshold`, ascending.
    pub(super) fn scan(
        &self,
        geometry: &Geometry,
        i: usize,
        dist_sq: &[f64],
        threshold: f64,
        found: &mut impl FnMut(u32, f64),
    ) {
        const LANES: usize = 256;
        let mut bound = [0.0; LANES];
        let arch = pulp::Arch::new();
        for (block, old) in dist_sq.chunks(LANES).enumerate() {
            let from = block * LANES;
            let bound = &mut bound[..old.len()];
            if arch.dispatch(LowerBounds { change: self, i, from, old, bound }) > threshold {
                continue;
            }
            for (t, (&low, &old)) in bound.iter().zip(old).enumerate() {
                let j = from + t;
                if low <= threshold && j != i {
                    let new = self.dist_sq(geometry, i, j, old);
                    if new <= threshold {
                        found(j as u32, new);
                    }
                }
            }
        }
    }

    /// D′² less what rounding may have added; returns the least.
    #[inline(always)]
    fn lower_bounds(&self, i: usize, from: usize, old: &[f64], out: &mut [f64]) -> f64 {
        let own = &self.pairs[2 * self.rank * i..];
        for (out, &old) in out.iter_mut().zip(old) {
            *out = old * (1.0 - ROUNDING);
        }
        for d in 0..self.rank {
            let (ai, bi) = (own[2 * d], own[2 * d + 1]);
            let a = &self.columns[2 * d * self.n + from..][..old.len()];
            let b = &self.columns[(2 * d + 1) * self.n + from..][..old.len()];
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out -= (ai - a) * (bi - b);
            }
        }
        let mut least = [f64::INFINITY; 8];
        let mut chunks = out.chunks_exact(8);
        for chunk in &mut chunks {
            for (least, &value) in least.iter_mut().zip(chunk) {
                *least = if value < *least { value } else { *least };
            }
        }
        chunks.remainder().iter().chain(&least).fold(f64::INFINITY, |a, &b| a.min(b))
    }
}

/// [`Change::lower_bounds`] in the machine's best instruction set.
struct LowerBounds<'a> {
    change: &'a Change,
    i: usize,
    from: usize,
    old: &'a [f64],
    bound: &'a mut [f64],
}

impl pulp::WithSimd for LowerBounds<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f64 {
        self.change.lower_bounds(self.i, self.from, self.old, self.bound)
    }
}

/// Per sample the largest |Δw| and the largest Σ Δa Δb to any other, bounded from the ranges.
fn reaches(a: &[Vec<f64>], b: &[Vec<f64>], norms: &[f64], scale: f64) -> Vec<[f64; 2]> {
    let ranges: Vec<[[f64; 2]; 2]> = a.iter().zip(b).map(|(a, b)| [range(a), range(b)]).collect();
    let largest = norms.iter().copied().fold(0.0, f64::max);
    let reach = |i: usize| match ranges.as_slice() {
        [[[low, high], _]] => scale * (a[0][i] - low).max(high - a[0][i]),
        _ => norms[i] + largest,
    };
    let loss = |i: usize| -> f64 {
        let one = |d: usize| {
            let [[a_low, a_high], [b_low, b_high]] = ranges[d];
            let (a, b) = (a[d][i], b[d][i]);
            ((a - a_low) * (b - b_low)).max((a_high - a) * (b_high - b))
        };
        (0..ranges.len()).map(one).sum()
    };
    (0..norms.len()).map(|i| [reach(i), loss(i)]).collect()
}

fn range(values: &[f64]) -> [f64; 2] {
    values
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &v| [low.min(v), high.max(v)])
}

fn by_columns(n: usize, n_cols: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    (0..n_cols).map(|c| (0..n).map(|i| entry(i, c)).collect()).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
