//! A number that tells a run's inputs and settings from others.

use embex_linalg::{Real, faer::MatRef};

use super::space::{FeatureSpace, Geometry};
use super::{Candidates, FeatureSets, ImportanceParams, ImportanceState};
use crate::summary::Groups;

/// FNV-1a over 64-bit words: cheap, stable, and enough against honest mistakes.
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of<T: Real>(
        space: &FeatureSpace<'_, T>,
        geometry: &Geometry,
        map: MatRef<'_, f64>,
        sets: &FeatureSets,
        groups: Option<&Groups>,
        params: &ImportanceParams,
    ) -> u64 {
        let mut print = Self(0xcbf2_9ce4_8422_2325);
        print.matrix(space.features());
        (0..geometry.n_samples()).for_each(|i| print.values(geometry.row(i)));
        print.matrix(map);
        for set in 0..sets.len() {
            print.word(sets.members(set).len() as u64);
            sets.members(set).iter().for_each(|&d| print.word(d as u64));
        }
        if let Some(groups) = groups {
            groups.codes().iter().for_each(|&code| print.word(u64::from(code)));
        }
        print.word(params.perplexity.to_bits());
        print.word(params.n_neighbours.map_or(0, |k| k as u64));
        print.word(match params.candidates {
            Candidates::Exact => 0,
            Candidates::Widened { factor } => factor.to_bits(),
        });
        print.word(u64::from(params.per_point));
        print.0
    }

    fn matrix<T: Real>(&mut self, x: MatRef<'_, T>) {
        self.word(x.nrows() as u64);
        self.word(x.ncols() as u64);
        for i in 0..x.nrows() {
            for d in 0..x.ncols() {
                self.word(x[(i, d)].to_f64().to_bits());
            }
        }
    }

    fn values(&mut self, values: &[f64]) {
        for value in values {
            self.word(value.to_bits());
        }
    }

    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3);
    }
}

impl ImportanceState {
    pub(super) fn new(fingerprint: u64) -> Self {
        Self {
            fingerprint,
            total: Vec::new(),
            per_group: Vec::new(),
            per_point: Vec::new(),
            counts: super::SearchCounts::default(),
        }
    }
}
