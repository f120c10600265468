//! Distances between rows.

/// Independent partial sums, so that the loop vectorises; fixed, for equal bits.
const LANES: usize = 8;

/// Squared Euclidean distance Σ_d (a_d − b_d)².
///
/// Summed in eight interleaved partial sums, then left to right. Entries beyond the shorter
/// slice are ignored.
///
/// # Example
/// ```
/// assert_eq!(embex_linalg::dist_sq(&[0.0, 3.0], &[4.0, 0.0]), 25.0);
/// ```
#[inline]
pub fn dist_sq(a: &[f64], b: &[f64]) -> f64 {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 =
        a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(p, q)| (p - q) * (p - q)).sum();
    let mut sums = [0.0; LANES];
    for (p, q) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            let diff = p[lane] - q[lane];
            sums[lane] += diff * diff;
        }
    }
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_matches_the_definition() {
        for len in 0..40 {
            let a: Vec<f64> = (0..len).map(|d| d as f64).collect();
            let b: Vec<f64> = (0..len).map(|d| 3.0 - d as f64).collect();
            let direct: f64 = a.iter().zip(&b).map(|(p, q)| (p - q).powi(2)).sum();
            assert_eq!(dist_sq(&a, &b), direct); // small integers: exact in any order
        }
    }
}
