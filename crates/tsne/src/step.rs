//! What one update of the map shows to those who follow it.

use embex_linalg::Real;

use crate::repulsion::RepulsionSums;

/// Symmetric joint affinities in the optimiser's precision: compressed rows, sorted columns,
/// no diagonal; all values sum to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edges<T> {
    /// Row i holds entries `starts[i]..starts[i + 1]`.
    pub starts: Vec<usize>,
    /// Column of each entry.
    pub columns: Vec<u32>,
    /// p_ij of each entry, without exaggeration.
    pub p: Vec<T>,
}

impl<T> Edges<T> {
    /// Entries of row `i`.
    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i]..self.starts[i + 1]
    }
}

/// One update, seen after its forces and gains are known and before the next one.
///
/// The update is `v ← momentum · v − learning_rate · gain ∘ 4 Σ_j (exaggeration · p_ij − q_ij) φ_ij`,
/// then `y ← y + v`, with φ_ij = (y_i − y_j) / (1 + |y_i − y_j|²).
#[derive(Clone, Copy, Debug)]
pub struct StepView<'a, T, const C: usize> {
    /// Updates completed before this one.
    pub iteration: usize,
    /// Whether velocity and gains were reset just before this update (a new phase began).
    pub starts_phase: bool,
    /// Factor on p.
    pub exaggeration: f64,
    /// Momentum of this update.
    pub momentum: f64,
    /// Learning rate of this update.
    pub learning_rate: f64,
    /// The map before this update: what the forces were computed at.
    pub y: &'a [[T; C]],
    /// The map after this update.
    pub y_next: &'a [[T; C]],
    /// Gains used in this update.
    pub gains: &'a [[T; C]],
    /// Repulsive sums at `y`; with curvature if any observer asked for it.
    pub sums: &'a RepulsionSums<T, C>,
    /// Joint affinities.
    pub edges: &'a Edges<T>,
}

/// Follows a run: the attribution recursions do.
pub trait StepObserver<T: Real, const C: usize> {
    /// Whether `sums.curvature` is needed at this update.
    fn wants_curvature(&self, iteration: usize) -> bool;
    /// Whether updates up to now leave it without what it was asked for: the run does not end by a
    /// stop rule while one of its observers waits.
    fn waits(&self) -> bool {
        false
    }
    /// Takes note of one update.
    fn observe(&mut self, step: &StepView<'_, T, C>);
}
