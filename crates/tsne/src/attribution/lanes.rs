//! Numbers handled together: written so that the compiler uses whatever vectors there are,
//! with the same bits on all of them.

use embex_linalg::Real;

/// Numbers per lane; fixed, because the last bits of every sum depend on it.
pub(crate) const LANES: usize = 16;

/// One quantity of sixteen entries or updates.
pub(crate) type Lane<T> = [T; LANES];

/// Sum over a lane, by halves.
#[inline(always)]
pub(crate) fn fold<T: Real>(mut lanes: Lane<T>) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            lanes[l] += lanes[l + half];
        }
        half /= 2;
    }
    lanes[0]
}
