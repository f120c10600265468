//! The matrix products of the blocked search, with their filter.

use embex_linalg::{
    Real,
    faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul},
};
use pulp::{Arch, Simd, WithSimd};

/// Whoever takes the products of a block.
pub(crate) trait Candidates<C> {
    /// Augmented rows of the block, `n_cols` entries each.
    fn rows(&self) -> &[C];
    /// Least product of row `r` that is worth an offer.
    fn limit(&self, r: usize) -> C;
    /// Takes the product of row `r` with the base row at `place`.
    fn offer(&mut self, r: usize, place: usize, product: C);
}

/// A precision of the candidate pass.
pub(crate) trait Product: Real {
    /// Base rows per panel; entry (d, place) of a panel is at `d · WIDTH + place`.
    const WIDTH: usize;

    /// Offers the products that reach the limits of their rows.
    fn scan(candidates: &mut impl Candidates<Self>, n_cols: usize, panels: &[Self]);
}

impl Product for f32 {
    const WIDTH: usize = 32;

    fn scan(candidates: &mut impl Candidates<f32>, n_cols: usize, panels: &[f32]) {
        Arch::new().dispatch(Fused { candidates, n_cols, panels });
    }
}

impl Product for f64 {
    const WIDTH: usize = 512;

    /// Rare, so a tile of products goes through memory.
    fn scan(candidates: &mut impl Candidates<f64>, n_cols: usize, panels: &[f64]) {
        const WIDTH: usize = f64::WIDTH;
        let n_rows = candidates.rows().len() / n_cols;
        let mut tile = vec![0.0; n_rows * WIDTH];
        for (p, panel) in panels.chunks_exact(n_cols * WIDTH).enumerate() {
            matmul(
                MatMut::from_row_major_slice_mut(&mut tile, n_rows, WIDTH),
                Accum::Replace,
                MatRef::from_row_major_slice(candidates.rows(), n_rows, n_cols),
                MatRef::from_row_major_slice(panel, n_cols, WIDTH),
                1.0,
                Par::Seq,
            );
            for (r, products) in tile.chunks_exact(WIDTH).enumerate() {
                offer_chunks(candidates, r, p * WIDTH, products);
            }
        }
    }
}

fn offer_chunks(c: &mut impl Candidates<f64>, r: usize, first: usize, products: &[f64]) {
    const CHUNK: usize = 32;
    for (start, chunk) in (first..).step_by(CHUNK).zip(products.chunks(CHUNK)) {
        let limit = c.limit(r);
        let n_hits: u32 = chunk.iter().map(|&v| u32::from(v >= limit)).sum(); // vectorised
        if n_hits > 0 {
            for (place, &v) in (start..).zip(chunk) {
                if v >= c.limit(r) {
                    c.offer(r, place, v);
                }
            }
        }
    }
}

/// Products that stay in registers until their row's limit has seen them.
struct Fused<'a, K> {
    candidates: &'a mut K,
    n_cols: usize,
    panels: &'a [f32],
}

impl<K: Candidates<f32>> WithSimd for Fused<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // accumulators, one row of vectors and a broadcast entry fill the registers
        if S::REGISTER_COUNT >= 32 {
            self.run::<S, 12, 2>(simd);
        } else {
            self.run::<S, 6, 2>(simd);
        }
    }
}

impl<K: Candidates<f32>> Fused<'_, K> {
    #[inline(always)]
    fn run<S: Simd, const M: usize, const N: usize>(self, simd: S) {
        const WIDTH: usize = f32::WIDTH;
        let groups = interleave::<M>(self.candidates.rows(), self.n_cols);
        let n_rows = self.candidates.rows().len() / self.n_cols;
        let step = N * S::F32_LANES;
        for (p, panel) in self.panels.chunks_exact(self.n_cols * WIDTH).enumerate() {
            for (g, group) in groups.chunks_exact(self.n_cols).enumerate() {
                for part in (0..WIDTH).step_by(step) {
                    let products = multiply::<S, M, N>(simd, group, panel, part);
                    for (r, products) in (g * M..n_rows).zip(&products) {
                        offer_vectors(simd, self.candidates, r, p * WIDTH + part, products);
                    }
                }
            }
        }
    }
}

/// Rows in groups of `M`, entry by entry; the last group is filled up with zeros.
fn interleave<const M: usize>(rows: &[f32], n_cols: usize) -> Vec<[f32; M]> {
    let n_groups = (rows.len() / n_cols).div_ceil(M);
    let mut groups = vec![[0.0; M]; n_groups * n_cols];
    for (r, row) in rows.chunks_exact(n_cols).enumerate() {
        for (d, &x) in row.iter().enumerate() {
            groups[r / M * n_cols + d][r % M] = x;
        }
    }
    groups
}

/// Products of `M` rows with the base rows from `part` on, `N` vectors of them.
#[inline(always)]
fn multiply<S: Simd, const M: usize, const N: usize>(
    simd: S,
    group: &[[f32; M]],
    panel: &[f32],
    part: usize,
) -> [[S::f32s; N]; M] {
    let mut products = [[simd.splat_f32s(0.0); N]; M];
    for (x, y) in group.iter().zip(panel.chunks_exact(f32::WIDTH)) {
        let y = S::as_simd_f32s(&y[part..part + N * S::F32_LANES]).0;
        for r in 0..M {
            let x = simd.splat_f32s(x[r]);
            for c in 0..N {
                products[r][c] = simd.mul_add_e_f32s(x, y[c], products[r][c]);
            }
        }
    }
    products
}

/// Offers the vectors of one row that hold a product at its limit or above.
#[inline(always)]
fn offer_vectors<S: Simd, const N: usize>(
    simd: S,
    candidates: &mut impl Candidates<f32>,
    r: usize,
    first: usize,
    products: &[S::f32s; N],
) {
    let limit = simd.splat_f32s(candidates.limit(r));
    let lanes = S::F32_LANES;
    for (c, &v) in products.iter().enumerate() {
        // only whether there is one: for bit masks pulp 0.22.3 counts lanes from the far end
        if simd.first_true_m32s(simd.greater_than_or_equal_f32s(v, limit)) < lanes {
            let mut values = [0.0_f32; 64];
            S::as_mut_simd_f32s(&mut values[..lanes]).0[0] = v;
            for (place, &v) in (first + c * lanes..).zip(&values[..lanes]) {
                if v >= candidates.limit(r) {
                    candidates.offer(r, place, v);
                }
            }
        }
    }
}
