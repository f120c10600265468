//! Sums with the same bits for any number of threads.

use rayon::prelude::*;

/// Terms per task; fixed, because the last bits of every sum depend on it.
const CHUNK: usize = 1024;

/// Sums `term(0..n)` to the same bits for any number of threads.
///
/// Blocks of 1024 terms are summed left to right, then the blocks left to right.
///
/// # Example
/// ```
/// assert_eq!(embex_linalg::ordered_sum(4, |i| i as f64), 6.0);
/// ```
pub fn ordered_sum(n: usize, term: impl Fn(usize) -> f64 + Sync) -> f64 {
    let partial: Vec<f64> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| chunk_range(chunk, n).map(&term).sum())
        .collect(); // in chunk order, whoever finished first
    partial.iter().sum()
}

/// Sums `K` quantities at once, like [`ordered_sum`].
pub fn ordered_sums<const K: usize>(n: usize, term: impl Fn(usize) -> [f64; K] + Sync) -> [f64; K] {
    let add = |mut sum: [f64; K], term: [f64; K]| {
        for (s, t) in sum.iter_mut().zip(term) {
            *s += t;
        }
        sum
    };
    let partial: Vec<[f64; K]> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| chunk_range(chunk, n).map(&term).fold([0.0; K], add))
        .collect();
    partial.into_iter().fold([0.0; K], add)
}

fn chunk_range(chunk: usize, n: usize) -> std::ops::Range<usize> {
    chunk * CHUNK..n.min((chunk + 1) * CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::pool;

    #[test]
    fn sums_have_equal_bits_for_any_thread_count() {
        let term = |i: usize| ((i * 7919) % 1000) as f64 * 1e-3 + 1e-9 / (i + 1) as f64;
        let expected = pool(1).install(|| ordered_sum(100_003, term));
        for threads in [2, 8] {
            let got = pool(threads).install(|| ordered_sum(100_003, term));
            assert_eq!(got.to_bits(), expected.to_bits());
            let [got, twice] =
                pool(threads).install(|| ordered_sums(100_003, |i| [term(i), 2.0 * term(i)]));
            assert_eq!(got.to_bits(), expected.to_bits());
            assert_eq!(twice.to_bits(), (2.0 * expected).to_bits());
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        assert_eq!(ordered_sum(0, |_| 1.0), 0.0);
        assert_eq!(ordered_sums(0, |_| [1.0, 1.0]), [0.0, 0.0]);
    }
}
