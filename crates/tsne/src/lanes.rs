//! Numbers handled together: written so that the compiler uses whatever vectors there are,
//! with the same bits on all of them.

use embex_linalg::Real;

/// Numbers per lane; fixed, because the last bits of every sum depend on it.
pub(crate) const LANES: usize = 16;

/// Lanes computed together where registers hold no more than this many single-precision numbers,
/// so that all that a loop needs stays in them; any value gives the same bits.
pub(crate) const NARROW: usize = 8;

/// One quantity of sixteen entries or updates.
pub(crate) type Lane<T> = [T; LANES];

/// Sum over a lane, by halves.
#[inline(always)]
pub(crate) fn fold<T: Real>(lanes: &Lane<T>) -> T {
    let mut half = [T::ZERO; LANES / 2];
    for l in 0..LANES / 2 {
        half[l] = lanes[l] + lanes[l + LANES / 2];
    }
    let mut quarter = [T::ZERO; LANES / 4];
    for l in 0..LANES / 4 {
        quarter[l] = half[l] + half[l + LANES / 4];
    }
    (quarter[0] + quarter[2]) + (quarter[1] + quarter[3])
}

/// Adds the sum of each lane to its number.
///
/// Apart, and so compiled without wide vectors: with them LLVM gathers across lanes, at several
/// times the cost.
#[inline(never)]
pub(crate) fn add_folded<T: Real>(sums: &mut [T], lanes: &[Lane<T>]) {
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        *sum += fold(lanes);
    }
}
