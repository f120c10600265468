//! Mutual information that chance gives.

/// Σ over classes of E[(n_ij/n) ln(n·n_ij / (a_i b_j))], n_ij hypergeometric with the sizes a
/// and b of n (Vinh, Epps and Bailey 2010, eq. 24). Classes of one size have one term.
pub(super) fn expected_information(n: usize, first: &[usize], second: &[usize]) -> f64 {
    let (first, second) = (counted(first), counted(second));
    let mut sum = 0.0;
    for &(a, n_first) in &first {
        for &(b, n_second) in &second {
            sum += (n_first * n_second) as f64 * expected_term(n, a, b);
        }
    }
    sum
}

/// Different sizes, and how many classes have each.
fn counted(sizes: &[usize]) -> Vec<(usize, usize)> {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|p, q| p == q).map(|same| (same[0], same.len())).collect()
}

/// E[(k/n) ln(n·k / (a·b))] for k the size of the overlap of random sets of sizes a and b.
///
/// Chances relative to the most likely k follow from ratios of neighbours, both ways, so no
/// factorials round: P(k + 1)/P(k) = (a − k)(b − k) / ((k + 1)(n − a − b + k + 1)).
fn expected_term(n: usize, a: usize, b: usize) -> f64 {
    let (least, most) = ((a + b).saturating_sub(n), a.min(b));
    let mode = ((a + 1) as f64 * (b + 1) as f64 / (n + 2) as f64) as usize;
    let mode = mode.clamp(least, most);
    let ratio =
        |k: usize| (a - k) as f64 * (b - k) as f64 / ((k + 1) as f64 * (n + k + 1 - a - b) as f64);
    let value = |k: usize| {
        let k = k as f64;
        if k == 0.0 { 0.0 } else { k / n as f64 * (n as f64 / a as f64 * (k / b as f64)).ln() }
    };
    let (mut total, mut sum) = (1.0, value(mode));
    let mut chance = 1.0;
    for k in mode..most {
        chance *= ratio(k);
        if chance == 0.0 {
            break;
        }
        total += chance;
        sum += chance * value(k + 1);
    }
    chance = 1.0;
    for k in (least..mode).rev() {
        chance /= ratio(k);
        if chance == 0.0 {
            break;
        }
        total += chance;
        sum += chance * value(k);
    }
    sum / total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over all assignments of 3 of 5 positions: overlaps 1, 2, 3 of 3 and 3 with chances
    /// 3/10, 6/10, 1/10.
    #[test]
    fn overlaps_of_small_sets_are_counted() {
        let value = |k: f64| k / 5.0 * (5.0 * k / 9.0).ln();
        let expected = 0.3 * value(1.0) + 0.6 * value(2.0) + 0.1 * value(3.0);
        assert!((expected_term(5, 3, 3) - expected).abs() < 1e-15);
        assert_eq!(expected_term(7, 7, 7), 0.0); // a single outcome, which says nothing
        assert!((expected_term(4, 1, 1) - 0.25 * (0.25 * 4.0_f64.ln())).abs() < 1e-15);
    }
}
