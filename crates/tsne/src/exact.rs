//! The repulsive sums over all pairs.

use embex_linalg::Real;
use pulp::Arch;
use rayon::prelude::*;

use crate::lanes::LANES;
use crate::pairs::{AddChunks, AddOwn, PairSums, Sources};
use crate::repulsion::{Repulsion, RepulsionSums};

/// Sums over all n² pairs, in lanes; the twin that approximations are measured against.
///
/// # Example
/// ```
/// use embex_tsne::repulsion::{Repulsion, RepulsionSums};
/// let y = [[0.0_f64, 0.0], [1.0, 0.0], [0.0, 2.0]];
/// let mut sums = RepulsionSums::default();
/// embex_tsne::Exact::default().sums(&y, false, &mut sums);
/// // g is 1/2, 1/5 and 1/6; every pair counts twice.
/// assert!((sums.z - 2.0 * (0.5 + 0.2 + 1.0 / 6.0)).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Exact<T, const C: usize> {
    arch: Arch,
    sources: Sources<T, C>,
    sums: Vec<PairSums<C>>,
}

impl<T: Real, const C: usize> Default for Exact<T, C> {
    fn default() -> Self {
        Self { arch: Arch::new(), sources: Sources::default(), sums: Vec::new() }
    }
}

impl<T: Real, const C: usize> Repulsion<T, C> for Exact<T, C> {
    fn sums(&mut self, y: &[[T; C]], curvature: bool, out: &mut RepulsionSums<T, C>) {
        self.sources.clear();
        for &y in y {
            self.sources.push(y, T::ONE);
        }
        self.sources.pad();
        self.sums.clear();
        self.sums.resize(y.len(), PairSums::default());
        if curvature {
            self.fill::<true>(y);
        } else {
            self.fill::<false>(y);
        }
        write_sums(&self.sums, curvature, out);
    }
}

impl<T: Real, const C: usize> Exact<T, C> {
    fn fill<const CURVATURE: bool>(&mut self, y: &[[T; C]]) {
        let (arch, sources) = (self.arch, &self.sources);
        let blocks = self.sums.par_chunks_mut(LANES).zip(y.par_chunks(LANES));
        blocks.enumerate().for_each(|(own, (sums, targets))| {
            let chunks = 0..own;
            arch.dispatch(AddChunks::<T, C, CURVATURE> { targets, sources, chunks, sums });
            let chunks = own..own + 1;
            arch.dispatch(AddOwn::<T, C, CURVATURE> { targets, sources, chunks, sums });
            let chunks = own + 1..sources.n_chunks();
            arch.dispatch(AddChunks::<T, C, CURVATURE> { targets, sources, chunks, sums });
        });
    }
}

/// Rounds sums in sample order to `T` and adds up Z, sample after sample.
fn write_sums<T: Real, const C: usize>(
    sums: &[PairSums<C>],
    curvature: bool,
    out: &mut RepulsionSums<T, C>,
) {
    out.z = sums.iter().map(|s| s.z).sum();
    out.force.clear();
    out.force.extend(sums.iter().map(|s| s.force.map(T::from_f64)));
    out.curvature.clear();
    if curvature {
        out.curvature.extend(sums.iter().map(PairSums::curvature));
    }
}
