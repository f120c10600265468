//! All direct distances of chosen rows.

use embex_linalg::{Real, check, faer::MatRef};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::points::{LANES, Scale, largest_magnitude};
use crate::{Error, Result};

/// Rows per panel; entry (d, place) of a panel is at `d · WIDTH + place`.
const WIDTH: usize = 32;

/// The squared distances that the exact searches compare, from any row to all rows.
///
/// Σ_d (x_id − x_jd)² in `f64`, bit for bit those by which [`crate::knn`] ranks: who orders
/// rows by these values and equal ones by index gets its lists. Data whose squares would not
/// fit in `f64` are multiplied by a power of two, see [`Self::factor`]; distances never
/// overflow.
///
/// # Cost
/// Some d/2 CPU cycles a pair with 256-bit vectors. Memory 8·n·d bytes, d rounded up to a
/// multiple of 8.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// let x = mat![[0.0], [1.0], [5.0_f32]];
/// let distances = embex_trees::RowDistances::new(x.as_ref())?;
/// let mut row = [0.0; 3];
/// distances.fill(&[1], &mut [&mut row]);
/// assert_eq!(row, [1.0, 0.0, 16.0]);
/// assert_eq!(distances.pair(0, 2), 25.0);
/// # Ok::<(), embex_trees::Error>(())
/// ```
#[derive(Debug)]
pub struct RowDistances {
    n_rows: usize,
    n_cols: usize,
    /// Columns with those of zeros that fill up the lanes.
    depth: usize,
    scale: Scale,
    panels: Vec<f64>,
}

impl RowDistances {
    /// Copies rows of any strides.
    ///
    /// # Errors
    /// [`Error::Input`] if `x` is empty or not finite; [`Error::TooManyRows`].
    pub fn new<T: Real>(x: MatRef<'_, T>) -> Result<Self> {
        check::finite(x)?;
        let (n_rows, n_cols) = x.shape();
        if u32::try_from(n_rows).is_err() {
            return Err(Error::TooManyRows { n_rows });
        }
        let scale = Scale::of_largest(largest_magnitude(x));
        let depth = n_cols.next_multiple_of(LANES);
        let mut panels = vec![0.0; n_rows.div_ceil(WIDTH) * WIDTH * depth];
        panels.par_chunks_mut(WIDTH * depth).enumerate().for_each(|(p, panel)| {
            for i in p * WIDTH..n_rows.min((p + 1) * WIDTH) {
                for d in 0..n_cols {
                    panel[d * WIDTH + i % WIDTH] = x[(i, d)].to_f64() * scale.factor();
                }
            }
        });
        Ok(Self { n_rows, n_cols, depth, scale, panels })
    }

    /// Number of rows.
    pub const fn n_samples(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub const fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// The power of two by which the data were multiplied; 1 unless their largest entry lies
    /// outside 1e-100 to 1e100. Squared distances here are factor² times those of the data.
    pub const fn factor(&self) -> f64 {
        self.scale.factor()
    }

    /// A row, times [`Self::factor`].
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, i: usize) -> impl Iterator<Item = f64> + '_ {
        self.entries(i).take(self.n_cols)
    }

    /// The squared distance of two rows, times `factor`².
    ///
    /// # Panics
    /// If there is no such row.
    pub fn pair(&self, i: usize, j: usize) -> f64 {
        let mut sums = [0.0; LANES];
        for (d, (x, y)) in self.entries(i).zip(self.entries(j)).enumerate() {
            sums[d % LANES] += (x - y) * (x - y);
        }
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    /// Writes the squared distances, times `factor`², from each of `rows` to all rows; the
    /// own one is 0. One thread; panels of rows pass by all of `rows`, so ask for several.
    ///
    /// # Panics
    /// Unless every row exists and has a slice of [`Self::n_samples`] entries.
    pub fn fill(&self, rows: &[usize], out: &mut [&mut [f64]]) {
        assert_eq!(rows.len(), out.len(), "one slice a row");
        assert!(out.iter().all(|line| line.len() == self.n_rows), "an entry for every row");
        let queries: Vec<f64> = rows.iter().flat_map(|&i| self.entries(i)).collect();
        Arch::new().dispatch(Fill { distances: self, queries: &queries, out });
    }

    fn entries(&self, i: usize) -> impl Iterator<Item = f64> + '_ {
        assert!(i < self.n_rows, "row {i} of {}", self.n_rows);
        let start = i / WIDTH * WIDTH * self.depth + i % WIDTH;
        (0..self.depth).map(move |d| self.panels[start + d * WIDTH])
    }
}

struct Fill<'a, 'b> {
    distances: &'a RowDistances,
    queries: &'a [f64],
    out: &'a mut [&'b mut [f64]],
}

impl WithSimd for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let RowDistances { n_rows, depth, panels, .. } = self.distances;
        for (p, panel) in panels.chunks_exact(WIDTH * depth).enumerate() {
            let places = p * WIDTH..(*n_rows).min((p + 1) * WIDTH);
            for (query, line) in self.queries.chunks_exact(*depth).zip(self.out.iter_mut()) {
                let mut found = [0.0; WIDTH];
                for part in (0..WIDTH).step_by(S::F64_LANES) {
                    let sums = squares(simd, query, panel, part);
                    S::as_mut_simd_f64s(&mut found[part..part + S::F64_LANES]).0[0] = sums;
                }
                line[places.clone()].copy_from_slice(&found[..places.len()]);
            }
        }
    }
}

/// Squared distances of a query to the rows of a panel from place `part` on: the sums of
/// [`crate::points::dist_sq`], a row to each element of the vector.
#[inline(always)]
fn squares<S: Simd>(simd: S, query: &[f64], panel: &[f64], part: usize) -> S::f64s {
    let mut sums = [simd.splat_f64s(0.0); LANES];
    for (x, y) in query.chunks_exact(LANES).zip(panel.chunks_exact(LANES * WIDTH)) {
        for lane in 0..LANES {
            let at = lane * WIDTH + part;
            let y = S::as_simd_f64s(&y[at..at + S::F64_LANES]).0[0];
            let diff = simd.sub_f64s(simd.splat_f64s(x[lane]), y);
            sums[lane] = simd.add_f64s(sums[lane], simd.mul_f64s(diff, diff));
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let even = simd.add_f64s(simd.add_f64s(a, e), simd.add_f64s(c, g));
    simd.add_f64s(even, simd.add_f64s(simd.add_f64s(b, f), simd.add_f64s(d, h)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::points::{dist_sq, scaled_rows};
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;

    fn lines(distances: &RowDistances, rows: &[usize]) -> Vec<Vec<f64>> {
        let mut lines = vec![vec![0.0; distances.n_samples()]; rows.len()];
        let mut out: Vec<&mut [f64]> = lines.iter_mut().map(Vec::as_mut_slice).collect();
        distances.fill(rows, &mut out);
        lines
    }

    #[test]
    fn distances_have_the_bits_of_the_searches() {
        for (n, d) in [(1, 1), (31, 2), (70, 7), (65, 8), (97, 19), (40, 50)] {
            for spread in [1.0, 1e180, 1e-200] {
                let x = gaussian(n, d, 3);
                let x = Mat::from_fn(n, d, |i, c| spread * x[(i, c)]);
                let rows =
                    scaled_rows(x.as_ref(), Scale::of_largest(largest_magnitude(x.as_ref())));
                let distances = RowDistances::new(x.as_ref()).unwrap();
                let queries: Vec<usize> = (0..n).rev().step_by(3).collect();
                for (i, line) in queries.iter().zip(lines(&distances, &queries)) {
                    for (j, found) in line.into_iter().enumerate() {
                        let direct = dist_sq(rows.row(*i), rows.row(j));
                        assert_eq!(found.to_bits(), direct.to_bits(), "{n} x {d}: {i}, {j}");
                        assert_eq!(found.to_bits(), distances.pair(*i, j).to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn order_by_distance_and_index_gives_the_lists_of_the_search() {
        let x = Mat::from_fn(150, 3, |i, c| ((i * i + 7 * c * i) % 6) as f32); // many ties
        let near = crate::knn(x.as_ref(), 20).unwrap();
        let distances = RowDistances::new(x.as_ref()).unwrap();
        let rows: Vec<usize> = (0..150).collect();
        for (i, line) in lines(&distances, &rows).into_iter().enumerate() {
            let mut order: Vec<usize> = (0..150).filter(|&j| j != i).collect();
            order.sort_by(|&a, &b| line[a].total_cmp(&line[b])); // stable: ties by index
            assert!(order.iter().zip(near.row(i)).all(|(&a, &b)| a == b as usize), "row {i}");
        }
    }

    #[test]
    fn rows_come_back_and_bad_input_is_refused() {
        let x = gaussian(40, 5, 1);
        let distances = RowDistances::new(x.as_ref()).unwrap();
        assert!(distances.row(37).eq((0..5).map(|d| x[(37, d)])));
        assert_eq!((distances.n_samples(), distances.n_cols(), distances.factor()), (40, 5, 1.0));
        let mut bad = x.clone();
        bad[(3, 1)] = f64::NAN;
        assert!(matches!(RowDistances::new(bad.as_ref()), Err(Error::Input(_))));
        assert!(matches!(RowDistances::new(x.get(..0, ..)), Err(Error::Input(_))));
    }
}
