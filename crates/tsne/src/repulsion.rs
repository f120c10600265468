//! The repulsive sums of one map, behind one interface.
//!
//! With d = y_i − y_j and g = 1 / (1 + |d|²), every repulsive quantity of the forces and of the
//! attributions is one of four sums over j: Σ g, Σ g², Σ g² d and Σ g³ d dᵀ. An implementation
//! returns them for all points at once, exactly or approximately.

use embex_linalg::Real;

/// Σ_j g² and Σ_j g³ d dᵀ of one point: the part of a point's 2×2 (C×C) Hessian that repels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curvature<T, const C: usize> {
    /// Σ_j g².
    pub g2: T,
    /// Σ_j g³ d dᵀ, symmetric.
    pub outer: [[T; C]; C],
}

impl<T: Real, const C: usize> Default for Curvature<T, C> {
    fn default() -> Self {
        Self { g2: T::ZERO, outer: [[T::ZERO; C]; C] }
    }
}

/// The repulsive sums of all points, in sample order; a point is not its own partner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepulsionSums<T, const C: usize> {
    /// Σ_i Σ_{j≠i} g, the normaliser Z of q.
    pub z: f64,
    /// Per point Σ_j g² d; divided by Z it is E_i = Σ_j q φ with φ = g d.
    pub force: Vec<[T; C]>,
    /// Per point, only if asked for; else empty.
    pub curvature: Vec<Curvature<T, C>>,
}

/// Something that computes [`RepulsionSums`]: exactly, by a tree, by interpolation.
pub trait Repulsion<T: Real, const C: usize>: Send {
    /// Fills `out` for the map `y`; `out.curvature` is filled if `curvature`, else emptied.
    ///
    /// Buffers of `out` are reused between calls. The same bits for any number of threads.
    fn sums(&mut self, y: &[[T; C]], curvature: bool, out: &mut RepulsionSums<T, C>);
}
