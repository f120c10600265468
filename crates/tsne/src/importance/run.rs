//! The occlusion, set after set.

use embex_linalg::progress::{Progress, report};
use embex_linalg::{MemoryBudget, Real, Rows, check, faer::MatRef};
use rayon::prelude::*;

use super::batch::{Outcome, SetRows};
use super::change::Change;
use super::charge::FixedMap;
use super::fingerprint::Fingerprint;
use super::lists::Lists;
use super::result::SearchCounts;
use super::search::Searcher;
use super::space::{FeatureSpace, Geometry};
use super::{
    CandidateEffect, Candidates, FeatureSets, Importance, ImportanceParams, ImportanceState,
};
use crate::summary::Groups;
use crate::{Error, Result};

/// Lists are this many times as long as the neighbours needed, if memory allows: long enough
/// that the bound proves most rows, short enough to be cheap.
const LIST_FACTOR: usize = 4;

/// Largest coordinate of a map whose squared distances stay finite.
const MAP_LIMIT: f64 = 1e150;

/// Most sets in flight per thread: they share the distances of a scanned row.
const SETS_PER_THREAD: usize = 16;

/// An occlusion that can be advanced, interrupted and resumed.
///
/// For every set of features: the set is put to its mean; the neighbours are searched again,
/// the bandwidths refitted and the joint affinities p′ rebuilt; the map, and with it q, stays.
/// Point i is charged c′_i − c_i with
///
/// c_i = Σ_j p_ij ln(p_ij / q_ij), q_ij = Z⁻¹ / (1 + |y_i − y_j|²), Z over all pairs,
///
/// so the charges of all points sum to the rise of KL(P‖Q). A point may be charged for pairs
/// that only its partner chose, because p is symmetric. Distances are Euclidean; on components
/// they change by a term of the set's rank, without a new projection. Only differences of
/// features enter, so any constant in place of the mean gives the same.
///
/// # Shapes
/// `map` is n × 1 to 3.
///
/// # Cost
/// Once n² p for the lists of near samples. Per set about 5 k numbers a row; rows whose list
/// is not proved complete scan all samples, n numbers a row. Memory: lists of 4 k entries a
/// row (fewer under a budget, with the same result), and k entries a row for each set in
/// flight.
///
/// # Example
/// ```
/// use embex_linalg::{MemoryBudget, faer::Mat, progress::Silent};
/// use embex_tsne::importance::{FeatureSets, FeatureSpace, ImportanceParams, Occlusion};
/// // Two groups that feature 0 holds apart, in the map as in the data.
/// let group = |i: usize| if i < 30 { 0.0 } else { 9.0 };
/// let noise = |i: usize, d: usize| ((i * 37 + d * 11) % 17) as f64 / 17.0;
/// let x = Mat::from_fn(60, 3, |i, d| noise(i, d) + if d == 0 { group(i) } else { 0.0 });
/// let y = Mat::from_fn(60, 2, |i, c| noise(i, c + 1) + if c == 0 { group(i) } else { 0.0 });
/// let params = ImportanceParams::default().with_perplexity(10.0);
/// let space = FeatureSpace::Given(x.as_ref());
/// let budget = MemoryBudget::default();
/// let mut run =
///     Occlusion::new(space, y.as_ref(), FeatureSets::singles(3), None, params, budget, &mut Silent)?;
/// while run.advance(&mut Silent)? {}
/// let importance = run.finish(&mut Silent)?;
/// assert!(importance.total[0] > importance.total[1].max(importance.total[2]));
/// # Ok::<(), embex_tsne::Error>(())
/// ```
pub struct Occlusion<'a, T> {
    space: FeatureSpace<'a, T>,
    geometry: Geometry,
    lists: Lists,
    map: FixedMap,
    sets: FeatureSets,
    groups: Option<Groups>,
    params: ImportanceParams,
    budget: MemoryBudget,
    k: usize,
    base: SetRows,
    base_charges: Vec<f64>,
    state: ImportanceState,
}

impl<'a, T: Real> Occlusion<'a, T> {
    /// Prepares: neighbours, affinities and charges before any removal.
    ///
    /// # Errors
    /// [`Error::Input`] for empty, non-finite or unfitting inputs, a setting out of range, or a
    /// cancelled run; [`Error::Perplexity`], [`Error::NeighbourCount`];
    /// [`Error::LoadingsMismatch`] if the scores are not the features' projections;
    /// [`Error::FeatureSet`] if the sets are of other features; [`Error::Distance`] if squared
    /// distances overflow.
    pub fn new(
        space: FeatureSpace<'a, T>,
        map: MatRef<'_, f64>,
        sets: FeatureSets,
        groups: Option<Groups>,
        params: ImportanceParams,
        budget: MemoryBudget,
        progress: &mut dyn Progress,
    ) -> Result<Self> {
        let n = space.n_samples();
        space.check()?;
        check_map(map, n)?;
        if sets.n_features() != space.n_features() {
            let n_features = space.n_features();
            return Err(Error::FeatureSet { set: 0, feature: Some(sets.n_features()), n_features });
        }
        if let Some(groups) = &groups {
            check::length("groups", groups.n_samples(), n)?;
        }
        let k = params.neighbour_count(n)?;
        let geometry = Geometry::new(&space);
        let lists = Lists::new(&geometry, list_width(&params, n, k, budget), progress)?;
        let fingerprint = Fingerprint::of(&space, &geometry, map, &sets, groups.as_ref(), &params);
        let map = FixedMap::new(map);
        let searcher = searcher(&geometry, &lists, k, &params);
        let base = SetRows::base(&searcher);
        let base_charges = map.charges(base.directed());
        let state = ImportanceState::new(fingerprint);
        Ok(Self {
            space,
            geometry,
            lists,
            map,
            sets,
            groups,
            params,
            budget,
            k,
            base,
            base_charges,
            state,
        })
    }

    /// What is finished; to be stored, and given to [`Self::resume`].
    pub const fn state(&self) -> &ImportanceState {
        &self.state
    }

    /// Goes on from a stored state, with the same bytes as an uninterrupted run.
    ///
    /// # Errors
    /// [`Error::StateMismatch`] if it belongs to other inputs or settings.
    pub fn resume(&mut self, state: ImportanceState) -> Result<()> {
        let n_finished = state.n_finished();
        let lengths = [
            ("finished sets", n_finished.min(self.sets.len()), n_finished),
            ("group charges", self.n_groups() * n_finished, state.per_group.len()),
            ("point charges", self.n_kept_points() * n_finished, state.per_point.len()),
        ];
        for (what, expected, got) in lengths {
            if got != expected {
                return Err(Error::StateMismatch { what, got, expected });
            }
        }
        if state.fingerprint != self.state.fingerprint {
            let (got, expected) = (state.fingerprint as usize, self.state.fingerprint as usize);
            return Err(Error::StateMismatch { what: "input fingerprint", got, expected });
        }
        self.state = state;
        Ok(())
    }

    /// Finishes a few more sets; returns whether any are left.
    ///
    /// # Errors
    /// [`Error::Input`] if cancelled: nothing is lost, it can be advanced again.
    pub fn advance(&mut self, progress: &mut dyn Progress) -> Result<bool> {
        let (done, total) = (self.state.n_finished(), self.sets.len());
        report(progress, PHASE, done, total, "")?;
        let batch: Vec<usize> = (done..total.min(done + self.batch_size())).collect();
        let (outcomes, counts) = self.outcomes(&batch, self.params.candidates);
        for outcome in outcomes {
            self.keep(outcome);
        }
        self.state.counts.add(&counts);
        let done = self.state.n_finished();
        report(progress, PHASE, done, total, "")?;
        Ok(done < total)
    }

    /// The result; finishes what is left, and measures widened candidates.
    ///
    /// # Errors
    /// [`Error::Input`] if cancelled.
    pub fn finish(mut self, progress: &mut dyn Progress) -> Result<Importance> {
        while self.state.n_finished() < self.sets.len() {
            self.advance(progress)?;
        }
        let effect = self.effect(progress)?;
        let (n, n_sets) = (self.geometry.n_samples(), self.sets.len());
        let state = self.state;
        Ok(Importance {
            per_group: self
                .groups
                .map(|groups| transposed(&state.per_group, n_sets, groups.n_groups())),
            per_point: self.params.per_point.then(|| transposed(&state.per_point, n_sets, n)),
            total: state.total,
            divergence: self.base_charges.iter().sum(),
            effect,
            sets: self.sets,
            params: self.params,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Searches and charges of some sets.
    fn outcomes(&self, batch: &[usize], candidates: Candidates) -> (Vec<Outcome>, SearchCounts) {
        let (rows, counts) = self.search(batch, candidates);
        let outcomes = rows.par_iter().map(|rows| self.charge(rows.as_ref())).collect();
        (outcomes, counts)
    }

    /// New neighbours and affinities; `None` for a set that changes no distance.
    pub(super) fn search(
        &self,
        batch: &[usize],
        candidates: Candidates,
    ) -> (Vec<Option<SetRows>>, SearchCounts) {
        let changes: Vec<Option<Change>> = batch
            .par_iter()
            .map(|&set| Change::new(&self.space, &self.geometry, self.sets.members(set)))
            .collect();
        let searcher = searcher(&self.geometry, &self.lists, self.k, &self.params);
        SetRows::search(&searcher, &changes, &self.base, candidates == Candidates::Exact)
    }

    /// The rise of KL and its shares.
    pub(super) fn charge(&self, rows: Option<&SetRows>) -> Outcome {
        let Some(rows) = rows else {
            return Outcome::zero(self.n_groups(), self.n_kept_points());
        };
        let mut rises = self.map.charges(rows.directed());
        for (rise, base) in rises.iter_mut().zip(&self.base_charges) {
            *rise -= base;
        }
        Outcome::new(&rises, self.groups.as_ref(), self.params.per_point)
    }

    fn keep(&mut self, outcome: Outcome) {
        self.state.total.push(outcome.total);
        self.state.per_group.extend(outcome.per_group);
        self.state.per_point.extend(outcome.per_point);
    }

    fn n_groups(&self) -> usize {
        self.groups.as_ref().map_or(0, Groups::n_groups)
    }

    fn n_kept_points(&self) -> usize {
        if self.params.per_point { self.geometry.n_samples() } else { 0 }
    }

    /// Sets in flight; the result does not depend on it.
    fn batch_size(&self) -> usize {
        let (n, p) = (self.geometry.n_samples() as u64, self.geometry.row(0).len() as u64);
        let forward_and_backward = 2 * self.k as u64 * 12;
        let per_set = n * (forward_and_backward + 6 * 8);
        let fixed = n * (2 * p * 8 + self.lists.width() as u64 * 12);
        let left = match self.budget.limit() {
            None => MemoryBudget::default(),
            Some(limit) => MemoryBudget::bytes(limit.saturating_sub(fixed)),
        };
        left.blocks_in_flight(per_set, SETS_PER_THREAD * rayon::current_num_threads())
    }

    pub(super) const fn n_neighbours(&self) -> usize {
        self.k
    }

    pub(super) const fn params(&self) -> &ImportanceParams {
        &self.params
    }

    pub(super) const fn sets(&self) -> &FeatureSets {
        &self.sets
    }

    fn effect(&self, progress: &mut dyn Progress) -> Result<CandidateEffect> {
        super::effect::measure(self, progress)
    }
}

const PHASE: &str = "importance";

fn searcher<'a>(
    geometry: &'a Geometry,
    lists: &'a Lists,
    k: usize,
    params: &ImportanceParams,
) -> Searcher<'a> {
    let (perplexity, arch) = (params.perplexity, pulp::Arch::new());
    Searcher { geometry, lists, k, perplexity, arch }
}

/// Accepts a finite map of n × 1 to 3 whose squared distances stay finite.
pub(super) fn check_map(map: MatRef<'_, f64>, n: usize) -> Result<()> {
    check::finite(map)?;
    check::length("map", map.nrows(), n)?;
    if map.ncols() > 3 {
        let (name, value, expected) = ("map columns", map.ncols() as f64, "1, 2 or 3");
        return Err(embex_linalg::Error::Setting { name, value, expected }.into());
    }
    let largest =
        (0..n).flat_map(|i| (0..map.ncols()).map(move |c| map[(i, c)].abs())).fold(0.0, f64::max);
    if largest > MAP_LIMIT {
        let (name, expected) = ("map coordinate", "at most 1e150");
        return Err(embex_linalg::Error::Setting { name, value: largest, expected }.into());
    }
    Ok(())
}

/// Entries per list: at least a quarter more than the neighbours needed.
fn list_width(params: &ImportanceParams, n: usize, k: usize, budget: MemoryBudget) -> usize {
    let least = (k + k / 4 + 1).min(n - 1);
    let wanted = match params.candidates {
        Candidates::Widened { factor } => return ((factor * k as f64) as usize).clamp(k, n - 1),
        Candidates::Exact => (LIST_FACTOR * k).min(n - 1),
    };
    match budget.limit() {
        None => wanted,
        Some(limit) => {
            let fit = limit / 4 / (12 * n as u64);
            wanted.min(usize::try_from(fit).unwrap_or(usize::MAX)).max(least)
        }
    }
}

/// Row-major `n_rows` × `n_cols` to `n_cols` × `n_rows`.
fn transposed<U: Real>(data: &[U], n_rows: usize, n_cols: usize) -> Rows<U> {
    let view = MatRef::from_row_major_slice(data, n_rows, n_cols);
    Rows::copy_from(view.transpose())
}
